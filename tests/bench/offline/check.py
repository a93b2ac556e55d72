#!/usr/bin/env python3
"""Do the answers agree?  check.py DATA KEY

Ours exactly, as text, with a naive scan in rational numbers over the events of 200 spine rows, in both modes; and the peers' with ours
in mode as-of-event-time over all rows, within floating tolerance (they add in another order, or add and take away).
"""
import glob
import os
import sys
from fractions import Fraction

os.environ["POLARS_MAX_THREADS"] = "2"
import numpy as np
import polars as pl

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../..")
from oracle import root, rounded, shown
from work import ASOF_COLUMNS, TTL, VALUE, WINDOWS, asof_names, window_names

SAMPLE = 200
RELATIVE, STDDEV_ABSOLUTE = 1e-9, 1e-5


def exact(values):
    """The six statistics as a training table shows them."""
    n = len(values)
    if n == 0:
        return ["0", None, None, None, None, None]
    ratios = [value.as_integer_ratio() for value in values]
    scale = max(below for _, below in ratios)  # powers of two, so all divide it
    whole = [above * (scale // below) for above, below in ratios]
    total, squares = sum(whole), sum(x * x for x in whole)
    stddev = root(Fraction(n * squares - total * total, n * (n - 1) * scale * scale)) if n > 1 else None
    return [str(n), rounded(Fraction(total, scale)), rounded(Fraction(total, n * scale)), repr(min(values) + 0.0), repr(max(values) + 0.0), stddev]


def naive(events, t, mode):
    """(as-of row, windows row) from one entity's events in the order of their file."""
    seen = events.filter(pl.col("at") < t)
    if mode == "as-known":
        seen = seen.filter(pl.col("arrived_at") < t)
    newest = None
    for row in seen.select("at", *ASOF_COLUMNS).sort("at", maintain_order=True).tail(1).iter_rows(named=True):
        newest = row if row["at"] >= t - TTL else None
    kinds = {"items": "int64", "country": "string"}
    last = [shown(kinds.get(c, "float64"), newest[c]) if newest else None for c in ASOF_COLUMNS]
    spans = []
    for width in WINDOWS.values():
        spans += exact(seen.filter(pl.col("at") >= t - width)[VALUE].drop_nulls().to_list())
    return last, spans


def check_exactly(data, key, mode):
    texts = {service: pl.read_csv(f"{data}/out/check-{service}-{mode}-{key}.csv", infer_schema=False) for service in ("asof", "windows")}
    rows = np.random.default_rng(3).choice(len(texts["asof"]), min(SAMPLE, len(texts["asof"])), replace=False)
    spine = pl.read_parquet(f"{data}/spine.parquet")[rows]
    events = pl.scan_parquet(f"{data}/events.parquet").filter(pl.col(key).is_in(spine[key].unique().implode())).collect().partition_by(key, as_dict=True)
    none = pl.read_parquet(f"{data}/events.parquet", n_rows=0)
    wrong = 0
    for at_row, row in zip(rows, spine.iter_rows(named=True)):
        last, spans = naive(events.get((row[key],), none), row["at"], mode)
        for service, names, expected in (("asof", asof_names(), last), ("windows", window_names(), spans)):
            got = texts[service].select("row_id", *names).row(int(at_row))
            if got != (str(row["row_id"]), *expected):
                wrong += 1
                if wrong <= 3:
                    print(f"  row {row['row_id']}, {service}, {mode}: {[x for x in zip(names, got[1:], expected) if x[1] != x[2]]}")
    print(f"{'agrees' if not wrong else 'DIFFERS':8} {os.path.basename(data)} {key}: ours {mode} with the exact naive scan, {len(rows)} rows x 30 features")
    return wrong == 0


def numbers(path, names):
    kinds = {"row_id": pl.Int64, **{name: pl.String if name == "last_country" else pl.Float64 for name in names}}
    return pl.read_csv(path, columns=["row_id", *names], schema_overrides=kinds).sort("row_id")


def check_peer(data, key, path, service, names):
    ours, theirs = numbers(f"{data}/out/check-{service}-as-of-event-time-{key}.csv", names), numbers(path, names)
    if os.path.basename(path).startswith("pandas-windows"):  # some users only
        ours = ours.filter(pl.col("row_id").is_in(theirs["row_id"].implode()))
    wrong = {} if ours["row_id"].equals(theirs["row_id"]) else {"row_id": "other rows"}
    for name in names if not wrong else []:
        a, b = ours[name], theirs[name]
        statistic, window = name.split("_", 1)
        # No events: joins leave a count null, Polars sums nothing to 0. These are ways to write it, not answers.
        if statistic == "count":
            b = b.fill_null(0)
        if statistic == "sum":
            b = b.zip_with(theirs[f"count_{window}"].fill_null(0) > 0, pl.Series(name, [None], dtype=b.dtype).new_from_index(0, len(b)))
        if a.dtype == pl.String or statistic == "last" or statistic == "count":
            bad = ~a.eq_missing(b)
        else:
            allowed = RELATIVE * pl.max_horizontal(pl.col("a").abs(), pl.col("b").abs()) + (STDDEV_ABSOLUTE if statistic == "stddev" else 0)
            bad = pl.DataFrame({"a": a, "b": b}).select(
                ((pl.col("a") - pl.col("b")).abs() > allowed).fill_null(False) | (pl.col("a").is_null() != pl.col("b").is_null())).to_series()
        if bad.any():
            at = bad.arg_max()
            wrong[name] = f"{bad.sum()} rows, first {ours['row_id'][at]}: ours {a[at]}, theirs {b[at]}"
    print(f"{'agrees' if not wrong else 'DIFFERS':8} {os.path.basename(data)} {key}: {os.path.basename(path)} with ours as-of-event-time, {len(theirs)} rows")
    for name, what in list(wrong.items())[:6]:
        print(f"  {name}: {what}")
    return not wrong


def main():
    data, key = sys.argv[1:]
    fine = [check_exactly(data, key, mode) for mode in ("as-known", "as-of-event-time")]
    for path in sorted(glob.glob(f"{data}/out/*-{key}.csv")):
        tool, cell, _ = os.path.basename(path).split("-")[:3]
        if tool in ("duckdb", "polars", "pandas"):
            service = cell.split("_")[0]
            fine.append(check_peer(data, key, path, service, asof_names() if service == "asof" else window_names()))
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
