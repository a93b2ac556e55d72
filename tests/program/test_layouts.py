"""The same rows in the same order give the same training table to the byte, however they lie in history: in staging or in
segments, loaded in one file or in fifty, plainly or in bulk, before and after compaction, on any number of threads."""
import os
import random
import shutil

import harness

SCALE = 4 if os.environ.get("SELFSAME_KILLS") == "10" else 1  # under sanitizers
ORDERS, VISITS = 80_000 // SCALE, 150_000 // SCALE
FILES = 50
DEFINITIONS = """
entities:
  user: {user: string}
  shop: {shop: int64}
  world: {}
sources:
  orders:
    columns: {id: string, op: string, user: string, shop: int64, amount: decimal(2), weight: float64, note: string,
              at: timestamp, arrived: timestamp}
    event_time: at
    event_id: id
    op: op
    arrival: arrived
  visits:
    columns: {id: int64, user: string, shop: int64, page: string, seconds: float64, cost: decimal(3), at: timestamp,
              arrived: timestamp}
    event_time: at
    event_id: id
    arrival: arrived
views:
  orders_of_user:
    entity: user
    source: orders
    features:
      total_7d: sum(amount) over 7d
      orders_all: count() over all
      weight_dev: stddev(weight) over 7d
      last_note: last(note) within 5d
  orders_of_shop:
    entity: shop
    source: orders
    features:
      greatest: max(amount) over all
      users_7d: count_distinct(user) over 7d
  visits_of_user:
    entity: user
    source: visits
    where: seconds > 1
    features:
      seconds_1d: sum(seconds) over 1d
      pages: unique_last_k(page, 3) over 7d
      cost_all: sum(cost) over all
  visits_of_shop:
    entity: shop
    source: visits
    features:
      middle: median(cost) over 7d
      visits_1h: count() over 1h hop exact
  pace:
    entity: world
    source: visits
    features:
      visits_5m: count() over 5m
services:
  all:
    features: [orders_of_user.*, orders_of_shop.*, visits_of_user.*, visits_of_shop.*, pace.*]
"""
VIEWS = ["orders_of_user", "orders_of_shop", "visits_of_user", "visits_of_shop", "pace"]
START = 1_767_225_600  # 2026-01-01


def stamp(seconds):
    whole = int(seconds)
    return f"2026-01-{1 + (whole - START) // 86400:02}T{whole // 3600 % 24:02}:{whole // 60 % 60:02}:{whole % 60:02}.{int(seconds % 1 * 1e6):06}Z"


def times(rng, number, count):
    """Most rows up to two seconds late, some a day: their time is before that of the rows around them."""
    arrived = START + 86400 + number / count * 12 * 86400
    late = rng.uniform(0, 86400) if rng.random() < 0.02 else rng.uniform(0, 2)
    return stamp(arrived - late), stamp(arrived)


def maybe(rng, value):
    return "" if rng.random() < 0.05 else value


def make_orders(rng):
    rows = []
    for number in range(ORDERS):
        if rows and rng.random() < 0.01:  # the same event again
            rows.append(rows[rng.randrange(len(rows))])
            continue
        user = f"user {int(rng.paretovariate(1)) % 4000}é"
        rows.append([f"o{number}", "insert", maybe(rng, user), maybe(rng, rng.randrange(40)), maybe(rng, f"{rng.randrange(-9999, 99999) / 100:.2f}"),
                     maybe(rng, repr(rng.gauss(0, 1e3))), maybe(rng, f"note {rng.randrange(3000)}"), *times(rng, number, ORDERS)])
    return rows


def make_visits(rng):
    rows = []
    for number in range(VISITS):
        if rows and rng.random() < 0.01:
            rows.append(rows[rng.randrange(len(rows))])
            continue
        rows.append([number, maybe(rng, f"user {int(rng.paretovariate(1)) % 4000}é"), maybe(rng, rng.randrange(40)), maybe(rng, f"/page/{rng.randrange(20)}"),
                     maybe(rng, round(rng.expovariate(0.1), 3)), maybe(rng, f"{rng.randrange(10**6) / 1000:.3f}"), *times(rng, number, VISITS)])
    return rows


