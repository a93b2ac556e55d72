#!/usr/bin/env python3
"""Holds the engine to the functions of libm whose results IEEE 754 fixes: whatever else libm has differs in its
last bits between libraries, processors and versions (exp, log, pow .. are MPFR's).

  check_libm.py ARCHIVE...   exit 1 and a line per violation: an object of the archives that needs another one
  check_libm.py --self-test  compiles an object that calls exp and pow, and expects both to be found
"""
import os
import pathlib
import subprocess
import sys
import tempfile

EXACT = {"sqrt", "fabs", "floor", "ceil", "frexp"}
COMPILER = os.environ.get("CC", "cc")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def functions_of_libm():
    """What the libm of this machine exports, in every spelling (exp, expf, expl, __exp_finite ..)."""
    names = set()
    for library in ("libm.so.6", "libm.so", "libm.a"):
        path = run(COMPILER, f"-print-file-name={library}").strip()
        if not os.path.isabs(path):
            continue
        try:
            table = run("nm", *(["-D"] if ".so" in library else []), "--defined-only", os.path.realpath(path))
        except subprocess.CalledProcessError:
            continue  # a linker script
        for line in table.splitlines():
            fields = line.split()
            if len(fields) == 3 and fields[1] in "TtWwi":
                names.add(fields[2].split("@")[0])
    if not {"exp", "pow", "log1p", "sqrt"} <= names:
        sys.exit("check_libm: this machine's libm cannot be read")
    return names


def violations(archive, libm):
    owner = archive
    for line in run("nm", "-u", archive).splitlines():
        if line.endswith(":"):
            owner = line[:-1]
        fields = line.split()
        name = fields[-1].split("@")[0] if len(fields) == 2 and fields[0] in "Uw" else None
        if name in libm and name not in EXACT:
            yield f"{archive}: {owner} calls {name}, whose last bits differ between machines; use MPFR"


def self_test(libm):
    with tempfile.TemporaryDirectory() as folder:
        source, planted = pathlib.Path(folder, "planted.c"), os.path.join(folder, "planted.o")
        source.write_text("#include <math.h>\ndouble f(double x) { return exp(x) + floor(x) + sqrt(x); }\n"
                          "float g(float x, float y) { return powf(x, y); }\n")
        run(COMPILER, "-c", "-O2", "-ffp-contract=off", str(source), "-o", planted)
        found = " ".join(violations(planted, libm))
    wrong = [name for name in ("exp", "powf") if f"calls {name}," not in found]
    wrong += [name for name in ("floor", "sqrt") if f"calls {name}," in found]
    for name in wrong:
        print(f"self-test: wrong about {name}: {found}")
    return wrong


def main():
    libm = functions_of_libm()
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(1 if self_test(libm) else 0)
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    found = [line for archive in sys.argv[1:] for line in violations(archive, libm)]
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


main()
