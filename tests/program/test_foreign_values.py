"""skew --against: values that another system, or this one, served and logged, compared with ours on the command line."""
import json

import harness
import shop

LOGGED = ["total_7d", "orders_7d", "pieces_all", "heaviest", "last_gift", "last_note", "last_due", "share"]


def text(value):
    return "" if value is None else json.dumps(value) if isinstance(value, (bool, int, float)) else value


class Against(harness.StoreTest):
    def setUp(self):
        super().setUp()
        shop.fill(self)
        self.log = []

    def serve(self):
        """Looks ann and bob up, as a server would, and logs what they got."""
        for user in ("ann", "bob", "nobody"):
            answer = self.run_ok("--json", "get", "shop", f"user={user}", "--request", "amount=2.50").json()
            features = answer["rows"][0]["features"]
            self.log.append([user, "2.50", answer["t"]] + [text(features[name]) for name in LOGGED])

    def write_log(self, name="served.csv", header=None):
        self.write_csv(name, header or ["user", "amount", "t"] + LOGGED, self.log)

    def test_what_was_served_is_ours_whatever_arrived_since(self):
        self.serve()
        for n in range(1, 4):
            self.write_csv(f"more{n}.csv", shop.HEADER, [shop.order(f"m{n}", "ann", "5.00", f"2026-01-0{5 + n}T03:00:00Z")])
            self.run_ok("ingest", "orders", f"more{n}.csv", "--live", "--now", f"2026-01-0{5 + n}T04:00:00Z")
            self.serve()
        self.write_csv("late.csv", shop.HEADER, [shop.order("late", "bob", "9.99", "2026-01-05T00:00:00Z"),
                                                 shop.delete("o2", "2026-01-03T12:00:00Z")])
        self.run_ok("ingest", "orders", "late.csv", "--live")
        self.write_log()
        result = self.run_ok("skew", "shop", "--against", "served.csv", "--time", "t")
        self.assertEqual(result.out.splitlines()[-1], "0 differences in 12 rows x 8 features of served.csv, as of seq 10")
        self.assertEqual(result.err, "")
        answer = self.run_ok("--json", "skew", "shop", "--against", "served.csv", "--time", "t").json()
        self.assertEqual((answer["differences"], answer["rows"], answer["cells"], answer["ignored"]), (0, 12, [], []))

    def test_a_training_table_has_no_difference_from_the_store_that_made_it(self):
        self.write_csv("spine.csv", ["user", "amount", "at"],
                       [[["ann", "bob", "nobody", ""][n % 4], "1.50", f"2026-01-{1 + n % 20:02}T{n % 24:02}:00:00Z"] for n in range(5000)])
        for output in ("train.csv", "out.db:train"):
            self.run_ok("train", "shop", "--spine", "spine.csv", "--time", "at", "-o", output)
            result = self.run_ok("skew", "shop", "--against", output, "--time", "at")
            self.assertEqual(result.out.splitlines()[-1], f"0 differences in 5,000 rows x 8 features of {output}, as of seq 5")

    def test_differences_are_told_row_by_row_and_summed_up_by_feature(self):
        self.serve()
        self.log[0][3], self.log[0][6], self.log[1][4] = "12.75", "1.0000000001e+16", "7"
        self.log[2][9] = "a note"
        self.write_log(header=["user", "amount", "t", "total_7d", "orders_7d", "host", "heaviest", "x", "y", "last_note", "z"])
        result = self.run_any("skew", "shop", "--against", "served.csv", "--time", "t")
        self.assertEqual(result.status, 1, result)
        self.assertEqual(result.err, "note: service 'shop' has no feature or key for host, x, y, z of the file; ignored\n")
        self.assertEqual(result.out, f"""\
user=ann  t {shop.CLOCK}  total_7d: theirs 12.75, ours 12.50 (other value)
user=ann  t {shop.CLOCK}  heaviest: theirs 1.0000000001e+16, ours 1e+16 (other value)
user=bob  t {shop.CLOCK}  orders_7d: theirs 7, ours 2 (other value)
user=nobody  t {shop.CLOCK}  last_note: theirs a note, ours (not_found) (null on one side)
feature    compared  differ  null on one side  largest difference
total_7d          3       1                 0                0.25
orders_7d         3       1                 0                   5
heaviest          3       1                 0           1000000.0
last_note         3       1                 1                   -
4 differences in 3 rows x 4 features of served.csv, as of seq 5
""")
        close = self.run_any("--json", "skew", "shop", "--against", "served.csv", "--time", "t", "--tolerance", "1e-9")
        self.assertEqual(close.status, 1, close)
        answer = close.json()
        self.assertEqual((answer["against"], answer["tolerance"], answer["differences"], answer["rows"], answer["seq"]), ("served.csv", 1e-9, 3, 3, 5))
        self.assertEqual(answer["ignored"], ["host", "x", "y", "z"])
        self.assertEqual(answer["features"][2], {"feature": "heaviest", "compared": 3, "differences": 0, "null_on_one_side": 0,
                                                 "largest_difference": 1000000.0})
        self.assertEqual(answer["cells"][0], {"key": "user=ann", "t": shop.CLOCK, "feature": "total_7d", "difference": "other value",
                                              "theirs": "12.75", "ours": "12.50"})

    def test_the_first_differences_are_shown_in_the_order_of_the_file_and_the_rest_counted(self):
        self.write_csv("served.csv", ["user", "amount", "at", "orders_7d"],
                       [["ann", "1", f"2026-01-02T00:{n // 60 % 60:02}:{n % 60:02}Z", 1 if n % 100 else n] for n in range(6000)])
        result = self.run_any("skew", "shop", "--against", "served.csv", "--time", "at")
        self.assertEqual(result.status, 1)
        lines = result.out.splitlines()
        self.assertEqual([line.split("theirs ")[1].split(",")[0] for line in lines[:20]], [str(n) for n in range(0, 2000, 100)])
        self.assertEqual(lines[20], "... and 40 more")
        self.assertEqual(lines[-1], "60 differences in 6,000 rows x 1 feature of served.csv, as of seq 5")

    def test_times_may_be_integers_of_a_unit(self):
        self.write_csv("served.csv", ["user", "amount", "ms", "orders_7d"], [["ann", "", 1767571200000, 2], ["bob", "", 1767571200000, 1]])
        self.run_ok("skew", "shop", "--against", "served.csv", "--time", "ms:ms")
        self.assertIn("served.csv:2: column 'ms'", self.run_fails(2, "skew", "shop", "--against", "served.csv", "--time", "ms"))

    def test_bad_files_and_wrong_use_get_two(self):
        self.write("served.csv", "user,amount,at,orders_7d\nann,1,2026-01-02T00:00:00Z,1\nann,1,2026-01-02T00:00:00Z,1.0\n")
        against = ["--against", "served.csv", "--time", "at"]
        for arguments, told in ((["shop", *against], "selfsame: served.csv:3: column 'orders_7d': not an int64: '1.0'"),
                                (["shop"], "either --probe N|all or --against FILE.csv is needed"),
                                (["shop", "--probe", "1", *against], "either --probe N|all or --against FILE.csv is needed"),
                                (["shop", "--against", "served.csv"], "--time COLUMN is needed"),
                                (["shop", "--against", "none.csv", "--time", "at"], "none.csv"),
                                (["shop", "--probe", "1", "--tolerance", "1"], "--time and --tolerance go with --against"),
                                (["shopp", *against], "did you mean 'shop'?"),
                                (["shop", *against, "--tolerance", "-1"], "--tolerance: expected a number from 0 on"),
                                (["shop", *against, "--tolerance", "inf"], "--tolerance: expected a number from 0 on"),
                                (["shop", *against, "--tolerance", "1%"], "--tolerance: expected a number from 0 on"),
                                ([*against], "which service?"),
                                (["shop", "--log"], "--log is not there yet; --probe and --against are")):
            with self.subTest(arguments):
                self.assertIn(told, self.run_fails(2, "skew", *arguments))


if __name__ == "__main__":
    harness.main()
