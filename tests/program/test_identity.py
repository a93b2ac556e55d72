"""What counts once: files loaded again, events sent twice, conflicts, deletes, batches of a producer."""
import random

import harness
import oracle
import shop

WITHOUT_ID = shop.DEFINITIONS.replace("    event_id: id\n    op: op\n", "")
TYPES = {"id": "string", "op": "string", "user": "string", "amount": "decimal(2)", "pieces": "int64", "weight": "float64",
         "gift": "bool", "note": "string", "due": "timestamp", "at": "timestamp"}
FEATURES = [oracle.Feature("total_7d", "sum", "amount", window="7d"), oracle.Feature("orders_7d", "count", window="7d"),
            oracle.Feature("pieces_all", "sum", "pieces", over_all=True), oracle.Feature("heaviest", "max", "weight", over_all=True),
            oracle.Feature("last_gift", "last", "gift", within="1d"), oracle.Feature("last_note", "last", "note", within="1d"),
            oracle.Feature("last_due", "last", "due", within="1d")]


class IdentityTest(harness.StoreTest):
    def ingest(self, rows, *options, name="orders.csv"):
        self.write_csv(name, shop.HEADER, rows)
        result = self.run_any("--json", "ingest", "orders", name, *options)
        self.assertIn(result.status, (0, 1), result)
        return result.json()

    def orders(self, user):
        features = self.run_ok("--json", "get", "shop", f"user={user}").json()["rows"][0]["features"]
        return features["orders_7d"], features["total_7d"]


class Files(IdentityTest):
    def test_a_file_loaded_twice_changes_nothing(self):
        self.make_store(WITHOUT_ID)
        first = self.ingest(shop.ROWS)
        self.assertEqual((first["accepted"], first["repeated"]), (5, False))
        before = self.digest("orders")
        again = self.ingest(shop.ROWS, name="renamed.csv")
        self.assertEqual((again["accepted"], again["repeated"]), (0, True))
        self.assertEqual(self.digest("orders"), before)
        self.assert_parity("shop", ["orders"])

    def test_again_loads_a_file_once_more(self):
        self.make_store(WITHOUT_ID)
        self.ingest(shop.ROWS)
        again = self.ingest(shop.ROWS, "--again")
        self.assertEqual(again["accepted"], 5)
        self.assertEqual(self.orders("ann"), (4, "25.00"))
        self.ingest(shop.ROWS, "--again")
        self.assertEqual(self.orders("ann"), (6, "37.50"))

    def test_again_changes_nothing_where_events_have_an_id(self):
        self.make_store(shop.DEFINITIONS)
        self.ingest(shop.ROWS)
        before = self.digest("orders")
        again = self.ingest(shop.ROWS, "--again")
        self.assertEqual((again["accepted"], again["duplicate"]), (0, 5))
        self.assertEqual(self.digest("orders"), before)

    def test_rows_from_standard_input_are_a_file_too(self):
        self.make_store(WITHOUT_ID)
        text = self.write_csv("orders.csv", shop.HEADER, shop.ROWS).read_bytes()
        self.run_ok("ingest", "orders", "-", input=text)
        self.run_ok("ingest", "orders", "-", input=text)
        self.run_ok("ingest", "orders", "orders.csv")
        self.assertEqual(self.orders("ann"), (2, "12.50"))


