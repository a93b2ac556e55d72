#!/usr/bin/env bash
# Peak memory of our processes over 100M events, power-law, loaded and trained with a spine of 1M rows; at most 1 GB each.
#
#   tests/bench/offline_100m.sh [EVENTS]      default 100000000: 10 GB of CSV under build/bench-offline, made in pieces, kept for the next run
#
# SELFSAME names the binary; default build/release/selfsame. The peak is the resident set, which counts pages of mapped files too.
# Exit status 1: some process took more.
set -euo pipefail
cd "$(dirname "$0")/../.."
events=${1:-100000000}
spine=$((events / 100))
most_mb=1024
selfsame=$(realpath "${SELFSAME:-build/release/selfsame}")
folder=build/bench-offline/memory-$events
python=$(tests/bench/offline/venv.sh)

if [ ! -e "$folder/made" ]; then
    rm -rf "$folder"
    "$python" tests/bench/offline/generate.py "$folder" --events "$events" --spine "$spine" --entities 100000 --shape power --csv-only
    touch "$folder/made"
fi
rm -rf "$folder/store" "$folder"/*.out.csv
(cd tests/bench/offline && "$python" -c 'import work; print(work.definitions("user_id"), end="")') > "$folder/user_id.yaml"
bulk=()
if "$selfsame" ingest --help | grep -q -- --bulk; then bulk=(--bulk); fi

"$selfsame" --dir "$folder/store" init --clock replay 2> /dev/null
"$selfsame" --dir "$folder/store" apply "$folder/user_id.yaml" --yes > /dev/null 2>&1

failed=0
measured() { # name command...
    local name=$1 mb seconds
    shift
    if ! /usr/bin/time -f '%e %M' -o "$folder/time" "$@" > /dev/null 2> "$folder/errors"; then
        cat "$folder/errors" >&2
        exit 2
    fi
    read -r seconds mb < "$folder/time"
    mb=$((mb / 1024))
    printf '%-8s %10.1f s  %6d MB peak, at most %d\n' "$name" "$seconds" "$mb" "$most_mb"
    [ "$mb" -le "$most_mb" ] || failed=1
}
printf "%'d events, CSV of %d MB, %'d spine rows\n" "$events" $(($(stat -c %s "$folder/events.csv") / 1000000)) "$spine"
measured ingest "$selfsame" --dir "$folder/store" ingest events "$folder/events.csv" ${bulk[@]+"${bulk[@]}"}
printf '%-8s %10d MB\n' store "$(du -sm "$folder/store" | cut -f1)"
for service in asof windows; do
    measured "$service" "$selfsame" --dir "$folder/store" train "$service" --spine "$folder/spine.csv" --time at:us -o "$folder/$service.out.csv" --threads 2
    [ "$(wc -l < "$folder/$service.out.csv")" = $((spine + 1)) ]
done
exit "$failed"
