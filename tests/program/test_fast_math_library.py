#!/usr/bin/env python3
"""A library that spoils the process's floating point, as those built with -ffast-math do: selfsame says so and
does nothing."""
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import unittest

SELFSAME = os.path.abspath(os.environ["SELFSAME"])
LIBRARY = """
#include <immintrin.h>
__attribute__((constructor)) static void spoil(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }
"""


class FastMathLibrary(unittest.TestCase):
    def test_a_library_that_flushes_subnormals_is_told_and_nothing_is_done(self):
        with tempfile.TemporaryDirectory() as folder:
            source, library = pathlib.Path(folder, "spoil.c"), os.path.join(folder, "spoil.so")
            source.write_text(LIBRARY)
            subprocess.run(["cc", "-shared", "-fPIC", str(source), "-o", library], check=True)
            store = os.path.join(folder, "store")
            command = [SELFSAME, "--dir", store, "init", "--clock", "replay"]
            spoiled = subprocess.run(command, env=dict(os.environ, LD_PRELOAD=library), capture_output=True, text=True)
            self.assertEqual(spoiled.returncode, 2)
            self.assertIn("reads subnormal numbers as 0", spoiled.stderr)
            self.assertIn("crtfastmath.o", spoiled.stderr)
            self.assertFalse(os.path.exists(store))
            self.assertEqual(subprocess.run(command, capture_output=True).returncode, 0)


if __name__ == "__main__":
    program = pathlib.Path(SELFSAME).read_bytes()
    is_sanitized = b"__asan_init" in program or b"__tsan_init" in program  # a sanitizer wants to be loaded first
    if platform.machine() != "x86_64" or not shutil.which("cc") or is_sanitized:
        sys.exit(77)
    unittest.main()
