"""A history with flipped bits: an error that names the place or the same answer, never another; the rest can be saved, and what
is a copy is made anew."""
import csv
import os
import random
import re
import shutil
import sqlite3

import harness

DEFINITIONS = """
entities:
  user: {user: string}
  shop: {shop: int64}
sources:
  orders:
    columns: {id: string, op: string, user: string, shop: int64, amount: decimal(2), weight: float64, gift: bool, note: string, at: timestamp}
    event_time: at
    event_id: id
    op: op
views:
  of_user:
    entity: user
    source: orders
    features:
      orders_7d: count() over 7d
      total_30d: sum(amount) over 30d
      heaviest: max(weight) over all
      last_note: last(note) within 90d
  of_shop:
    entity: shop
    source: orders
    features:
      weight_dev: stddev(weight) over all
      gifts: count(where gift) over 30d
services:
  all:
    features: [of_user.*, of_shop.*]
"""
COLUMNS = ["id", "op", "user", "shop", "amount", "weight", "gift", "note", "at"]
FIXED = ["event_time", "arrival_time", "seq", "entities", "identity"]
SAMPLE = int(os.environ.get("SELFSAME_KILLS", "50"))


def order(rng, number):
    return [f"o{number}", "insert", f"u{rng.randrange(30)}", rng.randrange(9), f"{rng.randrange(10**4)}.5",
            repr(rng.gauss(0, 9)) if number % 9 else "", rng.choice(["true", "false", ""]), f"note {rng.randrange(5)}",
            f"2026-01-{1 + rng.randrange(28):02}T{rng.randrange(24):02}:00:00Z"]


