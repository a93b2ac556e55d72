#!/usr/bin/env bash
# History and training tables beside DuckDB, Polars and pandas: load, as-of joins and windows over 10M events of 100k entities, a spine of
# 1M rows; wall time and peak memory of every cell as a process of its own, and whether the answers agree.
#
#   tests/bench/offline.sh                            all of it, about an hour
#   tests/bench/offline.sh --quick                    100k events, 10k spine rows, once
#   tests/bench/offline.sh --only asof,check          of load, asof, windows, check; the stores that are missing are made
#   tests/bench/offline.sh --shapes power --keys user_id --repeats 3
#   tests/bench/offline.sh --events 1000000 --spine 100000 --entities 10000
#
# SELFSAME names the binary; default build/release/selfsame. All that is made lies under build/bench-offline, the results too
# (results.txt, results.json). Exit status 1: answers differ.
#
# - uniform: every entity as often; power: the hottest has about 5.6 % of events and spine rows. Keys: a string, an integer.
# - Ours runs in mode as-known (event_time < t and arrival < t). The peers join by event time alone, which is less work.
# - "better peer" is the fastest of DuckDB and Polars, which may read Parquet that was sorted beforehand.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$(tests/bench/offline/venv.sh)
exec "$python" tests/bench/offline/run.py "$@"
