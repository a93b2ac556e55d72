"""Values, keys and times at the ends of what is allowed, against the oracle; and times in a source's own zone."""
import datetime
import random
import zoneinfo

import harness
import oracle

TYPES = {"name": "string", "shop": "int64", "open": "bool", "whole": "int64", "exact": "decimal(4)", "real": "float64",
         "word": "string", "due": "timestamp", "at": "timestamp"}
DEFINITIONS = """
entities:
  spot: {name: string, shop: int64, open: bool}
  shop: {shop: int64}
  world: {}
sources:
  rows:
    columns: {%s}
    event_time: at
views:
%s
services:
  every:
    features: [spots.*, shops.*, worlds.*]
"""
FNS = {"whole": ["sum", "mean", "var", "stddev", "min", "max", "first", "last", "count", "count_distinct"],
       "exact": ["sum", "mean", "var", "stddev", "min", "max", "first", "last", "count", "count_distinct"],
       "real": ["sum", "mean", "var", "stddev", "min", "max", "first", "last", "count", "count_distinct"],
       "word": ["min", "max", "first", "last", "count", "count_distinct"],
       "due": ["min", "max", "first", "last", "count", "count_distinct"]}
BOUNDS = [{"over_all": True}, {"window": "1d"}, {"window": "1h", "hop": "exact"}, {"window": "12d", "hop": "3d"}, {"window": "10us"}]
WHOLE = ["9223372036854775807", "-9223372036854775808", "0", "-1", "1", "", "4611686018427387904", "-4611686018427387905"]
EXACT = ["99999999999999.9999", "-99999999999999.9999", "0.0001", "-0.0001", "0", "", "1", "12.5", "0.3333"]
REAL = ["1.7976931348623157e308", "-1.7976931348623157e308", "5e-324", "-5e-324", "2.2250738585072014e-308", "0", "-0.0", "1e16",
        "1e-16", "0.1", "-0.3", "", "9007199254740993", "3.141592653589793", "1e300", "-1e300"]
WORD = ["a", "A", "ä", "zebra", "a ", " a", '"', ",", "line\nbreak", "\U0001f600", "", "ﬀ", "e\u0301", "é"]
NAMES = ["x", "X", "x ", "é", "e\u0301", "", "\U0001f600", "a,b", 'q"q', "0"]
CENTRES = ["0001-01-01T00:00:00Z", "1582-10-10T12:00:00Z", "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z",
           "2000-02-29T23:59:59.5Z", "2026-01-31T10:00:00Z", "9998-12-31T00:00:00Z"]


def features(rng, count):
    made = []
    for n in range(count):
        arg = rng.choice(list(FNS))
        fn = rng.choice(FNS[arg])
        bound = {"within": "1d"} if fn == "last" and rng.random() < 0.5 else rng.choice(BOUNDS)
        made.append(oracle.Feature(f"f{n}", fn, arg, **bound))
        made[-1].text = f"{fn}({arg}) " + ("over all" if "over_all" in bound else f"within {bound['within']}" if "within" in bound else
                                           f"over {bound['window']}" + (f" hop {bound['hop']}" if "hop" in bound else ""))
    return made


