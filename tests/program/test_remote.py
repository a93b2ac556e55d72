"""What a command does with --server is what it does with --dir: the same output, tables, exit status and words."""
import csv
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest
from concurrent import futures

import every_type
import harness
import service

EXAMPLE = harness.ROOT / "examples" / "payments"
CLICKS = harness.CLICKS + """
views:
  by_user:
    entity: user
    source: clicks
    features: {n: count() over all, w: sum(weight) over all, last_w: last(weight)}
services:
  s: {features: [by_user.*]}
"""


class Remote(service.ServiceTest):
    """self.store is worked on with --dir, self.there through a server."""

    def setUp(self):
        super().setUp()
        self.there = self.folder / "there"

    def run_there(self, *arguments, server=None, status=0, input=b"", environment=(), globals=()):
        """The result of a command with --server."""
        process = self.start_there(*arguments, server=server, environment=environment, globals=globals)
        out, err = process.communicate(input)
        result = harness.Result(subprocess.CompletedProcess(process.args, process.returncode, out, err))
        if status is not None:
            self.assertEqual(result.status, status, f"{' '.join(map(str, arguments))}: {result}")
        self.assertNotRegex(result.err, "Sanitizer|runtime error:|assertion")
        return result

    def start_there(self, *arguments, server=None, environment=(), globals=()):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SELFSAME_")}
        address = server if isinstance(server, str) else (server or self.server).addresses[0]
        return subprocess.Popen([harness.binary(), "--server", address, *map(str, globals), *map(str, arguments)], cwd=self.folder,
                                env={**clean, **dict(environment)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def same(self, *arguments, status=0, input=b""):
        """Runs it on both; the result, which must be one."""
        here, there = self.run_any(*arguments, input=input), self.run_there(*arguments, status=status, input=input)
        self.assertEqual(here.status, status, here)
        self.assertEqual(self.plain(here.out), self.plain(there.out), arguments)
        self.assertEqual(self.plain(here.err), self.plain(there.err), arguments)
        return there

    def plain(self, text):
        """Without what differs between two stores: names, seconds."""
        names = [str(self.store), str(self.there), *(server.addresses[0] for server in self.servers)]
        for name in names:
            text = text.replace(name, "STORE")
        text = re.sub(r"[\d.]+ s, [\d,]+ rows/s|[\d.]+ s\b", "TIME", text)
        return re.sub(r'"(history_)?seconds": [\d.e-]+', "SECONDS", text)

    def make_both(self, definitions, *options):
        self.write("features.yaml", definitions)
        init = options or ("init", "--clock", "replay")
        for store in (self.store, self.there):
            self.run_ok(*init, store=store)
        self.server = self.serve(store=self.there, metrics="")
        self.same("apply", "features.yaml", "--yes")

    def assert_same_stores(self, views, sources):
        """Their digests are one, and so is all that history has."""
        for view in views:
            digests = [self.run_ok("digest", view, store=store).out for store in (self.store, self.there)]
            self.assertEqual(digests[0], digests[1], view)
        for source in sources:
            dumps = [self.run_ok("dump", "--history", source, store=store).out for store in (self.store, self.there)]
            self.assertEqual(dumps[0], dumps[1], source)
        quarantines = [self.run_ok("stats", "--quarantine", store=store).out for store in (self.store, self.there)]
        self.assertEqual(quarantines[0], quarantines[1])

    def clicks(self, count, name="clicks.csv"):
        return self.write_csv(name, ["user", "weight", "at"],
                              ((n % 1000, n / 8, f"2026-01-01T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}Z") for n in range(count)))

    def events(self, server=None):
        return self.run_there("stats", server=server, globals=["--json"]).json()["events"]


class Payments(Remote):
    def setUp(self):
        super().setUp()
        subprocess.run(["python3", str(EXAMPLE / "generate.py"), str(self.folder)], check=True, stdout=subprocess.DEVNULL)
        self.make_both((EXAMPLE / "features.yaml").read_text())

    def test_the_session_of_the_readme_is_the_same(self):
        self.same("plan", "features.yaml")
        self.same("ingest", "payments", "payments.csv", status=1)
        self.same("ingest", "payments", "payments.csv")
        self.same("--json", "ingest", "payments", "payments.csv")
        self.assert_same_stores(["user_spend", "merchant_risk", "pulse"], ["payments"])
        one = ("get", "fraud_v1", "user_id=u17", "merchant_id=7")
        self.same(*one, "--request", "amount=120.00")
        self.same("--json", *one, "--request", "amount=120.00")
        self.same(*one, "--features", "orders_7d,spend_30d")
        self.same(*one, "--at", "2027-01-01T00:00:00Z")
        self.same(*one, "--with-event", "payments.amount=9.99", "--with-event", "payments.country=FR")
        self.same("get", "fraud_v1", "user_id=nobody", "merchant_id=-1")

    def test_many_keys_are_the_same_in_one_call_and_in_many(self):
        self.same("ingest", "payments", "payments.csv", status=1)
        self.write_csv("keys.csv", ["user_id", "merchant_id"], [(f"u{n}" if n % 7 else "", n % 400) for n in range(5000)])
        for options in ((), ("--max-entities", "100"), ("--max-message-bytes", "64k")):
            self.server = self.serve_again(*options)
            self.same("get", "fraud_v1", "--keys", "keys.csv", "--request", "amount=1.00")
            self.same("--json", "get", "fraud_v1", "--keys", "keys.csv", "--features", "last_country,orders_7d")

    def serve_again(self, *options):
        self.end(self.server)
        return self.serve(*options, store=self.there, metrics="")

    def test_training_tables_are_the_same_bytes_and_digest(self):
        self.same("ingest", "payments", "payments.csv", status=1)
        spine = ("--spine", "labels.csv", "--time", "at")
        for options in ((), ("--status",), ("--mode", "as-of-event-time", "--inclusive"), ("--map", "amount=merchant_id")):
            self.run_ok("train", "fraud_v1", *spine, "-o", "here.csv", *options)
            self.run_there("train", "fraud_v1", *spine, "-o", "there.csv", *options)
            self.assertEqual((self.folder / "here.csv").read_bytes(), (self.folder / "there.csv").read_bytes(), options)
        here = self.run_ok("--json", "train", "fraud_v1", *spine, "-o", "here.db:t").json()
        there = self.run_there("--json", "train", "fraud_v1", *spine, "-o", "there.db:t").json()
        self.assertEqual({**here, "output": ""}, {**there, "output": ""})
        rows = [self.table_rows(name) for name in ("here.db", "there.db")]
        self.assertEqual(rows[0], rows[1])
        self.assertEqual(self.run_ok("--json", "rebuild-table", "there.db:t").json(), {**there, "equal": True})  # on a store of the same events
        self.run_there("train", "fraud_v1", "--spine", "here.db:t", "--time", "at", "-o", "again.csv", status=2)  # features are there already

    def table_rows(self, name):
        """All tables with all rows, but the manifest's own hash of itself and where the table is."""
        with sqlite3.connect(self.folder / name) as db:
            tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
            return {table: db.execute(f'SELECT * FROM "{table}"').fetchall() for table in tables}

    def test_a_spine_is_sent_in_chunks_that_fit_a_small_limit(self):
        self.same("ingest", "payments", "payments.csv", status=1)
        self.server = self.serve_again("--max-message-bytes", "512k")
        rows = list(csv.reader(open(self.folder / "labels.csv", newline="")))
        self.write_csv("spine.csv", rows[0], rows[1:] * 12)
        self.run_ok("train", "fraud_v1", "--spine", "spine.csv", "--time", "at", "-o", "here.csv")
        self.run_there("train", "fraud_v1", "--spine", "spine.csv", "--time", "at", "-o", "there.csv")
        self.assertEqual((self.folder / "here.csv").read_bytes(), (self.folder / "there.csv").read_bytes())

    def test_stats_are_the_same_but_for_the_size_of_files(self):
        self.same("ingest", "payments", "payments.csv", status=1)
        here = self.run_ok("--json", "stats").json()
        there = self.run_there("--json", "stats").json()
        for root in (here, there):
            for name in ("history_bytes", "wal_bytes", "commits"):
                root.pop(name)
            for view in root["views"]:
                view.pop("bytes")
        self.assertEqual(here, there)
        beside = self.run_ok("stats", store=self.there)  # of the very same store, while it is served
        self.assertEqual(self.plain(beside.out), self.plain(self.run_there("stats").out))

    def test_wrong_use_is_told_in_the_same_words(self):
        self.same("ingest", "payments", "payments.csv", status=1)
        self.write("keys.csv", "user_id,merchant_id\nu1,seven\n")
        self.write("bad.csv", "user_id\nu1\n")
        for arguments in (("get", "fraud_v2", "user_id=u1"), ("get", "fraud_v1", "user_id=u1"), ("get", "fraud_v1", "user=u1"),
                          ("get", "fraud_v1", "user_id=u1", "merchant_id=x"), ("get", "fraud_v1", "user_id=u1", "merchant_id=1", "--features", "spend"),
                          ("get", "fraud_v1", "--keys", "keys.csv"), ("get", "fraud_v1", "user_id=u1", "merchant_id=1", "--request", "amont=1"),
                          ("get", "fraud_v1", "user_id=u1", "merchant_id=1", "--at", "2001-01-01T00:00:00Z"),
                          ("get", "fraud_v1", "user_id=" + "u" * 600, "merchant_id=1"),
                          ("ingest", "payment", "payments.csv"), ("ingest", "payments", "bad.csv"), ("ingest", "payments", "missing.csv"),
                          ("ingest", "payments", "payments.csv", "--map", "amont=x"), ("ingest", "payments", "payments.csv", "--again", "--strict"),
                          ("train", "fraud_v1", "--spine", "bad.csv", "--time", "at", "-o", "x.csv"), ("train", "fraud", "--spine", "labels.csv", "--time", "at", "-o", "x.csv"),
                          ("train", "fraud_v1", "--spine", "labels.csv", "--time", "at", "-o", "labels.csv"), ("rebuild", "nothing"),
                          ("plan", "missing.yaml"), ("apply", "missing.yaml")):
            self.same(*arguments, status=2)


class Definitions(Remote):
    def test_plan_and_apply_say_what_they_do_to_a_folder(self):
        self.make_both(CLICKS)
        self.write("more.yaml", CLICKS.replace("last_w: last(weight)", "last_w: max(weight) over all") + "  few: {features: [by_user.n]}\n")
        self.same("plan", "more.yaml")
        self.same("--json", "plan", "more.yaml")
        self.same("apply", "more.yaml", status=2)  # nobody said yes
        self.same("plan", "more.yaml")
        self.same("apply", "more.yaml", "--yes")
        self.same("--json", "apply", "more.yaml", "--yes")
        self.same("get", "few", "user=1")

    def test_errors_are_listed_as_for_a_folder(self):
        self.make_both(CLICKS)
        (self.folder / "defs").mkdir()
        self.write("defs/a.yaml", CLICKS.replace("sum(weight)", "sum(wait)").replace("[by_user.*]", "[by_user.x]"))
        for command in (("plan", "defs"), ("apply", "defs", "--yes")):
            self.assertIn("error", self.same(*command, status=1).err)
        self.write("empty.yaml", "# nothing\n")
        self.same("apply", "empty.yaml", "--yes", status=2)
        self.clicks(10)
        self.same("ingest", "clicks", "clicks.csv")
        self.write("other.yaml", CLICKS.replace("weight: float64", "weight: string").replace("sum(weight)", "count()"))
        for command in (("plan", "other.yaml"), ("apply", "other.yaml", "--yes")):
            self.same(*command, status=2)

    def test_before_the_first_apply_everybody_is_told_to_apply(self):
        for store in (self.store, self.there):
            self.run_ok("init", store=store)
        self.clicks(10)
        self.server = self.serve(store=self.there, metrics="")
        for command in (("get", "s", "user=1"), ("ingest", "clicks", "clicks.csv"), ("train", "s", "--spine", "clicks.csv", "--time", "at", "-o", "x.csv")):
            self.assertIn("apply", self.same(*command, status=2).err)
        self.assertIn("no definitions", self.run_there("stats").out)

    def test_zones_come_with_the_definitions(self):
        """Naive times of a source and hours in a named zone: computed here with the server's rules."""
        zoned = CLICKS.replace("event_time: at", "event_time: at\n    timezone: America/New_York").replace(
            "n: count() over all", "n: count() over all, h: \"last(hour(at, 'Asia/Kolkata'))\"")
        self.make_both(zoned)
        self.write("clicks.csv", "user,weight,at\n1,1,2026-03-08 01:30:00\n1,2,2026-03-08 03:30:00\n1,3,2025-11-02 01:30:00\n")
        self.same("ingest", "clicks", "clicks.csv")
        self.same("get", "s", "user=1")
        self.assert_same_stores(["by_user"], ["clicks"])

    def test_rebuild_is_done_by_the_server(self):
        self.make_both(CLICKS)
        self.clicks(100)
        self.same("ingest", "clicks", "clicks.csv")
        self.same("rebuild", "by_user")
        self.same("rebuild", "--all")
        self.same("get", "s", "user=1")

    def test_definitions_that_compile_otherwise_are_refused_with_both_fingerprints(self):
        pb = service.pb

        class Fake(service.pb_grpc.FeatureStoreServicer):
            def Describe(self, request, context):
                return pb.DescribeResponse(item=pb.Item(fingerprint=b"\1" * 32), files=[pb.File(name="f.yaml", text=CLICKS)])

        fake = service.grpc.server(futures.ThreadPoolExecutor(1))
        service.pb_grpc.add_FeatureStoreServicer_to_server(Fake(), fake)
        port = fake.add_insecure_port("127.0.0.1:0")
        fake.start()
        self.addCleanup(fake.stop, None)
        error = self.run_there("get", "s", "user=1", server=f"127.0.0.1:{port}", status=2).err
        self.assertRegex(error, r"fingerprint (01){32}, and here they compile to [0-9a-f]{64}")


class EveryType(Remote):
    def setUp(self):
        super().setUp()
        self.make_both(every_type.DEFINITIONS, "init")
        self.rows = every_type.rows(service.now_us())

    def csv_of(self, name, header, rows):
        return self.write_csv(name, header, [["" if row.get(column) is None else every_type.text(row[column]) for column in header] for row in rows])

    def load(self):
        self.csv_of("events.csv", list(every_type.SOURCE), self.rows)
        self.run_ok("ingest", "events", "events.csv")
        self.run_there("ingest", "events", "events.csv")

    def test_rows_arrive_as_they_do_in_a_folder(self):
        """Declared arrivals, then live ones and deletes; what does not parse and what is out of bounds."""
        self.load()
        bad = [every_type.event(2000 + n, "u1", service.now_us() - 3600000000, values) for n, values in enumerate(
            [{"count": -1}, {"words": "[1"}, {"price": "1.005"}, {"due": "yesterday"}, {"place": [1.0]}, {"flag": "yes"}, {"blob": "?"}])]
        deletes = [every_type.event(number, None, service.now_us() - 1000000, op="delete") for number in (1, 2, 9999)]
        self.csv_of("more.csv", list(every_type.SOURCE), bad + deletes)
        self.same("ingest", "events", "more.csv", "--live", status=1)
        for view in ("by_user", "by_device", "all_events"):
            counts = [self.run_ok("--json", "digest", view, store=store).json()["online"]["entities"] for store in (self.store, self.there)]
            self.assertEqual(counts[0], counts[1], view)
        quarantines = [self.run_ok("stats", "--quarantine", store=store).out for store in (self.store, self.there)]
        self.assertEqual(quarantines[0], quarantines[1])
        self.assertEqual(quarantines[0].count("more.csv"), 7)
        self.assertEqual(self.run_ok("--json", "skew", "every", "--probe", "all", store=self.there).json()["differences"], 0)

    def test_lookups_of_every_type_are_the_same(self):
        """Against the folder of the very store that is served."""
        self.load()
        at = service.time_text(service.now_us() + 3600 * 1000000)
        for sent in (every_type.FULL, every_type.EDGES, {}):
            request = [part for name, value in sent.items() for part in ("--request", f"{name}_in={every_type.text(value)}")]
            hand = [part for name, value in sent.items() for part in ("--with-event", f"events.{name}={every_type.text(value)}")]
            for user in ("u0", "u1", "u2", "u3", "nobody"):
                for options in ((), hand):
                    command = ("--json", "get", "every", f"user={user}", "--at", at, *request, *options)
                    self.assertEqual(self.run_ok(*command, store=self.there).out, self.run_there(*command).out)
        self.write_csv("keys.csv", ["device", "slot", "lit"], [("AAE=", slot, lit) for slot in range(3) for lit in ("true", "false")] + [("", 1, "true"), ("AA==", 1, "true")])
        for command in (("get", "devices", "--keys", "keys.csv", "--at", at), ("get", "world", "--at", at), ("--json", "get", "world", "--at", at)):
            self.assertEqual(self.run_ok(*command, store=self.there).out, self.run_there(*command).out, command)

    def test_training_tables_of_every_type_are_the_same_bytes(self):
        """Request inputs and events at hand of every type, from CSV and from a table."""
        self.load()
        header = ["user", "t", *(name + "_in" for name in every_type.TYPES), *("events." + name for name in every_type.TYPES)]
        spine = []
        for n in range(3000):
            inputs, hand = (every_type.FULL, every_type.EDGES, {})[n % 3], ({}, every_type.FULL, every_type.EDGES)[n // 3 % 3]
            row = {"user": ("u0", "u1", "u2", "u3", "nobody", None)[n % 6], "t": service.time_text(service.now_us() - n * 300000000)}
            row.update({name + "_in": value for name, value in inputs.items()})
            row.update({"events." + name: value for name, value in hand.items()})
            spine.append(row)
        self.csv_of("spine.csv", header, spine)
        with sqlite3.connect(self.folder / "spine.db") as db:
            db.execute("CREATE TABLE spine (%s)" % ", ".join(f'"{name}" TEXT' for name in header))
            texts = list(csv.DictReader(open(self.folder / "spine.csv", newline="", encoding="utf-8")))
            db.executemany("INSERT INTO spine VALUES (%s)" % ", ".join("?" * len(header)), [[row[name] or None for name in header] for row in texts])
        for spine_place in ("spine.csv", "spine.db:spine"):
            for options in ((), ("--with-event", "events", "--status")):
                digests = set()
                for output in ("csv", "db:t"):
                    command = ("--json", "train", "every", "--spine", spine_place, "--time", "t", *options)
                    here = self.run_ok(*command, "-o", f"here.{output}", store=self.there).json()
                    there = self.run_there(*command, "-o", f"there.{output}").json()
                    self.assertEqual({**here, "output": ""}, {**there, "output": ""})
                    digests.add(there["digest"])
                self.assertEqual((self.folder / "here.csv").read_bytes(), (self.folder / "there.csv").read_bytes())
                self.assertEqual(self.manifests("here.db"), self.manifests("there.db"))

    def manifests(self, name):
        with sqlite3.connect(self.folder / name) as db:
            tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 't'")]
            rows = {}
            for table in tables:
                read = db.execute(f'SELECT * FROM "{table}"')
                names = [column[0] for column in read.description]
                rows[table] = [{k: v for k, v in zip(names, row) if "read_at" not in k and "created" not in k} for row in read]
            return rows


class Quarantine(Remote):
    def test_rows_in_quarantine_are_listed_as_of_a_folder_however_many(self):
        """Three parts: a part ends behind a MiB."""
        self.make_both(CLICKS)
        self.write_csv("bad.csv", ["user", "weight", "at"], [(n, "x" * 300, "2026-01-01T00:00:00Z") for n in range(7000)] + [(1, "ü\0", "")])
        self.same("stats", "--quarantine")
        self.same("ingest", "clicks", "bad.csv", status=1)
        self.same("stats", "--quarantine")
        self.same("--json", "stats", "--quarantine", "clicks")
        self.same("stats", "--quarantine", "click", status=2)


class Ingest(Remote):
    def setUp(self):
        super().setUp()
        self.make_both(CLICKS)

    def assert_loaded(self, count):
        self.assertEqual(self.events(), count)
        self.end(self.server)
        self.assert_same_stores(["by_user"], ["clicks"])

    def start_and_wait(self, *arguments, most):
        """An ingest that has sent some of its batches, not all."""
        process = self.start_there(*arguments)
        deadline = time.monotonic() + service.PATIENCE
        while not 0 < self.events() < most and process.poll() is None:
            self.assertLess(time.monotonic(), deadline)
        self.assertIsNone(process.poll(), "it was to be interrupted, but came to its end")
        return process

    def test_options_mean_what_they_mean_in_a_folder(self):
        self.clicks(25000)
        text = (self.folder / "clicks.csv").read_bytes()
        self.write("other.csv", text.replace(b"user,weight,at", b"who,weight,at,what", 1).replace(b"\n", b",x\n").replace(b"what,x", b"what", 1))
        self.same("ingest", "clicks", "clicks.csv")
        self.same("ingest", "clicks", "clicks.csv", "--again")
        self.same("ingest", "clicks", "other.csv", "--map", "user=who")
        self.same("ingest", "clicks", "-", input=text[:100000], status=1)  # cut in the middle of a row
        self.same("--json", "ingest", "clicks", "-", input=text[:text.index(b"\n", 50000) + 1])
        self.same("ingest", "clicks", "clicks.csv", "--producer", "me", "--batch", "1")
        self.same("ingest", "clicks", "clicks.csv", "--producer", "me", "--batch", "1")
        self.same("ingest", "clicks", "other.csv", "--map", "user=who", "--producer", "me", "--batch", "1", status=2)
        self.same("ingest", "clicks", "other.csv", "--map", "user=who", "--producer", "me", "--batch", "3", status=2)
        self.assert_loaded(self.events())

    def test_rows_that_do_not_parse_are_quarantined_with_their_place(self):
        self.write("bad.csv", 'user,weight,at\n1,x,2026-01-01T00:00:00Z\n2,1,never\n3,1,2026-01-01T00:00:00Z\nü,1\n"4,2')
        self.same("ingest", "clicks", "bad.csv", "--strict", status=2)
        self.same("ingest", "clicks", "bad.csv", status=1)
        self.assert_loaded(1)

    def test_bulk_is_for_folders(self):
        self.clicks(10)
        self.assertIn("--bulk works on the store's folder", self.run_there("ingest", "clicks", "clicks.csv", "--bulk", status=2).err)

    def test_a_file_that_a_folder_got_is_known_to_its_server_and_the_other_way_round(self):
        self.clicks(30000)
        self.same("ingest", "clicks", "clicks.csv")
        self.end(self.server)
        self.assertIn("loaded before", self.run_ok("ingest", "clicks", "clicks.csv", store=self.there).out)
        self.clicks(15000, "second.csv")
        self.run_ok("ingest", "clicks", "second.csv", store=self.there)
        self.run_ok("ingest", "clicks", "second.csv")
        self.server = self.serve(store=self.there, metrics="")
        self.assertIn("loaded before", self.run_there("ingest", "clicks", "second.csv").out)
        self.assert_loaded(45000)

    def test_an_ingest_that_was_killed_is_resumed(self):
        self.clicks(400000)
        process = self.start_and_wait("ingest", "clicks", "clicks.csv", most=300000)
        process.kill()
        process.communicate()
        self.assertIn("was interrupted; it was resumed", self.run_there("ingest", "clicks", "clicks.csv").err)
        self.run_ok("ingest", "clicks", "clicks.csv")
        self.assert_loaded(400000)

    def test_a_load_begun_in_a_folder_is_ended_through_its_server(self):
        self.end(self.server)
        self.clicks(400000)
        process = self.start("ingest", "clicks", "clicks.csv", store=self.there)
        deadline = time.monotonic() + service.PATIENCE
        while not self.run_ok("--json", "stats", store=self.there).json()["events"] and process.poll() is None:
            self.assertLess(time.monotonic(), deadline)
        process.kill()
        process.communicate()
        self.server = self.serve(store=self.there, metrics="")
        self.assertIn("was interrupted; it was resumed", self.run_there("ingest", "clicks", "clicks.csv").err)
        self.run_ok("ingest", "clicks", "clicks.csv")
        self.assert_loaded(400000)

    def test_a_server_that_is_killed_and_started_again_loses_nothing_and_doubles_nothing(self):
        self.clicks(400000)
        process = self.start_and_wait("ingest", "clicks", "clicks.csv", most=300000)
        address = self.server.addresses[0]
        self.server.process.kill()
        self.gone(self.server, -signal.SIGKILL)
        self.server = self.serve(store=self.there, metrics="", listen=(address,))
        out, err = process.communicate()
        self.assertEqual(process.returncode, 0, err)
        self.assertIn(b"trying again", err)
        self.assertIn(b"400,000 rows", out)
        self.run_ok("ingest", "clicks", "clicks.csv")
        self.assert_loaded(400000)

    def test_a_busy_server_gets_the_batches_again(self):
        self.end(self.server)
        self.server = self.serve("--push-queue-bytes", "64k", store=self.there, metrics="")
        self.clicks(150000)
        self.same("ingest", "clicks", "clicks.csv")
        self.assert_loaded(150000)

    def test_batches_fit_the_messages_that_the_server_takes(self):
        self.end(self.server)
        self.server = self.serve("--max-message-bytes", "64k", store=self.there, metrics="")
        self.clicks(30000)
        self.same("ingest", "clicks", "clicks.csv")
        error = self.run_there("ingest", "clicks", "clicks.csv", "--producer", "p", "--batch", "1", status=2).err
        self.assertRegex(error, r"clicks.csv: its batch 1 has \d+ bytes, and server '.*' takes at most 65536 in one message \(max_message_bytes\)")
        self.assert_loaded(30000)


class TheWayThere(Remote):
    def setUp(self):
        super().setUp()
        self.write("features.yaml", CLICKS)
        self.run_ok("init", store=self.there)
        self.run_ok("apply", "features.yaml", "--yes", store=self.there)

    def get(self, server, *globals, environment=(), status=0):
        return self.run_there("get", "s", "user=1", server=server, globals=globals, environment=environment, status=status)

    def serves(self, *options, listen=("127.0.0.1:0",)):
        self.server = self.serve(*options, listen=listen, store=self.there, metrics="")
        return self.server

    def test_wrong_addresses_say_what_to_do(self):
        for address, words in (("127.0.0.1:1", "nothing listens there; start it with 'selfsame serve'"),
                               ("unix:" + str(self.folder / "none.sock"), "nothing listens there; start it with 'selfsame serve'"),
                               ("nowhere.invalid:7500", "its host has no address; check the name"), ("here", "expected HOST:PORT, tls:HOST:PORT or unix:/PATH"),
                               ("host:", "expected HOST:PORT, tls:HOST:PORT or unix:/PATH"), ("tls:", "expected HOST:PORT, tls:HOST:PORT or unix:/PATH")):
            for command in (("get", "s", "user=1"), ("apply", "features.yaml", "--yes"), ("stats",)):
                result = self.run_there(*command, server=address, status=2)
                self.assertEqual((result.out, result.err), ("", f"selfsame: server '{address}': {words}\n"))

    def test_a_unix_socket_and_the_environment_name_a_server(self):
        server = self.serves(listen=("unix:" + str(self.folder / "a.sock"),))
        self.assertIn("feature", self.get(server).out)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SELFSAME_")}
        environment["SELFSAME_SERVER"] = server.addresses[0]
        run = lambda *arguments: subprocess.run([harness.binary(), *map(str, arguments)], cwd=self.folder, env=environment, capture_output=True, text=True)
        self.assertIn("feature", run("get", "s", "user=1").stdout)
        self.assertIn("--dir or --server, not both", run("get", "s", "user=1", "--dir", self.there, "--server", "a:1").stderr)
        self.assertIn(f"store     {self.there}", run("--dir", self.there, "stats").stdout)  # what is given counts more
        self.assertIn("add --dir DIR", run("skew", "s", "--probe", "all").stderr)
        self.assertEqual(run("check", "features.yaml").returncode, 0)

    def test_commands_that_need_the_folder_say_so(self):
        for command in (("init",), ("skew", "s", "--probe", "all"),
                        ("skew", "s", "--against", "clicks.csv", "--time", "at"), ("rebuild-table", "x.db:t"), ("digest", "by_user"), ("compact",), ("dump", "by_user"), ("serve",), ("sql", "SELECT 1"), ("token", "list")):
            result = self.run_there(*command, server="127.0.0.1:1", status=2)
            self.assertIn(f"selfsame {command[0]}: works on a store's folder only, not on server '127.0.0.1:1'", result.err)
        self.assertIn("--now moves the clock", self.get("127.0.0.1:1", "--now", "2026-01-01T00:00:00Z", status=2).err)

    def test_a_token_is_asked_for_taken_and_missed(self):
        server = self.serves()
        token = self.run_ok("token", "create", "reader", "--allow", "read:*", store=self.there).out.strip().split("\n")[-1]
        self.write("token", token + "\n")
        deadline = time.monotonic() + service.PATIENCE
        while time.monotonic() < deadline and self.run_there("stats", status=None).status == 0:
            time.sleep(0.1)
        self.assertIn("it wants a token ('selfsame token create' makes one); give it with --token-file FILE or $SELFSAME_TOKEN", self.get(server, status=2).err)
        self.assertIn("feature", self.get(server, "--token-file", "token").out)
        self.assertIn("feature", self.get(server, environment={"SELFSAME_TOKEN": token}).out)
        self.assertIn("no-such-file: No such file", self.get(server, "--token-file", "no-such-file", status=2).err)
        self.assertIn("what $SELFSAME_TOKEN holds is no token", self.get(server, environment={"SELFSAME_TOKEN": "a b"}, status=2).err)
        self.assertIn("the token is none", self.get(server, environment={"SELFSAME_TOKEN": "guess"}, status=2).err)
        unknown = token[:-1] + ("A" if token[-1] != "A" else "B")
        self.assertIn("not known", self.get(server, environment={"SELFSAME_TOKEN": unknown}, status=2).err)
        self.clicks(10)
        for command, right in ((("ingest", "clicks", "clicks.csv"), "push:clicks"), (("apply", "features.yaml", "--yes"), "admin"),
                               (("train", "s", "--spine", "clicks.csv", "--time", "at", "-o", "x.csv"), "train:s"), (("stats",), "admin")):
            error = self.run_there(*command, server=server, globals=["--token-file", "token"], status=2).err
            self.assertIn(f"token 'reader': it has no right '{right}'", error)
        self.assertIn("is not sent to another machine over plain TCP", self.get("10.1.2.3:7500", "--token-file", "token", status=2).err)

    def openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=self.folder, check=True, capture_output=True)

    def certificate(self, name, subject="IP:127.0.0.1", ca="ca"):
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self.write("ext", f"subjectAltName={subject}\n")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", "2", "-out", f"{name}.pem", "-extfile", "ext")

    def authority(self, name):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")

    @unittest.skipUnless(shutil.which("openssl"), "openssl makes the certificates")
    def test_tls_trusts_whom_it_is_told_to(self):
        self.authority("ca")
        self.authority("foreign")
        self.certificate("server")
        self.certificate("elsewhere", "DNS:elsewhere.example")
        files = ("--tls-certificate", "server.pem", "--tls-key", "server.key", "--allow-anonymous")
        server = self.serves(*files, listen=("tls:127.0.0.1:0", "127.0.0.1:0"))
        tls, plain = server.addresses
        self.assertIn("feature", self.get(tls, "--ca", "ca.pem").out)
        self.assertIn("feature", self.get(plain).out)
        self.assertIn("of no authority that is trusted here", self.get(tls, "--ca", "foreign.pem", status=2).err)
        self.assertIn("of no authority that is trusted here", self.get(tls, status=2).err)
        self.assertIn("is it a tls: listener", self.get(tls.removeprefix("tls:"), status=2).err)
        self.assertIn("does not speak TLS there; leave 'tls:' out", self.get("tls:" + plain, "--ca", "ca.pem", status=2).err)
        self.assertIn("--ca goes with TLS; write --server tls:HOST:PORT", self.get(plain, "--ca", "ca.pem", status=2).err)
        self.assertIn("features.yaml: expected PEM", self.get(tls, "--ca", "features.yaml", status=2).err)
        self.end(server)
        server = self.serves("--tls-certificate", "elsewhere.pem", "--tls-key", "elsewhere.key", "--allow-anonymous", listen=("tls:127.0.0.1:0",))
        self.assertIn("its certificate is for another name", self.get(server, "--ca", "ca.pem", status=2).err)

    @unittest.skipUnless(shutil.which("openssl"), "openssl makes the certificates")
    def test_mutual_tls_wants_a_certificate_of_the_client(self):
        self.authority("ca")
        self.certificate("server")
        self.certificate("client")
        server = self.serves("--tls-certificate", "server.pem", "--tls-key", "server.key", "--tls-client-ca", "ca.pem", listen=("tls:127.0.0.1:0",))
        self.assertIn("feature", self.get(server, "--ca", "ca.pem", "--cert", "client.pem", "--key", "client.key").out)
        self.assertIn("does it want a client's certificate", self.get(server, "--ca", "ca.pem", status=2).err)
        self.assertIn("--cert and --key go together", self.get(server, "--ca", "ca.pem", "--cert", "client.pem", status=2).err)


class ManyPoints(Remote):
    def test_rows_of_many_calls_tell_their_points(self):
        """A wall clock moves between calls."""
        self.write("features.yaml", CLICKS)
        self.run_ok("init", store=self.there)
        self.run_ok("apply", "features.yaml", "--yes", store=self.there)
        self.server = self.serve("--max-entities", "10", store=self.there, metrics="")
        self.write_csv("keys.csv", ["user"], [(n,) for n in range(25)])
        result = self.run_there("--json", "get", "s", "--keys", "keys.csv")
        rows = result.json()["rows"]
        self.assertEqual([row["keys"]["user"] for row in rows], list(range(25)))
        self.assertEqual([len({row["t"] for row in rows[first:first + 10]}) for first in (0, 10, 20)], [1, 1, 1])
        self.assertEqual(len({row["t"] for row in rows}), 3)
        self.assertEqual(result.json()["t"], rows[-1]["t"])
        self.assertIn("note: 25 rows are more than the server reads at once: they were read in 3 calls", result.err)
        self.assertNotIn("t", self.run_there("--json", "get", "s", "user=1").json()["rows"][0])


if __name__ == "__main__":
    harness.main()
