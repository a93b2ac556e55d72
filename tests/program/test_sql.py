"""selfsame sql: history as rows, of every type, from staging and from segments; only reading."""
import base64
import csv
import io
import json
import os
import pathlib
import pty
import random
import shutil
import signal
import subprocess
import time

import harness

DEFINITIONS = """
entities:
  user: {user: string}
sources:
  orders:
    columns: {id: string, op: string, user: string, paid: bool, pieces: int64, weight: float64, amount: decimal(2), note: string,
              raw: bytes, due: timestamp, words: list<string>, prices: list<decimal(2)>, place: vector(3), at: timestamp}
    event_time: at
    event_id: id
    op: op
    arrival: event_time + 15m
views:
  of_user:
    entity: user
    source: orders
    features:
      orders: count() over 30d
"""
COLUMNS = ["id", "op", "user", "paid", "pieces", "weight", "amount", "note", "raw", "due", "words", "prices", "place", "at"]
OWN = ["_event_time_us", "_arrival_time", "_seq", "_deleted_seq"]
ODD_NOTES = ["", 'a "quoted" note', "two\nlines, and a comma", "tab\tand \x01", "ä€𐍈", "null", "'; DROP TABLE orders; --"]


def maybe(rng, value):
    return None if rng.randrange(8) == 0 else value


def order(rng, number):
    """A row as JSON has it of SQL."""
    at = f"2026-01-{1 + number % 28:02}T{rng.randrange(24):02}:00:00.25Z"
    return {
        "id": f"o{number}", "op": "insert", "user": maybe(rng, f"u{rng.randrange(9)}"), "paid": maybe(rng, rng.randrange(2)),
        "pieces": maybe(rng, rng.choice([0, -1, 7, 2**63 - 1, -2**63, rng.randrange(10**6)])),
        "weight": maybe(rng, rng.choice([0.1, 100.0, 1e16, 5e-324, -1.7976931348623157e308, rng.gauss(0, 1)])),
        "amount": maybe(rng, rng.choice(["0.00", "-12.30", "9999999999999999.99", f"{rng.randrange(10**6)}.05"])),
        "note": maybe(rng, rng.choice(ODD_NOTES)), "raw": maybe(rng, base64.b64encode(rng.randbytes(rng.randrange(6))).decode()),
        "due": maybe(rng, f"20{rng.randrange(10, 99)}-02-03T04:05:06Z"),
        "words": maybe(rng, json.dumps(rng.choice([[], ["a"], ["a,b", 'q"', None]]), separators=(",", ":"))),
        "prices": maybe(rng, rng.choice(["[]", '["1.00",null,"-0.50"]'])), "place": maybe(rng, rng.choice(["[0.0,1.5,-2.0]", "[1.0,2.0,3.0]"])),
        "at": at,
    }


def written(row):
    """The row as a line of CSV: an empty cell is null, a quoted empty one is empty text."""
    cells = []
    for column in COLUMNS:
        value = row[column]
        if column == "paid" and value is not None:
            value = "true" if value else "false"
        text = value if isinstance(value, str) else "" if value is None else repr(value)
        cells.append(text if value is None else '"' + text.replace('"', '""') + '"')
    return ",".join(cells) + "\n"


