#!/usr/bin/env python3
"""Holds the source to its layers: a folder includes only itself and what is below it, one library's header is
seen by one file, and the engine stays pure.

  check_includes.py [ROOT]       exit 1 and a line per violation, else nothing
  check_includes.py --self-test  plants each kind of violation in a copy and expects it to be found
"""
import pathlib
import re
import shutil
import sys
import tempfile

# Each folder and what it may include of the project.
BELOW = {
    "engine/base": [],
    "engine": ["engine/base"],
    "store": ["engine", "engine/base"],
    "materializer": ["store", "engine", "engine/base"],
    "wire": ["materializer", "store", "engine", "engine/base"],
    "server": ["wire", "materializer", "store", "engine", "engine/base"],
    "client": [],
    "embedded": ["client", "wire", "materializer", "store", "engine", "engine/base"],
    "tools": ["server", "embedded", "client", "wire", "materializer", "store", "engine", "engine/base"],
}
# Libraries that stay behind one door.
ONLY_IN = {
    r"sqlite3\.h": r"store/(history_[a-z_]+|catalog|training_[a-z]+|table_file|cell_rows)\.[ch]",
    r"lmdb\.h": r"store/online_lmdb[a-z_]*\.[ch]",
    r"(selfsame|grpc)/.*\.pb-c\.h": r"(wire|server|client)/.*",
    r"grpc/(?!.*\.pb-c\.h).*": r"(server|client)/.*",
    r"microhttpd\.h": r"server/metrics_http\.c",
    r"systemd/.*": r"server/notify\.c",
}
# The engine has no files, no clock and no randomness.
IMPURE_HEADER = re.compile(r"(time|sys/time|fcntl|unistd|sys/stat|sys/random|sys/socket|dirent)\.h")
IMPURE_CALL = re.compile(
    r"\b(fopen|freopen|fdopen|open|openat|creat|fread|fwrite|fgets|opendir|time|clock|clock_gettime|gettimeofday|"
    r"localtime|gmtime|mktime|rand|srand|random|rand_r|drand48|getrandom|arc4random|getenv)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def without_comments_and_strings(text):
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda found: re.sub(r"[^\n]", " ", found.group()), text, flags=re.S)


def folder_of(path):
    parts = path.split("/")[:-1]
    return "/".join(parts)


def violations_of_includes(name, text):
    folder = folder_of(name)
    for number, line in enumerate(text.split("\n"), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        bracket, header = found.groups()
        if bracket == '"':
            if folder_of(header) not in [folder] + BELOW[folder]:
                yield f"{name}:{number}: {folder}/ may not include \"{header}\""
            continue
        for pattern, allowed in ONLY_IN.items():
            if re.fullmatch(pattern, header) and not re.fullmatch(allowed, name):
                yield f"{name}:{number}: <{header}> is included only by {allowed}"
        if folder.split("/")[0] == "engine" and IMPURE_HEADER.fullmatch(header):
            yield f"{name}:{number}: engine/ is pure and may not include <{header}>"


def violations_of_calls(name, text):
    for number, line in enumerate(without_comments_and_strings(text).split("\n"), 1):
        found = IMPURE_CALL.search(line)
        if found:
            yield f"{name}:{number}: engine/ is pure and may not call {found.group(1)}()"


def violations(root):
    for folder in BELOW:
        for path in sorted((root / folder).glob("*.[ch]")):
            name = path.relative_to(root).as_posix()
            text = path.read_text(encoding="utf-8")
            yield from violations_of_includes(name, text)
            if name.startswith("engine/"):
                yield from violations_of_calls(name, text)


PLANTED = [
    ("engine/planted.c", '#include "store/history.h"\n', 'engine/planted.c:1: engine/ may not include "store/history.h"'),
    ("engine/base/planted.h", '#include "engine/key.h"\n', "engine/base/ may not include"),
    ("store/planted.c", '\n#include "materializer/push.h"\n', "store/planted.c:2: store/ may not include"),
    ("materializer/planted.c", "#include <sqlite3.h>\n", "<sqlite3.h> is included only by"),
    ("materializer/planted.c", '#include "tools/cli.h"\n', "materializer/ may not include"),
    ("tools/planted.c", "#  include <lmdb.h>\n", "<lmdb.h> is included only by"),
    ("store/planted.c", '#include "planted.h"\n', "store/ may not include"),
    ("engine/planted.c", "#include <time.h>\n", "may not include <time.h>"),
    ("engine/planted.c", 'void f(void) { fopen("x", "r"); }\n', "may not call fopen()"),
    ("engine/base/planted.c", "long f(void) { return\n    time (0); }\n", "engine/base/planted.c:2: engine/ is pure and may not call time()"),
    ("engine/planted.c", "int f(void) { return rand(); }\n", "may not call rand()"),
]
HARMLESS = ("engine/harmless.c", '// open(2) and rand() of a comment\nconst char *text = "time(";\nint ss_time(int when);\n'
            "int f(void) { return ss_time(1); }\n#include \"engine/base/error.h\"\n")


def self_test(root):
    with tempfile.TemporaryDirectory() as temporary:
        copy = pathlib.Path(temporary)
        for folder in BELOW:
            if (root / folder).is_dir():
                shutil.copytree(root / folder, copy / folder, dirs_exist_ok=True,
                                ignore=lambda folder, names: [n for n in names if not n.endswith((".c", ".h"))
                                                              and not (pathlib.Path(folder) / n).is_dir()])
        before = list(violations(copy))
        (copy / HARMLESS[0]).write_text(HARMLESS[1])
        missed = [f"harmless, but: {line}" for line in violations(copy) if line not in before]
        (copy / HARMLESS[0]).unlink()
        for name, text, expected in PLANTED:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_text(text)
            found = [line for line in violations(copy) if line not in before]
            if len(found) != 1 or expected not in found[0]:
                missed.append(f"planted {text!r} in {name}: expected one line with {expected!r}, got {found}")
            (copy / name).unlink()
    return missed


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        lines = self_test(root)
    else:
        lines = list(violations(pathlib.Path(arguments[0]) if arguments else root))
    print("\n".join(lines), end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
