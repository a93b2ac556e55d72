#!/usr/bin/env bash
# Pushes: events a second through a server, with fsync, beside a bare loop over LMDB; single events from 64 connections; and lookups while
# events are pushed.
#
#   tests/bench/push.sh                    all of it, about 4 minutes
#   tests/bench/push.sh --quick            few events, once: does it run?
#
# SELFSAME names the binary; default build/release/selfsame, and bench_lmdb_loop is taken from tests/ beside it. What is made lies under
# TMPDIR, which should be on a disk, and goes again. Exit status 1: a bar is not reached (not with --quick); 2: it did not run, a lookup
# failed, or skew found a difference.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 -B tests/bench/serving/pushes.py "$@"
