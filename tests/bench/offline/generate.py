#!/usr/bin/env python3
"""Events and a spine to measure with, always the same ones: made in pieces of a million rows, so memory does not grow with them.

  generate.py FOLDER --events N --spine N --entities N --shape uniform|power [--csv-only]

Rows come in the order of their arrival, evenly over 180 days; an event happened 0-2 s before it arrived, 1 % of them up to a day.
A user has one account and the other way round, so that both kinds of key ask the same question.

events.csv       what is loaded
events.parquet   the same in the order of arrival, sorted.parquet by user and time; spine.parquet (not with --csv-only)
spine.csv        rows of the same users at random times, in no order
"""
import argparse
import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

PIECE = 1_000_000
START = 1_700_000_000_000_000  # microseconds
DAY = 86_400_000_000
SPAN = 180 * DAY
POWER = 0.935  # the hottest of 100k entities then has 5.6 % of the rows
COUNTRIES = np.array(["DE", "FR", "US", "GB", "NL", "ES", "IT", "PL", "SE", "AT", "CH", "JP"])


class Entities:
    def __init__(self, count, shape):
        self.count = count
        self.user_ids = pa.array([f"user_{i:06}" for i in range(count)])
        self.account_ids = 10_000_000_000 + np.random.default_rng(1).permutation(count) * 7
        if shape == "power":
            weight = np.arange(1, count + 1) ** -POWER
            self.bounds = np.cumsum(weight) / weight.sum()
            self.by_rank = np.random.default_rng(2).permutation(count)

    def draw(self, random, n):
        if not hasattr(self, "bounds"):
            return random.integers(0, self.count, n)
        rank = np.searchsorted(self.bounds, random.random(n))
        return self.by_rank[np.minimum(rank, self.count - 1)]

    def keys(self, chosen):
        return {"user_id": self.user_ids.take(pa.array(chosen)), "account_id": self.account_ids[chosen]}


def with_nulls(random, values):
    return pa.array(values, mask=random.random(len(values)) < 0.05)


def events_piece(entities, seed, first, n, total):
    random = np.random.default_rng([seed, first])
    # Slot i of `total` equal ones, and a place within it: sorted without sorting, whatever the piece.
    slot = SPAN // total
    arrival = START + np.arange(first, first + n) * slot + random.integers(0, slot, n)
    late = random.random(n) < 0.01
    lateness = np.where(late, random.integers(0, DAY, n), random.integers(0, 2_000_001, n))
    return pa.table({
        **entities.keys(entities.draw(random, n)),
        "at": arrival - lateness,
        "arrived_at": arrival,
        "amount": with_nulls(random, np.round(random.gamma(2, 40, n), 2)),
        "rate": with_nulls(random, np.round(random.random(n) * 10, 4)),
        "score": with_nulls(random, random.standard_normal(n)),
        "points": with_nulls(random, np.floor(random.exponential(50, n))),
        "items": with_nulls(random, random.integers(0, 1000, n)),
        "country": pc.if_else(pa.array(random.random(n) < 0.05), None, pa.array(COUNTRIES[random.integers(0, len(COUNTRIES), n)])),
    })


def spine_table(entities, seed, n):
    random = np.random.default_rng([seed, 2**40])
    return pa.table({"row_id": np.arange(n), **entities.keys(entities.draw(random, n)), "at": START + random.integers(0, SPAN, n)})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--spine", type=int, required=True)
    parser.add_argument("--entities", type=int, required=True)
    parser.add_argument("--shape", choices=["uniform", "power"], required=True)
    parser.add_argument("--csv-only", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    os.makedirs(args.folder, exist_ok=True)
    place = lambda name: os.path.join(args.folder, name)
    plain = pyarrow.csv.WriteOptions(quoting_style="none", quoting_header="none")
    entities = Entities(args.entities, args.shape)
    spine = spine_table(entities, args.seed, args.spine)
    pyarrow.csv.write_csv(spine, place("spine.csv"), plain)

    writer, pieces = None, []
    for first in range(0, args.events, PIECE):
        piece = events_piece(entities, args.seed, first, min(PIECE, args.events - first), args.events)
        writer = writer or pyarrow.csv.CSVWriter(place("events.csv"), piece.schema, write_options=plain)
        writer.write_table(piece)
        if not args.csv_only:
            pieces.append(piece)
    writer.close()
    if args.csv_only:
        return
    events = pa.concat_tables(pieces)
    order = lambda table: table.take(pc.sort_indices(table, [("user_id", "ascending"), ("at", "ascending")]))
    pyarrow.parquet.write_table(spine, place("spine.parquet"))
    pyarrow.parquet.write_table(events, place("events.parquet"))
    pyarrow.parquet.write_table(order(events), place("sorted.parquet"))


if __name__ == "__main__":
    main()
