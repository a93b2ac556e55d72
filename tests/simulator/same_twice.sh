#!/bin/sh
# One seed, one run, to the byte: the digest of all that was logged is the same, whatever ran beside it.
#
#   same_twice.sh SIMULATOR
set -eu
digest() { "$1" --seed 77 --seeds 6 --jobs "$2" 2> /dev/null | sed -n 's/^ok: .* digest //p'; }
first=$(digest "$1" 1)
second=$(digest "$1" 3)
echo "$first, then $second"
[ -n "$first" ] && [ "$first" = "$second" ]
