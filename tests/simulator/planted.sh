#!/bin/sh
# Every planted bug (engine/base/planted.h) must be found by the simulator, and nothing be found without one.
#
#   planted.sh SIMULATOR_PLANTED [SECONDS [SEED]]     at most so long for each (60), from this seed on (1)
#   planted.sh SIMULATOR_PLANTED seeds                at most 400 seeds for each: what ctest asks, whatever the machine
set -u
program=$(realpath "$1")
seconds=${2:-60}
seed=${3:-1}
header=$(realpath "$(dirname "$0")/../../engine/base/planted.h")
output=$(mktemp)
trap 'rm -f "$output"' EXIT
cd "$(dirname "$output")" || exit 2
failed=0

run() { # bug, seconds or `seeds`, how many of these
    if [ "$2" = seeds ]; then set -- "$1" --seeds "$3"; else set -- "$1" --seconds "$2"; fi
    "$program" --plant "$1" "$2" "$3" --seed "$seed" --shrink-seconds 0 > "$output" 2>&1
}

for bug in $(grep -o 'X([a-z_]*) */\*' "$header" | grep -o '[a-z_]*_[a-z_]*'); do
    run "$bug" "$seconds" 400
    if [ $? -eq 1 ] && grep -q '^FAILED: seed' "$output"; then
        echo "found: $bug: $(grep -m 1 '^FAILED: seed' "$output" | cut -c 9-90) ... $(grep -o '[0-9.]* s, ' "$output" | tail -1)"
    else
        echo "NOT FOUND: $bug"
        tail -3 "$output"
        failed=1
    fi
    rm -f simulator-*.script
done
if ! run nothing seeds 12; then
    echo "FOUND, though nothing was planted:"
    cat "$output"
    failed=1
fi
exit $failed
