"""The page of metrics as Prometheus reads it, over HTTP as clients speak it. Served by a unit test's program with samples."""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import unittest

import harness
import prometheus

PROGRAM = pathlib.Path(harness.binary()).parent / "tests" / "test_server_metrics_http"


class Metrics(unittest.TestCase):
    def setUp(self):
        self.server = subprocess.Popen([PROGRAM, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.stop)
        self.port = int(self.server.stdout.readline())

    def stop(self):
        self.server.stdin.close()
        self.assertEqual(self.server.wait(timeout=10), 0)
        self.server.stdout.close()

    def ask(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read().decode("utf-8")
        connection.close()
        return answer, body

    def test_the_page_is_strictly_what_prometheus_reads(self):
        answer, body = self.ask("/metrics")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.getheader("Content-Type"), "text/plain; version=0.0.4; charset=utf-8")
        families = prometheus.read(body)
        self.assertEqual(prometheus.value(families, "selfsame_requests_total", method="GetFeatures", service="fraud_v1",
                                          code="RESOURCE_EXHAUSTED"), 20)
        self.assertEqual(prometheus.value(families, "selfsame_push_rows_total", source="payments", outcome="accepted"), 10_000)
        self.assertEqual(prometheus.value(families, "selfsame_build_info", version="1.2.3"), 1)
        self.assertEqual(prometheus.value(families, "selfsame_ready"), 1)
        for name in ("request_seconds", "lookup_seconds", "commit_seconds", "rows_total", "cells_total", "commits_total",
                     "freshness_seconds", "applied_seq", "history_seq", "wal_bytes", "history_bytes", "online_bytes", "in_flight"):
            self.assertTrue(families["selfsame_" + name].samples, name)
        for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds", "start_time_seconds"):
            self.assertTrue(families["process_" + name].samples, name)
        self.assertLess(abs(prometheus.value(families, "process_start_time_seconds") - time.time()), 60)

    def test_many_scrapes_on_one_connection(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        for _ in range(50):
            connection.request("GET", "/metrics")
            prometheus.read(connection.getresponse().read().decode("utf-8"))
        connection.close()

    def test_head_is_get_without_the_body(self):
        answer, body = self.ask("/metrics", "HEAD")
        self.assertEqual((answer.status, body), (200, ""))
        self.assertGreater(int(answer.getheader("Content-Length")), 1000)

    def test_readiness_follows_the_server(self):
        self.assertEqual(self.ask("/readyz")[0].status, 200)
        self.server.stdin.write(b"n")
        self.server.stdin.flush()
        deadline = time.time() + 5
        while self.ask("/readyz")[0].status == 200 and time.time() < deadline:
            time.sleep(0.01)
        answer, body = self.ask("/readyz")
        self.assertEqual((answer.status, body), (503, "online rows are 17 events behind history\n"))
        self.assertEqual(self.ask("/healthz")[0].status, 200)

    def test_other_paths_and_methods(self):
        for path, method, status in (("/", "GET", 404), ("/metrics2", "GET", 404), ("/metrics", "POST", 405), ("/nothing", "PUT", 404),
                                     ("/healthz", "DELETE", 405)):
            self.assertEqual(self.ask(path, method)[0].status, status, (path, method))

    def test_slow_clients_do_not_keep_others_waiting(self):
        slow = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(20)]
        for one in slow:
            one.sendall(b"GET /metr")
        start = time.time()
        self.assertEqual(self.ask("/healthz")[0].status, 200)
        self.assertLess(time.time() - start, 5)
        for one in slow:
            one.close()


class Served(harness.StoreTest):
    """The real server's page, and what systemd hears of it."""

    def setUp(self):
        super().setUp()
        self.write("defs.yaml", harness.CLICKS + """
views:
  clicks_of: {entity: user, source: clicks, features: {n: count() over all}}
services:
  all: {features: [clicks_of.*]}
""")
        self.run_ok("init")
        self.run_ok("apply", "defs.yaml", "--yes")
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.notified.close)
        self.notified.bind(str(self.folder / "notify"))
        self.notified.settimeout(20)

    def serve(self, *arguments):
        server = self.start("serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", *arguments,
                            environment={"NOTIFY_SOCKET": str(self.folder / "notify")})
        self.addCleanup(self.end, server)
        while not (line := server.stdout.readline()).startswith(b"metrics "):
            self.assertTrue(line, "the server ended")
        self.port = int(line.rsplit(b":", 1)[1])
        return server

    @staticmethod
    def end(server):
        if server.poll() is None:
            server.kill()
        server.communicate()

    def hear(self):
        return self.notified.recv(4096).decode().split("\n")

    def ask(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode("utf-8")
        connection.close()
        return answer.status, body

    def test_its_page_is_strictly_what_prometheus_reads(self):
        server = self.serve()
        status, body = self.ask("/metrics")
        self.assertEqual(status, 200)
        families = prometheus.read(body)
        self.assertEqual(prometheus.value(families, "selfsame_ready"), 1)
        for name in ("applied_seq", "history_seq", "push_queue_bytes", "in_flight", "wal_bytes", "history_bytes", "online_bytes"):
            self.assertEqual(len(families["selfsame_" + name].samples), 1, name)
        self.assertEqual(self.ask("/readyz"), (200, "ready\n"))
        self.assertEqual(self.ask("/healthz")[0], 200)
        server.terminate()
        self.assertEqual(server.wait(timeout=30), 0)

    def test_systemd_hears_of_start_reload_and_stop(self):
        server = self.serve()
        self.assertIn("READY=1", self.hear())
        server.send_signal(signal.SIGHUP)
        self.assertIn("RELOADING=1", self.hear())
        self.assertIn("READY=1", self.hear())
        server.terminate()
        self.assertIn("STOPPING=1", self.hear())
        self.assertEqual(server.wait(timeout=30), 0)

    def test_a_reload_takes_what_is_live_and_names_what_waits(self):
        self.write("s.yaml", "log_level: info\n")
        server = self.serve("--config", self.folder / "s.yaml")
        self.assertIn("READY=1", self.hear())
        for text, said in (("log_format: json\nshards: 7\n", "shards: the change takes effect at the next start"),
                           ("log_format: jsn\n", "expected text|json, got 'jsn'; did you mean 'json'?")):
            self.write("s.yaml", text)
            server.send_signal(signal.SIGHUP)
            while "READY=1" not in self.hear():
                pass
            line = server.stderr.readline().decode()
            while said not in line:
                self.assertTrue(line, said)
                line = server.stderr.readline().decode()
        self.assertEqual(json.loads(line)["level"], "error", "the second reload is logged as the first one asked for")
        server.terminate()
        self.assertEqual(server.wait(timeout=30), 0)

    def test_wrong_settings_are_all_told_and_nothing_starts(self):
        self.write("s.yaml", "max_entites: 5\nlog_format: jsn\n")
        message = self.run_fails(2, "serve", "--config", self.folder / "s.yaml", "--shards", "many")
        self.assertIn("s.yaml:1:1: unknown setting 'max_entites'; did you mean 'max_entities'?", message)
        self.assertIn("s.yaml:2:13: log_format: expected text|json, got 'jsn'; did you mean 'json'?", message)
        self.assertIn("--shards: expected a count from 0 to 1024, got 'many'", message)

    def test_an_open_door_is_refused_with_what_to_do(self):
        for listen, said in (("0.0.0.0:0", "plain TCP beyond loopback shows every value and token to the network"),
                             ("tls:0.0.0.0:0", "TLS needs tls_certificate and tls_key")):
            self.assertIn(f"listen '{listen}': {said}", self.run_fails(2, "serve", "--listen", listen))

    def test_a_damaged_file_of_tokens_does_not_open_the_server(self):
        (self.store / "tokens").write_text("")
        (self.store / "tokens").chmod(0o600)
        self.assertIn("tokens: line 1".replace("tokens", f"tokens '{self.store}/tokens'", 1), self.run_fails(2, "serve", "--listen", "127.0.0.1:0"))

    def test_help_lists_every_setting(self):
        said = self.run_ok("serve", "--help").out
        for name in re.findall(r"^\| `([a-z_]+)` \|", (harness.ROOT / "docs" / "CONFIG.md").read_text(encoding="utf-8"), re.M):
            self.assertIn(f"  --{name.replace('_', '-')}", said)


class Reader(unittest.TestCase):
    """The reader refuses what it should."""

    def test_malformed_pages_are_refused(self):
        good = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"y\"} 1\n"
        self.assertEqual(list(prometheus.read(good)), ["a_total"])
        for bad in (good[:-1], good.replace("} 1", "}  1"), good.replace(" 1", " one"), good.replace("counter", "count"), good + good,
                    good.replace('"y"', '"y'), good.replace('x="y"', 'x="y",'), good.replace('"y"', '"\\q"'), good + 'a_total{x="y"} 2\n',
                    good.replace("# TYPE a_total counter\n", ""), good.replace(" 1", " -1"), "\n" + good, good.replace("a_total", "a"),
                    "# HELP a_seconds A.\n# TYPE a_seconds histogram\na_seconds_bucket{le=\"1\"} 2\na_seconds_bucket{le=\"+Inf\"} 1\n"
                    "a_seconds_sum 1\na_seconds_count 1\n"):
            with self.assertRaises(prometheus.Malformed, msg=bad):
                prometheus.read(bad)


if __name__ == "__main__":
    if not os.access(PROGRAM, os.X_OK):
        sys.exit(harness.SKIPPED)
    harness.main()
