#!/usr/bin/env bash
# The peers at their pinned versions, in a virtual environment under build/; prints its python.
set -euo pipefail
cd "$(dirname "$0")/../../.."
wanted=tests/bench/offline/requirements.txt
venv=build/bench-venv
if ! cmp -s "$wanted" "$venv/installed.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --only-binary :all: --requirement "$wanted" >&2
    cp "$wanted" "$venv/installed.txt"
fi
echo "$PWD/$venv/bin/python"
