"""Bad input at every door: always a clear message or quarantine, never a crash, never half a result."""
import os
import random
import shutil
import sqlite3

import harness
import shop

HEADER_LINE = ",".join(shop.HEADER) + "\n"
GOOD = "o1,insert,ann,1.00,1,1.0,true,n,2026-01-02T00:00:00Z,2026-01-01T00:00:00Z\n"

# A cell that is not exactly of its type: its column, its text, what the message says of it.
BAD_CELLS = [
    ("amount", b"1,5", "not a decimal of that scale"),  # quoted below
    ("amount", b"1.005", "not a decimal of that scale"),
    ("amount", b"1.00 ", "not a decimal of that scale"),
    ("amount", b"9999999999999999999", "not a decimal of that scale"),
    ("pieces", b"7.0", "not an int64"),
    ("pieces", b" 7", "not an int64"),
    ("pieces", b"+7x", "not an int64"),
    ("pieces", b"9223372036854775808", "not an int64"),
    ("weight", b"1.0kg", "not a float64"),
    ("weight", b"0x", "not a float64"),
    ("gift", b"yes", "not a bool (true or false)"),
    ("gift", b"TRUE", "not a bool (true or false)"),
    ("at", b"yesterday", "not a time"),
    ("at", b"2026-02-30T00:00:00Z", "not a time"),
    ("at", b"10000-01-01T00:00:00Z", "not a time"),
    ("due", b"2026-01-01T25:00:00Z", "not a time"),
    ("note", b"caf\xe9", "not valid UTF-8 without U+0000"),
    ("note", b"\xed\xa0\x80", "not valid UTF-8 without U+0000"),
    ("user", b"\xc0\xaf", "not valid UTF-8 without U+0000"),
]


