"""The page of metrics as Prometheus reads it, over HTTP as clients speak it. Served by a unit test's program with samples."""
import http.client
import os
import pathlib
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
    unittest.main()