class Events(IdentityTest):
    def setUp(self):
        super().setUp()
        self.make_store(shop.DEFINITIONS)

    def test_the_same_event_in_another_file_is_acknowledged_and_counts_once(self):
        self.ingest(shop.ROWS)
        other = self.ingest([shop.ROWS[0], shop.order("o9", "ann", "1.00", "2026-01-05T00:00:00Z")])
        self.assertEqual((other["accepted"], other["duplicate"], other["conflicting"]), (1, 1, 0))
        self.assertEqual(self.orders("ann"), (3, "13.50"))

    def test_the_same_id_with_other_columns_is_a_conflict_in_quarantine(self):
        self.ingest(shop.ROWS)
        changed = self.ingest([shop.ROWS[0][:3] + ["99.00"] + shop.ROWS[0][4:]])
        self.assertEqual((changed["accepted"], changed["conflicting"]), (0, 1))
        self.assertEqual(self.orders("ann"), (2, "12.50"))
        kept = self.run_ok("--json", "stats", "--quarantine", "orders").json()
        self.assertEqual(len(kept), 1)
        self.assertEqual((kept[0]["file"], kept[0]["line"]), ("orders.csv", 2))
        self.assertTrue(kept[0]["reason"].startswith("conflict"), kept)

    def test_the_same_id_at_another_time_is_another_event(self):
        self.ingest([shop.order("o1", "ann", "1.00", "2026-01-01T00:00:00Z"), shop.order("o1", "ann", "1.00", "2026-01-01T00:00:01Z")])
        self.assertEqual(self.orders("ann"), (2, "2.00"))

    def test_an_event_without_its_id_is_a_violation(self):
        done = self.ingest([shop.order("", "ann", "1.00", "2026-01-01T00:00:00Z"), shop.order("o2", "ann", "1.00", "2026-01-01T00:00:00Z")])
        self.assertEqual((done["accepted"], done["quarantined"]), (1, 1))

    def test_a_delete_takes_back_an_event_that_came_before(self):
        self.ingest(shop.ROWS)
        self.ingest([shop.delete("o2", "2026-01-03T12:00:00Z")], name="deletes.csv")
        self.assertEqual(self.orders("ann"), (1, "10.00"))
        self.assert_parity("shop", ["orders"])
        self.ingest([shop.delete("o2", "2026-01-03T12:00:00Z")], "--again", name="deletes.csv")
        self.assertEqual(self.orders("ann"), (1, "10.00"))
        self.assert_parity("shop", ["orders"])

    def test_a_delete_is_final_for_an_event_that_comes_later(self):
        self.ingest([shop.order("o1", "ann", "1.00", "2026-01-01T00:00:00Z"), shop.delete("o2", "2026-01-01T00:00:00Z")])
        late = self.ingest([shop.order("o2", "ann", "5.00", "2026-01-01T00:00:00Z")], "--live", name="late.csv")
        self.assertEqual((late["accepted"], late["duplicate"]), (0, 1))
        self.assertEqual(self.orders("ann"), (1, "1.00"))
        self.assert_parity("shop", ["orders"])

    def test_the_last_event_of_a_user_taken_back_leaves_nothing_found(self):
        self.ingest([shop.order("o1", "ann", "1.00", "2026-01-01T00:00:00Z")])
        self.ingest([shop.delete("o1", "2026-01-01T00:00:00Z")], name="deletes.csv")
        row = self.run_ok("--json", "get", "shop", "user=ann").json()["rows"][0]
        self.assertEqual(row["status"]["total_7d"], "not_found")
        self.assert_parity("shop", ["orders"])

    def test_after_live_rows_a_load_with_declared_arrival_is_refused_with_advice(self):
        self.ingest([shop.order("o1", "ann", "1.00", "2026-01-01T00:00:00Z")])
        self.ingest([shop.order("o2", "ann", "1.00", "2026-01-01T00:00:00Z")], "--live", name="live.csv")
        self.write_csv("old.csv", shop.HEADER, [shop.order("o3", "ann", "1.00", "2025-12-31T00:00:00Z")])
        self.assertEqual(self.run_fails(2, "ingest", "orders", "old.csv"),
                         "selfsame: source 'orders': it has live rows, so rows with a declared arrival_time are refused: what was "
                         "served before could no longer be explained; load them as arriving now with --live\n")
        self.run_ok("ingest", "orders", "old.csv", "--live")
        self.assertEqual(self.orders("ann"), (3, "3.00"))

    def test_what_was_served_before_a_delete_stays_explained_as_known(self):
        self.ingest(shop.ROWS)
        before = self.run_ok("--json", "get", "shop", "user=ann").json()
        self.ingest([shop.delete("o2", "2026-01-03T12:00:00Z")], name="deletes.csv")
        self.write_csv("spine.csv", ["user", "at", "amount"], [["ann", before["t"], ""]])
        for mode, total in (("as-known", "12.50"), ("as-of-event-time", "10.00")):
            self.run_ok("train", "shop", "--spine", "spine.csv", "--time", "at", "-o", "out.csv", "--mode", mode)
            self.assertEqual(self.read_csv("out.csv")[0]["total_7d"], total, mode)

    def test_random_inserts_deletes_duplicates_and_conflicts_end_as_the_contract_says(self):
        seed = random.randrange(2**32)
        rng = random.Random(seed)
        print("seed", seed)
        source = oracle.Source(TYPES, "at", "id", "op")
        events = {}
        for batch in range(12):
            rows = []
            for _ in range(rng.randrange(1, 12)):
                number = f"o{rng.randrange(40)}"
                at = oracle.time_text(1_767_225_600_000_000 + 3_600_000_000 * int(number[1:]))
                if rng.random() < 0.25:
                    rows.append(shop.delete(number, at))
                elif number in events and rng.random() < 0.5:
                    rows.append(events[number])
                else:
                    events[number] = shop.order(number, rng.choice(["ann", "bob", ""]), f"{rng.randrange(-999, 999) / 100:.2f}", at)
                    rows.append(events[number])
            live_at = oracle.micros(self.run_ok("--json", "stats").json()["clock"]) if batch else 1_767_600_000_000_000
            if not batch:
                self.run_ok("--now", oracle.time_text(live_at), "stats")
            self.ingest(rows, "--live", name=f"batch{batch}.csv")
            source.load([dict(zip(shop.HEADER, row)) for row in rows], live_at)
        self.assert_parity("shop", ["orders"])
        clock = oracle.micros(self.run_ok("--json", "stats").json()["clock"])
        arrivals = sorted({e.arrival for e in source.events})
        times = [t + d for t in arrivals + [clock] for d in (0, 1)]
        spine = [[user, oracle.time_text(t), ""] for t in times for user in ("ann", "bob")]
        self.write_csv("spine.csv", ["user", "at", "amount"], spine)
        for mode in ("as-known", "as-of-event-time"):
            view = oracle.View(source, ["user"], FEATURES, mode=mode)
            self.run_ok("train", "shop", "--spine", "spine.csv", "--time", "at", "-o", "out.csv", "--status", "--mode", mode)
            for (user, at, _), made in zip(spine, self.read_csv("out.csv")):
                got = [(made[f.name] or None, made[f.name + "__status"]) for f in FEATURES]
                self.assertEqual(got, view.row((user,), oracle.micros(at)), f"seed {seed}: {user} at {at}, {mode}")


