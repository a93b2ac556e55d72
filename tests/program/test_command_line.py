"""The command line as scripts see it: exit status, streams, shapes of answers and tables."""
import csv
import json
import sqlite3

import harness
import shop


class Get(harness.StoreTest):
    def setUp(self):
        super().setUp()
        shop.fill(self)

    def test_json_has_exactly_the_documented_shape(self):
        answer = self.run_ok("--json", "get", "shop", "user=ann", "--request", "amount=5.00")
        self.assertEqual(answer.err, "")
        got = answer.json()
        fingerprint = got["fingerprint"]
        self.assertRegex(fingerprint, "^[0-9a-f]{64}$")
        self.assertEqual(json.dumps(got), json.dumps({
            "service": "shop", "fingerprint": fingerprint, "t": shop.CLOCK, "seq": 5,
            "rows": [{"keys": {"user": "ann"},
                      "features": {"total_7d": "12.50", "orders_7d": 2, "pieces_all": 3, "heaviest": 1e16, "last_gift": None,
                                   "last_note": None, "last_due": None, "share": 0.4},
                      "status": {"last_gift": "expired", "last_note": "expired", "last_due": "expired"}}]}))
        self.assertIn('"heaviest": 1e+16', answer.out, "floats are laid out as in a training table")

    def test_an_unknown_key_is_not_found_but_counts_zero(self):
        row = self.run_ok("--json", "get", "shop", "user=nobody").json()["rows"][0]
        self.assertEqual(row["features"]["orders_7d"], 0)
        self.assertEqual(row["status"], {name: "not_found" for name in shop.FEATURES if name != "orders_7d"})

    def test_null_is_told_from_expired_and_not_found(self):
        row = self.run_ok("--json", "get", "shop", "user=bob").json()["rows"][0]
        self.assertEqual(row["features"]["total_7d"], "7.25")
        self.assertEqual(row["status"], {"last_gift": "null", "last_note": "null", "last_due": "null", "share": "null"})

    def test_features_chooses_some(self):
        row = self.run_ok("--json", "get", "shop", "user=ann", "--features", "orders_7d,total_7d").json()["rows"][0]
        self.assertEqual(row["features"], {"total_7d": "12.50", "orders_7d": 2})
        self.assertEqual(self.run_fails(2, "get", "shop", "user=ann", "--features", "order_7d"),
                         "selfsame: service 'shop' has no feature 'order_7d'; did you mean 'orders_7d'?\n")

    def test_many_keys_come_from_a_file_in_its_order(self):
        self.write_csv("keys.csv", ["extra", "user"], [["x", "bob"], ["y", "nobody"], ["z", "ann"], ["w", ""]])
        rows = self.run_ok("--json", "get", "shop", "--keys", "keys.csv").json()["rows"]
        self.assertEqual([row["keys"]["user"] for row in rows], ["bob", "nobody", "ann", None])
        self.assertEqual([row["features"]["orders_7d"] for row in rows], [2, 0, 2, 0])
        self.assertEqual(rows[3]["status"]["total_7d"], "not_found")

    def test_at_reads_later_and_does_not_move_the_clock(self):
        later = self.run_ok("--json", "get", "shop", "user=ann", "--at", "2026-01-08T00:00:00Z").json()
        self.assertEqual(later["t"], "2026-01-08T00:00:00Z")
        later = self.run_ok("--json", "get", "shop", "user=ann", "--at", "2026-01-09T02:00:00Z").json()
        self.assertEqual(later["rows"][0]["features"]["total_7d"], "2.50", "o1 has left the window")
        self.assertEqual(self.run_ok("--json", "get", "shop", "user=ann").json()["t"], shop.CLOCK)
        self.run_fails(2, "get", "shop", "user=ann", "--at", "2026-01-05T00:00:00Z")

    def test_wrong_keys_are_errors_of_the_request(self):
        self.assertEqual(self.run_fails(2, "get", "shop"),
                         "selfsame: service 'shop': key 'user' is missing; add user=VALUE\n")
        self.assertEqual(self.run_fails(2, "get", "shop", "usr=ann"),
                         "selfsame: service 'shop' has no key 'usr'; it has: user\n")
        self.assertIn("480 bytes", self.run_fails(2, "get", "shop", "user=" + "x" * 10_000))
        self.run_fails(2, "get", "shop", b"user=\xff")
        self.run_fails(2, "get", "shop", "user=ann", "--request", "amount=1.005")
        self.run_fails(2, "get", "shopp", "user=ann")

    def test_a_human_reads_a_table_on_standard_output_and_the_read_point_on_standard_error(self):
        answer = self.run_ok("get", "shop", "user=ann")
        self.assertIn("total_7d", answer.out)
        self.assertIn("12.50", answer.out)
        self.assertIn("(expired)", answer.out)
        self.assertIn("seq 5", answer.err)
        self.assertNotIn("\x1b", answer.out + answer.err, "no colour when it is no terminal")


