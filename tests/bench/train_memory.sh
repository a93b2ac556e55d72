#!/usr/bin/env bash
# Peak memory of `train` for the same spine of 10,000 rows over 1M and over 10M events: the difference must stay within 32 MB.
#
#   tests/bench/train_memory.sh [SELFSAME]     default: build/release/selfsame
set -euo pipefail
cd "$(dirname "$0")/../.."
selfsame=$(realpath "${1:-build/release/selfsame}")
folder=$(mktemp -d -p "${TMPDIR:-/tmp}" selfsame-memory-XXXXXX)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > features.yaml <<'EOF'
entities:
  user: {user_id: int64}
sources:
  payments:
    columns: {user_id: int64, amount: decimal(2), score: float64, at: timestamp(us)}
    event_time: at
views:
  spend:
    entity: user
    source: payments
    features:
      count_1h: count() over 1h
      sum_1d: sum(amount) over 1d
      mean_7d: mean(amount) over 7d
      std_30d: stddev(score) over 30d
      max_30d: max(amount) over 30d
      last_amount: last(amount) within 90d
services:
  model:
    features: [spend.*]
EOF

# Power-law users (the hottest has about 5 % of the events), 30 days, times rising: the same stream, cut at N.
events() {
    awk -v n="$1" 'BEGIN {
        print "user_id,amount,score,at"
        x = 12345
        for (i = 0; i < n; i++) {
            x = (x * 1103515245 + 12345) % 2147483648; u = x / 2147483648
            x = (x * 1103515245 + 12345) % 2147483648; v = x / 2147483648
            printf "%d,%.2f,%.4f,%.0f\n", int(100000 * u * u * u * u), 1 + v * 500, u * v, 1700000000000000 + i * (2592000000000 / n)
        }
    }'
}
awk 'BEGIN {
    print "user_id,at"
    x = 777
    for (i = 0; i < 10000; i++) {
        x = (x * 1103515245 + 12345) % 2147483648; u = x / 2147483648
        x = (x * 1103515245 + 12345) % 2147483648; v = x / 2147483648
        printf "%d,%.0f\n", int(100000 * u * u * u * u), 1700000000000000 + v * 2592000000000
    }
}' > spine.csv

peak_kb() { # events
    "$selfsame" --dir "store-$1" init --clock replay
    "$selfsame" --dir "store-$1" apply features.yaml --yes > /dev/null
    events "$1" | "$selfsame" --dir "store-$1" ingest payments - > /dev/null
    /usr/bin/time -v "$selfsame" --dir "store-$1" train model --spine spine.csv --time at:us -o "train-$1.csv" 2> "time-$1"
    [ "$(wc -l < "train-$1.csv")" = 10001 ]
    rm -rf "store-$1"
    awk '/Maximum resident set size/ {print $NF}' "time-$1"
}
small=$(peak_kb 1000000 2>/dev/null)
large=$(peak_kb 10000000 2>/dev/null)
difference=$(((large - small) / 1024))
printf 'peak memory of train, 10,000 rows: %d MB over 1M events, %d MB over 10M events, difference %d MB (at most 32)\n' \
    $((small / 1024)) $((large / 1024)) "$difference"
[ "$difference" -le 32 ]
