#!/usr/bin/env python3
"""DuckDB on the same work, one cell a process:

  peer_duckdb.py load|spine|asof|asof_table|windows_join|windows_frames DATA STORE OUT KEY

It reads its own file, the best input it has; times are BIGINT microseconds, which cost it least. The last line printed is the seconds
from opening that file to closing it, without Python's start.
"""
import os
import sys
import time

import duckdb

from work import ASOF_COLUMNS, TTL, VALUE, WINDOWS

EVENTS = ("{'user_id': 'VARCHAR', 'account_id': 'BIGINT', 'at': 'BIGINT', 'arrived_at': 'BIGINT', 'amount': 'DOUBLE', 'rate': 'DOUBLE', "
          "'score': 'DOUBLE', 'points': 'DOUBLE', 'items': 'BIGINT', 'country': 'VARCHAR'}")
SPINE = "{'row_id': 'BIGINT', 'user_id': 'VARCHAR', 'account_id': 'BIGINT', 'at': 'BIGINT'}"


def csv_into(table, path, columns):
    return f"CREATE TABLE {table} AS SELECT * FROM read_csv('{path}', header = true, columns = {columns})"


def asof(key):
    values = ", ".join(f"CASE WHEN e.at >= s.at - {TTL} THEN e.{c} END AS last_{c}" for c in ASOF_COLUMNS)
    return f"SELECT s.*, {values} FROM spine s ASOF LEFT JOIN events e ON s.{key} = e.{key} AND s.at > e.at"


def windows_join(key):
    """One range join over the widest window, grouped by spine row; a narrower window is a filter. Best while no entity is hot."""
    values = []
    for name, width in WINDOWS.items():
        inside = f"FILTER (WHERE e.at >= s.at - {width})"
        values += [f"{sql}(e.{VALUE}) {inside} AS {statistic}_{name}" for statistic, sql in
                   (("count", "count"), ("sum", "sum"), ("mean", "avg"), ("min", "min"), ("max", "max"), ("stddev", "stddev_samp"))]
    return f"""WITH features AS (
            SELECT s.row_id, {", ".join(values)}
            FROM spine s JOIN events e ON s.{key} = e.{key} AND e.at < s.at AND e.at >= s.at - {max(WINDOWS.values())}
            GROUP BY s.row_id)
        SELECT s.*, features.* EXCLUDE (row_id) FROM spine s LEFT JOIN features USING (row_id)"""


def windows_frames(key):
    """Window functions over events and spine rows together, of which the spine's are kept. mean is sum / count: a frame less."""
    values = []
    for name in WINDOWS:
        values += [f"count({VALUE}) OVER w{name} AS count_{name}",
                   f"sum({VALUE}) OVER w{name} AS sum_{name}",
                   f"sum_{name} / nullif(count_{name}, 0) AS mean_{name}",
                   f"min({VALUE}) OVER w{name} AS min_{name}",
                   f"max({VALUE}) OVER w{name} AS max_{name}",
                   f"stddev_samp({VALUE}) OVER w{name} AS stddev_{name}"]
    frames = ", ".join(f'w{name} AS (PARTITION BY {key} ORDER BY "at" RANGE BETWEEN {width} PRECEDING AND 1 PRECEDING)'
                       for name, width in WINDOWS.items())
    return f"""WITH mixed AS (
            SELECT row_id, user_id, account_id, "at", NULL::DOUBLE AS {VALUE} FROM spine
            UNION ALL SELECT NULL, user_id, account_id, "at", {VALUE} FROM events)
        SELECT * EXCLUDE ({VALUE}) FROM (
            SELECT row_id, user_id, account_id, "at", {VALUE}, {", ".join(values)} FROM mixed WINDOW {frames})
        WHERE row_id IS NOT NULL"""


def main():
    cell, data, store, out, key = sys.argv[1:]
    if cell == "load" and os.path.exists(store):
        os.remove(store)
    if cell in ("spine", "asof_table"):  # what an earlier run left is not part of the time
        with duckdb.connect(store) as database:
            database.execute(f"DROP TABLE IF EXISTS {'spine' if cell == 'spine' else out}")
            database.execute("CHECKPOINT")
    start = time.perf_counter()
    with duckdb.connect(store) as database:
        database.execute("SET threads = 2")
        if cell == "load":
            database.execute(csv_into("events", f"{data}/events.csv", EVENTS))
        elif cell == "spine":
            database.execute(csv_into("spine", f"{data}/spine.csv", SPINE))
        elif cell == "asof_table":
            database.execute(f"CREATE TABLE {out} AS {asof(key)}")
        else:
            query = {"asof": asof, "windows_join": windows_join, "windows_frames": windows_frames}[cell](key)
            database.execute(f"COPY ({query}) TO '{out}' (HEADER)")
        if cell != "asof" and not cell.startswith("windows"):
            database.execute("CHECKPOINT")
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
