#!/usr/bin/env python3
"""DuckDB on the same work, a process per cell: peer_duckdb.py load|asof_csv|asof_table|windows_join|windows_frames DATA STORE OUT KEY

Its own file is its best input; times are BIGINT microseconds, which costs it least. Prints the seconds from the first statement
to the last, without the start of Python."""
import os
import sys
import time

import duckdb

from work import ASOF_COLUMNS, TTL, VALUE, WINDOWS

EVENTS = ("{'user_id': 'VARCHAR', 'account_id': 'BIGINT', 'at': 'BIGINT', 'arrived_at': 'BIGINT', 'amount': 'DOUBLE', 'rate': 'DOUBLE', "
          "'score': 'DOUBLE', 'points': 'DOUBLE', 'items': 'BIGINT', 'country': 'VARCHAR'}")
SPINE = "{'row_id': 'BIGINT', 'user_id': 'VARCHAR', 'account_id': 'BIGINT', 'at': 'BIGINT'}"


def asof(key):
    # The newest event strictly before t, null and all, if it is not older than the ttl.
    values = ", ".join(f"CASE WHEN e.at >= s.at - {TTL} THEN e.{c} END AS last_{c}" for c in ASOF_COLUMNS)
    return f"SELECT s.*, {values} FROM spine s ASOF LEFT JOIN events e ON s.{key} = e.{key} AND s.at > e.at"


def windows_join(key):
    """One range join over the widest window; the others are filters on its rows."""
    values = []
    for name, width in WINDOWS.items():
        inside = f"FILTER (WHERE e.at >= s.at - {width})"
        values += [f"{sql}(e.{VALUE}) {inside} AS {fn}_{name}" for fn, sql in
                   (("count", "count"), ("sum", "sum"), ("mean", "avg"), ("min", "min"), ("max", "max"), ("stddev", "stddev_samp"))]
    return f"""WITH features AS (
        SELECT s.row_id, {", ".join(values)} FROM spine s JOIN events e
        ON s.{key} = e.{key} AND e.at < s.at AND e.at >= s.at - {max(WINDOWS.values())} GROUP BY s.row_id)
        SELECT s.*, features.* EXCLUDE (row_id) FROM spine s LEFT JOIN features USING (row_id)"""


def windows_frames(key):
    """Window functions over events and spine rows together, of which the spine rows are kept. mean is sum / count: a frame less."""
    values = []
    for name in WINDOWS:
        values += [f"count({VALUE}) OVER w{name} AS count_{name}", f"sum({VALUE}) OVER w{name} AS sum_{name}",
                   f"sum_{name} / nullif(count_{name}, 0) AS mean_{name}", f"min({VALUE}) OVER w{name} AS min_{name}",
                   f"max({VALUE}) OVER w{name} AS max_{name}", f"stddev_samp({VALUE}) OVER w{name} AS stddev_{name}"]
    frames = ", ".join(f'w{name} AS (PARTITION BY {key} ORDER BY "at" RANGE BETWEEN {width} PRECEDING AND 1 PRECEDING)'
                       for name, width in WINDOWS.items())
    other = "account_id" if key == "user_id" else "user_id"
    return f"""WITH mixed AS (SELECT row_id, {key}, {other}, "at", NULL::DOUBLE AS {VALUE} FROM spine
                             UNION ALL SELECT NULL, {key}, NULL, "at", {VALUE} FROM events)
        SELECT * EXCLUDE ({VALUE}) FROM (SELECT row_id, user_id, account_id, "at", {VALUE}, {", ".join(values)} FROM mixed WINDOW {frames})
        WHERE row_id IS NOT NULL"""


def main():
    cell, data, store, out, key = sys.argv[1:]
    if cell == "load" and os.path.exists(store):
        os.remove(store)
    start = time.perf_counter()
    database = duckdb.connect(store)
    database.execute("SET threads = 2")
    if cell == "load":
        database.execute(f"CREATE TABLE events AS SELECT * FROM read_csv('{data}/events.csv', header = true, columns = {EVENTS})")
        database.execute("CHECKPOINT")
    elif cell == "spine":
        database.execute(f"CREATE OR REPLACE TABLE spine AS SELECT * FROM read_csv('{data}/spine.csv', header = true, columns = {SPINE})")
    else:
        query = {"asof": asof, "windows_join": windows_join, "windows_frames": windows_frames}[cell.removesuffix("_csv").removesuffix("_table")](key)
        if out.endswith(".csv"):
            database.execute(f"COPY ({query}) TO '{out}' (HEADER)")
        else:
            database.execute(f"CREATE OR REPLACE TABLE {out} AS {query}")
            database.execute("CHECKPOINT")
    database.close()
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
