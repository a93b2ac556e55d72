"""Hourly statistics of drivers that all became known on one day, long after they happened, with two exact duplicate rows."""
import csv

import harness
import oracle

COLUMNS = "driver_id: int64, conv_rate: float64, acc_rate: float64, avg_daily_trips: int64"
DEFINITIONS = """
entities:
  driver: {driver_id: int64}
sources:
  stats:
    columns: {%s}
    event_time: event_timestamp
    arrival: created
%s
views:
  hourly:
    entity: driver
    source: stats
    features:
      trips: last(avg_daily_trips) within 3650d
      conv_1d: mean(conv_rate) over 1d
      rows_all: count() over all
      sum_all: sum(conv_rate) over all
services:
  drivers:
    features: [hourly.*]
"""
BEFORE = "2022-04-12T18:10:22.995000Z"  # nothing is known strictly before this instant


def definitions(with_id):
    columns = "event_timestamp: timestamp, created: timestamp, " + COLUMNS
    return DEFINITIONS % (columns + (", row_id: string" if with_id else ""), "    event_id: row_id" if with_id else "")


class DriverStats(harness.StoreTest):
    def setUp(self):
        super().setUp()
        self.path = harness.shared("data/driver_stats.csv")
        with open(self.path, newline="", encoding="utf-8") as file:
            self.rows = list(csv.DictReader(file))

    def load_with_id(self):
        """The same file with an id made of what it says, so that a row that stands there twice is one event."""
        copy = [{**row, "row_id": ":".join(row.values())} for row in self.rows]
        return self.write_csv("with_id.csv", list(copy[0]), [row.values() for row in copy])

    def spine(self, times):
        drivers = sorted({row["driver_id"] for row in self.rows})
        self.write_csv("spine.csv", ["driver_id", "at"], [[d, t] for t in times for d in drivers])
        return [(d, t) for t in times for d in drivers]

    def train(self, *options):
        self.run_ok("train", "drivers", "--spine", "spine.csv", "--time", "at", "-o", "out.csv", "--status", *options)
        return self.read_csv("out.csv")

    def test_nothing_is_found_as_known_before_it_was_created(self):
        self.make_store(definitions(False))
        self.run_ok("ingest", "stats", self.path)
        times = sorted({row["event_timestamp"] for row in self.rows})
        self.spine(times[::20] + [BEFORE])
        for row in self.train():
            self.assertEqual((row["trips"], row["trips__status"]), ("", "not_found"))
            self.assertEqual((row["conv_1d"], row["conv_1d__status"]), ("", "not_found"))
            self.assertEqual((row["rows_all"], row["rows_all__status"]), ("0", "present"))

    def test_values_are_there_as_of_event_time_and_as_known_afterwards(self):
        self.make_store(definitions(False))
        self.run_ok("ingest", "stats", self.path)
        self.spine(["2022-04-12T12:00:00Z"])
        found = self.train("--mode", "as-of-event-time")
        self.assertEqual({row["trips__status"] for row in found}, {"present"})
        self.spine(["2022-04-12T18:10:22.995001Z", "2022-04-20T00:00:00Z"])
        self.assertEqual({row["trips__status"] for row in self.train()}, {"present"})

    def test_a_row_that_stands_there_twice_counts_twice_without_an_event_id(self):
        self.make_store(definitions(False))
        self.run_ok("ingest", "stats", self.path)
        self.check_against_oracle(None)

    def test_a_row_that_stands_there_twice_counts_once_with_an_event_id(self):
        self.make_store(definitions(True))
        result = self.run_ok("--json", "ingest", "stats", self.load_with_id()).json()
        distinct = len({tuple(row.values()) for row in self.rows})
        self.assertEqual(len(self.rows) - distinct, 2, "the file has two duplicate rows")
        self.assertEqual(result["accepted"], distinct)
        self.assertEqual(result["duplicate"], 2)
        self.check_against_oracle("row_id")

    def check_against_oracle(self, event_id):
        types = {"driver_id": "int64", "conv_rate": "float64", "acc_rate": "float64", "avg_daily_trips": "int64",
                 "event_timestamp": "timestamp", "created": "timestamp"}
        rows = self.rows
        if event_id:
            types["row_id"] = "string"
            rows = [{**row, "row_id": ":".join(row.values())} for row in rows]
        source = oracle.Source(types, "event_timestamp", event_id, arrival="created")
        source.load(rows)
        features = [oracle.Feature("trips", "last", "avg_daily_trips", within="3650d"),
                    oracle.Feature("conv_1d", "mean", "conv_rate", window="1d"),
                    oracle.Feature("rows_all", "count", over_all=True),
                    oracle.Feature("sum_all", "sum", "conv_rate", over_all=True)]
        times = sorted({row["event_timestamp"] for row in self.rows})[::7] + [BEFORE, "2022-04-12T18:10:22.995001Z"]
        spine = self.spine(times)
        for mode in ("as-known", "as-of-event-time"):
            view = oracle.View(source, ["driver_id"], features, mode=mode)
            made = self.train("--mode", mode)
            for (driver, t), row in zip(spine, made):
                expected = view.row((int(driver),), oracle.micros(t))
                got = [(row[f.name] or None, row[f.name + "__status"]) for f in features]
                self.assertEqual(got, expected, f"driver {driver} at {t}, {mode}")
        totals = {row["driver_id"]: row["rows_all"] for row in made if row["at"] == times[-1]}
        per_driver = {}
        for row in ({tuple(r.values()): r for r in rows}.values() if event_id else rows):
            per_driver[row["driver_id"]] = per_driver.get(row["driver_id"], 0) + 1
        self.assertEqual(totals, {d: str(n) for d, n in per_driver.items()})
        self.assert_parity("drivers", ["hourly"])


if __name__ == "__main__":
    harness.main()
