#!/bin/sh
# A failure leaves a script of few steps that fails again in the same way.
#
#   replayed.sh SIMULATOR_PLANTED
set -eu
program=$(realpath "$1")
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
"$program" --plant ttl_ignored_online --seed 1 --seconds 60 --shrink-seconds 5 > found 2>&1 && exit 1
if "$program" --plant ttl_ignored_online --replay simulator-*.script > again; then
    echo "the script does not fail again"
    exit 1
fi
acts=$(grep -c '^act' again)
whole=$("$program" --plant nothing --replay simulator-*.script | grep -c 'it does not fail')
echo "$acts acts left; without the bug: $whole passes"
[ "$acts" -le 40 ] && [ "$whole" -eq 1 ]
