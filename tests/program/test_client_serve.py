"""The C client with a real server: what it pushes it looks up, by all forms and as a training table the same bits; a producer
goes on through kills of the server, and no row is lost or counted twice."""
import os
import signal
import subprocess
import sys
import time
import unittest

from harness import ROOT, SKIPPED, StoreTest, binary

SESSION = os.environ.get("SELFSAME_SESSION", "")


class Served(StoreTest):
    def setUp(self):
        super().setUp()
        self.run_ok("init")
        self.run_ok("apply", "--yes", ROOT / "examples/payments/features.yaml")
        self.address = f"unix:{self.folder}/socket"
        self.server = None
        self.serve()
        self.addCleanup(self.end, signal.SIGKILL)

    def serve(self):
        self.server = subprocess.Popen([binary(), "--dir", self.store, "serve", "--listen", self.address, "--metrics-listen", ""],
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.server.stdout.readline()
        self.assertTrue(line.startswith("listening"), line)

    def end(self, how):
        if self.server.poll() is None:
            self.server.send_signal(how)
        self.server.wait(30)
        self.server.stdout.close()

    def session(self, *arguments):
        done = subprocess.run([SESSION, self.address, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=200)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout.strip()

    def test_all_forms_of_a_lookup_and_a_training_table_are_the_same_bits(self):
        self.assertEqual(self.session("push", "p", "5000"), "acknowledged 5000 in 10 attempts")
        self.assertEqual(self.session("compare", "120"), f"equal {2 * 14 * 120} values")

    def test_a_producer_goes_on_through_kills_of_the_server(self):
        rows = 30000
        pusher = subprocess.Popen([SESSION, self.address, "push", "survivor", str(rows)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            time.sleep(0.15)
            self.end(how)
            self.serve()
        out, err = pusher.communicate(timeout=200)
        self.assertEqual((out.split(" in ")[0], pusher.returncode), (f"acknowledged {rows}", 0), err)
        self.assertGreater(int(out.split()[-2]), rows // 500, "no batch was sent again: the kills came too late")
        self.end(signal.SIGTERM)
        self.assertEqual(self.run_ok("--json", "stats").json()["events"], rows)
        self.run_ok("digest", "user_spend")  # online rows and history


if __name__ == "__main__":
    if not SESSION or not os.path.exists(SESSION):
        sys.exit(SKIPPED)
    unittest.main()