class Extremes(harness.StoreTest):
    def rows(self, rng, count):
        least, most = oracle.micros("0001-01-01T00:00:00Z"), oracle.micros("9998-12-31T00:00:00Z")
        for _ in range(count):
            t = oracle.micros(rng.choice(CENTRES)) + rng.choice([0, 0, 1, -1, rng.randrange(-10**11, 10**11), rng.randrange(-20, 20)])
            yield {"name": rng.choice(NAMES), "shop": rng.choice(["1", "-9223372036854775808", ""]), "open": rng.choice(["true", "false"]),
                   "whole": rng.choice(WHOLE), "exact": rng.choice(EXACT), "real": rng.choice(REAL), "word": rng.choice(WORD),
                   "due": rng.choice(["", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"]),
                   "at": oracle.time_text(min(max(t, least), most))}

    def test_values_keys_and_times_at_the_ends_equal_the_oracle(self):
        seed = random.randrange(2**32)
        print("seed", seed)
        rng = random.Random(seed)
        entities = {"spots": ("spot", ["name", "shop", "open"]), "shops": ("shop", ["shop"]), "worlds": ("world", [])}
        views = {name: features(rng, 24) for name in entities}
        lines = []
        for name, (entity, _) in entities.items():
            for feature in views[name]:
                feature.name = f"{name[0:2]}_{feature.name}"
            lines += [f"  {name}:", f"    entity: {entity}", "    source: rows", "    features:"]
            lines += [f"      {f.name}: {f.text}" for f in views[name]]
        self.make_store(DEFINITIONS % (", ".join(f"{k}: {v}" for k, v in TYPES.items()), "\n".join(lines)))
        rows = list(self.rows(rng, 400))
        self.write_csv("rows.csv", list(TYPES), [row.values() for row in rows])
        done = self.run_ok("--json", "ingest", "rows", "rows.csv").json()
        self.assertEqual(done["accepted"], len(rows))
        source = oracle.Source(TYPES, "at")
        source.load([{**row, "real": row["real"].replace("-0.0", "0")} for row in rows])
        times = [oracle.micros(rng.choice(rows)["at"]) + rng.choice([0, 1, 2, 11, 3_600_000_000, 86_400_000_000]) for _ in range(150)]
        spine = [[(row := rng.choice(rows))["name"], row["shop"], row["open"], oracle.time_text(t)] for t in times]
        self.write_csv("spine.csv", ["name", "shop", "open", "t"], spine)
        self.run_ok("train", "every", "--spine", "spine.csv", "--time", "t", "-o", "out.csv", "--status")
        made = self.read_csv("out.csv")
        for name, (_, key) in entities.items():
            view = oracle.View(source, key, views[name])
            for cells, row in zip(spine, made):
                parts = tuple(oracle.parse(TYPES[part], cells[["name", "shop", "open"].index(part)]) for part in key)
                got = [(row[f.name], row[f.name + "__status"]) for f in views[name]]
                expected = [(text or "", status) for text, status in view.row(parts, oracle.micros(cells[3]))]
                self.assertEqual(got, expected, f"seed {seed}: {cells}: {[f.text for f in views[name]]}")
        self.assert_parity("every", list(entities))


class LongKeys(harness.StoreTest):
    def test_a_probe_leaves_out_keys_that_another_entity_of_the_service_refuses(self):
        self.write("features.yaml", """
entities:
  user: {user: string}
  pair: {user: string, shop: string}
sources:
  visits:
    columns: {user: string, shop: string, at: timestamp(us)}
    event_time: at
views:
  by_user: {entity: user, source: visits, features: {visits: count() over 1d}}
services:
  first: {features: [by_user.*]}
""")
        self.run_ok("init", "--clock", "replay")
        self.run_ok("apply", "features.yaml", "--yes")
        self.write("visits.csv", f"user,shop,at\n{'u' * 400},{'s' * 300},1000\nshort,shop,2000\nv,{'s' * 300},3000\n")
        self.run_ok("ingest", "visits", "visits.csv")
        both = (self.folder / "features.yaml").read_text().replace("services:", """  by_pair: {entity: pair, source: visits, features: {pairs: count() over 1d}}
services:
  both: {features: [by_user.visits, by_pair.pairs]}""")
        self.write("features.yaml", both)
        self.run_ok("apply", "features.yaml", "--yes")
        self.assertIn("0 differences", self.run_ok("skew", "both", "--probe", "all").out)


class Zones(harness.StoreTest):
    DEFINITIONS = """
entities:
  world: {}
sources:
  rows:
    columns: {n: int64, at: timestamp, epoch: timestamp(ms)}
    event_time: at
    timezone: %s
views:
  rows:
    entity: world
    source: rows
    features:
      at: last(at) within 36500d
      epoch: last(epoch) within 36500d
services:
  rows:
    features: [rows.*]
"""

    def test_naive_times_are_read_in_the_sources_zone_gaps_and_repeats_included(self):
        times = ["2026-03-29 01:59:59.999999", "2026-03-29 02:00:00", "2026-03-29 02:30:00", "2026-03-29 03:00:00", "2026-10-25 01:30:00",
                 "2026-10-25 02:00:00", "2026-10-25 02:59:59", "2026-10-25 03:00:00", "1970-01-01 00:00:00", "1945-05-24 02:30:00",
                 "2100-07-01 12:00:00", "2026-07-01T12:00:00+05:30", "2026-07-01T12:00:00Z", "2026-07-01"]
        for zone in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe"):
            self.store = self.folder / zone.replace("/", "-")
            self.make_store(self.DEFINITIONS % zone)
            for n, text in enumerate(times):
                when = datetime.datetime.fromisoformat(text)
                when = when if when.tzinfo else when.replace(tzinfo=zoneinfo.ZoneInfo(zone))
                utc = when.astimezone(datetime.timezone.utc)
                self.write_csv("row.csv", ["n", "at", "epoch"], [[n, text, -n]])
                self.run_ok("ingest", "rows", "row.csv")
                us = (utc - oracle.EPOCH) // datetime.timedelta(microseconds=1)
                self.write_csv("spine.csv", ["t"], [[us + 1]])
                self.run_ok("train", "rows", "--spine", "spine.csv", "--time", "t:us", "-o", "out.csv")
                row = self.read_csv("out.csv")[0]
                self.assertEqual((row["at"], row["epoch"]), (oracle.time_text(us), oracle.time_text(-1000 * n)), f"{text} in {zone}")


if __name__ == "__main__":
    harness.main()
