#!/usr/bin/env python3
"""Polars on the same work, a process per cell: peer_polars.py load|asof|asof_unsorted|windows_... DATA OUT KEY

Its own file is Parquet. Prints the seconds without the start of Python."""
import os
import sys
import time

os.environ["POLARS_MAX_THREADS"] = "2"
import polars as pl

from work import ASOF_COLUMNS, TTL, VALUE, WINDOWS


def asof(spine, events, key):
    """The newest event strictly before t, null and all, if it is not older than the ttl; events sorted by key and time."""
    events = events.select(key, "at", *(pl.col(c).alias(f"last_{c}") for c in ASOF_COLUMNS))
    # allow_exact_matches=False is event_time < t; the join wants both sides sorted by time within the key.
    return spine.sort("at").join_asof(events, on="at", by=key, strategy="backward", tolerance=TTL, allow_exact_matches=False,
                                      check_sortedness=False)


def windows_rolling_by(spine, events, key):
    """rolling_*_by over events and spine rows together, a group at a time."""
    both = pl.concat([spine, events.select(key, "at", VALUE)], how="diagonal").sort(key, "at")
    value, features = pl.col(VALUE), []
    for name, width in WINDOWS.items():
        how = dict(by="at", window_size=f"{width}i", closed="left")
        features += [value.is_not_null().cast(pl.Int64).rolling_sum_by(**how).over(key).alias(f"count_{name}"),
                     value.rolling_sum_by(**how).over(key).alias(f"sum_{name}"),
                     value.rolling_mean_by(**how).over(key).alias(f"mean_{name}"),
                     value.rolling_min_by(**how).over(key).alias(f"min_{name}"),
                     value.rolling_max_by(**how).over(key).alias(f"max_{name}"),
                     value.rolling_std_by(**how).over(key).alias(f"stddev_{name}")]
    return both.with_columns(features).filter(pl.col("row_id").is_not_null()).drop(VALUE)


def windows_rolling(spine, events, key):
    """A rolling group_by per window over events and spine rows together."""
    both = pl.concat([spine.select("row_id", key, "at"), events.select(key, "at", VALUE)], how="diagonal").sort(key, "at")
    out = both.select("row_id")
    value = pl.col(VALUE)
    for name, width in WINDOWS.items():
        part = both.rolling("at", period=f"{width}i", closed="left", group_by=key).agg(
            value.count().alias(f"count_{name}"), value.sum().alias(f"sum_{name}"), value.mean().alias(f"mean_{name}"),
            value.min().alias(f"min_{name}"), value.max().alias(f"max_{name}"), value.std().alias(f"stddev_{name}"))
        out = pl.concat([out, part.drop(key, "at")], how="horizontal")
    return spine.join(out.filter(pl.col("row_id").is_not_null()), on="row_id", how="left")


def windows_join(spine, events, key):
    """An equality join, filtered to the widest window, grouped by the row of the spine; the narrower are filters on its rows."""
    values = []
    for name, width in WINDOWS.items():
        value = pl.col("value").filter(pl.col("age") <= width)
        values += [value.count().alias(f"count_{name}"), value.sum().alias(f"sum_{name}"), value.mean().alias(f"mean_{name}"),
                   value.min().alias(f"min_{name}"), value.max().alias(f"max_{name}"), value.std().alias(f"stddev_{name}")]
    right = events.select(key, pl.col("at").alias("event_at"), pl.col(VALUE).alias("value"))
    age = pl.col("at") - pl.col("event_at")
    pairs = (spine.select("row_id", key, "at").join(right, on=key)
             .with_columns(age.alias("age")).filter((pl.col("age") > 0) & (pl.col("age") <= max(WINDOWS.values()))))
    return spine.join(pairs.group_by("row_id").agg(values), on="row_id", how="left")


def windows_ranges(spine, events, key):
    """Events sorted by key and time: as-of joins find where each window begins and ends, and the events between are gathered."""
    events = events.select(key, "at", pl.col(VALUE).alias("value")).collect() if isinstance(events, pl.LazyFrame) else events
    return None


def main():
    cell, data, out, key = sys.argv[1:]
    start = time.perf_counter()
    if cell == "load":
        frame = pl.scan_csv(f"{data}/events.csv", schema={
            "user_id": pl.String, "account_id": pl.Int64, "at": pl.Int64, "arrived_at": pl.Int64, "amount": pl.Float64, "rate": pl.Float64,
            "score": pl.Float64, "points": pl.Float64, "items": pl.Int64, "country": pl.String})
        frame.sink_parquet(out)
    else:
        spine = pl.scan_parquet(f"{data}/spine.parquet")
        if cell == "asof_unsorted":
            plan = asof(spine, pl.scan_parquet(f"{data}/events.parquet").sort("at"), key)
        elif cell == "asof_sorted":
            plan = asof(spine, pl.scan_parquet(f"{data}/sorted.parquet"), key)
        else:
            events = pl.scan_parquet(f"{data}/sorted.parquet")
            plan = {"windows_rolling_by": windows_rolling_by, "windows_rolling": windows_rolling, "windows_join": windows_join}[cell](spine, events, key)
        engine = os.environ.get("ENGINE", "streaming")
        plan.sink_csv(out, engine=engine) if engine == "streaming" else plan.collect(engine=engine).write_csv(out)
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
