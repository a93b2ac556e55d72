"""A lookup and a training row may carry an event: their values are what they would be if it had happened just before."""
import os
import random

import harness

DEFINITIONS = """
entities:
  user: {user: string}
  shop: {shop: int64}
sources:
  pay:
    columns: {id: string, user: string, shop: int64, amount: decimal(2), note: string, at: timestamp}
    event_time: at
    event_id: id
views:
  by_user:
    entity: user
    source: pay
    where: amount <> 13
    features:
      n_1h: count() over 1h
      sum_1d: sum(amount) over 1d
      std: stddev(amount) over all
      last_note: last(note) within 1h
      first_note: first(note) over all
      shops: count_distinct(shop) over all
      newest_3: sum(amount) over last 3
      since: since_last()
      big: max(amount where amount > 50) over 7d
  by_shop:
    entity: shop
    source: pay
    features:
      users: count_distinct(user) over 1d
      n_5: count(where note = 'x') over 1d last 5
services:
  fraud:
    request: {amount: decimal(2)}
    features:
      - by_user.*
      - by_shop.*
      - share: request.amount / by_user.sum_1d
"""
HEADER = ["id", "user", "shop", "amount", "note", "at"]
FEATURES = ["n_1h", "sum_1d", "std", "last_note", "first_note", "shops", "newest_3", "since", "big", "users", "n_5", "share"]
DAY = 86400


def time_text(us):
    return f"2026-01-{1 + us // (DAY * 10**6):02d}T{us // 3600000000 % 24:02d}:{us // 60000000 % 60:02d}:" \
           f"{us // 1000000 % 60:02d}.{us % 1000000:06d}Z"