class Producers(IdentityTest):
    FIRST = [shop.order("o1", "ann", "1.00", "2026-01-01T00:00:00Z")]
    SECOND = [shop.order("o2", "ann", "2.00", "2026-01-02T00:00:00Z")]

    def batch(self, rows, number):
        return self.ingest(rows, "--producer", "till-7", "--batch", number)

    def test_a_batch_sent_again_is_acknowledged_and_changes_nothing(self):
        self.make_store(WITHOUT_ID)
        self.batch(self.FIRST, 1)
        self.assertTrue(self.batch(self.FIRST, 1)["repeated"])
        self.batch(self.SECOND, 2)
        self.assertTrue(self.batch(self.FIRST, 1)["repeated"])
        self.assertTrue(self.batch(self.SECOND, 2)["repeated"])
        self.assertEqual(self.orders("ann"), (2, "3.00"))

    def test_the_same_number_with_other_content_is_an_error(self):
        self.make_store(WITHOUT_ID)
        self.batch(self.FIRST, 1)
        self.write_csv("orders.csv", shop.HEADER, self.SECOND)
        self.assertEqual(self.run_fails(2, "ingest", "orders", "orders.csv", "--producer", "till-7", "--batch", 1),
                         "selfsame: producer 'till-7': batch 1 was acknowledged before with other content; send new rows as batch 2\n")
        self.assertEqual(self.orders("ann"), (1, "1.00"))

    def test_a_gap_is_an_error(self):
        self.make_store(WITHOUT_ID)
        self.batch(self.FIRST, 1)
        self.write_csv("orders.csv", shop.HEADER, self.SECOND)
        self.assertEqual(self.run_fails(2, "ingest", "orders", "orders.csv", "--producer", "till-7", "--batch", 3),
                         "selfsame: producer 'till-7': batch 3 leaves a gap: batch 2 is expected next\n")
        self.assertEqual(self.run_fails(2, "ingest", "orders", "orders.csv", "--producer", "till-8", "--batch", 2),
                         "selfsame: producer 'till-8': batch 2 leaves a gap: batch 1 is expected next\n")
        self.assertEqual(self.orders("ann"), (1, "1.00"))

    def test_producer_and_batch_go_together(self):
        self.make_store(WITHOUT_ID)
        self.write_csv("orders.csv", shop.HEADER, self.FIRST)
        self.run_fails(2, "ingest", "orders", "orders.csv", "--producer", "till-7")
        self.run_fails(2, "ingest", "orders", "orders.csv", "--batch", 1)
        self.run_fails(2, "ingest", "orders", "orders.csv", "--producer", "till-7", "--batch", 0)


if __name__ == "__main__":
    harness.main()
