#!/bin/sh
# Fuzzes every target (or those named) for SECONDS each, from the committed corpus and what earlier runs found.
#
#   tests/fuzz/run.sh [SECONDS [TARGET...]]     SECONDS: default 600, 0: only replays; TARGET: yaml state ..
#
# What is new goes to build/fuzz/corpus/TARGET, a finding to build/fuzz/crash-TARGET-...: replay it with
# build/fuzz/tests/fuzz_TARGET FILE, fix it with a test, and add it to tests/fuzz/corpus/TARGET.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-600}
[ $# -gt 0 ] && shift
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -- --quiet
targets=${*:-$(ls build/fuzz/tests | sed -n 's/^fuzz_\([a-z_]*\)$/\1/p')}
limit="-max_total_time=$seconds"
[ "$seconds" = 0 ] && limit=-runs=0
failed=0
for target in $targets; do
    new="build/fuzz/corpus/$target"
    mkdir -p "$new"
    echo "== $target, $seconds s"
    if ! "build/fuzz/tests/fuzz_$target" "$limit" -timeout=20 -max_len=8192 \
        -artifact_prefix="build/fuzz/crash-$target-" "$new" "tests/fuzz/corpus/$target" >"build/fuzz/$target.log" 2>&1; then
        echo "a finding; see build/fuzz/$target.log"
        failed=1
    fi
    tail -n 1 "build/fuzz/$target.log"
done
exit $failed
