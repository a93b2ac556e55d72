"""Lookups beside Redis: see tests/bench/serving.sh."""
import csv
import io
import json
import math
import pathlib
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

from common import (Bars, Server, about_machine, cpu_seconds, folder, keep_figures, median, option_parser, progress, run_as_program, selfsame,
                    spread)

FEATURES = [f"f{i:02d}" for i in range(20)]


def definitions():
    columns = "".join(f"      {name}: float64\n" for name in FEATURES)
    lasts = "".join(f"      {name}: last({name})\n" for name in FEATURES)
    return (f"entities:\n  user: {{user_id: string}}\nsources:\n  measures:\n    columns:\n      user_id: string\n      at: timestamp\n{columns}"
            f"    event_time: at\nviews:\n  newest:\n    entity: user\n    source: measures\n    features:\n{lasts}"
            "services:\n  bench:\n    features: [newest.*]\n")


def write_rows(place, entities):
    """The same values as CSV and as commands of Redis. Texts of at most 10 digits: Redis keeps and sends them as they are."""
    draw = random.Random(3).random
    row_text = ",".join(["%.6f"] * 20)
    command_text = " ".join(f"{name} %.6f" for name in FEATURES)
    with open(place / "rows.csv", "w", encoding="ascii") as rows, open(place / "rows.redis", "w", encoding="ascii") as commands:
        rows.write("user_id,at," + ",".join(FEATURES) + "\n")
        for entity in range(entities):
            values = tuple(draw() * 1000 for _ in range(20))
            rows.write(f"user:{entity:012d},2026-01-01 00:00:{entity % 60:02d},{row_text % values}\n")
            commands.write(f"HSET user:{entity:012d} {command_text % values}\r\n")


