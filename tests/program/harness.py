"""What the whole-program tests share: stores in temporary directories, and the built binary that the environment variable
SELFSAME names."""
import csv
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = ROOT.parent / "shared"
SKIPPED = 77  # what CTest takes for a skipped test
sys.path.insert(0, str(ROOT / "tests"))


def binary():
    path = os.environ.get("SELFSAME", "")
    if not path or not os.access(path, os.X_OK):
        sys.exit("the environment variable SELFSAME has to name the built binary, as in SELFSAME=build/dev/selfsame")
    return os.path.abspath(path)


# The least there is to load: definitions of a source of clicks and its entity. Tests put their views and services behind it.
CLICKS = """
entities:
  user: {user: int64}
sources:
  clicks:
    columns: {user: int64, weight: float64, at: timestamp}
    event_time: at
"""


class Result:
    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout.decode("utf-8", "surrogateescape")
        self.err = done.stderr.decode("utf-8", "surrogateescape")

    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"exit {self.status}\n--- out\n{self.out}--- err\n{self.err}"


class StoreTest(unittest.TestCase):
    """A temporary folder per test, in which the binary runs; self.store is the store's folder in it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="selfsame-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.store = self.folder / "store"

    def start(self, *arguments, **options):
        """The process, not waited for."""
        environment = {k: v for k, v in os.environ.items() if k != "SELFSAME_DIR"} | options.pop("environment", {})
        return subprocess.Popen([binary(), "--dir", str(options.pop("store", self.store)), *map(str, arguments)],
                                cwd=self.folder, env=environment, stdin=options.pop("stdin", subprocess.PIPE),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def run_any(self, *arguments, input=b"", **options):
        process = self.start(*arguments, **options)
        out, err = process.communicate(input)
        result = Result(subprocess.CompletedProcess(process.args, process.returncode, out, err))
        self.assertGreaterEqual(result.status, 0, f"killed by a signal: {' '.join(map(str, arguments))}: {result}")
        self.assertNotRegex(result.err, "Sanitizer|runtime error:|assertion", f"{' '.join(map(str, arguments))}: {result}")
        return result

    def run_ok(self, *arguments, **options):
        result = self.run_any(*arguments, **options)
        self.assertEqual(result.status, 0, f"{' '.join(map(str, arguments))}: {result}")
        return result

    def run_fails(self, status, *arguments, **options):
        """Expects that exit status, a message and no result; returns the message."""
        result = self.run_any(*arguments, **options)
        self.assertEqual(result.status, status, f"{' '.join(map(str, arguments))}: {result}")
        self.assertEqual(result.out, "", "a failure prints no result")
        self.assertNotEqual(result.err, "")
        return result.err

    def write(self, name, text):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return path

    def write_csv(self, name, header, rows):
        with open(self.folder / name, "w", newline="", encoding="utf-8") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(header)
            out.writerows(rows)
        return self.folder / name

    def read_csv(self, name):
        """[{column: text}], in order."""
        with open(self.folder / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def make_store(self, definitions, *options):
        self.write("features.yaml", definitions)
        self.run_ok(*(options or ("init", "--clock", "replay")))
        self.run_ok("apply", "features.yaml", "--yes")

    def change_history(self, sql, parameters=(), store=None):
        """Runs SQL of a test's own on history.db. The number of rows that it changed."""
        db = sqlite3.connect((store or self.store) / "history.db", isolation_level=None)
        try:
            return db.execute(sql, parameters).rowcount
        finally:
            db.close()

    def flip_bit(self, blob, bit=None, store=None):
        """Flips a bit (the middle one) of a BLOB of history, whose id is a number or an expression of SQL."""
        db = sqlite3.connect((store or self.store) / "history.db", isolation_level=None)
        try:
            (content,) = db.execute(f"SELECT bytes FROM blobs WHERE id = ({blob})").fetchone()
            at = len(content) * 4 if bit is None else bit % (len(content) * 8)
            content = bytearray(content)
            content[at // 8] ^= 1 << at % 8
            db.execute(f"UPDATE blobs SET bytes = ? WHERE id = ({blob})", [bytes(content)])
        finally:
            db.close()

    def digest(self, view, side="--online"):
        answer = self.run_ok("--json", "digest", view, side).json()
        return answer["online" if side == "--online" else "offline"]["digest"]

    def assert_parity(self, service, views):
        """skew finds nothing, and online and offline digests are equal."""
        report = self.run_ok("--json", "skew", service, "--probe", "all").json()
        self.assertEqual(report["differences"], 0)
        self.assertGreater(report["rows"], 0, "a probe of nothing proves nothing")
        for view in views:
            self.assertEqual(self.digest(view, "--online"), self.digest(view, "--offline"), view)


def shared(name):
    """A file of real data that stands beside the project, or a skip that says so."""
    path = SHARED / name
    if not path.exists():
        raise unittest.SkipTest(f"../shared/{name} is not there: this test needs the real data beside the project")
    return path


def main():
    """Runs the tests of the calling file; CTest sees a skip only when nothing ran."""
    binary()
    outcome = unittest.main(verbosity=2, exit=False).result
    if not outcome.wasSuccessful():
        sys.exit(1)
    for _, reason in outcome.skipped:
        print(f"skipped: {reason}")
    sys.exit(SKIPPED if outcome.skipped and outcome.testsRun <= len(outcome.skipped) else 0)