class Rows(harness.StoreTest):
    def setUp(self):
        super().setUp()
        self.make_store(shop.DEFINITIONS)

    def bad_row(self, column, text):
        cells = GOOD.rstrip("\n").encode().split(b",")
        cells[shop.HEADER.index(column)] = b'"' + text + b'"'
        return b",".join(cells) + b"\n"

    def quarantined(self):
        return self.run_ok("--json", "stats", "--quarantine", "orders").json()

    def test_each_kind_of_bad_cell_is_quarantined_with_its_line_column_value_and_reason(self):
        lines = [GOOD.encode()] + [self.bad_row(column, text) for column, text, _ in BAD_CELLS]
        self.write("orders.csv", HEADER_LINE.encode() + b"".join(lines))
        done = self.run_any("--json", "ingest", "orders", "orders.csv")
        self.assertEqual((done.json()["accepted"], done.json()["quarantined"]), (1, len(BAD_CELLS)))
        kept = self.quarantined()
        expected = [("orders.csv", line, column, reason) for line, (column, _, reason) in enumerate(BAD_CELLS, 3)]
        self.assertEqual([(row["file"], row["line"], row["column"], row["reason"]) for row in kept], expected)
        for row, (_, text, _) in zip(kept, BAD_CELLS):
            try:
                self.assertEqual(row["value"], text.decode())
            except UnicodeDecodeError:
                self.assertIsNone(row["value"])
        self.assert_parity("shop", ["orders"])

    def test_a_key_of_10_kb_and_an_event_without_time_are_violations(self):
        self.write("orders.csv", HEADER_LINE + GOOD + GOOD.replace("o1", "o2").replace("ann", "x" * 10_000) +
                   GOOD.replace("o1", "o3").replace("2026-01-01T00:00:00Z", ""))
        done = self.run_any("--json", "ingest", "orders", "orders.csv").json()
        self.assertEqual((done["accepted"], done["quarantined"]), (1, 2))
        self.assertEqual([(row["line"], row["column"], row["reason"]) for row in self.quarantined()],
                         [(3, "user", "key is longer than 480 bytes"), (4, "at", "event_time is null")])

    def test_rows_that_are_no_rows_are_quarantined_and_the_rest_is_kept(self):
        self.write("orders.csv", HEADER_LINE + GOOD + "o2,insert,ann\n" + GOOD.rstrip("\n").replace("o1", "o3") + ",more\n" +
                   GOOD.replace("o1", "o4") + GOOD.replace("o1", "o5")[:40])
        done = self.run_any("--json", "ingest", "orders", "orders.csv").json()
        self.assertEqual((done["accepted"], done["quarantined"]), (2, 3))
        self.assertEqual([(row["line"], row["reason"]) for row in self.quarantined()],
                         [(3, "expected 10 fields, got 3"), (4, "expected 10 fields, got 11"), (6, "expected 10 fields, got 9")])

    def test_strict_refuses_the_whole_file_and_keeps_nothing_of_it(self):
        self.write("orders.csv", HEADER_LINE.encode() + GOOD.encode() + self.bad_row("pieces", b"7.0"))
        message = self.run_fails(2, "ingest", "orders", "orders.csv", "--strict")
        self.assertIn("orders.csv:3: column 'pieces': not an int64: '7.0'", message)
        stats = self.run_ok("--json", "stats").json()
        self.assertEqual((stats["events"], stats["quarantined"]), (0, 0))
        self.write("orders.csv", HEADER_LINE + GOOD)
        self.run_ok("ingest", "orders", "orders.csv", "--strict")

    def test_a_missing_column_and_a_column_that_stands_twice_refuse_the_file(self):
        self.write("orders.csv", HEADER_LINE.replace("amount", "amounts") + GOOD)
        message = self.run_fails(2, "ingest", "orders", "orders.csv")
        self.assertIn("orders.csv: no column 'amount' in its header; did you mean 'amounts'?", message)
        self.write("orders.csv", HEADER_LINE.replace("note", "user") + GOOD)
        self.run_fails(2, "ingest", "orders", "orders.csv")
        self.write("orders.csv", "")
        self.assertIn("it is empty; its first line must name the columns", self.run_fails(2, "ingest", "orders", "orders.csv"))
        self.assertIn("No such file", self.run_fails(2, "ingest", "orders", "nowhere.csv"))
        self.run_fails(2, "ingest", "order", "orders.csv")
        self.assertEqual(self.run_ok("--json", "stats").json()["events"], 0)

    def test_map_names_a_column_that_is_called_otherwise_and_extra_columns_get_one_note(self):
        self.write("orders.csv", "junk," + HEADER_LINE.replace("amount", "price") + "x," + GOOD + "y," + GOOD.replace("o1", "o2"))
        done = self.run_ok("ingest", "orders", "orders.csv", "--map", "amount=price")
        self.assertEqual(done.err.count("junk"), 1, done.err)
        answer = self.run_ok("--json", "get", "shop", "user=ann").json()
        self.assertEqual(answer["rows"][0]["features"]["total_7d"], "2.00")