class EventAtHand(harness.StoreTest):
    def random_row(self, source, number):
        return [f"e{number}", source.choice(["a", "b", ""]), source.choice([1, 2]), source.choice(["13.00", "60.00", "7.25", ""]),
                source.choice(["x", "y", ""]), None]

    def test_values_are_what_they_would_be_had_it_happened_just_before(self):
        seed = int(os.environ.get("SELFSAME_SEED", random.randrange(2**32)))
        print(f"seed {seed}")
        source = random.Random(seed)
        self.make_store(DEFINITIONS)
        history = []
        for number in range(120):
            row = self.random_row(source, number)
            row[5] = time_text(source.randrange(3 * DAY) * 10**6)
            history.append(row)
        self.write_csv("pay.csv", HEADER, history)
        self.run_ok("ingest", "pay", "pay.csv")
        spine, wanted = [], []
        for number in range(40):
            t_us = source.randrange(3 * DAY * 10**6) if number else 3 * DAY * 10**6
            event = self.random_row(source, f"h{number}")
            event[5] = time_text(t_us - 1)
            user, shop = source.choice(["a", "b", "new"]), source.choice([1, 2])
            if source.random() < 0.3:
                event[1:3] = ["", ""]  # in no entity, as in history
            spine.append([user, shop, "2.50", time_text(t_us), *event[:5]])
            wanted.append((event, user, shop, time_text(t_us)))
        header = ["user", "shop", "amount", "t", *[f"pay.{c}" for c in HEADER[:5]]]
        self.write_csv("spine.csv", header, spine)
        self.run_ok("train", "fraud", "--spine", "spine.csv", "--time", "t", "--with-event", "pay", "-o", "out.csv",
                    "--status")
        got = self.read_csv("out.csv")
        for (event, user, shop, t), row in zip(wanted, got):
            other = self.folder / "other"
            self.run_ok("init", "--clock", "replay", store=other)
            self.run_ok("apply", "features.yaml", "--yes", store=other)
            self.write_csv("with.csv", HEADER, history + [event])
            self.run_ok("ingest", "pay", "with.csv", store=other)
            self.write_csv("one.csv", ["user", "shop", "amount", "t"], [[user, shop, "2.50", t]])
            self.run_ok("train", "fraud", "--spine", "one.csv", "--time", "t", "-o", "one_out.csv", "--status",
                        "--mode", "as-of-event-time", store=other)
            expected = self.read_csv("one_out.csv")[0]
            for feature in FEATURES:
                for column in (feature, feature + "__status"):
                    self.assertEqual(row[column], expected[column], (column, event, user, shop, t))
            harness.shutil.rmtree(other)

    def test_a_lookup_and_its_training_row_agree_and_nothing_is_stored(self):
        self.make_store(DEFINITIONS)
        self.write_csv("pay.csv", HEADER, [["e1", "a", 1, "5.00", "x", "2026-01-01T00:00:00Z"]])
        self.run_ok("ingest", "pay", "pay.csv")
        before = self.digest("by_user"), self.digest("by_user", "--offline")
        event = ["--with-event", "pay.amount=7.50", "--with-event", "pay.note=y"]
        plain = self.run_ok("--json", "get", "fraud", "user=a", "shop=1", "--request", "amount=1").json()
        answer = self.run_ok("--json", "get", "fraud", "user=a", "shop=1", "--request", "amount=1", *event).json()
        values = answer["rows"][0]["features"]
        self.assertEqual((values["n_1h"], values["sum_1d"], values["last_note"], values["shops"], values["since"]),
                         (2, "12.50", "y", 1, 1), "the key columns left out are those of the lookup")
        other = self.run_ok("--json", "get", "fraud", "user=a", "shop=2", "--request", "amount=1", *event).json()
        self.assertEqual(other["rows"][0]["features"]["shops"], 2, "in the view of another entity too")
        self.write_csv("spine.csv", ["user", "shop", "amount", "t", "pay.amount", "note"],
                       [["a", 1, 1, answer["t"], "7.50", "y"], ["a", 1, 1, answer["t"], "", ""]])
        self.run_ok("train", "fraud", "--spine", "spine.csv", "--time", "t", "--with-event", "pay", "--map", "pay.note=note",
                    "-o", "out.db:t")
        self.run_ok("train", "fraud", "--spine", "spine.csv", "--time", "t", "--with-event", "pay", "--map", "pay.note=note",
                    "-o", "out.csv")
        for row, features in zip(self.read_csv("out.csv"), (values, plain["rows"][0]["features"])):
            for name, value in features.items():
                self.assertEqual(row[name], "" if value is None else str(value), name)
        self.assertEqual((self.digest("by_user"), self.digest("by_user", "--offline")), before)

    def test_an_event_of_another_entity_or_of_none_changes_nothing(self):
        self.make_store(DEFINITIONS)
        self.write_csv("pay.csv", HEADER, [["e1", "a", 1, "5.00", "x", "2026-01-01T00:00:00Z"]])
        self.run_ok("ingest", "pay", "pay.csv")
        get = ["--json", "get", "fraud", "user=a", "shop=1"]
        plain = self.run_ok(*get).json()["rows"]
        other = self.run_ok(*get, "--with-event", "pay.user=b", "--with-event", "pay.shop=2",
                            "--with-event", "pay.amount=9").json()["rows"]
        self.assertEqual(other, plain)
        mixed = self.run_ok(*get, "--with-event", "pay.user=b", "--with-event", "pay.note=x").json()["rows"][0]["features"]
        self.assertEqual((mixed["n_1h"], mixed["users"], mixed["n_5"]), (1, 2, 2), "it is in the shop's view alone")

    def test_a_value_that_reads_as_null_is_given_all_the_same(self):
        self.make_store(DEFINITIONS.replace("note: string", "note: float64").replace("note = 'x'", "note = 1"))
        self.write_csv("pay.csv", HEADER, [["e1", "a", 1, "5.00", "1", "2026-01-01T00:00:00Z"]])
        self.run_ok("ingest", "pay", "pay.csv")
        answer = self.run_ok("--json", "get", "fraud", "user=a", "shop=1", "--with-event", "pay.note=nan").json()
        self.write_csv("spine.csv", ["user", "shop", "amount", "t", "pay.note"], [["a", 1, "", answer["t"], "nan"]])
        self.run_ok("train", "fraud", "--spine", "spine.csv", "--time", "t", "--with-event", "pay", "-o", "out.csv")
        features = answer["rows"][0]["features"]
        self.assertEqual(features["n_5"], 1)
        for name, value in features.items():
            self.assertEqual(self.read_csv("out.csv")[0][name], "" if value is None else str(value), name)

    def test_mistakes_are_told(self):
        self.make_store(DEFINITIONS)
        get = ["get", "fraud", "user=a", "shop=1", "--with-event"]
        for option, message in [
                ("pay.at=2026-01-01T00:00:00Z", "--with-event: column 'at': an event at hand is an insert that happens at "
                                                "t - 1 us and is known then; leave this column out"),
                ("pay.amuont=1", "--with-event: source 'pay' has no column 'amuont'; did you mean 'amount'?"),
                ("pax.amount=1", "--with-event: no view of service 'fraud' reads a source 'pax'"),
                ("pay.amount=1.005", "--with-event: column 'amount': not a decimal of that scale: '1.005'"),
                ("amount=1", "--with-event: expected SOURCE.COLUMN=VALUE, got 'amount=1'")]:
            self.assertIn(message, self.run_fails(2, *get, option))
        self.assertIn("column 'note' is given twice",
                      self.run_fails(2, *get, "pay.note=x", "--with-event", "pay.note=y"))
        self.write_csv("spine.csv", ["user", "shop", "amount", "t", "pay.at"], [["a", 1, 1, "2026-01-01T00:00:00Z", ""]])
        train = ["train", "fraud", "--spine", "spine.csv", "--time", "t", "-o", "out.csv", "--with-event"]
        self.assertIn("column 'pay.at': an event at hand is an insert", self.run_fails(2, *train, "pay"))
        self.assertIn("no view of service 'fraud' reads a source 'pax'", self.run_fails(2, *train, "pax"))
        self.write_csv("spine.csv", ["user", "shop", "amount", "t"], [["a", 1, 1, "2026-01-01T00:00:00Z"]])
        self.assertIn("it has no column of that source; columns are called 'pay.COLUMN'",
                      self.run_fails(2, *train, "pay"))
        self.assertFalse((self.folder / "out.csv").exists())


if __name__ == "__main__":
    harness.main()
