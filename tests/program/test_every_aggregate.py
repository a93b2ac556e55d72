"""Every aggregate, through the program: what `get` serves and what `train` writes are what the oracle says, as text."""
import base64
import itertools
import json
import os
import random

import harness
import oracle

TYPES = {"id": "int64", "user": "string", "n": "int64", "n2": "int64", "d": "decimal(2)", "x": "float64", "x2": "float64",
         "c": "string", "b": "bool", "m": "timestamp", "z": "bytes", "l": "list<decimal(1)>", "v": "vector(2)", "at": "timestamp", "known": "timestamp"}
DEFINITIONS = """
entities:
  user: {user: string}
sources:
  events:
    columns: {%s}
    event_time: at
    event_id: id
    arrival: known
views:
  all:
    entity: user
    source: events
    features:
%s
services:
  every:
    features: [all.*]
"""
NUMBERS, SINGLES, VALUES = "ndx", "ndxcbmz", "ndxcbmzlv"
COUNTABLE, ORDERED = "ndcbmz", "ndxcmz"
ARGUMENTS = {
    **dict.fromkeys(["sum", "mean", "var", "stddev", "var_pop", "stddev_pop", "skew", "kurtosis", "slope", "median"],
                    [{"arg": arg} for arg in NUMBERS]),
    **dict.fromkeys(["covar", "covar_pop", "corr"], [{"arg": arg, "second": by} for arg, by in zip("ndxx", ["x2", "x2", "x2", "n2"])]),
    **dict.fromkeys(["first", "last", "count_distinct"], [{"arg": arg} for arg in VALUES]),
    **dict.fromkeys(["min", "max"], [{"arg": arg} for arg in ORDERED]),
    **dict.fromkeys(["min_by", "max_by"], [{"arg": arg, "second": by} for arg, by in zip(VALUES, itertools.cycle(ORDERED[::-1]))]),
    **dict.fromkeys(["first_k", "last_k", "unique_last_k"], [{"arg": arg, "k": 3} for arg in SINGLES]),
    **dict.fromkeys(["since_last", "since_first"], [{}]),
    **dict.fromkeys(["any", "all"], [{"arg": "b"}]),
    **dict.fromkeys(["mode", "entropy"], [{"arg": arg} for arg in SINGLES] + [{"arg": "n", "cap": 4}]),
    **dict.fromkeys(["decayed_sum", "decayed_mean"], [{"arg": arg, "half_life": "11h"} for arg in NUMBERS]),
    "count": [{}, {"arg": "x"}],
    "lag": [{"arg": arg, "k": 2} for arg in VALUES],
    "quantile": [{"arg": arg, "p": p} for arg, p in zip(NUMBERS, ["0", "0.95", "1"])] + [{"arg": "x", "p": "0.333"}],
    "count_by": [{"arg": arg} for arg in COUNTABLE] + [{"arg": "n", "cap": 4}],
    "top_k": [{"arg": arg, "k": 2} for arg in SINGLES] + [{"arg": "n", "k": 2, "cap": 4}],
    "decayed_count": [{"half_life": "7h1us"}],
}
BOUNDS = [{"window": "7d", "hop": "1h"}, {"over_all": True}, {"last": 7}, {"window": "2d", "last": 90},
          {"window": "36h", "hop": "exact"}]
BASE = oracle.micros("2026-03-01T00:00:00Z")
WORDS = ["DE", "US", "", 'q"\\', "Zo\u00eb", "\u0001\n", "us"]


class Number(str):
    """A number of a JSON answer, as it is written there."""


def text_of(value):
    """A value of a JSON answer as a training table shows it."""
    if isinstance(value, list):
        return "[" + ",".join(x if isinstance(x, Number) else json.dumps(x, ensure_ascii=False) for x in value) + "]"
    return json.dumps(value) if isinstance(value, bool) else value


def features():
    made = []
    for fn, forms in ARGUMENTS.items():
        for place, form in enumerate(forms):
            for bound in BOUNDS[place % 2::2] if len(forms) > 1 else BOUNDS:
                if fn.startswith("decayed") and "window" not in bound:
                    bound = {"window": "14d", **bound}
                    bound.pop("over_all", None)
                made.append(oracle.Feature(f"f{len(made)}_{fn}", fn, **form, **bound))
    return made


