"""Files that may not grow any more, as on a full disk: an error, nothing half-done, and the next run goes on."""
import resource
import shutil
import signal

import harness
import test_recovery

LIMITS = [4096, 100_000, 200_000, 400_000, 700_000, 1_000_000, 1_500_000, 2_500_000]


def limited(size):
    def set_limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return set_limit


class FullDisk(test_recovery.StoreOfClicks):
    def test_an_ingest_that_runs_out_of_room_is_an_error_and_goes_on_where_it_stopped(self):
        self.prepare()
        failed = 0
        for size in LIMITS:
            self.begin_anew()
            result = self.run_any("ingest", "clicks", "clicks.csv", preexec_fn=limited(size))
            failed += result.status == 2
            if result.status == 2:
                self.assertTrue(result.err.startswith("selfsame: "), result)
                self.assertEqual(result.out, "")
                self.assertLess(len(result.err), 400, result)
            for command in (["get", "all", "user=7"], ["skew", "all", "--probe", "10"], ["stats"]):
                beside = self.run_any(*command)
                self.assertIn(beside.status, (0, 2), f"limit {size}: {command}: {beside}")
            self.run_ok("ingest", "clicks", "clicks.csv")
            self.assertEqual(self.digests(), self.clean, f"limit {size}")
        self.assertGreater(failed, 3, "limits that nothing meets prove nothing")

    def test_a_table_or_a_view_that_runs_out_of_room_leaves_what_was_there(self):
        self.prepare()
        self.write_csv("spine.csv", ["user", "at"], [[n % 500, f"2026-01-{1 + n % 28:02}T00:00:00Z"] for n in range(20_000)])
        for output in ("out.csv", "out.db:rows"):
            train = ["train", "all", "--spine", "spine.csv", "--time", "at", "-o", output]
            self.run_ok(*train)
            path = self.folder / output.split(":")[0]
            before = path.read_bytes()
            self.run_fails(2, *train, preexec_fn=limited(300_000))
            self.assertEqual(path.read_bytes(), before)
            self.assertEqual([p.name for p in self.folder.glob("out*") if p.name not in ("out.csv", "out.db")], [])
        self.write("features.yaml", test_recovery.DEFINITIONS.replace("over 7d", "over 14d"))
        before = self.run_ok("--json", "get", "all", "user=7").json()
        stopped = self.run_any("apply", "features.yaml", "--yes", preexec_fn=limited(50_000))
        self.assertEqual(stopped.status, 2, stopped)
        self.assertEqual(self.run_ok("--json", "get", "all", "user=7").json(), before)
        self.run_ok("apply", "features.yaml", "--yes")
        self.assert_parity("all", ["clicks", "pace"])

    def picture(self):
        """What is read of the store: digests of both sides, a training table, and what waits in no segment."""
        self.write_csv("few.csv", ["user", "at"], [[n % 500, f"2026-01-{1 + n % 28:02}T00:00:00Z"] for n in range(2000)])
        self.run_ok("train", "all", "--spine", "few.csv", "--time", "at", "-o", "few-out.csv")
        return ([self.digest(view, side) for view in ("clicks", "pace") for side in ("--online", "--offline")],
                (self.folder / "few-out.csv").read_bytes(), self.run_ok("--json", "stats").json()["events"])

    def try_with_limits(self, command, sizes):
        """Runs it with each limit from the same store; what fails changes nothing, and works without the limit."""
        kept = self.folder / "kept"
        shutil.copytree(self.store, kept)
        before, after, failed = self.picture(), None, 0
        for size in sizes:
            shutil.rmtree(self.store)
            shutil.copytree(kept, self.store)
            result = self.run_any(*command, preexec_fn=limited(size))
            if result.status == 2:
                failed += 1
                self.assertTrue(result.err.startswith("selfsame: "), result)
                self.assertEqual(result.out, "")
                self.assertEqual(self.picture(), before, f"limit {size}")
                self.run_ok(*command)
            now = self.picture()
            self.assertEqual(now, after or now, f"limit {size}")
            after = now
        shutil.rmtree(kept)
        self.assertGreater(failed, 2, "limits that nothing meets prove nothing")
        return before, after

    def history_bytes(self):
        return (self.store / "history.db").stat().st_size

    def test_a_compaction_that_runs_out_of_room_changes_nothing(self):
        self.prepare()  # all rows wait: a compaction flushes them first
        self.assertEqual(*self.try_with_limits(["compact"], [4096, 50_000, 200_000, 500_000, 900_000, 2_000_000]))
        self.run_ok("compact")
        self.run_ok("ingest", "clicks", "clicks.csv", "--again")
        self.run_ok("compact")
        sizes = [4096, 100_000, 300_000, 600_000, self.history_bytes() // 2]
        self.assertEqual(*self.try_with_limits(["compact", "--reindex"], sizes))

    def test_a_flush_that_runs_out_of_room_leaves_what_was_acknowledged(self):
        self.prepare()
        self.run_ok("ingest", "clicks", "clicks.csv", "--again")
        text = (self.folder / "clicks.csv").read_text(encoding="utf-8")
        self.write("more.csv", text + "\n")  # another file, of the same rows
        kept = self.folder / "kept"
        shutil.copytree(self.store, kept)
        self.run_ok("ingest", "clicks", "clicks.csv", "--again", "--bulk", "--threads", "1")  # 90,000 rows: a flush among them
        want, failed = self.picture(), 0
        for size in [50_000, 500_000, 1_500_000, 2_500_000, 3_500_000, 4_500_000, 6_000_000]:
            shutil.rmtree(self.store)
            shutil.copytree(kept, self.store)
            failed += self.run_any("ingest", "clicks", "more.csv", preexec_fn=limited(size)).status == 2
            self.run_ok("ingest", "clicks", "more.csv")
            self.assertEqual(self.picture(), want, f"limit {size}")
        self.assertGreater(failed, 2, "limits that nothing meets prove nothing")

    def test_a_load_in_bulk_that_runs_out_of_room_goes_on_where_it_stopped(self):
        self.prepare()
        rows = [list(row.values()) for row in self.read_csv("clicks.csv")]
        self.write_csv("many.csv", ["user", "weight", "at"], rows * 6)
        self.begin_anew()
        self.run_ok("ingest", "clicks", "many.csv", "--bulk")
        want = self.picture()
        failed = 0
        for size in [4096, 100_000, 300_000, 600_000, 1_000_000, 1_500_000, 2_500_000, 4_000_000, 6_000_000]:
            self.begin_anew()
            result = self.run_any("ingest", "clicks", "many.csv", "--bulk", preexec_fn=limited(size))
            failed += result.status == 2
            self.run_ok("ingest", "clicks", "many.csv", "--bulk")
            self.assertEqual(self.picture(), want, f"limit {size}")
        self.assertGreater(failed, 2, "limits that nothing meets prove nothing")


if __name__ == "__main__":
    harness.main()
