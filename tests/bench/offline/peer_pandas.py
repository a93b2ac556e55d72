#!/usr/bin/env python3
"""pandas on the same work, one cell a process: peer_pandas.py asof|windows DATA STORE OUT KEY

The last line printed is the seconds of the work, without Python's start. `windows` takes every 20th user only; the line then holds the
seconds, and the seconds times all rows / rows taken, as rolling takes about as long for each row.
"""
import sys
import time

import pandas as pd

from work import ASOF_COLUMNS, TTL, VALUE, WINDOWS

PART = 20


def asof(spine, events, key, out):
    events = events.rename(columns={c: f"last_{c}" for c in ASOF_COLUMNS}).sort_values("at")
    pd.merge_asof(spine.sort_values("at"), events, on="at", by=key, tolerance=TTL, allow_exact_matches=False).to_csv(out, index=False)


def windows(spine, events, key, out):
    mixed = pd.concat([spine[["row_id", key, "at"]], events]).sort_values([key, "at"])
    mixed["at"] = pd.to_datetime(mixed["at"], unit="us")
    mine = mixed["row_id"].notna().to_numpy()
    features = {"row_id": mixed["row_id"].to_numpy()[mine].astype("int64")}
    groups = mixed.groupby(key, sort=False)
    for name, width in WINDOWS.items():
        rolled = groups.rolling(pd.Timedelta(width, "us"), on="at", closed="left", min_periods=1)[VALUE]
        for statistic, column in (("count", rolled.count()), ("sum", rolled.sum()), ("mean", rolled.mean()), ("min", rolled.min()),
                                  ("max", rolled.max()), ("stddev", rolled.std())):
            features[f"{statistic}_{name}"] = column.to_numpy()[mine]
    spine.merge(pd.DataFrame(features), on="row_id").to_csv(out, index=False)


def main():
    cell, data, _, out, key = sys.argv[1:]
    start = time.perf_counter()
    spine = pd.read_parquet(f"{data}/spine.parquet")
    if cell == "asof":
        asof(spine, pd.read_parquet(f"{data}/sorted.parquet", columns=[key, "at", *ASOF_COLUMNS]), key, out)
        print(time.perf_counter() - start)
    else:
        events = pd.read_parquet(f"{data}/sorted.parquet", columns=[key, "at", VALUE])
        part = lambda frame: frame[pd.util.hash_array(frame[key].to_numpy()) % PART == 0]
        some_spine, some_events = part(spine), part(events)
        start = time.perf_counter()
        windows(some_spine, some_events, key, out)
        seconds = time.perf_counter() - start
        print(seconds, seconds * (len(spine) + len(events)) / (len(some_spine) + len(some_events)))


if __name__ == "__main__":
    main()
