#!/bin/sh
# Installs what is missing, builds, makes a month of card payments, and shows the main job: one definition, a training
# table from history, the same values served, and the proof that they are the same.
set -eu
cd "$(dirname "$0")/.."
root=$PWD

tools/install_dependencies.sh
cmake --preset release >/dev/null
cmake --build --preset release --target selfsame -- --quiet
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 examples/payments/generate.py "$folder"
cp examples/payments/features.yaml "$folder"
cd "$folder"
PATH=$root/build/release:$PATH
export SELFSAME_DIR="$folder/store"

say() { printf '\n# %s\n' "$*"; }
run() {
    printf '$ %s\n' "$*"
    "$@"
}

say "The features of a fraud model, and the data they are made of."
printf '$ %s\n' "grep -A 7 '^  user_spend:' features.yaml"
grep -A 7 '^  user_spend:' features.yaml
run head -n 3 payments.csv

say "Check the definitions; make a store whose clock follows the data; make the definitions live."
run selfsame check features.yaml
run selfsame init --clock replay
run selfsame apply features.yaml --yes

say "Load a month of payments. Broken rows are set aside with their reason, payments sent twice count once."
run selfsame ingest payments payments.csv || [ $? -eq 1 ]
printf '$ %s\n' "selfsame stats --quarantine payments | head -n 5"
selfsame stats --quarantine payments >quarantine.txt
head -n 5 quarantine.txt

say "Load the same file again: nothing changes."
run selfsame ingest payments payments.csv

say "A training table: 2,000 labelled payments, each with the features as they were known at its moment."
run selfsame train fraud_v1 --spine labels.csv --time at -o train.csv --status
printf '$ %s\n' "head -n 4 train.csv | cut -d, -f1-6,8,10"
head -n 4 train.csv | cut -d, -f1-6,8,10

say "The same features, served now."
run selfsame get fraud_v1 user_id=u17 merchant_id=7 --request amount=120.00
run selfsame --json get fraud_v1 user_id=u17 merchant_id=7 --request amount=120.00 --features spend_30d,last_country,pace

say "The proof: every user and merchant read online and computed again from history, every cell compared by bits."
run selfsame skew fraud_v1 --probe all
run selfsame digest user_spend
