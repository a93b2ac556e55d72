"""Thirty features of two taxi vendors at 2,000 awkward instants, cell by cell as text, against exact oracles.

tests/oracle.py answers all of it. The slower oracle that stands beside the project (../shared/oracle.py) answers every 25th
instant; SELFSAME_FULL=1 lets it answer all, which takes many minutes.
"""
import csv
import json
import os
import random
import subprocess
import sys

import harness
import oracle

TYPES = {"id": "string", "vendor_id": "int64", "pickup_datetime": "timestamp", "passenger_count": "int64",
         "pickup_longitude": "float64", "pickup_latitude": "float64", "store_and_fwd_flag": "string", "trip_duration": "int64"}
# name: fn, argument, window (or within), hop
FEATURES = {
    "trips_1h": ("count", None, "1h", None),
    "trips_1d": ("count", None, "1d", None),
    "trips_7d": ("count", None, "7d", None),
    "trips_30d": ("count", None, "30d", None),
    "trips_1h_exact": ("count", None, "1h", "exact"),
    "duration_sum_1h": ("sum", "trip_duration", "1h", None),
    "duration_sum_1d": ("sum", "trip_duration", "1d", None),
    "duration_sum_7d": ("sum", "trip_duration", "7d", "1d"),
    "duration_sum_30d": ("sum", "trip_duration", "30d", None),
    "duration_mean_1d": ("mean", "trip_duration", "1d", None),
    "duration_mean_7d": ("mean", "trip_duration", "7d", None),
    "duration_mean_30d": ("mean", "trip_duration", "30d", None),
    "duration_var_1d": ("var", "trip_duration", "1d", None),
    "duration_std_1h": ("stddev", "trip_duration", "1h", "1m"),
    "duration_std_7d": ("stddev", "trip_duration", "7d", None),
    "duration_std_30d": ("stddev", "trip_duration", "30d", None),
    "duration_min_1d": ("min", "trip_duration", "1d", None),
    "duration_max_7d": ("max", "trip_duration", "7d", "6h"),
    "duration_max_1h_exact": ("max", "trip_duration", "1h", "exact"),
    "longitude_sum_7d": ("sum", "pickup_longitude", "7d", None),
    "longitude_sum_1d_exact": ("sum", "pickup_longitude", "1d", "exact"),
    "longitude_mean_30d": ("mean", "pickup_longitude", "30d", None),
    "longitude_var_7d": ("var", "pickup_longitude", "7d", None),
    "longitude_std_30d": ("stddev", "pickup_longitude", "30d", "2d"),
    "latitude_std_1d": ("stddev", "pickup_latitude", "1d", "30m"),
    "latitude_min_30d": ("min", "pickup_latitude", "30d", None),
    "latitude_max_1h": ("max", "pickup_latitude", "1h", None),
    "passengers_distinct_7d": ("count_distinct", "passenger_count", "7d", None),
    "passengers_distinct_1d": ("count_distinct", "passenger_count", "1d", "1h"),
    "flags_distinct_30d": ("count_distinct", "store_and_fwd_flag", "30d", None),
    "last_flag": ("last", "store_and_fwd_flag", "7d", None),
    "last_duration": ("last", "trip_duration", "1h", None),
}
INSTANTS = 2000
SEED = 20160101


def expression(fn, arg, window, hop):
    if fn == "last":
        return f"last({arg}) within {window}"
    return f"{fn}({arg or ''}) over {window}" + (f" hop {hop}" if hop else "")


def definitions():
    lines = ["entities:", "  vendor: {vendor_id: int64}", "sources:", "  trips:",
             "    columns: {%s}" % ", ".join(f"{k}: {v}" for k, v in TYPES.items()), "    event_time: pickup_datetime",
             "views:", "  pace:", "    entity: vendor", "    source: trips", "    features:"]
    lines += [f"      {name}: {expression(*spec)}" for name, spec in FEATURES.items()]
    lines += ["services:", "  taxi:", "    features: [pace.*]"]
    return "\n".join(lines) + "\n"


