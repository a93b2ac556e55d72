"""What puts a store right again: backups that come back, files that were torn, a clock that stands, rebuilds beside lookups."""
import os
import shutil
import sqlite3
import threading

import harness

DEFINITIONS = harness.CLICKS + """
views:
  clicks:
    entity: user
    source: clicks
    features:
      clicks: count() over %s
services:
  all:
    features: [clicks.*]
"""


class Repair(harness.StoreTest):
    def fill(self, rows=2000, window="30d"):
        self.write_csv("clicks.csv", ["user", "weight", "at"],
                       [[i % 50, i / 8, f"2026-01-{1 + i * 27 // rows:02}T{i % 24:02}:00:00Z"] for i in range(rows)])
        self.make_store(DEFINITIONS % window)
        self.run_ok("ingest", "clicks", "clicks.csv")

    def backup(self, name):
        for suffix in ("", "-wal", "-shm"):
            path = self.store / f"history.db{suffix}"
            if path.exists():
                shutil.copy(path, self.folder / f"{name}{suffix}")

    def restore(self, name):
        for suffix in ("", "-wal", "-shm"):
            (self.store / f"history.db{suffix}").unlink(missing_ok=True)
            if (self.folder / f"{name}{suffix}").exists():
                shutil.copy(self.folder / f"{name}{suffix}", self.store / f"history.db{suffix}")

    def test_a_history_that_comes_back_from_before_an_apply_is_served_again(self):
        self.fill()
        self.backup("history.backup")
        before = self.run_ok("--json", "get", "all", "user=7").json()
        self.write("features.yaml", DEFINITIONS % "7d")
        self.run_ok("apply", "features.yaml", "--yes")
        self.restore("history.backup")
        self.run_fails(2, "get", "all", "user=7")
        self.write_csv("one.csv", ["user", "weight", "at"], [[7, 1, "2026-01-28T01:00:00Z"]])
        self.run_ok("ingest", "clicks", "one.csv")
        after = self.run_ok("--json", "get", "all", "user=7").json()
        self.assertEqual(after["fingerprint"], before["fingerprint"])
        self.assertEqual(after["rows"][0]["features"]["clicks"], before["rows"][0]["features"]["clicks"] + 1)
        self.assert_parity("all", ["clicks"])

    def test_a_store_without_its_format_file_is_told_from_no_store(self):
        self.fill(10)
        (self.store / "format").unlink()
        self.assertIn("its file 'format' is missing; write 'selfsame store 1' into it", self.run_fails(2, "stats"))
        self.write("store/format", "selfsame store 1\n")
        self.run_ok("stats")

    def test_readers_refuse_rows_of_events_that_history_lost(self):
        self.fill(200)
        self.backup("history.backup")
        self.write_csv("one.csv", ["user", "weight", "at"], [[7, 1, "2026-01-28T01:00:00Z"]])
        self.run_ok("ingest", "clicks", "one.csv")
        self.restore("history.backup")
        self.assertIn("made from another history", self.run_fails(2, "get", "all", "user=7"))
        self.run_ok("rebuild", "--all")
        self.assert_parity("all", ["clicks"])

    def test_torn_files_that_cannot_be_removed_are_not_trusted_the_next_time(self):
        self.fill(200)
        with sqlite3.connect(self.store / "history.db") as history:
            changed = history.execute("UPDATE settings SET value = 'another' WHERE name = 'online_boot_id'").rowcount
            changed += history.execute("UPDATE settings SET value = 'no' WHERE name = 'online_clean'").rowcount
        history.close()
        self.assertEqual(changed, 2, "the settings that note a clean close are not called so any more")
        self.run_fails(2, "get", "all", "user=7")
        blocked = self.store / "online.old"
        (blocked / "full").mkdir(parents=True)
        (blocked / "full" / "x").write_text("x")
        self.write_csv("one.csv", ["user", "weight", "at"], [[7, 1, "2026-01-28T01:00:00Z"]])
        first = self.run_any("ingest", "clicks", "one.csv")
        if first.status == 2:  # they could not be removed: then they are as torn as before
            self.run_fails(2, "get", "all", "user=7")
            shutil.rmtree(blocked)
            self.run_ok("ingest", "clicks", "one.csv")
        self.assert_parity("all", ["clicks"])

    def test_a_clock_that_stands_for_a_dead_writers_commit_is_not_moved(self):
        self.fill(200)
        clock = self.store / "clock"
        cell = bytearray(clock.read_bytes())
        cell[64] |= 1  # a commit is on its way, and its writer is dead
        clock.write_bytes(cell)
        message = self.run_fails(2, "--now", "2027-01-01T00:00:00Z", "get", "all", "user=7")
        self.assertIn("commit on its way", message)
        self.run_ok("rebuild", "clicks")
        self.run_ok("--now", "2027-01-01T00:00:00Z", "get", "all", "user=7")

    def test_a_lookup_ahead_of_the_clock_says_that_it_is_a_preview(self):
        self.fill(10)
        self.assertNotIn("preview", self.run_ok("--json", "get", "all", "user=7").json())
        ahead = self.run_ok("--json", "get", "all", "user=7", "--at", "2027-01-01T00:00:00Z").json()
        self.assertIs(ahead["preview"], True)
        self.assertIn("changes nothing", self.run_ok("--now", "2020-01-01T00:00:00Z", "get", "all", "user=7").err)

    def test_lookups_go_on_while_everything_is_rebuilt(self):
        self.fill(60_000)
        want = self.run_ok("--json", "get", "all", "user=7").json()["rows"]
        done, seen = threading.Event(), []

        def keep_looking():
            while not done.is_set():
                seen.append(self.run_any("--json", "get", "all", "user=7"))

        reader = threading.Thread(target=keep_looking)
        reader.start()
        try:
            for _ in range(3):
                self.run_ok("rebuild", "--all")
        finally:
            done.set()
            reader.join()
        self.assertGreater(len(seen), 5)
        for answer in seen:
            self.assertEqual(answer.status, 0, str(answer))
            self.assertEqual(answer.json()["rows"], want)


if __name__ == "__main__":
    harness.main()
