"""Pushes: see tests/bench/push.sh."""
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

from common import (ROOT, SELFSAME, Bars, Server, about_machine, folder, keep_figures, median, option_parser, progress, run_as_program, selfsame,
                    spread)

WINDOWS = ["1h", "1d", "7d", "30d"]
AGGREGATES = ["count", "sum", "mean", "stddev", "min", "max"]
LMDB_LOOP = os.environ.get("LMDB_LOOP") or str(pathlib.Path(SELFSAME).parent / "tests/bench_lmdb_loop")


def definitions():
    """Those of `selfsame bench push` (tools/bench_payments.c)."""
    features = "".join(f"      {a}_{w}: {a}({'' if a == 'count' else 'amount'}) over {w}\n" for w in WINDOWS for a in AGGREGATES)
    return ("entities:\n  user: {user_id: int64}\nsources:\n  payments:\n"
            "    columns: {user_id: int64, amount: decimal(2), score: float64, paid_at: timestamp, received_at: timestamp}\n"
            f"    event_time: paid_at\n    arrival: received_at\nviews:\n  spend:\n    entity: user\n    source: payments\n    features:\n{features}"
            "services:\n  bench:\n    features: [spend.*]\n")


def make_store(place):
    place.mkdir()
    store = place / "store"
    (place / "features.yaml").write_text(definitions())
    selfsame(store, "init", stderr=subprocess.DEVNULL)
    selfsame(store, "apply", place / "features.yaml", "--yes", stderr=subprocess.DEVNULL)
    return store


def row_bytes(store):
    view = next(view for view in json.loads(selfsame(store, "--json", "stats"))["views"] if view["name"] == "spend")
    return round(view["bytes"] / view["entities"])


def push_all(place, arguments):
    """All events into a new store; its row size too."""
    store = make_store(place)
    server = Server(store, place)
    try:
        found = server.bench("push", "--events", arguments.events, "--entities", arguments.entities, "--batch", 10000)
    finally:
        server.stop()
    return store, found | {"row_bytes": row_bytes(store)}


def lmdb_loop(place, size, arguments, sync):
    place.mkdir()
    done = subprocess.run([LMDB_LOOP, str(place), str(size), str(arguments.entities), str(arguments.events), "10000", sync],
                          stdout=subprocess.PIPE, text=True, check=True)
    return {"rows_per_second": float(done.stdout)}


def single_events(place, arguments):
    store = make_store(place)
    server = Server(store, place)
    try:
        return server.bench("push", "--events", arguments.singles, "--entities", arguments.entities, "--batch", 1, "--connections", 64,
                            "--in-flight", 1, "--live")
    finally:
        server.stop()


# ---- Lookups beside pushes


def histogram(page):
    """[(upper end in us, lookups at or below it)] of the server's own time per lookup."""
    found = re.findall(r'^selfsame_lookup_seconds_bucket\{le="([^"]+)"\} (\d+)$', page, re.M)
    return [(math.inf if end == "+Inf" else float(end) * 1e6, int(count)) for end, count in found]


def quantile(before, after, share):
    """Of what came between two pages; straight within a bucket."""
    counts = [(end, new - old) for (end, old), (_, new) in zip(before, after, strict=True)]
    total = counts[-1][1]
    start, below = 0.0, 0
    for end, count in counts:
        if count >= share * total:
            return start if math.isinf(end) else start + (end - start) * (share * total - below) / max(count - below, 1)
        start, below = end, count
    return start


def lookups(server, arguments):
    before = histogram(server.metrics())
    found = server.bench("serve", "--key-type", "int64", "--entities", arguments.entities, "--rate", arguments.lookups, "--seconds",
                         arguments.seconds)
    after = histogram(server.metrics())
    return found | {"inside_p50_us": quantile(before, after, 0.5), "inside_p99_us": quantile(before, after, 0.99)}


def lookups_while_pushing(server, arguments):
    pushed = []
    events = int(arguments.push_rate * (arguments.seconds + 1.5))
    thread = threading.Thread(target=lambda: pushed.append(server.bench(
        "push", "--events", events, "--entities", arguments.entities, "--batch", arguments.push_batch, "--in-flight", 16, "--rate",
        arguments.push_rate, "--live")))
    thread.start()
    time.sleep(0.5)
    found = lookups(server, arguments)
    thread.join()
    if not pushed:
        sys.exit("the pushes beside the lookups failed")
    return found, pushed[0]


def beside_pushes(store, place, arguments):
    server = Server(store, place)
    runs = {"idle": [], "pushing": [], "pushed": []}
    try:
        lookups(server, arguments)  # every page was in memory once
        for run in range(arguments.runs):
            progress(f"lookups beside pushes, run {run + 1} of {arguments.runs}")
            runs["idle"].append(lookups(server, arguments))
            found, pushed = lookups_while_pushing(server, arguments)
            runs["pushing"].append(found)
            runs["pushed"].append(pushed)
    finally:
        server.stop()
    progress("skew --probe all")
    skew = subprocess.run([SELFSAME, "--dir", str(store), "--json", "skew", "bench", "--probe", "all"], stdout=subprocess.PIPE, text=True)
    return runs, json.loads(skew.stdout)


