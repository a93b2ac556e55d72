"""The contract's promise on a wall clock, through the command line: what was served while rows came in is what training
says for that time alone, whatever arrived since."""
import datetime
import random
import threading
import time

import harness

SECONDS = 6
USERS = 5
DEFINITIONS = """
entities:
  user: {user: int64}
  world: {}
sources:
  clicks:
    columns: {id: string, user: int64, weight: float64, op: string, at: timestamp}
    event_time: at
    event_id: id
    op: op
views:
  clicks:
    entity: user
    source: clicks
    features:
      clicks: count() over all
      recent: count() over 2s hop exact
      weight: sum(weight) over 1h
      newest: last(weight) within 1s
      most: max(weight) over 1h
  everyone:
    entity: world
    source: clicks
    features:
      all_clicks: count() over all
services:
  all:
    features: [clicks.*, everyone.*]
"""


def stamp(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Live(harness.StoreTest):
    def setUp(self):
        super().setUp()
        self.seed = random.randrange(2**31)
        print(f"seed {self.seed}", end=" ", flush=True)
        self.served, self.going = [], threading.Event()

    def batch(self, rng, number):
        """Some rows of now: late, at once, or stamped a little ahead; and now and then a delete."""
        rows = [["id", "user", "weight", "op", "at"]]
        for i in range(rng.randrange(1, 8)):
            at = stamp(time.time() + rng.choice([-900, -1, -0.1, 0, 0, 0.02]))
            self.events.append([f"e{number}.{i}", rng.randrange(USERS), rng.randrange(1000) / 8, "insert", at])
            rows.append(self.events[-1])
        if rng.random() < 0.3:
            taken = list(rng.choice(self.events))
            taken[3] = "delete"
            rows.append(taken)
        return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()

    def keep_looking(self, seed):
        rng = random.Random(seed)
        while not self.going.is_set():
            user = rng.randrange(USERS)
            answer = self.run_any("--json", "get", "all", f"user={user}")
            self.served.append((user, answer))

    def test_every_lookup_beside_live_rows_is_explained_by_training_at_its_time(self):
        rng = random.Random(self.seed)
        self.events = []
        self.make_store(DEFINITIONS, "init")
        self.run_ok("ingest", "clicks", "-", "--live", input=self.batch(rng, 0))
        readers = [threading.Thread(target=self.keep_looking, args=(self.seed + i,)) for i in (1, 2)]
        for reader in readers:
            reader.start()
        end, batches = time.time() + SECONDS, 1
        while time.time() < end:
            self.run_ok("ingest", "clicks", "-", "--live", input=self.batch(rng, batches))
            batches += 1
        self.going.set()
        for reader in readers:
            reader.join()
        for _, answer in self.served:
            self.assertEqual(answer.status, 0, str(answer))
        self.compare()
        print(f"{len(self.served)} lookups, {batches} batches", end=" ")

    def compare(self):
        served = [(user, answer.json()) for user, answer in self.served]
        self.assertGreater(len(served), 20)
        self.write_csv("spine.csv", ["user", "at"], [[user, answer["t"]] for user, answer in served])
        self.run_ok("train", "all", "--spine", "spine.csv", "--time", "at", "-o", "out.csv", "--status")
        for (user, answer), row in zip(served, self.read_csv("out.csv"), strict=True):
            for name, value in answer["rows"][0]["features"].items():
                status = answer["rows"][0]["status"].get(name, "present")
                self.assertEqual((row[name], row[name + "__status"]), ("" if value is None else str(value), status),
                                 f"user {user} at {answer['t']}, seq {answer['seq']}: {name}")
        self.assertEqual(self.run_ok("--json", "skew", "all", "--probe", "all").json()["differences"], 0)
        for view in ("clicks", "everyone"):  # both sides in one call: the clock runs on between two
            self.assertTrue(self.run_ok("--json", "digest", view).json()["equal"])


if __name__ == "__main__":
    harness.main()
