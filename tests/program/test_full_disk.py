"""Files that may not grow any more, as on a full disk: an error, nothing half-done, and the next run goes on."""
import resource
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


if __name__ == "__main__":
    harness.main()