class Train(harness.StoreTest):
    SPINE = [["7", "bob", "2026-01-06T00:00:00.000001Z", "x,y", "2.00"], ["7", "bob", "2026-01-06T00:00:00.000001Z", "x,y", "2.00"],
             ["1", "ann", "2026-01-01T00:00:00Z", "", ""], ["2", "ann", "2026-01-01 00:00:00.000001", 'say "hi"', ""],
             ["3", "nobody", "2026-01-04T00:00:00Z", "two\nlines", "1"], ["4", "", "2026-01-04T00:00:00Z", "", "1.0"],
             ["5", "ann", "2026-01-04T00:00:00+02:00", "é", "-3.5"], ["6", "ann", "2030-01-01T00:00:00Z", "", ""]]
    HEADER = ["id", "user", "at", "remark", "amount"]
    EXPECTED = [["7.25", "2", "3", "100.0", "", "", "", "0.27586206896551724"]] * 2 + [
        ["", "0", "", "", "", "", "", ""],
        ["10.00", "1", "1", "0.5", "true", "first", "2026-01-02T00:00:00Z", ""],
        ["", "0", "", "", "", "", "", ""],
        ["", "0", "", "", "", "", "", ""],
        ["12.50", "2", "3", "1e+16", "false", 'a "quoted", one', "2026-01-05T00:00:00.5Z", "-0.28"],
        ["", "0", "3", "1e+16", "", "", "", ""]]
    REASONS = [["present"] * 4 + ["null"] * 3 + ["present"]] * 2 + [
        ["not_found", "present"] + ["not_found"] * 6,
        ["present"] * 7 + ["null"],
        ["not_found", "present"] + ["not_found"] * 6,
        ["not_found", "present"] + ["not_found"] * 6,
        ["present"] * 8,
        ["null", "present", "present", "present", "expired", "expired", "expired", "null"]]

    def setUp(self):
        super().setUp()
        shop.fill(self)
        self.write_csv("spine.csv", self.HEADER, self.SPINE)

    def train(self, *options, spine="spine.csv", out="out.csv", time="at"):
        return self.run_ok("train", "shop", "--spine", spine, "--time", time, "-o", out, *options)

    def test_one_row_comes_out_per_spine_row_in_spine_order_whatever_it_holds(self):
        self.assertEqual(self.train().out, "", "the table goes to its file, nothing to standard output")
        with open(self.folder / "out.csv", newline="", encoding="utf-8") as file:
            made = list(csv.reader(file))
        self.assertEqual(made[0], self.HEADER + shop.FEATURES)
        self.assertEqual(made[1:], [a + b for a, b in zip(self.SPINE, self.EXPECTED)])

    def test_the_csv_file_is_rfc_4180_and_tells_an_empty_string_from_null(self):
        self.write("spine.csv", 'user,at,remark,amount\r\nann,2026-01-01T00:00:00Z,"",\r\nann,2026-01-01T00:00:00Z,,\r\n')
        self.train()
        text = (self.folder / "out.csv").read_text()
        self.assertEqual(text.splitlines()[1:], ['ann,2026-01-01T00:00:00Z,"",,,0,,,,,,', "ann,2026-01-01T00:00:00Z,,,,0,,,,,,"])

    def test_status_stands_behind_each_feature(self):
        self.train("--status")
        with open(self.folder / "out.csv", newline="", encoding="utf-8") as file:
            made = list(csv.reader(file))
        self.assertEqual(made[0], self.HEADER + [n for name in shop.FEATURES for n in (name, name + "__status")])
        for row, values, reasons in zip(made[1:], self.EXPECTED, self.REASONS):
            self.assertEqual(row[5::2], values)
            self.assertEqual(row[6::2], reasons)

    def test_a_table_of_sqlite_holds_typed_columns_the_read_point_and_a_manifest(self):
        self.train(out="out.db:labels")
        base = sqlite3.connect(self.folder / "out.db")
        rows = base.execute("SELECT * FROM labels ORDER BY rowid").fetchall()
        names = [column[0] for column in base.execute("SELECT * FROM labels").description]
        self.assertEqual(names, self.HEADER + shop.FEATURES + ["_t", "_s"])
        self.assertEqual(rows[0][5:], ("7.25", 2, 3, 100.0, None, None, None, 0.27586206896551724, 1767657600000001, 5))
        self.assertEqual(rows[6][5:13], ("12.50", 2, 3, 1e16, 0, 'a "quoted", one', "2026-01-05T00:00:00.5Z", -0.28))
        self.assertEqual(len(rows), len(self.SPINE))
        manifest = base.execute("SELECT * FROM selfsame_manifest")
        line = dict(zip([column[0] for column in manifest.description], manifest.fetchone()))
        self.assertEqual((line["table_name"], line["service"], line["mode"], line["row_count"], line["newest_seq"]),
                         ("labels", "shop", "as-known", len(self.SPINE), 5))
        base.close()

    def test_a_spine_in_sqlite_gives_the_same_values_as_one_in_csv(self):
        base = sqlite3.connect(self.folder / "in.db")
        base.execute("CREATE TABLE spine (id INTEGER, user TEXT, at TEXT, remark TEXT, amount TEXT)")
        base.executemany("INSERT INTO spine VALUES (?, ?, ?, ?, ?)", [[c or None for c in row] for row in self.SPINE])
        base.commit()
        base.close()
        self.train(spine="in.db:spine")
        with open(self.folder / "out.csv", newline="", encoding="utf-8") as file:
            self.assertEqual([row[5:] for row in csv.reader(file)][1:], self.EXPECTED)

    def test_columns_of_other_names_are_mapped_and_times_may_be_numbers(self):
        rows = [["ann", "1767225600", "5"], ["ann", "1767225601", "5"]]
        self.write_csv("epoch.csv", ["customer", "seconds", "paid"], rows)
        self.train("--map", "user=customer", "--map", "amount=paid", spine="epoch.csv", time="seconds:s")
        self.assertEqual([row["total_7d"] for row in self.read_csv("out.csv")], ["", "10.00"])
        self.write_csv("epoch.csv", ["customer", "ms", "paid"], [["ann", "1767225600000", "5"], ["ann", "1767225600001", "5"]])
        self.train("--map", "user=customer", "--map", "amount=paid", spine="epoch.csv", time="ms:ms")
        self.assertEqual([row["total_7d"] for row in self.read_csv("out.csv")], ["", "10.00"])

    def test_inclusive_sees_the_event_at_that_time_and_needs_the_other_mode(self):
        self.write_csv("spine.csv", ["user", "at", "amount"], [["ann", "2026-01-01T00:00:00Z", ""]])
        self.train("--mode", "as-of-event-time")
        self.assertEqual(self.read_csv("out.csv")[0]["orders_7d"], "0")
        self.train("--mode", "as-of-event-time", "--inclusive")
        self.assertEqual(self.read_csv("out.csv")[0]["orders_7d"], "1")
        self.run_fails(2, "train", "shop", "--spine", "spine.csv", "--time", "at", "-o", "x.csv", "--inclusive")
        self.assertFalse((self.folder / "x.csv").exists())

    def test_a_failed_table_leaves_what_was_there(self):
        self.train()
        before = (self.folder / "out.csv").read_bytes()
        self.write_csv("bad.csv", ["user", "at", "amount"], [["ann", "2026-01-01T00:00:00Z", ""]] * 5000 + [["ann", "noon", ""]])
        self.run_fails(2, "train", "shop", "--spine", "bad.csv", "--time", "at", "-o", "out.csv")
        self.assertEqual((self.folder / "out.csv").read_bytes(), before)
        self.assertEqual([p.name for p in self.folder.glob("out*")], ["out.csv"], "nothing half-done lies about")

    def test_an_empty_spine_makes_an_empty_table(self):
        self.write("empty.csv", "user,at,amount\n")
        self.train(spine="empty.csv")
        self.assertEqual((self.folder / "out.csv").read_text(), "user,at,amount," + ",".join(shop.FEATURES) + "\n")


