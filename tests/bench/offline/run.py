#!/usr/bin/env python3
"""Loads, builds and measures; tests/bench/offline.sh is the way in and says what the options mean.

This process imports nothing large: the kernel counts a parent's memory into the peak of a child it starts.
"""
import argparse
import datetime
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(f"{HERE}/../../..")
SLOW = 30  # seconds; what takes longer runs once
TIMEOUT = 120  # seconds, for a peer

sys.path.insert(0, HERE)
from work import definitions


def run(command, timeout=None):
    """Wall seconds, peak memory in MB and standard output of one process; None if it took longer than the timeout."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        # communicate() would reap the child before its peak memory can be read: output is small, so wait first.
        deadline = timeout and start + timeout
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG if deadline else 0)
            if pid:
                break
            if time.perf_counter() > deadline:
                child.kill()
                os.wait4(child.pid, 0)
                child.returncode = -9
                return None
            time.sleep(0.002)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        output, errors = child.stdout.read(), child.stderr.read()
    if child.returncode:
        sys.exit(f"{' '.join(command)}: exit status {child.returncode}\n{output}{errors}")
    return wall, usage.ru_maxrss / 1024, output


class Cell:
    """One thing to measure: a command, and how its time is told from its output and wall time."""

    def __init__(self, what, tool, form, run_once, peer=True, once=False, out=None):
        self.what, self.tool, self.form, self.peer, self.once, self.out = what, tool, form, peer, once, out
        self.run_once = run_once
        self.seconds, self.walls, self.peaks, self.note = [], [], [], ""
        self.over = False

    def measure(self):
        measured = self.run_once()
        if measured is None:
            self.over, self.note = True, f"stopped after {TIMEOUT} s"
            if self.out and os.path.exists(self.out):
                os.remove(self.out)
            return
        seconds, wall, peak, note = measured
        self.seconds.append(seconds)
        self.walls.append(wall)
        self.peaks.append(peak)
        self.note = note
        self.over = self.once or seconds > SLOW

    @property
    def median(self):
        return statistics.median(self.seconds) if self.seconds else None

    @property
    def peak(self):
        return max(self.peaks) if self.peaks else None

    def as_json(self):
        return {"what": self.what, "tool": self.tool, "form": self.form, "seconds": self.median, "all_seconds": self.seconds,
                "wall_seconds": self.walls, "peak_mb": self.peak, "note": self.note}


class Bench:
    def __init__(self, args):
        self.args = args
        self.selfsame = os.path.abspath(os.environ.get("SELFSAME", f"{ROOT}/build/release/selfsame"))
        self.bulk = ["--bulk"] if "--bulk" in subprocess.run([self.selfsame, "ingest", "--help"], capture_output=True, text=True).stdout else []
        self.cells = []
        self.busy = os.getloadavg()[0]  # before anything of ours runs
        self.failed = False

    # Data and stores.

    def data(self, shape):
        return f"{ROOT}/build/bench-offline/{shape}-{self.args.events}-{self.args.spine}-{self.args.entities}"

    def out(self, shape, name):
        return f"{self.data(shape)}/out/{name}"

    def newer(self, path, *than):
        return os.path.exists(path) and all(os.path.getmtime(path) >= os.path.getmtime(other) for other in than)

    def touch(self, path):
        open(path, "w").close()

    def generate(self, shape):
        folder, script = self.data(shape), f"{HERE}/generate.py"
        if self.newer(f"{folder}/made", script):
            return
        shutil.rmtree(folder, ignore_errors=True)
        print(f"generating {os.path.relpath(folder, ROOT)}", file=sys.stderr)
        run([sys.executable, script, folder, "--events", str(self.args.events), "--spine", str(self.args.spine),
             "--entities", str(self.args.entities), "--shape", shape])
        os.makedirs(f"{folder}/out")
        self.touch(f"{folder}/made")

    def store(self, shape, key):
        return f"{self.data(shape)}/store-{key}"

    def load_ours(self, shape, key):
        store, defs = self.store(shape, key), f"{self.data(shape)}/{key}.yaml"
        shutil.rmtree(store, ignore_errors=True)
        with open(defs, "w") as file:
            file.write(definitions(key))
        run([self.selfsame, "--dir", store, "init", "--clock", "replay"])
        run([self.selfsame, "--dir", store, "apply", defs, "--yes"])
        wall, peak, output = run([self.selfsame, "--dir", store, "--json", "ingest", "events", f"{self.data(shape)}/events.csv", *self.bulk])
        answer = json.loads(output)
        if answer["accepted"] != self.args.events:
            sys.exit(f"ingest took {answer['accepted']} of {self.args.events} rows: {output}")
        self.touch(f"{store}.loaded")
        seconds = answer.get("history_seconds", wall)
        note = f"{self.args.events / seconds / 1e6:.2f} M rows/s"
        return seconds, wall, peak, note + (f"; with online rows {wall:.1f} s" if "history_seconds" in answer else "; with online rows")

    def peer(self, tool, cell, shape, out="-", key="-", store="duck.duckdb"):
        measured = run([sys.executable, f"{HERE}/peer_{tool}.py", cell, self.data(shape), f"{self.data(shape)}/{store}", out, key], TIMEOUT)
        if measured is None:
            return None
        wall, peak, output = measured
        seconds, *whole = map(float, output.split())
        note = f"extrapolated from {seconds:.1f} s for 1/20 of the users" if whole else ""
        if cell == "load":
            note = f"{self.args.events / seconds / 1e6:.2f} M rows/s"
        return (whole or [seconds])[0], wall, peak, note

    def prepare(self, shape, key):
        """The stores that the other parts read, if they are missing or older than what made them."""
        if not self.newer(f"{self.store(shape, key)}.loaded", self.selfsame, f"{HERE}/work.py", f"{self.data(shape)}/made"):
            print(f"loading {os.path.relpath(self.store(shape, key), ROOT)}", file=sys.stderr)
            self.load_ours(shape, key)
        self.prepare_duckdb(shape)

    def prepare_duckdb(self, shape):
        loaded = f"{self.data(shape)}/duck.loaded"
        if not self.newer(loaded, f"{self.data(shape)}/made"):
            self.peer("duckdb", "load", shape)
            self.peer("duckdb", "spine", shape)
            self.touch(loaded)

    # Cells.

    def train(self, shape, key, service, out, mode="as-known"):
        for path in (out.split(".db:")[0] + ".db",) if ".db:" in out else (out,):
            if os.path.exists(path):
                os.remove(path)
        wall, peak, _ = run([self.selfsame, "--dir", self.store(shape, key), "train", service, "--spine", f"{self.data(shape)}/spine.csv",
                             "--time", "at:us", "-o", out, "--mode", mode, "--threads", "2"])
        return wall, wall, peak, ""

    def peer_cell(self, what, tool, form, cell, shape, key, once=False):
        out = self.out(shape, f"{tool}-{cell}-{key}.csv")
        return Cell(what, tool, form, lambda: self.peer(tool, cell, shape, out, key), once=once, out=out)

    def load_cells(self, shape):
        what = f"load {shape}"
        cells = [Cell(f"{what} {key}", "selfsame", "CSV -> history" + " --bulk" * bool(self.bulk), lambda key=key: self.load_ours(shape, key), peer=False)
                 for key in self.args.keys]
        cells += [Cell(what, "duckdb", "CSV -> its file", lambda: self.peer("duckdb", "load", shape, store="load.duckdb")),
                  Cell(what, "polars", "CSV -> Parquet", lambda: self.peer("polars", "load", shape, f"{self.data(shape)}/loaded.parquet"))]
        for cell in cells[-2:]:
            cell.aside = cell.tool == "polars"  # a file format, not a store: shown, not the bar
        return cells

    def asof_cells(self, shape, key):
        csv, table = f"as-of {shape} {key} -> CSV", f"as-of {shape} {key} -> table"
        return [Cell(csv, "selfsame", "train, as-known", lambda: self.train(shape, key, "asof", self.out(shape, f"ours-asof-{key}.csv")), peer=False),
                self.peer_cell(csv, "duckdb", "ASOF join", "asof", shape, key),
                self.peer_cell(csv, "polars", "join_asof, sorted", "asof_sorted", shape, key),
                self.peer_cell(csv, "polars", "join_asof, unsorted", "asof_unsorted", shape, key),
                self.peer_cell(csv, "pandas", "merge_asof, sorted", "asof", shape, key, once=True),
                Cell(table, "selfsame", "train, as-known, SQLite", lambda: self.train(shape, key, "asof", self.out(shape, f"ours-{key}.db:asof")), peer=False),
                Cell(table, "duckdb", "ASOF join, own table", lambda: self.peer("duckdb", "asof_table", shape, f"asof_{key}", key))]

    def windows_cells(self, shape, key):
        what = f"windows {shape} {key}"
        cells = [Cell(what, "selfsame", "train, as-known", lambda: self.train(shape, key, "windows", self.out(shape, f"ours-windows-{key}.csv")), peer=False),
                 self.peer_cell(what, "duckdb", "range join", "windows_join", shape, key),
                 self.peer_cell(what, "duckdb", "window frames", "windows_frames", shape, key),
                 self.peer_cell(what, "polars", "4 x rolling", "windows_rolling", shape, key),
                 self.peer_cell(what, "pandas", "groupby.rolling", "windows", shape, key, once=True)]
        # With hot entities an equality join has 10^10 pairs (DuckDB's stops at the timeout): Polars' is left out there.
        if shape == "uniform":
            cells.append(self.peer_cell(what, "polars", "join + group_by", "windows_join", shape, key))
        return cells

    def measure(self, cells):
        """In turns, so that a busy minute of the machine falls on all of them."""
        self.cells += cells
        for turn in range(self.args.repeats):
            for cell in cells:
                if not cell.over:
                    print(f"{turn + 1}/{self.args.repeats} {cell.what}: {cell.tool} {cell.form}", file=sys.stderr)
                    cell.measure()
        self.report()

    # Do the answers agree?

    def check(self, shape, key):
        for service in ("asof", "windows"):
            for mode in ("as-known", "as-of-event-time"):
                self.train(shape, key, service, self.out(shape, f"check-{service}-{mode}-{key}.csv"), mode)
        for cell in self.asof_cells(shape, key) + self.windows_cells(shape, key):
            if cell.out and cell.form != "window frames" and not os.path.exists(cell.out):
                cell.measure()
        checked = subprocess.run([sys.executable, f"{HERE}/check.py", self.data(shape), key], stdout=subprocess.PIPE, text=True)
        print(checked.stdout, end="")
        self.failed |= checked.returncode != 0

    # What came out.

    def table(self):
        lines = [("", "tool", "form", "runs", "seconds", "range", "peak MB", "x ours", "memory x ours", "note")]
        summary = [("", "ours s", "better peer", "its s", "ratio", "ours MB", "its MB", "memory ratio")]
        ours = [cell for cell in self.cells if not cell.peer]
        for mine in ours:
            peers = [cell for cell in self.cells if cell.peer and mine.what.startswith(cell.what)]
            for cell in [mine, *peers]:
                if not cell.seconds:
                    lines.append((mine.what, cell.tool, cell.form, "1", f"> {TIMEOUT}", "", "", "", "", cell.note))
                    continue
                lines.append((mine.what, cell.tool, cell.form, str(len(cell.seconds)), f"{cell.median:.3f}",
                              f"{min(cell.seconds):.3f}-{max(cell.seconds):.3f}", f"{cell.peak:.0f}",
                              f"{cell.median / mine.median:.2f}", f"{cell.peak / mine.peak:.2f}", cell.note))
            ready = [cell for cell in peers if cell.seconds and cell.tool != "pandas" and not getattr(cell, "aside", False)]
            if ready:
                best = min(ready, key=lambda cell: cell.median)
                summary.append((mine.what, f"{mine.median:.3f}", f"{best.tool} {best.form}", f"{best.median:.3f}",
                                f"{best.median / mine.median:.2f}", f"{mine.peak:.0f}", f"{best.peak:.0f}", f"{best.peak / mine.peak:.2f}"))
        return aligned(lines) + "\n\n" + aligned(summary)

    def machine(self):
        model = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
        memory = int(re.search(r"MemTotal:\s*(\d+)", open("/proc/meminfo").read()).group(1)) // 2**20
        return f"{os.cpu_count()} x {model.group(1) if model else platform.processor()}, {memory} GB, {platform.system()} {platform.release()}"

    def report(self):
        """Written after every group of cells, as a run takes long."""
        packages = [line.strip() for line in open(f"{HERE}/requirements.txt")]
        args = self.args
        commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
        head = (f"{datetime.date.today()}, {self.machine()}; selfsame {commit}; {', '.join(packages)}\n"
                f"{args.events:,} events, {args.entities:,} entities, {args.spine:,} spine rows; medians of {args.repeats} "
                f"(above {SLOW} s: one run); peers without the start of Python; ours as-known, peers the plain join by event time\n"
                f"load average of the machine at the start {self.busy:.1f}\n")
        text = head + "\n" + self.table()
        folder = f"{ROOT}/build/bench-offline"
        with open(f"{folder}/results.txt", "w") as file:
            file.write(text + "\n")
        with open(f"{folder}/results.json", "w") as file:
            json.dump({"date": str(datetime.date.today()), "machine": self.machine(), "commit": commit, "packages": packages,
                       "command": sys.argv, "events": args.events, "entities": args.entities, "spine": args.spine,
                       "load_average": self.busy, "cells": [cell.as_json() for cell in self.cells]}, file, indent=1)
        return text

    def go(self):
        args = self.args
        for shape in args.shapes:
            self.generate(shape)
            if "load" in args.only:
                self.measure(self.load_cells(shape))
            for key in args.keys if {"asof", "windows", "check"} & set(args.only) else []:
                self.prepare(shape, key)
                if "asof" in args.only:
                    self.measure(self.asof_cells(shape, key))
                if "windows" in args.only:
                    self.measure(self.windows_cells(shape, key))
                if "check" in args.only:
                    self.check(shape, key)
        if self.cells:
            print("\n" + self.report())
        return 1 if self.failed else 0


def aligned(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    number = re.compile(r"[<>\d. -]*")
    return "\n".join("  ".join(cell.rjust(w) if number.fullmatch(cell) else cell.ljust(w) for cell, w in zip(line, widths)).rstrip()
                     for line in lines)


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/offline.sh")
    listed = lambda *allowed: lambda text: [x if x in allowed else parser.error(f"{x}: not one of {', '.join(allowed)}") for x in text.split(",")]
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", type=listed("load", "asof", "windows", "check"), default=["load", "asof", "windows", "check"])
    parser.add_argument("--shapes", type=listed("uniform", "power"), default=["uniform", "power"])
    parser.add_argument("--keys", type=listed("user_id", "account_id"), default=["user_id", "account_id"])
    parser.add_argument("--events", type=int)
    parser.add_argument("--spine", type=int)
    parser.add_argument("--entities", type=int)
    parser.add_argument("--repeats", type=int)
    args = parser.parse_args()
    for name, full, quick in (("events", 10_000_000, 100_000), ("spine", 1_000_000, 10_000), ("entities", 100_000, 1_000), ("repeats", 5, 1)):
        if getattr(args, name) is None:
            setattr(args, name, quick if args.quick else full)
    return Bench(args).go()


if __name__ == "__main__":
    sys.exit(main())
