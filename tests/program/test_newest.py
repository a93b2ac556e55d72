"""A service of `last` alone is joined without series: it must say what one with a count beside them says."""
import os
import random

import harness

LASTS = """
      amount: last(amount) within 3d
      note: last(note) within 10d
      ever: last(amount) within 3650d
      doubled: last(amount * 2 + 1) within 5d
      known: last(coalesce(note, 'none')) within 2d
      at: last(event_time) within 4d"""

DEFINITIONS = f"""
entities:
  user: {{user: string}}
  world: {{}}
sources:
  events:
    columns: {{user: string, amount: float64, note: string, at: timestamp(us), known_at: timestamp(us)}}
    event_time: at
    arrival: known_at
views:
  newest:
    entity: user
    source: events
    features:{LASTS}
  counted:
    entity: user
    source: events
    features:{LASTS}
      count: count() over 1d
  newest_of_all:
    entity: world
    source: events
    features: {{amount: last(amount) within 1d, note: last(note) within 1h}}
  counted_of_all:
    entity: world
    source: events
    features: {{amount: last(amount) within 1d, note: last(note) within 1h, count: count() over 1h}}
  short:
    entity: user
    source: events
    features: {{amount: last(amount) within 1d, total: sum(amount) over 1d, count: count() over 1h}}
  short_where:
    entity: user
    source: events
    where: at is not null
    features: {{amount: last(amount) within 1d, total: sum(amount) over 1d, count: count() over 1h}}
  filtered:
    entity: user
    source: events
    features: {{amount: last(amount where note = 'a') within 1d}}
  filtered_where:
    entity: user
    source: events
    where: at is not null
    features: {{amount: last(amount where note = 'a') within 1d}}
  shortest:
    entity: user
    source: events
    features: {{amount: last(amount) within 1d}}
  shortest_where:
    entity: user
    source: events
    where: at is not null
    features: {{amount: last(amount) within 1d}}
services:
  short: {{features: [short.*]}}
  short_where: {{features: [short_where.*]}}
  filtered: {{features: [filtered.*]}}
  filtered_where: {{features: [filtered_where.*]}}
  shortest: {{features: [shortest.*]}}
  shortest_where: {{features: [shortest_where.*]}}
  fast: {{features: [newest.*]}}
  slow: {{features: [counted.*]}}
  fast_of_all: {{features: [newest_of_all.*]}}
  slow_of_all: {{features: [counted_of_all.*]}}
"""
DAY = 86_400_000_000
START = 1_700_000_000_000_000


class Newest(harness.StoreTest):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("SELFSAME_SEED", random.randrange(1 << 31)))
        print(f"seed {self.seed}", flush=True)
        self.random = random.Random(self.seed)
        self.write("features.yaml", DEFINITIONS)
        self.run_ok("init", "--clock", "replay")
        self.run_ok("apply", "features.yaml", "--yes")

    def events(self, name, count, first_day=0, days=20):
        rows = []
        users = ["hot"] * 12 + ["", None] + [f"u{n}" for n in range(40)] + [f"day{first_day}"] * 3
        for _ in range(count):
            user = self.random.choice(users)
            at = START + first_day * DAY + self.random.randrange(days * DAY) // 1_000_000 * 1_000_000 + self.random.randrange(3)
            late = self.random.choice([0, 0, 1, self.random.randrange(3), self.random.randrange(2 * DAY)])
            rows.append(['""' if user == "" else user or "", self.random.choice(["", f"{self.random.random():.4f}"]),
                         self.random.choice(["", "a", "b", "c"]), at, at + late])
        self.times = [row[3] for row in rows] + [row[4] for row in rows]
        path = self.folder / name
        path.write_text("user,amount,note,at,known_at\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
        return name

    def spine(self, count):
        rows = []
        for _ in range(count):
            user = self.random.choice(["hot"] * 8 + ["nobody", "day0", "day5", "day15", '""', ""] +
                                      [f"u{n}" for n in range(40)])
            rows.append(f"{user},{self.random.choice(self.times) + self.random.randrange(-1, 2)}\n")
        (self.folder / "spine.csv").write_text("user,t\n" + "".join(rows))

    def assert_alike(self, what, pairs=(("fast", "slow"), ("fast_of_all", "slow_of_all"))):
        for fast, slow in pairs:
            for mode in (["as-known"], ["as-of-event-time"], ["as-of-event-time", "--inclusive"]):
                tables = []
                for service in (fast, slow):
                    for threads in ("1", "3"):
                        out = f"{service}-{threads}.csv"
                        self.run_ok("train", service, "--spine", "spine.csv", "--time", "t:us", "-o", out, "--status",
                                    "--threads", threads, "--mode", *mode)
                        lines = (self.folder / out).read_text().splitlines()
                        # The count and its status are the last two columns of the slow ones.
                        tables.append([line.rsplit(",", 2)[0] for line in lines] if service.startswith("slow") else lines)
                for table in tables[1:]:
                    self.assertEqual(table, tables[0], f"{what}, {fast}, {mode}, seed {self.seed}")

    def test_a_service_of_the_newest_event_alone_says_what_series_say(self):
        self.run_any("ingest", "events", self.events("some.csv", 3000))
        self.spine(4000)
        self.assert_alike("staging")
        self.run_ok("compact")
        self.assert_alike("one run")
        self.run_any("ingest", "events", self.events("more.csv", 40_000), "--bulk")
        self.run_any("ingest", "events", self.events("last.csv", 500))
        self.spine(6000)
        self.assert_alike("runs and staging")

    def test_old_segments_tell_whether_there_was_any_event(self):
        """Of segments that no window reaches a row per entity is read: `not_found` must not change by it."""
        pairs = (("short", "short_where"), ("shortest", "shortest_where"), ("filtered", "filtered_where"))
        late = []
        for day in range(4):
            self.run_any("ingest", "events", self.events(f"{day}.csv", 33_000, 5 * day, 4), "--bulk")
            late = self.times
        self.times = [time for time in late if time > START + 18 * DAY]
        self.spine(3000)
        self.assert_alike("days apart", pairs)
        self.run_any("ingest", "events", self.events("more.csv", 300))
        self.assert_alike("with staging", pairs)
        self.run_ok("compact")
        self.assert_alike("one run", pairs)


if __name__ == "__main__":
    harness.main()