class Sql(harness.StoreTest):
    def load(self, name, rows, *options):
        self.write(name, ",".join(COLUMNS) + "\n" + "".join(written(row) for row in rows))
        self.run_ok("ingest", "orders", name, *options)

    def fill(self, count=60, seed=1):
        rng = random.Random(seed)
        self.make_store(DEFINITIONS)
        rows = [order(rng, number) for number in range(count)]
        self.load("orders.csv", rows)
        return rows

    def ask(self, query):
        return self.run_ok("--json", "sql", query).json()

    def assert_rows(self, rows, deleted=None):
        found = self.ask("SELECT * FROM orders")
        self.assertEqual(len(found), len(rows))
        for seq, (row, is_row) in enumerate(zip(rows, found), 1):
            own = {name: is_row.pop(name) for name in OWN}
            self.assertEqual(is_row, row)
            self.assertEqual((own["_seq"], own["_deleted_seq"]), (seq, (deleted or {}).get(seq)))
            hour = row["at"][:-4] + "Z"
            self.assertEqual(own["_arrival_time"], hour.replace(":00:00", ":15:00")[:-1] + ".25Z")
            self.assertEqual(own["_event_time_us"] % 1000000, 250000)

    # ---- What is there

    def test_every_value_of_every_type_reads_as_it_was_written(self):
        rows = self.fill()
        self.assert_rows(rows)
        self.run_ok("compact")
        self.assert_rows(rows)
        more = [order(random.Random(2), number) for number in range(100, 120)]
        self.load("more.csv", more)
        self.assert_rows(rows + more)
        self.run_ok("compact")
        self.assert_rows(rows + more)

    def test_columns_have_their_names_and_types_and_an_order(self):
        self.fill(1)
        table = self.ask("PRAGMA table_info(orders)")
        self.assertEqual([column["name"] for column in table], ["at"] + COLUMNS[:-1] + OWN)
        types = {column["name"]: column["type"] for column in table}
        self.assertEqual({name: types[name] for name in ("paid", "weight", "amount", "raw", "words", "_seq")},
                         {"paid": "INTEGER", "weight": "REAL", "amount": "TEXT", "raw": "BLOB", "words": "TEXT", "_seq": "INTEGER"})

    def test_values_have_the_types_of_sql(self):
        self.fill(60)
        kinds = "SELECT DISTINCT " + ", ".join(f"typeof({name}) AS {name}" for name in ("paid", "weight", "amount", "raw", "due", "_seq"))
        found = self.ask(kinds + " FROM orders WHERE paid + weight IS NOT NULL AND amount || raw || due IS NOT NULL")
        self.assertEqual(found, [{"paid": "integer", "weight": "real", "amount": "text", "raw": "blob", "due": "text", "_seq": "integer"}])

    def test_deleted_rows_are_shown_with_the_delete(self):
        rows = self.fill(40)
        self.run_ok("compact")
        gone = [dict(rows[7], op="delete"), dict(rows[20], op="delete")]
        self.load("gone.csv", gone)
        self.assert_rows(rows, {8: 41, 21: 42})
        self.run_ok("compact")
        self.assert_rows(rows, {8: 41, 21: 42})
        self.assertEqual(self.ask("SELECT count(*) AS n FROM orders WHERE _deleted_seq IS NULL"), [{"n": 38}])

    def test_csv_is_what_python_reads_of_the_input(self):
        rows = self.fill()
        self.run_ok("compact")
        names = [name for name in COLUMNS if name != "paid"]
        answer = self.run_ok("sql", "--csv", f"SELECT {', '.join(names)}, _seq FROM orders").out
        wanted = [[("" if row[name] is None else row[name] if isinstance(row[name], str) else repr(row[name])) for name in names] + [str(seq)]
                  for seq, row in enumerate(rows, 1)]
        self.assertEqual(list(csv.reader(io.StringIO(answer, newline=""))), [names + ["_seq"]] + wanted)

    def test_null_and_empty_text_differ_in_csv(self):
        self.fill(1)
        self.assertEqual(self.run_ok("sql", "--csv", "SELECT '' AS a, NULL AS b, x'' AS c, 'x,y' AS d").out, 'a,b,c,d\n"",,"","x,y"\n')

    def test_a_bulk_load_reads_as_it_was_written(self):
        rows = self.fill(40)
        self.make_bulk()
        seqs = self.ask("SELECT min(_seq) AS least, max(_seq) AS greatest, count(DISTINCT _seq) AS n, sum(pieces) AS pieces FROM orders "
                        "WHERE id LIKE 'b%'")
        self.assertEqual(seqs, [{"least": 41, "greatest": 70040, "n": 70000, "pieces": sum(range(70000))}])
        self.assertEqual(self.ask("SELECT id, note FROM orders WHERE _seq = 1")[0]["note"], rows[0]["note"])

    def make_bulk(self):
        lines = "".join(f"b{number},insert,u1,,{number},,,n{number % 7},,,,,,2026-02-01T00:00:00Z\n" for number in range(70000))
        self.write("bulk.csv", ",".join(COLUMNS) + "\n" + lines)
        self.run_ok("ingest", "orders", "bulk.csv", "--bulk")

    # ---- Asking

    def test_bounds_of_seq_mean_what_they_say(self):
        rows = self.fill(60)
        self.run_ok("compact")
        self.load("more.csv", [order(random.Random(3), number) for number in range(60, 80)])
        everything = list(range(1, len(rows) + 21))
        for bound, holds in [("_seq > 55", lambda s: s > 55), ("_seq >= 60", lambda s: s >= 60), ("_seq = 61", lambda s: s == 61),
                             ("_seq < 3", lambda s: s < 3), ("_seq <= 60", lambda s: s <= 60), ("_seq > 58.5", lambda s: s > 58.5),
                             ("_seq < 58.5", lambda s: s < 58.5), ("_seq BETWEEN 59 AND 62", lambda s: 59 <= s <= 62),
                             ("_seq = NULL", lambda s: False), ("_seq > -5", lambda s: True), ("_seq < 'text'", lambda s: True),
                             ("_seq = '7'", lambda s: s == 7), ("_seq > 1e300", lambda s: False), ("rowid = 5", lambda s: s == 5),
                             ("_seq > 10 AND _seq > 70", lambda s: s > 70), ("_seq IN (1, 70, 5)", lambda s: s in (1, 70, 5)),
                             ("_seq > 9223372036854775807", lambda s: False), ("NOT _seq > 3", lambda s: s <= 3)]:
            with self.subTest(bound):
                found = [row["_seq"] for row in self.ask(f"SELECT _seq FROM orders WHERE {bound} ORDER BY _seq")]
                self.assertEqual(found, [seq for seq in everything if holds(seq)])
        self.assertEqual([row["_seq"] for row in self.ask("SELECT _seq FROM orders ORDER BY _seq DESC LIMIT 3")], [80, 79, 78])

    def test_bounds_of_seq_and_columns_not_asked_for_are_not_read(self):
        self.fill(40)
        self.make_bulk()
        plan = self.ask("EXPLAIN QUERY PLAN SELECT * FROM orders WHERE _seq > 70000 ORDER BY _seq LIMIT 10")
        self.assertEqual(len(plan), 1, "no sorting")
        self.flip_bit("(SELECT min(id) FROM segments WHERE index_id = 0) << 16")  # event_time
        self.assertEqual(len(self.ask("SELECT id FROM orders WHERE _seq > 70000 LIMIT 10")), 10)
        self.run_fails(2, "sql", "SELECT id FROM orders WHERE _seq > 65000 LIMIT 10")

    def test_a_damaged_column_is_an_error_only_where_it_is_asked_for(self):
        self.fill(40)
        self.run_ok("compact")
        self.flip_bit("(SELECT min(id) FROM segments WHERE index_id = 0) << 16 | 23")  # note: c7
        self.assertEqual(len(self.ask("SELECT id, amount FROM orders")), 40)
        error = self.run_fails(2, "sql", "SELECT id, note FROM orders")
        self.assertRegex(error, r"damaged: segment \d+ of source 'orders' \(the log, seq 1 to 40\), column 'note'")

    def test_joins_see_one_state_and_plain_tables_are_there(self):
        self.fill(40)
        self.assertEqual(self.ask("SELECT count(*) AS n FROM orders a JOIN orders b ON a._seq = b._seq + 1"), [{"n": 39}])
        self.assertEqual(self.ask("SELECT first_seq, last_seq FROM commits"), [{"first_seq": 1, "last_seq": 40}])
        self.assertEqual(self.ask("SELECT * FROM quarantine"), [])

    def test_statements_of_standard_input_run_one_after_another(self):
        self.fill(3)
        result = self.run_ok("sql", "--csv", input=b"-- a comment\nSELECT 1 AS a;\nSELECT count(*) AS n\nFROM orders;;\n")
        self.assertEqual(result.out, "a\n1\nn\n3\n")
        result = self.run_any("sql", "--csv", input=b"SELECT 1 AS a; SELECT missing; SELECT 2 AS b;")
        self.assertEqual((result.status, result.out), (2, "a\n1\n"))
        self.assertIn("no such column: missing", result.err)
        self.assertIn("zero byte", self.run_fails(2, "sql", input=b"SELECT 1;\0"))

    def test_a_table_is_aligned_and_shows_no_control_characters(self):
        self.fill(3)
        self.assertEqual(self.run_ok("sql", "SELECT 'a' AS name, 10 AS n UNION ALL SELECT char(27) || 'long', 2").out,
                         "name    n\na      10\n long   2\n")

    def test_a_source_is_read_without_live_definitions(self):
        rows = self.fill(10)
        self.write("features.yaml", "entities:\n  user: {user: string}\n")
        self.run_ok("apply", "features.yaml", "--yes")
        self.assert_rows(rows)

    def test_a_source_named_as_a_plain_table_hides_it(self):
        self.make_store(DEFINITIONS.replace("orders", "commits"))
        self.assertEqual(self.ask("SELECT count(*) AS n FROM commits WHERE _seq > 0"), [{"n": 0}])
        self.assertEqual(self.ask("SELECT count(*) AS n FROM main.commits WHERE last_seq > 0"), [{"n": 0}])

    def test_names_that_differ_by_case_are_told_apart(self):
        self.make_store("entities:\n  user: {user: int64}\nsources:\n  clicks:\n    columns: {user: int64, User: int64, USER: int64, at: timestamp}\n"
                        "    event_time: at\nviews:\n  v:\n    entity: user\n    source: clicks\n    features: {n: count() over 1d}\n")
        self.write("c.csv", "user,User,USER,at\n1,2,3,2026-01-01T00:00:00Z\n")
        self.run_ok("ingest", "clicks", "c.csv")
        row = self.ask("SELECT * FROM clicks")[0]
        self.assertEqual((row["user"], row["User_1"], row["USER_2"]), (1, 2, 3))

    def test_a_person_at_a_terminal_is_asked_and_goes_on_after_an_error(self):
        self.fill(3)
        leader, follower = pty.openpty()
        process = self.start("sql", "--csv", stdin=follower)
        os.close(follower)
        os.write(leader, b"SELECT missing;\nSELECT count(*) AS n\nFROM orders;\n\x04")
        out, err = process.stdout.read(), process.stderr.read()
        process.wait(timeout=20)
        os.close(leader)
        process.stdout.close(), process.stderr.close(), process.stdin and process.stdin.close()
        self.assertEqual((process.returncode, out), (0, b"n\n3\n"))
        self.assertIn(b"no such column: missing", err)
        self.assertIn(b"selfsame> ", err)

    def test_the_extension_gives_the_same_rows_to_sqlite(self):
        extension = pathlib.Path(harness.binary()).parent / "selfsame_history.so"
        if not extension.exists() or not shutil.which("sqlite3"):
            self.skipTest("selfsame_history.so or sqlite3 is not there")
        self.fill(40)
        self.run_ok("compact")
        query = "SELECT * FROM orders WHERE _seq BETWEEN 5 AND 30"
        columns = ", ".join("'%s', %s" % (name, "NULL" if name in ("raw", "weight") else name) for name in ["at"] + COLUMNS[:-1] + OWN)
        command = ["sqlite3", self.store / "history.db", "-cmd", f".load {extension.with_suffix('')}",
                   f"SELECT json_object({columns}) FROM orders WHERE _seq BETWEEN 5 AND 30"]
        result = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual([json.loads(line) for line in result.stdout.splitlines()], [{**row, "raw": None, "weight": None} for row in self.ask(query)])
        result = subprocess.run(["sqlite3", ":memory:", "-cmd", f".load {extension.with_suffix('')}", "SELECT 1"], capture_output=True, text=True)
        self.assertIn("open the history.db of a store first", result.stderr)

    # ---- What is refused

    def test_errors_are_those_of_sqlite(self):
        self.fill(3)
        for query, wanted in [("SELEC 1", 'near "SELEC": syntax error'), ("SELECT missing FROM orders", "no such column: missing"),
                              ("SELECT * FROM missing", "no such table: missing"), ("SELECT abs(-9223372036854775808)", "integer overflow")]:
            self.assertIn(wanted, self.run_fails(2, "sql", query))
            self.assertIn(wanted, self.run_fails(2, "sql", "--csv", query))

    def test_nothing_can_be_written(self):
        self.fill(3)
        before = (self.store / "history.db").read_bytes()
        for statement in ["ATTACH 'made.db' AS made", "VACUUM INTO 'made.db'", "VACUUM", "CREATE TABLE made(a)", "CREATE TEMP TABLE made(a)",
                          "CREATE VIRTUAL TABLE temp.made USING selfsame_history(orders)", "DROP TABLE temp.orders", "DROP TABLE commits",
                          "INSERT INTO commits VALUES(1, 2, 3, 4, 5, 6)", "UPDATE commits SET id = 1", "DELETE FROM commits",
                          "DELETE FROM orders", "INSERT INTO orders(id) VALUES('x')", "BEGIN IMMEDIATE", "SAVEPOINT a", "REINDEX", "ANALYZE",
                          "PRAGMA query_only=OFF", "PRAGMA journal_mode=DELETE", "PRAGMA writable_schema=ON", "PRAGMA user_version=9",
                          "PRAGMA wal_checkpoint", "PRAGMA temp_store_directory='/'", "SELECT load_extension('x')", "DETACH main",
                          "WITH a AS (SELECT 1) DELETE FROM commits", "EXPLAIN DELETE FROM commits"]:
            with self.subTest(statement):
                self.run_fails(2, "sql", statement)
        self.assertEqual((self.store / "history.db").read_bytes(), before)
        self.assertFalse((self.folder / "made.db").exists())

    def test_wrong_use_is_told(self):
        self.fill(1)
        self.assertIn("quote the question", self.run_fails(2, "sql", "SELECT", "1"))
        self.assertIn("not both", self.run_fails(2, "--json", "sql", "--csv", "SELECT 1"))
        self.assertIn("unknown option", self.run_fails(2, "sql", "--nothing", "SELECT 1"))

    def test_an_interrupt_ends_a_statement_cleanly(self):
        self.fill(3)
        process = self.start("sql", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n, orders")
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        self.assertEqual((process.returncode, out), (2, b""))
        self.assertIn(b"interrupted", err)

    def test_reading_goes_on_beside_a_writer(self):
        rows = self.fill(30)
        writer = self.start("ingest", "orders", "-")
        self.assert_rows(rows)
        writer.communicate(",".join(COLUMNS).encode() + b"\n" + written(order(random.Random(9), 900)).encode())
        self.assertEqual(self.ask("SELECT count(*) AS n FROM orders"), [{"n": 31}])


if __name__ == "__main__":
    harness.main()