class Definitions(harness.StoreTest):
    def test_check_says_yes_with_zero_and_every_error_with_one(self):
        self.write("good.yaml", shop.DEFINITIONS)
        self.run_ok("check", "good.yaml")
        self.write("bad.yaml", shop.DEFINITIONS.replace("sum(amount)", "sum(amont)").replace("max(weight)", "max(wait)"))
        message = self.run_fails(1, "check", "bad.yaml")
        self.assertIn("bad.yaml:", message)
        self.assertIn("amont", message)
        self.assertIn("wait", message)
        self.assertFalse(self.store.exists(), "check needs no store")

    def test_check_says_what_features_cost_beyond_the_usual(self):
        functions = ("exp expm1 log log2 log10 log1p pow exp2 sin cos tan asin acos atan sinh cosh tanh cbrt atan2 hypot").split()
        features = {
            "plain": ("sqrt(sum(amount) over 7d) + round(skew(weight) over 30d)", None),
            "folded": ("count() over 7d + exp(1.0)", None),
            "twice": ("log(sum(amount) over 7d) + log(mean(amount) over 7d) * exp(2.0 * count() over 7d)",
                      "log, exp by MPFR at every read"),
            "in_event": ("sum(log(weight)) over 7d", "log by MPFR for every event"),
            "in_filter": ("count(where pow(weight, 0.5) > 2) over 7d", "pow by MPFR for every event"),
            "in_second": ("corr(pieces, exp(weight)) over 7d", "exp by MPFR for every event"),
            "shares": ("entropy(note) over 7d", "entropy by MPFR at every read"),
            "exact_hop": ("count() over 10m hop exact", "hop exact keeps every event of 10m"),
            "newest": ("mean(amount) over last 20 - mean(amount) over 7d last 5", "over last 20 keeps the newest 20 events"),
            "all": ("log(entropy(note) over last 9) + sum(exp(weight)) over 90s hop exact",
                    "log, entropy by MPFR at every read; exp by MPFR for every event; hop exact keeps every event of 1m30s; "
                    "over last 9 keeps the newest 9 events"),
        }
        for name in functions:
            second = ", 2.5" if name in ("pow", "atan2", "hypot") else ""
            features["by_" + name] = (f"{name}(count() over 7d{second})", f"{name} by MPFR at every read")
        lines = "".join(f"      {name}: {text}\n" for name, (text, _) in features.items())
        definitions = shop.DEFINITIONS.replace("      total_7d:", lines + "      total_7d:")
        definitions += "      - risk: tanh(orders.twice)\n"
        self.write("good.yaml", definitions)
        want = {"orders." + name: cost for name, (_, cost) in features.items() if cost}
        want["shop.risk"] = "tanh by MPFR at every read"
        said = self.run_ok("--json", "check", "good.yaml").json()["costs"]
        self.assertEqual({item["feature"]: item["cost"] for item in said}, want)
        self.assertEqual(len(said), len(want))
        table = self.run_ok("check", "good.yaml").out
        for feature, cost in want.items():
            self.assertRegex(table, rf"(?m)^{feature} +{cost}$")
        self.assertNotIn("orders.plain", table)
        self.write("plain.yaml", shop.DEFINITIONS)
        self.assertEqual(self.run_ok("--json", "check", "plain.yaml").json()["costs"], [])
        self.assertNotIn("costs", self.run_ok("check", "plain.yaml").out)

    def test_apply_asks_and_without_a_terminal_or_yes_changes_nothing(self):
        self.run_ok("init", "--clock", "replay")
        self.write("features.yaml", shop.DEFINITIONS)
        self.assertEqual(self.run_any("apply", "features.yaml").status, 2)
        self.run_fails(2, "get", "shop", "user=ann")
        self.run_ok("apply", "features.yaml", "--yes")
        self.run_ok("get", "shop", "user=ann")

    def test_plan_tells_new_same_changed_and_dropped(self):
        shop.fill(self)
        same = self.run_ok("--json", "plan", "features.yaml").json()
        self.assertEqual({item["change"] for item in same}, {"same"})
        self.write("features.yaml", shop.DEFINITIONS.replace("total_7d: sum(amount) over 7d", "total_7d: sum(amount) over 14d"))
        changed = {(item["kind"], item["name"]): item["change"] for item in self.run_ok("--json", "plan", "features.yaml").json()}
        self.assertEqual(changed[("view", "orders")], "changed")
        self.run_ok("apply", "features.yaml", "--yes")
        row = self.run_ok("--json", "get", "shop", "user=ann", "--at", "2026-01-12T00:00:00Z").json()["rows"][0]
        self.assertEqual(row["features"]["total_7d"], "12.50", "a changed view is filled from history")
        self.assert_parity("shop", ["orders"])

    def test_plan_names_the_column_that_is_new_or_no_more(self):
        self.run_ok("init", "--clock", "replay")
        definitions = "sources:\n  taps:\n    columns: {%s}\n    event_time: at\n"
        self.write("features.yaml", definitions % "at: timestamp, a: int64, b: int64, c: string")
        self.run_ok("apply", "features.yaml", "--yes")
        for columns, want in (("at: timestamp, a: int64, c: string", "no more column b int64"),
                              ("at: timestamp, a: int64, b: int64", "no more column c string"),
                              ("at: timestamp, a: int64, b: int64, c: string, d: bool", "column d bool"),
                              ("at: timestamp, a: int64, bb: int64, b: int64, c: string", "column bb int64")):
            self.write("features.yaml", definitions % columns)
            told = self.run_ok("--json", "plan", "features.yaml").json()
            self.assertEqual([(item["change"], item.get("what")) for item in told], [("changed", want)])

    def test_a_comment_or_the_order_of_lines_changes_no_fingerprint(self):
        shop.fill(self)
        before = self.run_ok("--json", "get", "shop", "user=ann").json()
        lines = shop.DEFINITIONS.replace("  orders:\n    entity: user\n    source: orders\n",
                                         "  orders: # what they order\n    source: orders\n    description: new words\n    entity: user\n")
        self.assertNotEqual(lines, shop.DEFINITIONS)
        self.write("features.yaml", lines)
        self.assertEqual({item["change"] for item in self.run_ok("--json", "plan", "features.yaml").json()}, {"same"})
        self.run_ok("apply", "features.yaml", "--yes")
        self.assertEqual(self.run_ok("--json", "get", "shop", "user=ann").json(), before)