def instants(rows):
    """Event times, hop edges, each also one microsecond before and after; before the first and after the last event."""
    random.seed(SEED)
    times = sorted(oracle.micros(row["pickup_datetime"]) for row in rows)
    hour, day = oracle.UNIT["h"], oracle.UNIT["d"]
    chosen = [times[0] - day, times[0] - 1, times[0], times[0] + 1, times[-1], times[-1] + 1, times[-1] + hour,
              times[-1] + 40 * day]
    while len(chosen) < INSTANTS:
        t = random.choice(times)
        if random.random() < 0.5:
            hop = random.choice([oracle.UNIT["m"], 5 * oracle.UNIT["m"], hour, 6 * hour, day, 2 * day])
            t = t // hop * hop
        chosen += [t - 1, t, t + 1]
    return chosen[:INSTANTS]


class Taxi(harness.StoreTest):
    @classmethod
    def setUpClass(cls):
        cls.path = harness.shared("data/taxi_trips.csv")
        with open(cls.path, newline="", encoding="utf-8") as file:
            cls.rows = list(csv.DictReader(file))
        cls.features = [oracle.Feature(name, fn, arg, within=w) if fn == "last" else oracle.Feature(name, fn, arg, w, hop)
                        for name, (fn, arg, w, hop) in FEATURES.items()]

    def test_every_cell_is_what_the_oracles_say_and_online_is_offline(self):
        times = instants(self.rows)
        self.make_store(definitions())
        self.run_ok("ingest", "trips", self.path)
        spine = [[str(1 + n % 2), oracle.time_text(t)] for n, t in enumerate(times)]
        self.write_csv("spine.csv", ["vendor_id", "at"], spine)
        source = oracle.Source(TYPES, "pickup_datetime")
        source.load(self.rows)
        view = oracle.View(source, ["vendor_id"], self.features)
        expected = [[text or "" for text, _ in view.row((int(key),), t)] for (key, _), t in zip(spine, times)]
        for mode in ("as-known", "as-of-event-time"):  # arrival is the event_time, so both are the same
            self.run_ok("train", "taxi", "--spine", "spine.csv", "--time", "at", "-o", "out.csv", "--mode", mode)
            made = self.read_csv("out.csv")
            self.assertEqual(len(made), INSTANTS)
            for row, cells, (key, at) in zip(made, expected, spine):
                got = [row[name] for name in FEATURES]
                self.assertEqual(got, cells, f"vendor {key} at {at}, {mode}: {list(FEATURES)}")
        self.compare_with_the_slow_oracle(spine, expected)
        self.assert_parity("taxi", ["pace"])

    def compare_with_the_slow_oracle(self, spine, expected):
        try:
            slow = harness.shared("oracle.py")
        except harness.unittest.SkipTest as reason:
            print(reason, file=sys.stderr)
            return
        step = 1 if os.environ.get("SELFSAME_FULL") else 25
        spec = {"key": ["vendor_id"], "event_time": "pickup_datetime", "spine_time": "at", "types": TYPES,
                "features": [{"name": name, "fn": fn, "arg": arg, "within": w} if fn == "last" else
                             {"name": name, "fn": fn, "window": w, **({"arg": arg} if arg else {}), **({"hop": hop} if hop else {})}
                             for name, (fn, arg, w, hop) in FEATURES.items()]}
        self.write("spec.json", json.dumps(spec))
        self.write_csv("some.csv", ["vendor_id", "at"], spine[::step])
        answer = subprocess.run([sys.executable, slow, "spec.json", self.path, "some.csv"], cwd=self.folder, check=True,
                                stdout=subprocess.PIPE, text=True).stdout
        rows = list(csv.DictReader(answer.splitlines()))
        self.assertEqual([[row[name] for name in FEATURES] for row in rows], expected[::step])


if __name__ == "__main__":
    harness.main()