class Spines(harness.StoreTest):
    def setUp(self):
        super().setUp()
        shop.fill(self)

    def fails(self, header, *rows, time="at"):
        self.write_csv("spine.csv", header, rows)
        message = self.run_fails(2, "train", "shop", "--spine", "spine.csv", "--time", time, "-o", "out.csv")
        self.assertFalse((self.folder / "out.csv").exists(), "never half a result")
        return message

    def test_a_spine_column_that_is_no_time_is_named_with_its_line(self):
        good = ["ann", "2026-01-01T00:00:00Z", "1"]
        self.assertEqual(self.fails(["user", "at", "amount"], good, ["ann", "noon", "1"]),
                         "selfsame: spine.csv:3: column 'at': not a time: 'noon'\n")
        self.assertEqual(self.fails(["user", "at", "amount"], good, ["ann", "", "1"]),
                         "selfsame: spine.csv:3: column 'at': the time of a row may not be null\n")
        self.assertEqual(self.fails(["user", "at", "amount"], good, good, time="at:ms"),
                         "selfsame: spine.csv:2: column 'at': not a time: '2026-01-01T00:00:00Z'\n")

    def test_a_missing_time_key_or_input_column_is_named(self):
        row = ["ann", "2026-01-01T00:00:00Z", "1"]
        self.assertEqual(self.fails(["user", "when", "amount"], row), "selfsame: spine 'spine.csv': there is no column 'at' for its time\n")
        self.assertEqual(self.fails(["usr", "at", "amount"], row),
                         "selfsame: spine 'spine.csv': there is no column 'user' for key 'user' of service 'shop'; add it, or name "
                         "another one with --map user=COLUMN; did you mean 'usr'?\n")
        self.assertEqual(self.fails(["user", "at", "amnt"], row),
                         "selfsame: spine 'spine.csv': there is no column 'amount' for request input 'amount' of service 'shop'; add "
                         "it, or name another one with --map amount=COLUMN; did you mean 'amnt'?\n")

    def test_a_bad_request_input_a_long_key_and_a_cut_row_are_errors(self):
        at = "2026-01-01T00:00:00Z"
        self.assertEqual(self.fails(["user", "at", "amount"], ["ann", at, "1.005"]),
                         "selfsame: spine.csv:2: column 'amount': not a decimal of that scale: '1.005'\n")
        self.assertIn("480 bytes", self.fails(["user", "at", "amount"], ["x" * 10_000, at, "1"]))
        self.assertIn("spine.csv:2", self.fails(["user", "at", "amount"], ["ann", at]))

    def test_a_spine_column_named_like_a_feature_is_an_error(self):
        self.assertIn("Total_7D", self.fails(["user", "at", "amount", "Total_7D"], ["ann", "2026-01-01T00:00:00Z", "1", "x"]))

    def test_a_missing_spine_an_unknown_service_and_a_wrong_mode_are_errors(self):
        self.run_fails(2, "train", "shop", "--spine", "nowhere.csv", "--time", "at", "-o", "out.csv")
        self.write_csv("spine.csv", ["user", "at", "amount"], [])
        self.run_fails(2, "train", "shopp", "--spine", "spine.csv", "--time", "at", "-o", "out.csv")
        self.run_fails(2, "train", "shop", "--spine", "spine.csv", "--time", "at", "-o", "out.csv", "--mode", "known")
        self.run_fails(2, "train", "shop", "--spine", "spine.csv", "--time", "at", "-o", str(self.folder / "no" / "out.csv"))
        self.run_fails(2, "train", "shop", "--spine", "spine.csv", "--time", "at", "-o", "spine.csv")