class Store(harness.StoreTest):
    def test_a_second_writer_is_turned_away_with_the_pid_of_the_first_while_readers_run_beside_it(self):
        shop.fill(self)
        writer = self.start("ingest", "orders", "-")
        self.addCleanup(writer.wait)
        self.addCleanup(writer.stdin.close)
        self.addCleanup(writer.stdout.close)
        self.addCleanup(writer.stderr.close)
        writer.stdin.write((",".join(shop.HEADER) + "\n").encode())
        writer.stdin.flush()
        self.wait_for_lock(writer)
        message = self.run_fails(2, "ingest", "orders", "orders.csv")
        self.assertEqual(message, f"selfsame: store '{self.store}': process {writer.pid} is writing to it; try again when it is done\n")
        self.run_fails(2, "apply", "features.yaml", "--yes")
        self.write_csv("spine.csv", ["user", "at", "amount"], [["ann", "2026-01-04T00:00:00Z", "1"]])
        self.run_ok("get", "shop", "user=ann")
        self.run_ok("train", "shop", "--spine", "spine.csv", "--time", "at", "-o", "out.csv")
        self.run_ok("skew", "shop", "--probe", "all")
        self.run_ok("digest", "orders")
        self.run_ok("stats")
        writer.stdin.close()
        self.assertEqual(writer.wait(), 0)
        self.run_ok("ingest", "orders", "orders.csv")

    def wait_for_lock(self, writer):
        for _ in range(200):
            if (self.store / "lock").read_text() == f"{writer.pid}\n":
                return
            self.assertIsNone(writer.poll(), "the first writer ended early")
            harness.time.sleep(0.02)
        self.fail("the first writer never took the lock")

    def test_init_makes_a_store_once(self):
        self.run_ok("init")
        self.run_fails(2, "init")

    def test_skew_and_digest_of_an_empty_store_find_nothing(self):
        self.make_store(shop.DEFINITIONS)
        self.run_ok("skew", "shop", "--probe", "all")
        self.assertEqual(self.digest("orders"), self.digest("orders", "--offline"))

    def test_wrong_use_gets_two_and_help_gets_zero(self):
        self.run_fails(2)
        self.assertIn("did you mean 'train'?", self.run_fails(2, "tran"))
        self.run_fails(2, "train")
        self.run_fails(2, "get")
        self.run_fails(2, "skew", "shop")
        self.run_fails(2, "ingest", "orders")
        for arguments in (["--help"], ["--version"], ["get", "--help"], ["train", "--help"], ["ingest", "--help"]):
            self.assertEqual(self.run_ok(*arguments).err, "")


if __name__ == "__main__":
    harness.main()
