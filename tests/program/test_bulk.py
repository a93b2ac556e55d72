"""ingest --bulk: the same store as a plain load gives, whatever is in the file, on any number of threads, and after kills."""
import os
import random
import shutil
import signal
import subprocess
import time

import harness

KILLS = max(4, int(os.environ.get("SELFSAME_KILLS", "50")) // 8)
DEFINITIONS = """
entities:
  user: {user: string}
  shop: {shop: int64}
sources:
  orders:
    columns: {id: string, user: string, shop: int64, amount: decimal(2), weight: float64, gift: bool, note: string, at: timestamp}
    event_time: at
    event_id: id
    expect:
      amount: {between: [-10000, 10000], not_null: true}
views:
  of_user:
    entity: user
    source: orders
    features:
      orders_7d: count() over 7d
      total_7d: sum(amount) over 7d
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
HEADER = "id,user,shop,amount,weight,gift,note,at\n"
VIEWS = ("of_user", "of_shop")


def row(rng, number, spoilt):
    """A row as text; one in `spoilt` cells is odd, or no value at all."""
    def cell(good, *odd):
        return rng.choice(odd) if rng.randrange(spoilt) == 0 else good

    cells = [cell(f"o{number}", f"o{rng.randrange(number + 1)}", ""),
             cell(f"u{rng.randrange(200)}", '"a ""quoted""\r\nuser"', "", "caf\udce9", "x" * 500),
             cell(str(rng.randrange(20)), "7.0", " 7", "", "9223372036854775808"),
             cell(f"{rng.randrange(100000) / 100:.2f}", "1.005", "", "99999", "-0.00", "1e2"),
             cell(repr(rng.gauss(0, 1e3)), "nan", "1e999", "0x1", "", "4.9e-324"),
             cell("true", "TRUE", "", "false"),
             cell(f"note {rng.randrange(50)}", '"several\n\nlines, and a comma"', '""', "", 'stray"quote', '"open"x'),
             cell(f"2026-01-{rng.randrange(1, 29):02} {rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}.5",
                  "yesterday", "", "2026-01-01T00:00:00+02:00", "2026-02-30")]
    line = ",".join(cells) + rng.choice(["", ",more"] if rng.randrange(spoilt * 4) == 0 else [""])
    return line + (rng.choice(["\n\n", "\r", "\r\n\r\n"]) if rng.randrange(spoilt) == 0 else "\n")


def nasty_file(seed, size, spoilt):
    rng = random.Random(seed)
    text, at, number = [HEADER], 0, 0
    while at < size:
        text.append(row(rng, number, spoilt))
        at += len(text[-1])
        number += 1
    return "".join(text)[:-9].encode("utf-8", "surrogateescape")  # cut in a row


class Bulk(harness.StoreTest):
    def setUp(self):
        super().setUp()
        self.make_store(DEFINITIONS)
        self.empty = self.folder / "empty"
        shutil.copytree(self.store, self.empty)

    def begin_anew(self):
        shutil.rmtree(self.store)
        shutil.copytree(self.empty, self.store)

    def picture(self):
        """What a store holds: digests online and offline, quarantine by line, a training table, and counts."""
        spine = [[f"u{n % 210}", n % 21, f"2026-01-{1 + n % 28:02}T12:00:00Z"] for n in range(300)]
        self.write_csv("spine.csv", ["user", "shop", "t"], spine)
        self.run_ok("train", "all", "--spine", "spine.csv", "--time", "t", "-o", "table.csv")
        kept = self.run_ok("--json", "stats", "--quarantine", "orders").json()
        stats = self.run_ok("--json", "stats").json()
        for view in VIEWS:
            self.assertEqual(self.digest(view, "--online"), self.digest(view, "--offline"), view)
        return {"digests": [self.digest(view, side) for view in VIEWS for side in ("--online", "--offline")],
                "quarantine": sorted(kept, key=lambda r: (r["line"], r["column"], r["reason"])),
                "events": stats["events"], "quarantined": stats["quarantined"],
                "table": (self.folder / "table.csv").read_bytes()}

    def load(self, *options, file="orders.csv", **more):
        done = self.run_any("--json", "ingest", "orders", file, *options, **more)
        self.assertIn(done.status, (0, 1), done)
        counts = done.json()
        self.assertEqual(counts["bulk"], "--bulk" in options)
        self.assertLessEqual(counts["history_seconds"], counts["seconds"])
        return {k: counts[k] for k in ("rows", "accepted", "duplicate", "conflicting", "quarantined", "seq", "repeated")} | \
            {"first": counts.get("first_violation")}

    def assert_bulk_as_plain(self):
        plain = self.load(), self.picture()
        for threads in (1, 2, 8):
            self.begin_anew()
            bulk = self.load("--bulk", "--threads", threads), self.picture()
            self.assertEqual(bulk, plain, f"{threads} threads")
        again = self.load("--bulk")
        self.assertTrue(again["repeated"])
        self.assertEqual(self.picture(), plain[1])

    def test_a_nasty_file_gives_the_same_store(self):
        self.write("orders.csv", nasty_file(1, 3_500_000, 150))
        self.assert_bulk_as_plain()

    def test_a_file_of_little_but_bad_rows_gives_the_same_store(self):
        self.write("orders.csv", nasty_file(2, 1_500_000, 6))
        self.assert_bulk_as_plain()

    def test_quotes_that_hold_most_of_the_file_give_the_same_store(self):
        lines = "".join(f"line {n} of it, \"\"and more\"\"\r\n" for n in range(9000))
        texts = [HEADER]
        for number in range(12):
            texts.append(f'o{number},u1,1,1.00,1,true,"{lines}",2026-01-01T00:00:{number:02}Z\n')
        texts.append('o99,u1,1,1.00,1,true,"' + lines * 6 + '",2026-01-01T00:00:00Z\n')  # longer than a row may be
        texts.append("o100,u1,1,1.00,1,true,x,2026-01-01T00:00:00Z\no101,u1,1,1.00,1,tr")
        self.write("orders.csv", "".join(texts))
        self.assert_bulk_as_plain()

    def test_files_of_nothing_much(self):
        for text in (HEADER, HEADER.rstrip("\n"), HEADER + "\n\n", HEADER + "o1,u1,1,1.00,1,true,x,2026-01-01"):
            self.begin_anew()
            self.write("orders.csv", text)
            self.assert_bulk_as_plain()
        self.begin_anew()
        self.write("orders.csv", "")
        self.assertIn("it is empty", self.run_fails(2, "ingest", "orders", "orders.csv", "--bulk"))
        self.write("orders.csv", HEADER.replace("amount", "amounts"))
        self.assertIn("did you mean 'amounts'?", self.run_fails(2, "ingest", "orders", "orders.csv", "--bulk"))

    def test_a_pipe_is_a_file_like_any_other(self):
        text = nasty_file(3, 1_200_000, 200)
        self.write("orders.csv", text)
        plain = self.load(file="-", input=text), self.picture()
        self.begin_anew()
        bulk = self.load("--bulk", file="-", input=text), self.picture()
        self.assertEqual(bulk, plain)
        self.assertTrue(self.load("--bulk")["repeated"], "the same bytes by their name")

    def test_what_cannot_be_in_bulk_is_loaded_plainly(self):
        self.write("orders.csv", HEADER + "o1,u1,1,1.00,1,true,x,2026-01-01T00:00:00Z\n")
        done = self.run_ok("--json", "ingest", "orders", "orders.csv", "--bulk", "--strict").json()
        self.assertEqual((done["bulk"], done["accepted"]), (False, 1))
        self.assertIn("--threads goes with --bulk", self.run_fails(2, "ingest", "orders", "orders.csv", "--threads", "2"))
        self.assertIn("from 1 to 1024", self.run_fails(2, "ingest", "orders", "orders.csv", "--bulk", "--threads", "0"))

    def test_killed_at_random_moments_and_run_again_each_row_is_there_once(self):
        seed = int(os.environ.get("SELFSAME_SEED", random.randrange(2**32)))
        print(f"seed {seed} (SELFSAME_SEED), {KILLS} kills")
        rng = random.Random(seed)
        self.write("orders.csv", nasty_file(4, 4_000_000, 400))
        started = time.monotonic()
        self.load("--bulk")
        seconds = time.monotonic() - started
        undisturbed = self.picture()
        killed = 0
        for _ in range(KILLS):
            self.begin_anew()
            for _ in range(3):
                process = self.start("ingest", "orders", "orders.csv", "--bulk", "--threads", "2", stdin=subprocess.DEVNULL)
                try:
                    process.communicate(timeout=rng.uniform(0, seconds))
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                    killed += 1
            self.load("--bulk")
            self.assertEqual(self.picture(), undisturbed)
        self.assertGreater(killed, 0)

    def test_what_is_served_while_a_load_goes_on_does_not_change(self):
        self.write("few.csv", HEADER + "a1,u1,1,1.00,1,true,x,2026-01-01T00:00:00Z\n")
        self.load(file="few.csv")
        before = self.run_ok("--json", "get", "all", "user=u1", "shop=1").json()
        self.write("orders.csv", nasty_file(5, 4_000_000, 1000))
        process = self.start("ingest", "orders", "orders.csv", "--bulk", stdin=subprocess.DEVNULL)
        asked = 0
        while process.poll() is None:
            now = self.run_ok("--json", "get", "all", "user=u1", "shop=1").json()
            if now["seq"] == before["seq"]:
                self.assertEqual(now, before)
                asked += 1
        process.communicate()
        self.assertGreater(asked, 0)
        after = self.run_ok("--json", "get", "all", "user=u1", "shop=1").json()
        self.assertGreater(after["seq"], before["seq"])
        self.assertGreater(after["t"], before["t"])
        self.assert_parity("all", VIEWS)


if __name__ == "__main__":
    harness.main()
