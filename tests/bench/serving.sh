#!/usr/bin/env bash
# Lookups beside Redis: the same 1M entities of 20 float values in both, keys drawn uniformly from all, medians of interleaved runs.
#
#   tests/bench/serving.sh                 all of it, about 6 minutes
#   tests/bench/serving.sh --quick         5,000 entities, one short run of each: does it run, do the values agree?
#   tests/bench/serving.sh --runs 9 --seconds 4
#
# SELFSAME names the binary; default build/release/selfsame. Needs redis-server, redis-cli and redis-benchmark. Both servers listen on
# loopback and on a Unix socket; neither Redis nor the lookups touch a disk. What is made lies under TMPDIR and goes again.
# Exit status 1: a bar is not reached (not with --quick); 2: it did not run, or values differ.
#
# Ours is the ordinary path: 20 `last` features of one view, a token that is checked in every call, metrics, checksums of rows.
# Client and server share the machine's cores; so do redis-benchmark and Redis.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 -B tests/bench/serving/lookups.py "$@"