class Stores(harness.StoreTest):
    COMMANDS = [("get", "shop", "user=ann"), ("stats",), ("skew", "shop", "--probe", "all"), ("digest", "orders"),
                ("ingest", "orders", "orders.csv")]

    def test_a_store_that_is_not_there_is_named_with_what_to_do(self):
        for command in self.COMMANDS:
            self.assertEqual(self.run_fails(2, *command), f"selfsame: store '{self.store}': there is no such directory; run "
                             f"'selfsame --dir {self.store} init'\n")
        self.store.mkdir()
        self.assertEqual(self.run_fails(2, "stats"), f"selfsame: store '{self.store}': this is no store; run 'selfsame --dir "
                         f"{self.store} init'\n")

    def test_a_store_of_a_newer_format_is_refused_with_both_versions(self):
        shop.fill(self)
        (self.store / "format").write_text("selfsame store 2\n")
        for command in self.COMMANDS:
            self.assertEqual(self.run_fails(2, *command), f"selfsame: store '{self.store}': its format is 'selfsame store 2', this "
                             "program's is 'selfsame store 1'; use the program that made it\n")

    def check_each_command(self, what):
        """Every command ends by itself: well, or with a message; none is killed by a signal."""
        for command in self.COMMANDS:
            result = self.run_any(*command)
            self.assertIn(result.status, (0, 1, 2), f"{what}: {command}: {result}")
            if result.status == 2:
                self.assertTrue(result.err.startswith("selfsame: "), f"{what}: {command}: {result}")

    def test_an_online_file_cut_at_any_page_is_an_error_and_can_be_rebuilt(self):
        shop.fill(self)
        digest = self.digest("orders")
        data = self.store / "online" / "data.mdb"
        whole = data.read_bytes()
        page = 4096
        for size in sorted({n * page for n in range(len(whole) // page)} | {1, page - 1, page + 1, len(whole) - 1}):
            data.write_bytes(whole[:size])
            for command in self.COMMANDS[:4]:
                result = self.run_any(*command)
                self.assertIn(result.status, (0, 2), f"cut at {size}: {command}: {result}")
                if result.status == 2:
                    self.assertIn("online store", result.err)
                elif command[0] == "digest":
                    self.assertIn(digest, result.out, f"cut at {size}: an answer is the right answer")
            self.run_ok("rebuild", "--all")
            self.assertEqual(self.digest("orders"), digest, f"cut at {size}")
            data.write_bytes(whole)
        self.assert_parity("shop", ["orders"])

    def test_offline_commands_do_not_open_the_online_store(self):
        shop.fill(self)
        digest = self.digest("orders", "--offline")
        self.write_csv("spine.csv", ["user", "at", "amount"], [["ann", shop.CLOCK, "5"]])
        shutil.rmtree(self.store / "online")
        self.assertEqual(self.digest("orders", "--offline"), digest)
        self.run_ok("train", "shop", "--spine", "spine.csv", "--time", "at", "-o", "out.csv")
        self.assertEqual(self.read_csv("out.csv")[0]["total_7d"], "12.50")
        self.run_fails(2, "get", "shop", "user=ann")
        self.run_ok("rebuild", "--all")
        self.assertEqual(self.digest("orders"), digest)

    def test_a_damaged_history_is_an_error_everywhere(self):
        shop.fill(self)
        history = self.store / "history.db"
        base = sqlite3.connect(history)
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        base.close()
        whole = history.read_bytes()
        seed = random.randrange(2**32)
        print("seed", seed)
        rng = random.Random(seed)
        for size in (0, 1, 99, 100, 4096, len(whole) // 2, len(whole) - 1):
            history.write_bytes(whole[:size])
            self.check_each_command(f"history cut at {size}")
            self.assertIn("history", self.run_fails(2, "stats"), f"cut at {size}")
        for round_number in range(12):
            torn = bytearray(whole)
            for _ in range(40):
                torn[rng.randrange(len(torn))] ^= 1 << rng.randrange(8)
            history.write_bytes(bytes(torn))
            self.check_each_command(f"seed {seed}, round {round_number}: history with flipped bits")
        history.write_bytes(b"this is no database, and never was one\n" * 1000)
        self.assertIn("history", self.run_fails(2, "stats"))

    def test_a_lost_clock_is_named_and_made_anew_by_a_writer(self):
        shop.fill(self)
        (self.store / "clock").write_bytes(b"")
        self.assertIn("clock", self.run_fails(2, "get", "shop", "user=ann"))
        self.run_ok("rebuild", "--all")
        self.assertEqual(self.run_ok("--json", "get", "shop", "user=ann").json()["t"], shop.CLOCK)

    def test_a_store_that_may_not_be_written_says_so(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everything")
        shop.fill(self)
        os.chmod(self.store, 0o500)
        self.addCleanup(os.chmod, self.store, 0o700)
        self.check_each_command("read-only folder")


class Outputs(harness.StoreTest):
    def test_a_standard_output_that_is_full_is_an_error(self):
        shop.fill(self)
        with open("/dev/full", "wb") as full:
            process = harness.subprocess.run([harness.binary(), "--dir", self.store, "stats"], stdout=full,
                                             stderr=harness.subprocess.PIPE, check=False)
        self.assertEqual((process.returncode, process.stderr), (2, b"selfsame: standard output could not be written\n"))


if __name__ == "__main__":
    harness.main()
