"""A writer that is killed at any moment and run again ends where one that was never disturbed does."""
import os
import random
import shutil
import signal
import subprocess
import time

import harness

KILLS = int(os.environ.get("SELFSAME_KILLS", "50"))
ROWS = 30_000
DEFINITIONS = """
entities:
  user: {user: int64}
  world: {}
sources:
  clicks:
    columns: {user: int64, weight: float64, at: timestamp}
    event_time: at
views:
  clicks:
    entity: user
    source: clicks
    features:
      clicks_1d: count() over 1d
      weight_7d: sum(weight) over 7d
      users_weight: stddev(weight) over all
  pace:
    entity: world
    source: clicks
    features:
      clicks_1h: count() over 1h
      users_1h: count_distinct(user) over 1h
services:
  all:
    features: [clicks.*, pace.*]
"""


class StoreOfClicks(harness.StoreTest):
    def prepare(self):
        """A store with definitions and no rows, the file of rows, the digests of a clean run, and how long that took."""
        rng = random.Random(7)
        rows = [[rng.randrange(500), rng.gauss(0, 1e3), f"2026-01-{rng.randrange(1, 29):02}T{rng.randrange(24):02}:{rng.randrange(60):02}:00Z"]
                for _ in range(ROWS)]
        self.write_csv("clicks.csv", ["user", "weight", "at"], rows)
        self.make_store(DEFINITIONS)
        self.empty = self.folder / "empty"
        shutil.copytree(self.store, self.empty)
        started = time.monotonic()
        self.run_ok("ingest", "clicks", "clicks.csv")
        self.seconds = time.monotonic() - started
        self.clean = self.digests()
        self.assertEqual(self.run_ok("--json", "stats").json()["events"], ROWS)

    def digests(self):
        return [self.run_ok("--json", "digest", view).json() for view in ("clicks", "pace")]

    def begin_anew(self):
        shutil.rmtree(self.store)
        shutil.copytree(self.empty, self.store)


class Killed(StoreOfClicks):
    def kill_after(self, seconds):
        process = self.start("ingest", "clicks", "clicks.csv", stdin=subprocess.DEVNULL)
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        return process.returncode == -signal.SIGKILL

    def test_an_ingest_killed_at_random_moments_and_run_again_ends_in_the_same_digests(self):
        seed = int(os.environ.get("SELFSAME_SEED", random.randrange(2**32)))
        print(f"seed {seed} (SELFSAME_SEED), {KILLS} kills (SELFSAME_KILLS)")
        rng = random.Random(seed)
        self.prepare()
        killed = halfway = late = 0
        while killed < KILLS:
            self.begin_anew()
            if not self.kill_after(rng.random() * self.seconds):
                late += 1
                self.assertLess(late, 20 + KILLS, "every kill comes too late")
                self.seconds *= 0.9
                continue
            killed += 1
            events = self.run_ok("--json", "stats").json()["events"]
            halfway += 0 < events < ROWS
            self.run_ok("ingest", "clicks", "clicks.csv")
            for one, clean in zip(self.digests(), self.clean):
                self.assertEqual(one, clean, f"seed {seed}, kill {killed}, {events} events when it was killed")
        print(f"{killed} killed, {halfway} of them with some of the rows kept; {late} kills came too late and do not count")

    def test_a_reader_beside_a_killed_writer_sees_whole_commits(self):
        self.prepare()
        for part in (0.3, 0.6, 0.9):
            self.begin_anew()
            self.kill_after(part * self.seconds)
            report = self.run_ok("--json", "skew", "all", "--probe", "all").json()
            self.assertEqual(report["differences"], 0)
            for view in ("clicks", "pace"):
                self.assertTrue(self.run_ok("--json", "digest", view).json()["equal"])


if __name__ == "__main__":
    harness.main()