def rows(rng, count):
    for number in range(count):
        at = BASE + rng.choice([rng.randrange(14 * oracle.UNIT["d"]), 3600_000_000 * rng.randrange(300)])
        known = at + rng.choice([0, 0, 0, rng.randrange(oracle.UNIT["d"])])
        whole = rng.choice([rng.randrange(-3, 4), rng.randrange(-2**63, 2**63)]) if number % 3 == 0 else rng.randrange(6)
        cells = {"id": number, "user": rng.choice(["ann", "bob", "bob", "bob", "", "cid"]), "n": whole,
                 "n2": rng.randrange(100), "d": f"{rng.randrange(-5000, 5000) / 100:.2f}",
                 "x": repr(rng.choice([rng.gauss(0, 1), 1e300, -1e300, 0.1, 5e-324, rng.randrange(5)]) + 0.0),
                 "x2": repr(rng.gauss(10, 2)), "c": rng.choice(WORDS), "b": rng.choice(["true", "false"]),
                 "m": oracle.time_text(rng.randrange(-10**15, 10**15, 10**14 // 4 + 1)),
                 "z": base64.b64encode(rng.choice([b"\0", b"\xff\xfe", b"ab", b"abc"])).decode(),
                 "l": rng.choice(["[]", '["1.5",null]', "[2.0]", "[-7]"]), "v": rng.choice(["[0.5,1.0]", "[0.1,1e10]", "[-3,1e-45]"])}
        for name in ("n", "n2", "d", "x", "x2", "b", "m", "z", "l", "v"):
            if rng.random() < 0.1:
                cells[name] = ""
        yield {**{name: str(cell) for name, cell in cells.items()}, "at": oracle.time_text(at), "known": oracle.time_text(known)}


class Aggregates(harness.StoreTest):
    def test_every_aggregate_online_and_offline_equals_the_oracle(self):
        seed = int(os.environ.get("SELFSAME_SEED", random.randrange(2**32)))
        print("seed", seed)
        rng = random.Random(seed)
        self.features = features()
        self.make_store(DEFINITIONS % (", ".join(f"{k}: {v}" for k, v in TYPES.items()),
                                       "\n".join(f"      {f.name}: {f.text()}" for f in self.features)))
        loaded = list(rows(rng, 400))
        self.write_csv("events.csv", list(TYPES), [row.values() for row in loaded])
        self.assertEqual(self.run_ok("--json", "ingest", "events", "events.csv").json()["accepted"], len(loaded))
        self.source = oracle.Source(TYPES, "at", "id", arrival="known")
        self.source.load(loaded)
        self.check_online(seed)
        for mode in ("as-known", "as-of-event-time"):
            self.check_offline(rng, mode, seed)
        self.assert_parity("every", ["all"])

    def compare(self, got, expected, what):
        for feature, cell, want in zip(self.features, got, expected):
            if want[0] != oracle.APPROXIMATE:
                self.assertEqual(cell, want, f"{what}: {feature.text()}")

    def check_online(self, seed):
        view = oracle.View(self.source, ["user"], self.features, mode="as-known")
        for user in ("ann", "bob", "cid", "nobody"):
            answer = json.loads(self.run_ok("--json", "get", "every", f"user={user}").out, parse_int=Number, parse_float=Number)
            row = answer["rows"][0]
            got = [(text_of(row["features"][f.name]), row["status"].get(f.name, "present")) for f in self.features]
            self.compare(got, view.row((user,), oracle.micros(answer["t"])), f"seed {seed}: {user}, online")

    def check_offline(self, rng, mode, seed):
        times = [BASE + rng.choice([rng.randrange(16 * oracle.UNIT["d"]), 3600_000_000 * rng.randrange(400)]) for _ in range(40)]
        spine = [[rng.choice(["ann", "bob", "cid"]), oracle.time_text(t)] for t in times]
        self.write_csv("spine.csv", ["user", "t"], spine)
        self.run_ok("train", "every", "--spine", "spine.csv", "--time", "t", "-o", "out.csv", "--status", "--mode", mode)
        view = oracle.View(self.source, ["user"], self.features, mode=mode)
        for (user, at), row in zip(spine, self.read_csv("out.csv")):
            got = [(row[f.name], row[f.name + "__status"]) for f in self.features]
            expected = [(text or "", status) for text, status in view.row((user,), oracle.micros(at))]
            self.compare(got, expected, f"seed {seed}: {user} at {at}, {mode}")


if __name__ == "__main__":
    harness.main()
