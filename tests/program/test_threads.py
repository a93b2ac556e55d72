"""A training table is the same to the byte on any number of threads, however the entities share its rows."""
import random
import sqlite3

import harness

DEFINITIONS = """
entities:
  user: {user: string}
  pair: {user: string, shop: int64}
sources:
  clicks:
    columns: {user: string, shop: int64, weight: float64, note: string, at: timestamp(s), known: timestamp(s)}
    event_time: at
    arrival: known
views:
  by_user:
    entity: user
    source: clicks
    features:
      count_1d: count() over 1d
      mean_7d: mean(weight) over 7d hop exact
      last_note: last(note) within 10d
      notes: last_k(note, 3) over all
  lately:
    entity: user
    source: clicks
    features:
      spread: stddev(weight) over 30d
  by_pair:
    entity: pair
    source: clicks
    features:
      pair_sum: sum(weight) over all
services:
  all:
    request: {factor: float64}
    features:
      - by_user.*
      - lately.*
      - by_pair.*
      - ratio: by_user.mean_7d / lately.spread * request.factor
      - busy: by_user.count_1d > 3
"""
DAY = 86400


class Threads(harness.StoreTest):
    def setUp(self):
        super().setUp()
        dice = random.Random(5)
        self.make_store(DEFINITIONS)
        rows = []
        for _ in range(12000):
            user = "" if dice.random() < 0.02 else f"user {int(400 * dice.random() ** 6)}"
            at = dice.randrange(40 * DAY)
            rows.append([user, dice.randrange(3), "" if dice.random() < 0.1 else round(dice.random() * 100, dice.choice([0, 2, 9])),
                         dice.choice(["", "a, b", "x", 'say "hi"']), at, at + (DAY if dice.random() < 0.01 else dice.randrange(3))])
        self.write_csv("clicks.csv", ["user", "shop", "weight", "note", "at", "known"], rows)
        self.run_ok("ingest", "clicks", "clicks.csv")
        spine = []
        for row in range(40000):  # user 0, whose rows are most, is spread over threads
            user = "user 0" if row % 2 else "" if row % 97 == 0 else f"user {int(600 * dice.random() ** 2)}"
            spine.append([row, user, dice.randrange(4), round(dice.random(), 3), dice.randrange(41 * DAY)])
        self.header = ["label", "user", "shop", "factor", "at"]
        self.spine = spine

    def train(self, threads, output, *options):
        self.run_ok("train", "all", "--spine", "spine.csv", "--time", "at:s", "-o", output, "--threads", threads, *options)
        return (self.folder / output.split(":")[0]).read_bytes()

    def test_csv_is_the_same_to_the_byte_with_1_2_and_8_threads(self):
        self.write_csv("spine.csv", self.header, self.spine)
        for options in (["--status"], ["--mode", "as-of-event-time", "--inclusive"]):
            alone = self.train(1, "out.csv", *options)
            self.assertEqual(alone.count(b"\n"), len(self.spine) + 1)
            for threads in (2, 8):
                self.assertTrue(self.train(threads, "out.csv", *options) == alone, f"{threads} threads {options}")

    def test_a_table_holds_the_same_rows_and_one_digest(self):
        self.write_csv("spine.csv", self.header, self.spine)
        found = []
        for threads in (1, 2, 8):
            self.train(threads, "out.db:rows")
            with sqlite3.connect(self.folder / "out.db") as db:
                found.append((db.execute("SELECT * FROM rows ORDER BY rowid").fetchall(),
                              db.execute("SELECT rows_digest, spine_hash, row_count FROM selfsame_manifest").fetchall()))
        self.assertEqual(len(found[0][0]), len(self.spine))
        self.assertTrue(found[0] == found[1] == found[2])

    def test_a_spine_with_quotes_gives_the_same_features(self):
        self.write_csv("spine.csv", self.header, self.spine)
        plain = self.train(2, "out.csv").split(b"\n")
        spine = (self.folder / "spine.csv").read_bytes().split(b"\n")
        spine[-2] = b'"' + spine[-2].replace(b",", b'",', 1)
        (self.folder / "spine.csv").write_bytes(b"\n".join(spine))
        self.assertTrue(self.train(2, "out.csv").split(b"\n") == plain, "what needs no quotes is written without")

    def test_few_rows_are_what_they_are_among_many(self):
        self.write_csv("spine.csv", self.header, self.spine)
        every = self.train(2, "out.csv").split(b"\n")
        self.write_csv("spine.csv", self.header, self.spine[4001:4006])  # keys are read one by one
        self.assertEqual(self.train(2, "few.csv").split(b"\n"), [every[0], *every[4002:4007], b""])

    def test_a_service_of_nothing_but_an_empty_spine(self):
        self.write_csv("spine.csv", self.header, [])
        self.assertEqual(self.train(8, "out.csv").count(b"\n"), 1)


if __name__ == "__main__":
    harness.main()
