#!/usr/bin/env python3
"""Polars on the same work, one cell a process:

  peer_polars.py load|asof_sorted|asof_unsorted|windows_join|windows_rolling DATA STORE OUT KEY

It reads Parquet: sorted.parquet was sorted for it beforehand, at no cost here. Each cell takes the engine that was faster for it
(measured both ways). The last line printed is the seconds of the work, without Python's start.

Tried too and slower, 10M events x 1M rows: rolling_*_by().over(key) 8.4 s, and the same over one time axis without a key
(key code x span + time) 5.7-6.2 s; windows_rolling takes 4.8-5.3 s.
"""
import os
import sys
import time

os.environ["POLARS_MAX_THREADS"] = "2"
import polars as pl

from work import ASOF_COLUMNS, TTL, VALUE, WINDOWS

EVENTS = {"user_id": pl.String, "account_id": pl.Int64, "at": pl.Int64, "arrived_at": pl.Int64, "amount": pl.Float64, "rate": pl.Float64,
          "score": pl.Float64, "points": pl.Float64, "items": pl.Int64, "country": pl.String}


def statistics(value, name):
    return [value.count().alias(f"count_{name}"), value.sum().alias(f"sum_{name}"), value.mean().alias(f"mean_{name}"),
            value.min().alias(f"min_{name}"), value.max().alias(f"max_{name}"), value.std().alias(f"stddev_{name}")]


def asof(spine, events, key):
    """Events sorted by time, at least within each key; allow_exact_matches=False is event_time < t."""
    events = events.select(key, "at", *(pl.col(c).alias(f"last_{c}") for c in ASOF_COLUMNS))
    return spine.sort("at").join_asof(events, on="at", by=key, strategy="backward", tolerance=TTL, allow_exact_matches=False,
                                      check_sortedness=False)


def windows_join(spine, events, key):
    """An equality join filtered to the widest window, grouped by spine row; a narrower window is a filter. Best while no entity is hot."""
    events = events.select(key, pl.col("at").alias("event_at"), VALUE)
    pairs = (spine.select("row_id", key, "at").join(events, on=key)
             .with_columns((pl.col("at") - pl.col("event_at")).alias("age"))
             .filter((pl.col("age") > 0) & (pl.col("age") <= max(WINDOWS.values()))))
    values = [v for name, width in WINDOWS.items() for v in statistics(pl.col(VALUE).filter(pl.col("age") <= width), name)]
    return spine.join(pairs.group_by("row_id").agg(values), on="row_id", how="left")


def windows_rolling(spine, events, key):
    """A rolling group_by per window over events and spine rows together, of which the spine's are kept."""
    mixed = pl.concat([spine.select("row_id", key, "at"), events.select(key, "at", VALUE)], how="diagonal").sort(key, "at")
    parts = [mixed.rolling("at", period=f"{width}i", closed="left", group_by=key).agg(statistics(pl.col(VALUE), name)).drop(key, "at")
             for name, width in WINDOWS.items()]
    features = pl.concat([mixed.select("row_id"), *parts], how="horizontal").filter(pl.col("row_id").is_not_null())
    return spine.join(features, on="row_id", how="left")


def main():
    cell, data, _, out, key = sys.argv[1:]
    start = time.perf_counter()
    spine, ordered = pl.scan_parquet(f"{data}/spine.parquet"), pl.scan_parquet(f"{data}/sorted.parquet")
    if cell == "load":
        pl.scan_csv(f"{data}/events.csv", schema=EVENTS).sink_parquet(out)
    elif cell == "asof_sorted":
        asof(spine, ordered, key).collect(engine="in-memory").write_csv(out)
    elif cell == "asof_unsorted":
        asof(spine, pl.scan_parquet(f"{data}/events.parquet").sort("at"), key).sink_csv(out, engine="streaming")
    elif cell == "windows_join":
        windows_join(spine, ordered, key).sink_csv(out, engine="streaming")
    elif cell == "windows_rolling":
        windows_rolling(spine, ordered, key).collect(engine="in-memory").write_csv(out)
    else:
        sys.exit(f"no cell {cell}")
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
