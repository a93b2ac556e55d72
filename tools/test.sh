#!/bin/sh
# Installs what is missing, builds and runs every test.
#
#   tools/test.sh [--preset dev|release|asan|tsan] [arguments of ctest, e.g. -R zip]
set -eu
cd "$(dirname "$0")/.."

preset=dev
if [ "${1:-}" = --preset ]; then
    preset=${2:?--preset needs a name}
    shift 2
fi
tools/install_dependencies.sh
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset" -- -k 0 --quiet
exec ctest --preset "$preset" -j "$(nproc)" "$@"