# ---- All of it


def judge(found):
    bars = Bars()
    pushes, sync, nosync = (median(found[name], field) for name, field in
                            (("push", "events_per_second"), ("lmdb sync", "rows_per_second"), ("lmdb nosync", "rows_per_second")))
    bars.add("pushes of 10,000 rows, 24 window features, fsync on: events/s", pushes, spread(found["push"], "events_per_second"), least=100000)
    bars.add("... / bare LMDB read-modify-write of the same row sizes, with fsync", pushes / sync, f"{pushes / sync:.2f} x", least=0.5)
    bars.show("... / the same without fsync", f"{pushes / nosync:.2f} x")
    bars.show("bare LMDB, rows/s with fsync", spread(found["lmdb sync"], "rows_per_second"))
    bars.show("bare LMDB, rows/s without", spread(found["lmdb nosync"], "rows_per_second"))
    bars.show("row size, bytes; server CPU per event, us", f"{median(found['push'], 'row_bytes'):.0f}; {median(found['push'], 'server_cpu_us'):.2f}")
    bars.show("single events from 64 connections: events/s", spread(found["single"], "events_per_second"))
    bars.show("... commits/s; pushes per commit", f"{median(found['single'], 'commits_per_second'):.0f}; {median(found['single'], 'pushes_per_commit'):.1f}")
    bars.show("... push p50, p99, ms", f"{median(found['single'], 'p50_ms'):.1f}, {median(found['single'], 'p99_ms'):.1f}")
    idle, busy = median(found["idle"], "inside_p99_us"), median(found["pushing"], "inside_p99_us")
    rate = median(found["pushed"], "events_per_second")
    bars.show("events/s pushed beside lookups", spread(found["pushed"], "events_per_second"))
    bars.add(f"lookups' p99 inside the server while {rate:,.0f} events/s are pushed / idle", busy / idle,
             f"{busy / idle:.2f} x ({busy:.1f} us, {idle:.1f} us)", most=2)
    bars.show("... their p50", f"{median(found['pushing'], 'inside_p50_us'):.1f} us, {median(found['idle'], 'inside_p50_us'):.1f} us")
    bars.show("... p99 as the client sees it", f"{median(found['pushing'], 'p99_us'):,.0f} us, {median(found['idle'], 'p99_us'):,.0f} us")
    bars.add("lookups that failed", sum(run["errors"] for run in found["idle"] + found["pushing"]),
             str(sum(run["errors"] for run in found["idle"] + found["pushing"])), most=0)
    differences = found["skew"]["differences"]
    bars.add(f"skew --probe all afterwards, {found['skew']['rows']:,} rows: differences", differences, str(differences), most=0)
    return bars


def options():
    parser = option_parser()
    parser.add_argument("--events", type=int)
    parser.add_argument("--singles", type=int)
    parser.add_argument("--entities", type=int, default=100000)
    parser.add_argument("--lookups", type=float, default=2000, help="lookups a second beside pushes")
    parser.add_argument("--push-rate", type=float, default=55000, help="events a second beside lookups; a little is lost at both ends")
    parser.add_argument("--push-batch", type=int, default=1000)
    arguments = parser.parse_args()
    arguments.runs = arguments.runs or (1 if arguments.quick else 5)
    arguments.events = arguments.events or (20000 if arguments.quick else 1000000)
    arguments.singles = arguments.singles or (1000 if arguments.quick else 30000)
    arguments.seconds = arguments.seconds or (0.3 if arguments.quick else 4)
    return arguments


def run(arguments, place):
    found = {"push": [], "lmdb sync": [], "lmdb nosync": [], "single": []}
    for run_number in range(arguments.runs):
        progress(f"pushes, run {run_number + 1} of {arguments.runs}")
        store, pushed = push_all(place / f"push{run_number}", arguments)
        found["push"].append(pushed)
        for sync in ("sync", "nosync"):
            found[f"lmdb {sync}"].append(lmdb_loop(place / f"{sync}{run_number}", pushed["row_bytes"], arguments, sync))
        found["single"].append(single_events(place / f"single{run_number}", arguments))
    runs, skew = beside_pushes(store, place / f"push{arguments.runs - 1}", arguments)
    progress("")
    return found | runs | {"skew": skew}


def main():
    arguments = options()
    if not os.access(LMDB_LOOP, os.X_OK):
        sys.exit(f"{LMDB_LOOP} is not there: ninja -C {pathlib.Path(SELFSAME).parent.relative_to(ROOT)} bench_lmdb_loop")
    about_machine()
    with folder() as place:
        found = run(arguments, pathlib.Path(place))
    keep_figures(arguments, found)
    bars = judge(found)
    bars.print("pushes")
    failed = sum(run["errors"] for run in found["idle"] + found["pushing"])
    if failed or found["skew"]["differences"]:
        return 2
    return 1 if bars.missed and not arguments.quick else 0


if __name__ == "__main__":
    run_as_program(main)