HEADERS = {"orders": ["id", "op", "user", "shop", "amount", "weight", "note", "at", "arrived"],
           "visits": ["id", "user", "shop", "page", "seconds", "cost", "at", "arrived"]}


class Layouts(harness.StoreTest):
    def prepare(self):
        rng = random.Random(5)
        self.rows = {"orders": make_orders(rng), "visits": make_visits(rng)}
        for source, rows in self.rows.items():
            self.write_csv(f"{source}.csv", HEADERS[source], rows)
            step = len(rows) // FILES + 1
            for n in range(FILES):
                self.write_csv(f"{source}-{n}.csv", HEADERS[source], rows[n * step:(n + 1) * step])
        gone = rng.sample(self.rows["orders"], 300) + self.rows["orders"][-5:]
        self.write_csv("deletes.csv", HEADERS["orders"],
                       [[row[0], "delete", "", "", "", "", "", row[7], ""] for row in gone] +
                       [[f"never{n}", "delete", "", "", "", "", "", stamp(START + 1e6), ""] for n in range(9)])
        spine = [[f"user {rng.randrange(60) if n % 2 else rng.randrange(4000)}é", rng.randrange(42), stamp(START + rng.uniform(0, 14 * 86400)), n]
                 for n in range(3000)]
        self.write_csv("spine.csv", ["user", "shop", "t", "label"], spine)
        self.make_store(DEFINITIONS)
        self.empty = self.folder / "empty"
        shutil.copytree(self.store, self.empty)

    def load(self, files, options):
        """All of both sources, then the deletes: they are live, and nothing is loaded after that."""
        shutil.rmtree(self.store)
        shutil.copytree(self.empty, self.store)
        for source in ("orders", "visits"):
            for name in [f"{source}.csv"] if files == 1 else [f"{source}-{n}.csv" for n in range(files)]:
                self.run_ok("ingest", source, name, *options)
        self.run_ok("ingest", "orders", "deletes.csv")

    def table(self, *options):
        self.run_ok("train", "all", "--spine", "spine.csv", "--time", "t", "-o", "out.csv", "--status", *options)
        return (self.folder / "out.csv").read_bytes()

    def tables(self, *options):
        return [self.table(*options, "--mode", mode) for mode in ("as-known", "as-of-event-time")]

    def digests(self):
        return [self.run_ok("--json", "digest", view).json() for view in VIEWS]

    def check_compacted(self, want, what):
        for command in (["compact"], ["compact", "--reindex"]):
            self.run_ok(*command)
            self.assertEqual((self.tables(), self.digests()), want, f"{what}, {' '.join(command)}")

    def test_every_layout_gives_the_same_bytes(self):
        self.prepare()
        self.load(1, [])
        want = self.tables(), self.digests()
        events = self.run_ok("--json", "stats").json()["events"]
        self.assertLess(events, ORDERS + VISITS, "duplicates count once")
        self.assertNotEqual(want[0][0], want[0][1], "late rows tell the modes apart")
        for line in want[0][0].splitlines()[1:3]:
            self.assertIn(b"present", line)
        for threads in (1, 2, 8):
            self.assertEqual(self.tables("--threads", threads), want[0], f"{threads} threads")
        self.check_compacted(want, "one file")
        for files, options in ((FILES, []), (1, ["--bulk", "--threads", "1"]), (1, ["--bulk", "--threads", "8"]), (FILES, ["--bulk"])):
            self.load(files, options)
            what = f"{files} files {' '.join(options)}"
            self.assertEqual(self.run_ok("--json", "stats").json()["events"], events, what)
            self.assertEqual((self.tables(), self.digests()), want, what)
            self.check_compacted(want, what)
            for threads in (1, 8):
                self.assertEqual(self.tables("--threads", threads), want[0], f"{what}, {threads} threads")
        for view in VIEWS:
            self.assertEqual(self.digest(view, "--online"), self.digest(view, "--offline"), view)


if __name__ == "__main__":
    harness.main()
