#!/bin/sh
# Bits do not depend on the build: gcc and clang, -O0, -O2 and -O3 -march=native give the golden file's bits. A
# build with -ffast-math is refused by the compiler, one that fuses products and sums by itself when it starts.
#
#   tests/bits_over_builds.sh [DIRECTORY]     builds there (default build/bits); prints a line per build
set -u
cd "$(dirname "$0")/.."
root=${1:-build/bits}
failed=0

build() { # directory compiler flags: the engine and golden_bits alone
    cmake -G Ninja -S . -B "$1" -DCMAKE_C_COMPILER="$2" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$3" -DSS_WERROR=OFF \
        >"$1.log" 2>&1 && cmake --build "$1" --target golden_bits >>"$1.log" 2>&1
}

mkdir -p "$root"
cat >"$root/fused.c" <<'END'
#include <stdio.h>
#include "engine/base/float_environment.h"
int main(void)
{
    struct ss_error error;
    if (ss_float_environment_check(&error) == SS_OK) return 0;
    puts(error.message);
    return 1;
}
END
printf '%-8s %-20s %s\n' compiler flags result
for compiler in gcc clang; do
    for flags in "-O0" "-O2" "-O3 -march=native"; do
        directory="$root/$compiler$(echo "$flags" | tr -d ' =-')"
        if ! build "$directory" "$compiler" "$flags"; then
            result="does not build: $directory.log"
            failed=1
        elif ! result=$("$directory/tests/golden_bits"); then
            failed=1
        fi
        printf '%-8s %-20s %s\n' "$compiler" "$flags" "$(echo "$result" | tail -1)"
    done
    # CMakeLists.txt says -fno-fast-math after these flags, so the header alone is asked.
    if "$compiler" -std=gnu11 -O3 -ffast-math -I. -fsyntax-only engine/base/float_environment.c 2>"$root/refused.log" ||
        ! grep -q 'not to be built with -ffast-math' "$root/refused.log"; then
        result="is not refused"
        failed=1
    else
        result="refused, as it must be"
    fi
    printf '%-8s %-20s %s\n' "$compiler" "-O3 -ffast-math" "$result"
    # CMakeLists.txt says -ffp-contract=off, so the check alone is built, with the fused instructions if there are any.
    if ! grep -qw fma /proc/cpuinfo 2>/dev/null; then
        result="not tried: no fused instructions here"
    elif ! "$compiler" -std=gnu11 -O2 -march=native -ffp-contract=fast -I. "$root/fused.c" \
        engine/base/float_environment.c engine/base/error.c -o "$root/fused" 2>"$root/fused.log"; then
        result="does not build: $root/fused.log"
        failed=1
    elif "$root/fused" >"$root/fused.log" || ! grep -q 'build with -ffp-contract=off' "$root/fused.log"; then
        result="is not refused"
        failed=1
    else
        result="refused, as it must be"
    fi
    printf '%-8s %-20s %s\n' "$compiler" "-ffp-contract=fast" "$result"
done
exit $failed
