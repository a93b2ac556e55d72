"""Training tables made again from their manifests, on the command line: the same bytes, or exit status and message that say why not."""
import hashlib
import sqlite3

import harness
import shop
import test_full_disk

TABLE = "out.db:rows"


class RebuildTable(harness.StoreTest):
    def setUp(self):
        super().setUp()
        shop.fill(self)
        self.write_spine("x")
        self.run_ok("train", "shop", "--spine", "spine.csv", "--time", "at", "-o", TABLE, "--status", "--map", "user=who")
        self.first = self.picture()

    def write_spine(self, label, rows=40):
        users = ["ann", "bob", "nobody", ""]
        self.write_csv("spine.csv", ["label", "who", "at", "amount"],
                       [[label, users[n % 4], f"2026-01-{1 + n % 9:02}T{n % 24:02}:00:00Z", "1.50"] for n in range(rows)])

    def sql(self, text):
        db = sqlite3.connect(self.folder / "out.db", isolation_level=None)
        try:
            return db.execute(text).fetchall()
        finally:
            db.close()

    def picture(self):
        return self.sql("SELECT name, sql FROM sqlite_schema"), self.sql("SELECT rowid, * FROM rows"), self.sql("SELECT * FROM selfsame_manifest")

    def rebuild(self, status=0):
        """The JSON answer; of 1 the table has to stay as it was."""
        before = self.picture() if status else self.first
        result = self.run_any("--json", "rebuild-table", TABLE)
        self.assertEqual(result.status, status, result)
        self.assertEqual(self.picture(), before)
        self.assertEqual(result.json()["equal"], status == 0)
        return result

    def test_it_is_the_same_after_rows_deletes_compaction_and_other_definitions(self):
        digest = self.sql("SELECT rows_digest FROM selfsame_manifest")[0][0]
        self.write_csv("more.csv", shop.HEADER, [shop.order(f"m{n}", "ann", "5.00", f"2026-01-0{1 + n % 6}T01:00:00Z") for n in range(50)])
        self.run_ok("ingest", "orders", "more.csv")
        self.rebuild()
        self.write_csv("late.csv", shop.HEADER, [shop.order(f"l{n}", "bob", "7.00", f"2026-01-0{1 + n % 5}T02:00:00Z") for n in range(50)])
        self.run_ok("ingest", "orders", "late.csv", "--live")
        self.write_csv("gone.csv", shop.HEADER, [shop.delete("o2", "2026-01-03T12:00:00Z"), shop.delete("m3", "2026-01-04T01:00:00Z")])
        self.run_ok("ingest", "orders", "gone.csv")
        self.rebuild()
        self.run_ok("compact")
        self.rebuild()
        changed = shop.DEFINITIONS.replace("total_7d: sum(amount) over 7d", "total_7d: sum(amount) over 14d")
        self.write("features.yaml", changed.replace("note: string,", "note: string, colour: string,"))
        self.run_ok("apply", "features.yaml", "--yes")
        self.rebuild()
        self.write("features.yaml", harness.CLICKS)  # without the source, its views and the service
        self.run_ok("apply", "features.yaml", "--yes")
        self.run_ok("compact", "--reindex")
        answer = self.rebuild()
        self.assertEqual(answer.json() | {"cells": None},
                         {"service": "shop", "output": TABLE, "rows": 40, "features": 8, "cells": None, "seq": 5, "digest": digest, "equal": True})

    def test_a_human_is_told_in_plain_words_on_standard_error(self):
        self.sql("DROP TABLE rows")
        result = self.run_ok("rebuild-table", TABLE)
        self.assertEqual(result.out, "")
        summary, equal = result.err.splitlines()
        self.assertRegex(summary, r"^out.db:rows: 40 rows x 8 features as of seq 5 in \d+\.\d\d s; cells: ")
        self.assertRegex(equal, "^out.db:rows: made again, the same bytes as its manifest says: digest [0-9a-f]{64}$")
        self.assertEqual(self.picture(), self.first)

    def test_what_differs_gets_one_and_says_why(self):
        self.write_spine("y")
        answer = self.rebuild(status=1)
        self.assertEqual(answer.err, f"selfsame: {answer.json()['why']}\n")
        self.assertIn("spine 'spine.csv': it has the hash", answer.err)
        self.write_spine("x")
        self.rebuild()
        self.sql("UPDATE selfsame_manifest SET newest_seq = 2")
        self.assertIn("it comes out as 40 rows with the digest", self.rebuild(status=1).err)

    def test_what_cannot_be_made_and_wrong_use_get_two(self):
        for arguments, told in (([], "which table?"), ([TABLE, TABLE], "which table?"), (["--again", TABLE], "it has no options"),
                                (["out.csv"], "expected FILE.db:TABLE"), (["no.db:rows"], "there is no file 'no.db'"),
                                (["out.db:other"], "no line about it in selfsame_manifest"),
                                (["store/history.db:rows"], "lies in the store's own folder"),
                                (["--server", "127.0.0.1:1", TABLE], "works on a store's folder only, not on server '127.0.0.1:1'")):
            with self.subTest(arguments):
                self.assertIn(told, self.run_fails(2, "rebuild-table", *arguments) if "--server" not in arguments
                              else self.run_without_folder(*arguments))
        self.run_ok("init", store=self.folder / "empty")
        self.assertIn("is this the store that it was made from", self.run_fails(2, "rebuild-table", TABLE, store=self.filled_otherwise()))
        self.assertIn("view 'orders' cannot be computed", self.run_fails(2, "rebuild-table", TABLE, store=self.folder / "empty"))
        (self.folder / "spine.csv").unlink()
        self.assertIn("spine 'spine.csv': it is not there", self.run_fails(2, "rebuild-table", TABLE))
        self.assertEqual(self.picture(), self.first)

    def run_without_folder(self, *arguments):
        result = harness.subprocess.run([harness.binary(), "rebuild-table", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        return result.stderr

    def filled_otherwise(self):
        other = self.folder / "other"
        self.run_ok("init", "--clock", "replay", store=other)
        self.run_ok("apply", "features.yaml", "--yes", store=other)
        self.write_csv("few.csv", shop.HEADER, shop.ROWS[:2])
        self.run_ok("ingest", "orders", "few.csv", store=other)
        return other

    def test_it_works_beside_a_writer_of_the_store_and_waits_for_no_one_for_ever_who_locks_the_table(self):
        writer = self.start("ingest", "orders", "-")
        writer.stdin.write((",".join(shop.HEADER) + "\n").encode())
        writer.stdin.flush()
        self.rebuild()
        writer.communicate()
        locker = sqlite3.connect(self.folder / "out.db", isolation_level=None)
        self.addCleanup(locker.close)
        locker.execute("BEGIN IMMEDIATE")
        self.assertIn("another program holds the file's lock", self.run_fails(2, "rebuild-table", TABLE))
        locker.execute("ROLLBACK")
        self.rebuild()

    def test_a_full_disk_leaves_the_table_and_its_manifest(self):
        self.write_spine("x" * 200, rows=4000)
        self.run_ok("train", "shop", "--spine", "spine.csv", "--time", "at", "-o", TABLE, "--map", "user=who")
        before = hashlib.sha256((self.folder / "out.db").read_bytes()).hexdigest()
        for size in (4096, 100_000, 600_000):
            self.run_fails(2, "rebuild-table", TABLE, preexec_fn=test_full_disk.limited(size))
            self.assertEqual(hashlib.sha256((self.folder / "out.db").read_bytes()).hexdigest(), before)
            self.assertEqual(sorted(p.name for p in self.folder.glob("out*")), ["out.db"])
        self.run_ok("rebuild-table", TABLE)


class SpinesInSqlite(harness.StoreTest):
    """What a file of the user's may have that SQLite would act upon."""

    def setUp(self):
        super().setUp()
        shop.fill(self)

    def sql(self, *statements):
        db = sqlite3.connect(self.folder / "out.db", isolation_level=None)
        try:
            return [db.execute(text).fetchall() for text in statements][-1]
        finally:
            db.close()

    def train(self, spine, output="out.db:rows"):
        return self.run_any("train", "shop", "--spine", spine, "--time", "at", "-o", output)

    def test_cells_keep_their_types_whatever_a_column_is_declared_as(self):
        self.sql("CREATE TABLE spine(user TEXT, at TEXT, amount TEXT, zip ANY, n ANY) STRICT",
                 "INSERT INTO spine VALUES ('ann', '2026-01-05T00:00:00Z', '1.50', '01234', 7), ('bob', '2026-01-05T00:00:00Z', '2.50', '1e5', '7')",
                 "CREATE VIEW both AS SELECT user, at, amount, 1 AS label FROM spine WHERE user = 'ann' UNION ALL "
                 "SELECT user, at, amount, '007' FROM spine WHERE user = 'bob'")
        self.assertEqual(self.train("out.db:spine").status, 0)
        self.assertEqual(self.sql("SELECT zip, typeof(zip), n, typeof(n) FROM rows"), [("01234", "text", 7, "integer"), ("1e5", "text", "7", "text")])
        self.assertEqual(self.train("out.db:both").status, 0)
        self.assertEqual(self.sql("SELECT label, typeof(label) FROM rows"), [(1, "integer"), ("007", "text")])

    def test_a_declared_type_that_is_more_than_a_type_loses_no_row(self):
        for declared in ("TEXT UNIQUE ON CONFLICT IGNORE", "TEXT PRIMARY KEY ON CONFLICT REPLACE", "INTEGER UNIQUE ON CONFLICT IGNORE"):
            self.sql("DROP TABLE IF EXISTS spine", f'CREATE TABLE spine(user, at, amount, label "{declared}")',
                     "INSERT INTO spine VALUES ('bob', '2026-01-05T00:00:00Z', '1.50', 5), ('ann', '2026-01-05T00:00:00Z', '2.50', 5)")
            self.assertEqual(self.train("out.db:spine").status, 0)
            self.assertEqual(self.sql("SELECT user, label FROM rows"), self.sql("SELECT user, label FROM spine"), declared)
            self.assertEqual(self.sql("SELECT count(*) FROM rows"), [(2,)], declared)

    def test_a_store_s_history_is_no_place_for_a_table(self):
        self.write_csv("spine.csv", ["user", "at", "amount"], [["ann", "2026-01-05T00:00:00Z", "1.50"]])
        (self.folder / "link.db").symlink_to(self.store / "history.db")
        for place in ("link.db:t", f"file:{self.store}/history.db:t"):
            result = self.train("spine.csv", place)
            self.assertEqual(result.status, 2, place)
            self.assertIn("is the history of a store", result.err)
        self.assertIn("is no file; name one", self.train("spine.csv", ":memory::t").err)

    def test_triggers_of_the_file_do_not_run(self):
        self.write_csv("spine.csv", ["user", "at", "amount"], [["ann", "2026-01-05T00:00:00Z", "1.50"]])
        self.assertEqual(self.train("spine.csv").status, 0)
        self.sql("CREATE TRIGGER empty AFTER INSERT ON selfsame_manifest BEGIN DELETE FROM rows; END")
        self.run_ok("rebuild-table", "out.db:rows")
        self.assertEqual(self.sql("SELECT count(*) FROM rows"), [(1,)])


if __name__ == "__main__":
    harness.main()
