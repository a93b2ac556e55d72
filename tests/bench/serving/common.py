"""What the benchmarks of the service share: a server, the tool's own measurements, medians and the table of bars."""
import argparse
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
SELFSAME = os.path.abspath(os.environ.get("SELFSAME") or ROOT / "build/release/selfsame")


def folder():
    return tempfile.TemporaryDirectory(prefix="selfsame-bench-")


def selfsame(store, *arguments, **options):
    done = subprocess.run([SELFSAME, "--dir", str(store), *map(str, arguments)], stdout=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"selfsame {' '.join(map(str, arguments))}: exit status {done.returncode}")
    return done.stdout


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server:
    """selfsame serve over a store, on a port and a Unix socket; calls need the token in `token_file`."""

    def __init__(self, store, folder):
        self.token_file = folder / "token"
        if not self.token_file.exists():
            created = selfsame(store, "token", "create", "bench", "--allow", "read:*", "--allow", "push:*", "--allow", "admin",
                               stderr=subprocess.DEVNULL)
            self.token_file.write_text(re.search(r"\S{30,}", created).group() + "\n")
        self.socket = f"unix:{folder}/selfsame.sock"
        self.log = open(folder / "selfsame.log", "wb")
        self.process = subprocess.Popen(
            [SELFSAME, "--dir", str(store), "serve", "--listen", "127.0.0.1:0", "--listen", self.socket, "--metrics-listen",
             "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.pid = self.process.pid
        self.address = self.read_line("listening 127")
        self.read_line("listening unix")
        self.metrics_address = self.read_line("metrics")

    def read_line(self, start):
        line = self.process.stdout.readline()
        if not line.startswith(start):
            self.log.flush()
            sys.exit(f"selfsame serve said {line!r}, not {start!r}; its log: {open(self.log.name).read()}")
        return line.split()[1]

    def bench(self, kind, *arguments, unix=False):
        """selfsame bench KIND --json against this server."""
        command = [SELFSAME, "--json", "bench", kind, "--server", self.socket if unix else self.address, "--token-file",
                   str(self.token_file), "--server-pid", str(self.pid), *map(str, arguments)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit status {done.returncode}")
        return json.loads(done.stdout)

    def metrics(self):
        with urllib.request.urlopen(f"http://{self.metrics_address}/metrics") as answer:
            return answer.read().decode()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.log.close()
        if status != 0:
            sys.exit(f"selfsame serve: exit status {status}")


def median(runs, name):
    return statistics.median(run[name] for run in runs)


def spread(runs, name):
    values = [run[name] for run in runs]
    return f"{median(runs, name):,.1f} [{min(values):,.1f} - {max(values):,.1f}]"


def option_parser():
    """With the options that every benchmark has."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--json", type=pathlib.Path, help="all figures go there")
    return parser


def keep_figures(arguments, found):
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))


def run_as_program(main):
    """Its exit status is main's; that of an error, which is a text, is 2."""
    try:
        sys.exit(main())
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            sys.exit(2)
        raise


class Bars:
    """Rows of: what, figure, bar, reached or not."""

    def __init__(self):
        self.rows = []
        self.missed = 0

    def add(self, what, figure, text, least=None, most=None):
        bar = f">= {least:g}" if least is not None else f"<= {most:g}" if most is not None else ""
        reached = (least is None or figure >= least) and (most is None or figure <= most)
        self.missed += not reached
        self.rows.append((what, text, bar, "" if not bar else "reached" if reached else "NOT REACHED"))

    def show(self, what, text):
        self.rows.append((what, text, "", ""))

    def print(self, title):
        table = [(title, "figure", "bar", "")] + self.rows
        widths = [max(len(row[i]) for row in table) for i in range(4)]
        print()
        for row in table:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def about_machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name")), "?")
    load = open("/proc/loadavg", encoding="ascii").read().split()[0]
    print(f"{os.cpu_count()} cores, {model}, Linux {os.uname().release}, load average at the start {load}")