class Redis:
    def __init__(self, place):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.path = f"{place}/redis.sock"
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.path, "--save", "", "--appendonly", "no",
             "--dir", str(place)], stdout=subprocess.DEVNULL)
        self.pid = self.process.pid
        for _ in range(100):
            if subprocess.run([*self.cli(), "ping"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout == b"PONG\n":
                return
            time.sleep(0.1)
        sys.exit("redis-server does not answer")

    def cli(self):
        return ["redis-cli", "-h", "127.0.0.1", "-p", str(self.port)]

    def load(self, path):
        with open(path, "rb") as commands:
            done = subprocess.run([*self.cli(), "--pipe"], stdin=commands, stdout=subprocess.PIPE, text=True, check=True)
        if "errors: 0" not in done.stdout:
            sys.exit(f"redis-cli --pipe: {done.stdout}")

    def values(self, key):
        done = subprocess.run([*self.cli(), "HMGET", key, *FEATURES], stdout=subprocess.PIPE, text=True, check=True)
        return [float(line) for line in done.stdout.split()]

    def command(self, connections, requests, entities, pipeline=1, unix=False):
        where = ["-s", self.path] if unix else ["-h", "127.0.0.1", "-p", str(self.port)]
        return ["redis-benchmark", *where, "-c", str(connections), "-n", str(requests), "-r", str(entities), "-P", str(pipeline),
                "HMGET", "user:__rand_int__", *FEATURES]

    def bench(self, *arguments, **options):
        command = self.command(*arguments, **options)
        cpu = cpu_seconds(self.pid)
        done = subprocess.run([*command[:1], "--csv", *command[1:]], stdout=subprocess.PIPE, text=True, check=True)
        cpu = cpu_seconds(self.pid) - cpu
        line = next(csv.DictReader(io.StringIO(done.stdout)))
        requests = int(command[command.index("-n") + 1])
        return {"calls_per_second": float(line["rps"]), "rows_per_second": float(line["rps"]), "p50_us": float(line["p50_latency_ms"]) * 1000,
                "p99_us": float(line["p99_latency_ms"]) * 1000, "server_cpu_us": cpu * 1e6 / requests}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def check_values(store, place, redis, entities, count):
    keys = [f"user:{random.Random(5 + i).randrange(entities):012d}" for i in range(count)]
    (place / "keys.csv").write_text("user_id\n" + "".join(key + "\n" for key in keys))
    answer = json.loads(selfsame(store, "--json", "get", "bench", "--keys", place / "keys.csv"))
    for key, row in zip(keys, answer["rows"], strict=True):
        ours, theirs = [row["features"][name] for name in FEATURES], redis.values(key)
        if row["keys"]["user_id"] != key or ours != theirs:
            sys.exit(f"{key}: ours has {ours}, Redis {theirs}")
    print(f"values of {count} keys are the same in both")


def load_both(place, entities):
    store = place / "store"
    (place / "features.yaml").write_text(definitions())
    write_rows(place, entities)
    selfsame(store, "init", stderr=subprocess.DEVNULL)
    selfsame(store, "apply", place / "features.yaml", "--yes", stderr=subprocess.DEVNULL)
    begun = time.monotonic()
    selfsame(store, "ingest", "measures", place / "rows.csv", "--bulk", stderr=subprocess.DEVNULL)
    ours = time.monotonic() - begun
    redis = Redis(place)
    begun = time.monotonic()
    redis.load(place / "rows.redis")
    print(f"{entities:,} entities of {len(FEATURES)} values loaded: ours {ours:.1f} s (durable), Redis {time.monotonic() - begun:.1f} s")
    (place / "rows.csv").unlink()
    (place / "rows.redis").unlink()
    return store, redis


class Cells:
    """What is measured, each as often as there are runs, one after the other in each run."""

    def __init__(self, store, server, redis, arguments):
        self.store, self.server, self.redis, self.arguments = store, server, redis, arguments
        self.common = ["--entities", arguments.entities, "--seconds", arguments.seconds, "--warm-up", arguments.warm_up]

    def ours(self, *options, **where):
        return lambda: self.server.bench("serve", *self.common, *options, **where)

    def in_process(self, *options):
        return lambda: json.loads(selfsame(self.store, "--json", "bench", "serve", "--in-process", *self.common, *options))

    def theirs(self, connections, per_second, **options):
        requests = max(int(per_second * self.arguments.seconds), 1000)
        return lambda: self.redis.bench(connections, requests, self.arguments.entities, **options)

    def closed(self):
        return {
            "HMGET": self.theirs(50, 90000),
            "get": self.ours(),
            "stream": self.ours("--stream"),
            "HMGET -P 100, c50": self.theirs(50, 190000, pipeline=100),
            "HMGET -P 100, c4": self.theirs(4, 190000, pipeline=100),
            "get 100": self.ours("--entities-per-call", 100, "--in-flight", 16),
            "HMGET unix": self.theirs(50, 110000, unix=True),
            "get unix": self.ours(unix=True),
            "stream unix": self.ours("--stream", unix=True),
            "get 100 unix": self.ours("--entities-per-call", 100, "--in-flight", 16, unix=True),
            "in process": self.in_process(),
            "in process 100": self.in_process("--entities-per-call", 100),
            "get 4 connections": self.ours("--connections", 4),
            "health": self.ours("--health"),
        }

    def open(self, rate):
        return {"open get": self.ours("--rate", rate), "open health": self.ours("--health", "--rate", rate)}


def measure(cells, runs):
    found = {name: [] for name in cells}
    for run in range(runs):
        for name, cell in cells.items():
            progress(f"run {run + 1} of {runs}: {name}")
            found[name].append(cell())
    progress("")
    return found


def print_cells(found):
    print(f"\n{'':18} {'calls/s':>28} {'rows/s':>12} {'p50 us':>9} {'p99 us':>9} {'server us':>10} {'client us':>10}")
    for name, runs in found.items():
        rows = f"{median(runs, 'rows_per_second'):,.0f}" if "rows_per_second" in runs[0] else ""
        server = f"{median(runs, 'server_cpu_us'):.2f}" if "server_cpu_us" in runs[0] else ""
        client = f"{median(runs, 'client_cpu_us'):.2f}" if "client_cpu_us" in runs[0] else ""
        rates = [run["calls_per_second"] for run in runs]
        calls = f"{statistics.median(rates):,.0f} [{min(rates):,.0f}-{max(rates):,.0f}]"
        print(f"{name:18} {calls:>28} {rows:>12} {median(runs, 'p50_us'):9,.1f} {median(runs, 'p99_us'):9,.1f} {server:>10} {client:>10}")


def judge_open(bars, found, rate):
    """At a rate that neither keeps up with, latencies say how long the run was and nothing else."""
    ours, health = median(found["open get"], "p99_us"), median(found["open health"], "p99_us")
    kept = min(median(found[name], "calls_per_second") for name in ("open get", "open health"))
    ratio = ours / health if kept > 0.97 * rate else math.inf
    text = f"{ratio:.2f} x ({ours:,.0f} us, {health:,.0f} us)" if ratio < math.inf else f"none: the machine managed {kept:,.0f}/s"
    bars.add(f"open loop, {rate:,.0f}/s: p99 of GetFeatures / of grpc.health Check", ratio, text, most=2)


def judge(found, rate):
    bars = Bars()
    hmget, unix = median(found["HMGET"], "calls_per_second"), median(found["HMGET unix"], "calls_per_second")
    piped = max(median(found[name], "rows_per_second") for name in ("HMGET -P 100, c50", "HMGET -P 100, c4"))

    def ratio(what, name, base, least=None, field="calls_per_second"):
        value = median(found[name], field) / base
        bars.add(what, value, f"{value:.2f} x", least)

    ratio("GetFeatures 1 x 20, 64 in flight / HMGET of 20, 50 connections", "get", hmget, 0.8)
    ratio("StreamFeatures 1 x 20 / HMGET of 20", "stream", hmget, 1.1)
    ratio("100 x 20 in a call / HMGET -P 100 (the better of 50 and 4 connections), rows/s", "get 100", piped, 4, "rows_per_second")
    cpu = median(found["get"], "server_cpu_us")
    bars.add("server CPU per unary call, saturated", cpu, f"{cpu:.2f} us", most=14)
    judge_open(bars, found, rate)
    ratio("Unix socket: GetFeatures / HMGET", "get unix", unix)
    ratio("Unix socket: StreamFeatures / HMGET", "stream unix", unix)
    bars.show("in process, 1 x 20, one thread", f"{median(found['in process'], 'calls_per_second'):,.0f} calls/s, "
              f"p50 {median(found['in process'], 'p50_us'):.1f} us, p99 {median(found['in process'], 'p99_us'):.1f} us")
    bars.show("in process, 100 x 20, one thread", f"{median(found['in process 100'], 'rows_per_second'):,.0f} rows/s")
    bars.show("GetFeatures", spread(found["get"], "calls_per_second") + " calls/s")
    bars.show("HMGET", spread(found["HMGET"], "calls_per_second") + " calls/s")
    return bars


def failed(found):
    return [f"{name}: {run['errors']} errors, {run.get('absent', 0)} absent rows" for name, runs in found.items() for run in runs
            if run.get("errors") or run.get("absent")]


def options():
    parser = option_parser()
    parser.add_argument("--entities", type=int)
    parser.add_argument("--warm-up", type=float)
    arguments = parser.parse_args()
    arguments.entities = arguments.entities or (5000 if arguments.quick else 1000000)
    arguments.runs = arguments.runs or (1 if arguments.quick else 5)
    arguments.seconds = arguments.seconds or (0.2 if arguments.quick else 2)
    arguments.warm_up = arguments.warm_up or (0.05 if arguments.quick else 0.3)
    return arguments


def run(arguments, place):
    store, redis = load_both(place, arguments.entities)
    server = Server(store, place)
    try:
        check_values(store, place, redis, arguments.entities, 20 if arguments.quick else 200)
        print("Redis is measured by:")
        print("  " + " ".join(redis.command(50, int(90000 * arguments.seconds), arguments.entities)))
        cells = Cells(store, server, redis, arguments)
        server.bench("serve", *cells.common, "--entities-per-call", 100, "--in-flight", 16)  # every page was in memory once
        found = measure(cells.closed(), arguments.runs)
        rate = median(found["get"], "calls_per_second") / 2
        found |= measure(cells.open(rate), arguments.runs)
    finally:
        server.stop()
        redis.stop()
    return found, rate


def main():
    arguments = options()
    missing = [name for name in ("redis-server", "redis-cli", "redis-benchmark") if not shutil.which(name)]
    if missing:
        print(f"{', '.join(missing)}: not there; tools/install_dependencies.sh installs them", file=sys.stderr)
        return 77 if arguments.quick else 2
    about_machine()
    with folder() as place:
        found, rate = run(arguments, pathlib.Path(place))
    keep_figures(arguments, found)
    print_cells(found)
    bars = judge(found, rate)
    bars.print("lookups beside Redis")
    wrong = failed(found)
    if wrong:
        sys.exit("\n".join(wrong))
    return 1 if bars.missed and not arguments.quick else 0


if __name__ == "__main__":
    run_as_program(main)