class Damage(harness.StoreTest):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("SELFSAME_SEED", random.randrange(2**32)))
        print(f"(seed {self.seed}) ", end="", flush=True)
        self.rng = random.Random(self.seed)
        self.make_store(DEFINITIONS)
        self.rows = [order(self.rng, number) for number in range(900)]
        for part in range(3):
            self.load(self.rows[part * 250:part * 250 + 250])
            self.run_ok("compact")
        self.load(self.rows[750:])  # stays in staging
        self.load([[f"o{n}", "delete", *self.rows[n][2:]] for n in (3, 300, 301)])
        self.write_csv("spine.csv", ["user", "shop", "time"],
                       [[f"u{n % 30}", n % 9, f"2026-{1 + n % 2:02}-{1 + n % 28:02}T12:00:00Z"] for n in range(60)])
        self.whole = self.folder / "whole"
        self.store.rename(self.whole)
        self.wanted = self.answers(self.whole)
        self.saved = self.dump(self.whole, 0)
        self.assertEqual(len(self.saved), 900)

    def load(self, rows):
        self.write_csv("orders.csv", COLUMNS, rows)
        self.run_ok("ingest", "orders", "orders.csv", "--again")

    def damaged(self):
        """A copy of the whole store, to be damaged."""
        shutil.rmtree(self.store, ignore_errors=True)
        shutil.copytree(self.whole, self.store)

    def ask_train(self, store):
        (self.folder / "table.csv").unlink(missing_ok=True)
        result = self.run_any("train", "all", "--spine", "spine.csv", "--time", "time", "-o", "table.csv", store=store)
        if result.status == 0:
            result.out = (self.folder / "table.csv").read_text()
        else:
            self.assertFalse((self.folder / "table.csv").exists(), "half a table")
        return result

    def answers(self, store):
        """What each question is answered, by the question; an error is a Result."""
        found = {"train": self.ask_train(store)}
        for view in ("of_user", "of_shop"):
            found["digest " + view] = self.run_any("digest", view, "--offline", store=store)
        rebuilt = self.run_any("rebuild", "--all", store=store)
        found["rebuild"] = rebuilt if rebuilt.status else self.run_any("digest", "of_user", "--online", store=store)
        return {question: answer.out if answer.status == 0 else answer for question, answer in found.items()}

    def dump(self, store, status):
        result = self.run_any("dump", "--history", "orders", store=store)
        self.assertEqual(result.status, status, str(result)[-2000:])
        self.complaints = result.err
        return {row["_seq"]: row for row in csv.DictReader(result.out.splitlines())}

    def assert_error_names(self, result, *places):
        self.assertEqual(result.status, 2, result)
        for place in places:
            self.assertRegex(result.err, place)

    def blobs(self, where="1"):
        db = sqlite3.connect(self.whole / "history.db")
        found = db.execute("SELECT blobs.id, segments.id, index_id, first_seq, last_seq FROM blobs JOIN segments ON segments.id = blobs.id >> 16 "
                           f"WHERE {where} ORDER BY 1").fetchall()
        names = {16 + position: name for position, name in db.execute("SELECT position, name FROM source_columns")}
        db.close()
        return [(blob, segment, index, first, last, (FIXED + [None] * 11 + [""])[blob & 0xffff] if blob & 0xffff < 16 else names[blob & 0xffff])
                for blob, segment, index, first, last in found]

    # ---- Bits

    def test_a_flipped_bit_is_named_or_changes_nothing_and_the_rest_is_saved(self):
        blobs = self.blobs()
        self.assertGreater(len(blobs), 40)
        self.assertGreaterEqual(len({segment for _, segment, index, *_ in blobs if index == 0}), 3)
        # The questions read the sorted copies alone: a sample by chance may hold hardly any of them.
        copies, rest = [found for found in blobs if found[2]], [found for found in blobs if not found[2]]
        chosen = self.rng.sample(copies, min(SAMPLE // 2, len(copies)))
        chosen += self.rng.sample(rest, min(SAMPLE - len(chosen), len(rest)))
        named = set()
        for blob, segment, index, first, last, column in chosen:
            with self.subTest(segment=segment, index=index, column=column, seed=self.seed):
                self.damaged()
                self.flip_bit(blob, self.rng.randrange(2**30))
                self.assert_saved(index, first, last, column)
                for question, answer in self.answers(self.store).items():
                    if isinstance(answer, str):
                        self.assertEqual(answer, self.wanted[question], question)
                    else:
                        named.add(column)
                        self.assert_error_names(answer, f"damaged: segment {segment} of source 'orders'", f"column '{column}'")
                if index:
                    self.assert_mended()
        self.assertGreater(len(named), 1, "no question came across damage")

    def assert_saved(self, index, first, last, column):
        lost = not index and column != "identity"
        saved = self.dump(self.store, 1 if lost else 0)
        if not lost:
            self.assertEqual(saved, self.saved)
            return
        self.assertRegex(self.complaints, rf"damaged: segment \d+ of source 'orders' \(the log, seq {first} to {last}\), column '{column}'")
        self.assertIn("1 parts of its history", self.complaints)
        empty = {"event_time": ["at", "_event_time_us", "_arrival_time"], "arrival_time": ["_arrival_time"], "seq": []}
        for seq, row in self.saved.items():
            inside = first <= int(seq) <= last
            if inside and column == "seq" and not self.follow(first, last):
                self.assertNotIn(seq, saved)
            else:
                self.assertEqual(saved[seq], {**row, **dict.fromkeys(empty.get(column, [column]), "")} if inside else row)

    def follow(self, first, last):
        """Are the seqs of a segment without holes? Then they are known, even if its list of them is lost."""
        return sum(first <= int(seq) <= last for seq in self.saved) == last - first + 1

    def assert_mended(self):
        self.run_ok("compact", "--reindex")
        self.assertEqual(self.answers(self.store), self.wanted)

    def test_lists_of_identities_are_made_anew(self):
        """Without them no load can tell what is there already."""
        self.damaged()
        lists = [blob for blob, *_, column in self.blobs("index_id = 0") if column == "identity"]
        self.assertGreater(len(lists), 2)
        for blob in lists:
            self.flip_bit(blob, self.rng.randrange(2**30))
        self.run_ok("compact", "--reindex")
        for blob in lists:
            self.assertEqual(self.bytes_of(blob, self.store), self.bytes_of(blob, self.whole))

    def bytes_of(self, blob, store):
        db = sqlite3.connect(store / "history.db")
        try:
            return db.execute("SELECT bytes FROM blobs WHERE id = ?", [blob]).fetchone()[0]
        finally:
            db.close()

    def test_all_sorted_copies_are_made_anew_at_once(self):
        self.damaged()
        for blob, *_ in self.blobs("index_id > 0"):
            self.flip_bit(blob, self.rng.randrange(2**30))
        self.assertFalse(any(isinstance(answer, str) for answer in self.answers(self.store).values()))
        self.assert_mended()

    def test_many_damaged_parts_are_each_named_and_the_rest_is_saved(self):
        self.damaged()
        log = [entry for entry in self.blobs("index_id = 0") if entry[5] in ("amount", "note", "seq")]
        spoilt = [entry for entry in log if entry[5] != "seq"] + [entry for entry in log if entry[5] == "seq"][:1]
        for blob, *_ in spoilt:
            self.flip_bit(blob, self.rng.randrange(2**30))
        saved = self.dump(self.store, 1)
        holes = not self.follow(*spoilt[-1][3:5])
        lost = {seq for seq in self.saved if holes and spoilt[-1][3] <= int(seq) <= spoilt[-1][4]}
        self.assertEqual(set(self.saved) - set(saved), lost)
        last = max(entry[4] for entry in log)
        for seq, row in saved.items():
            self.assertEqual(row, {**self.saved[seq], "amount": "", "note": ""} if int(seq) <= last else self.saved[seq])
        self.assertEqual(len(re.findall("damaged: segment", self.complaints)), len(spoilt) - 2 * holes)  # a lost segment is named once

    def test_a_missing_or_cut_blob_is_damage(self):
        for sql in ("DELETE FROM blobs WHERE id = ?", "UPDATE blobs SET bytes = substr(bytes, 1, length(bytes) / 2) WHERE id = ?",
                    "UPDATE blobs SET bytes = x'' WHERE id = ?", "UPDATE blobs SET bytes = 7 WHERE id = ?"):
            for blob, segment, index, _, _, column in self.blobs("blobs.id & 65535 < 4 AND index_id <= 1"):
                with self.subTest(sql, segment=segment, column=column):
                    self.damaged()
                    self.assertEqual(self.change_history(sql, [blob]), 1)
                    result = self.run_any("digest", "of_user", "--offline")
                    if index:
                        self.assert_error_names(result, f"damaged: segment {segment} of source 'orders'", f"column '{column}'")
                    else:
                        self.assertEqual(result.out, self.wanted["digest of_user"])
                        self.dump(self.store, 1)

    # ---- Rows

    def test_nonsense_in_the_list_of_segments_is_damage(self):
        changes = ["row_count = 0", "row_count = -7", "row_count = 65537", "row_count = row_count - 1", "row_count = 'x'", "first_seq = 0",
                   "first_seq = last_seq + 1", "first_seq = first_seq + 1", "last_seq = last_seq + 1", "last_seq = -1", "last_seq = 9223372036854775807",
                   "first_us = last_us + 1", "first_us = first_us + 1", "last_us = last_us - 1", "last_us = 9223372036854775807",
                   "first_seq = 1e300", "source = 77", "index_id = 77"]
        keys = ["first_key = x''", "first_key = x'ff'", "last_key = x'00'", "first_key = zeroblob(9999)"]
        for index in (0, 1):
            for change in changes + keys * index:
                with self.subTest(change, index=index):
                    self.damaged()
                    where = f"(SELECT max(id) FROM segments WHERE index_id = {index})"
                    self.assertEqual(self.change_history(f"UPDATE segments SET {change} WHERE id = {where}"), 1)
                    for question in (["digest", "of_user", "--offline"], ["sql", "--csv", "SELECT count(*), sum(weight), max(_seq) FROM orders"]):
                        whole = self.run_ok(*question, store=self.whole).out
                        result = self.run_any(*question)
                        if result.status == 0:
                            self.assertEqual(result.out, whole)
                        else:
                            self.assert_error_names(result, "damaged: ")

    def test_a_segment_that_makes_no_sense_is_passed_over_by_a_dump(self):
        self.damaged()
        self.assertEqual(self.change_history("UPDATE segments SET row_count = -1 WHERE id = (SELECT min(id) FROM segments WHERE index_id = 0)"), 1)
        self.run_fails(2, "digest", "of_user", "--offline")
        saved = self.dump(self.store, 1)
        self.assertEqual(saved, {seq: row for seq, row in self.saved.items() if int(seq) > 250})
        self.assertIn("(seq 1 to 250) makes no sense", self.complaints)

    def test_a_staged_value_of_another_type_is_damage_and_the_rest_is_saved(self):
        self.damaged()
        self.assertEqual(self.change_history("UPDATE events_1 SET c3 = 'x' WHERE seq = 800"), 1)
        self.assertEqual(self.run_any("sql", "SELECT shop FROM orders").status, 2)
        saved = self.dump(self.store, 1)
        self.assertEqual(saved, {**self.saved, "800": {**self.saved["800"], "shop": ""}})
        self.assertIn("seq 800, column 'shop'", self.complaints)

    def test_a_saved_history_loads_again(self):
        result = self.run_ok("dump", "--history", "orders", store=self.whole)
        self.write("saved.csv", result.out)
        self.make_store(DEFINITIONS)
        self.run_ok("ingest", "orders", "saved.csv")
        again = self.dump(self.store, 0)
        strip = lambda rows: [{name: row[name] for name in COLUMNS} for row in rows.values()]
        self.assertEqual(strip(again), strip(self.saved))

    def test_a_dump_of_an_unknown_source_is_an_error(self):
        self.assertIn("knows no such source", self.run_fails(2, "dump", "--history", "nothing", store=self.whole))
        self.assertIn("unexpected", self.run_fails(2, "dump", "--history", "orders", "more", store=self.whole))


if __name__ == "__main__":
    harness.main()
