"""libselfsame as its users get it: installed into a prefix, found by pkg-config and by CMake, linked shared and static; only
selfsame_* comes out of it; the examples work. Needs the environment variable SELFSAME_BUILD (the build's folder)."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("SELFSAME_BUILD", ""))
PYTHON = "/usr/bin/python3"
CFLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wconversion"]


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def has_grpcio():
    return subprocess.run([PYTHON, "-c", "import grpc, google.protobuf"], stderr=subprocess.DEVNULL).returncode == 0


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="selfsame-package-"))
        cls.prefix = cls.folder / "prefix"
        run("cmake", "--install", BUILD, "--component", "client", "--prefix", cls.prefix)
        cls.lib = next(cls.prefix.glob("lib*/**/libselfsame.so")).parent
        cls.environment = dict(os.environ, PKG_CONFIG_PATH=str(cls.lib / "pkgconfig"), LD_LIBRARY_PATH=str(cls.lib))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def flags(self, *options):
        return run("pkg-config", *options, "selfsame", env=self.environment).split()

    def compile(self, compiler, *arguments):
        return run(compiler, *arguments, env=self.environment)

    def test_only_names_of_selfsame_come_out_of_the_shared_library(self):
        names = [line.split()[-1].split("@")[0] for line in run("nm", "-D", "--defined-only", self.lib / "libselfsame.so").splitlines()]
        self.assertIn("selfsame_get", names)
        self.assertEqual([name for name in names if not name.startswith(("selfsame_", "SELFSAME_"))], [])

    def test_only_names_of_selfsame_come_out_of_the_static_library(self):
        lines = run("nm", "-g", "--defined-only", self.lib / "libselfsame.a").splitlines()
        names = [line.split()[-1] for line in lines if len(line.split()) == 3]
        self.assertIn("selfsame_get", names)
        self.assertEqual([name for name in names if not name.startswith("selfsame_")], [])

    def test_every_function_of_the_header_is_in_the_library(self):
        header = (self.prefix / "include/selfsame.h").read_text()
        declared = set(re.findall(r"SELFSAME_API[^;(]*?\b(selfsame_\w+)\(", header)) - {"selfsame_open"}  # in another library
        defined = {line.split()[-1].split("@")[0] for line in run("nm", "-D", "--defined-only", self.lib / "libselfsame.so").splitlines()}
        self.assertGreater(len(declared), 80)
        self.assertEqual(declared - defined, set())
        self.assertEqual({name for name in defined if name.startswith("selfsame_")} - declared, set())

    def test_the_embedded_library_has_the_same_names_and_opens_folders(self):
        shared = run("nm", "-D", "--defined-only", self.lib / "libselfsame_embedded.so").splitlines()
        static = run("nm", "-g", "--defined-only", self.lib / "libselfsame_embedded.a").splitlines()
        for lines in (shared, static):
            names = [line.split()[-1].split("@")[0] for line in lines if len(line.split()) == 3]
            self.assertIn("selfsame_open", names)
            self.assertIn("selfsame_connect", names)
            self.assertEqual([name for name in names if not name.startswith(("selfsame_", "SELFSAME_"))], [])
        source = self.folder / "embedded.c"
        source.write_text('#include <selfsame.h>\n#include <stdio.h>\nint main(void) { struct selfsame_client *client;\n'
                          'puts(selfsame_code_name(selfsame_open("/nowhere", &client, NULL))); return 0; }\n')
        for static in (False, True):
            libs = run("pkg-config", "--libs", *(["--static"] if static else []), "selfsame_embedded",
                       env=self.environment).split()
            if static:
                libs = [str(self.lib / "libselfsame_embedded.a")] + [flag for flag in libs if flag != "-lselfsame_embedded"]
            program = self.folder / f"embedded{static}"
            self.compile("cc", "-std=c11", *CFLAGS, *self.flags("--cflags"), source, "-o", program, *libs)
            self.assertEqual(run(program, env=self.environment), "NOT_FOUND\n")

    def test_the_header_is_c11_and_cpp(self):
        for language, compiler in (("c", os.environ.get("CC", "cc")), ("c++", os.environ.get("CXX", "c++"))):
            if not shutil.which(compiler):
                continue
            source = self.folder / f"header.{'c' if language == 'c' else 'cc'}"
            source.write_text("#include <selfsame.h>\nint main(void) { return selfsame_version()[0] == 0; }\n"
                              if language == "c" else
                              "#include <selfsame.h>\nint main() { selfsame_options o; selfsame_options_init(&o); return o.tls; }\n")
            standard = "-std=c11" if language == "c" else "-std=c++11"
            self.compile(compiler, standard, *CFLAGS, *self.flags("--cflags"), source, "-o", self.folder / "header", *self.flags("--libs"))
            run(self.folder / "header", env=self.environment)

    def test_the_code_of_the_documentation_compiles(self):
        text = (ROOT / "docs/CLIENT.md").read_text()
        blocks = re.findall(r"```c\n(.*?)```", text, flags=re.S)
        self.assertGreater(len(blocks), 2)
        for block in blocks:
            source = self.folder / "block.c"
            own = "" if "struct selfsame_client *client;" in block else "struct selfsame_client *client"
            source.write_text(f"#include <selfsame.h>\n#include <stdio.h>\nvoid block({own or 'void'});\nvoid block({own or 'void'})\n{{\n{block}}}\n")
            self.compile("cc", "-std=c11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused-but-set-variable", *self.flags("--cflags"), source)

    def build_by_pkg_config(self, name, static):
        program = self.folder / f"{name}{'-static' if static else ''}"
        libs = self.flags("--libs", *(["--static"] if static else []))
        if static:
            libs = [str(self.lib / "libselfsame.a")] + [flag for flag in libs if flag != "-lselfsame"]
        self.compile("cc", "-std=c11", *CFLAGS, *self.flags("--cflags"), ROOT / f"examples/client/{name}.c", "-o", program, *libs)
        return program

    def build_by_cmake(self):
        build = self.folder / "examples"
        run("cmake", "-S", ROOT / "examples/client", "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DCMAKE_C_FLAGS=" + " ".join(CFLAGS),
            env=self.environment)
        run("cmake", "--build", build, env=self.environment)
        return build

    def test_examples_work(self):
        if not has_grpcio():
            self.skipTest("python3-grpcio is missing")
        lookups = [self.build_by_pkg_config("lookup", False), self.build_by_pkg_config("lookup", True)]
        pushes = [self.build_by_pkg_config("push", False)]
        build = self.build_by_cmake()
        lookups += [build / "lookup", build / "lookup_static"]
        pushes += [build / "push", build / "push_static"]
        stubs = self.folder / "stubs"
        stubs.mkdir()
        run(PYTHON, "-m", "grpc_tools.protoc", "-I", ROOT / "proto", f"--python_out={stubs}", f"--grpc_python_out={stubs}",
            "selfsame/v1/feature_store.proto")
        fake = subprocess.Popen([PYTHON, ROOT / "tests/client/fake_server.py", "127.0.0.1:0"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(fake.communicate, "")
        address = "127.0.0.1:" + fake.stdout.readline().split()[1]
        python = run(PYTHON, ROOT / "examples/client/lookup.py", address, "u1", "7", env=dict(os.environ, PYTHONPATH=str(stubs)))
        self.assertEqual(python.split(), ["f0", "0.0", "f1", "0.125"])
        for program in lookups:
            out = run(program, address, "u1", "7", env=self.environment)
            self.assertEqual(out.split(), ["f0", "0", "f1", "0.125"], program)
        for program in pushes:
            out = run(program, address, "u1", "7", "25000", env=self.environment)
            self.assertEqual(out.splitlines(), ["batch 1: 10000 of 10000 rows accepted", "batch 2: 10000 of 10000 rows accepted",
                                                "batch 3: 5000 of 5000 rows accepted"], program)


if __name__ == "__main__":
    if not (BUILD / "client/libselfsame.so").exists():
        print("the environment variable SELFSAME_BUILD names no build with libselfsame")
        sys.exit(77)
    unittest.main()
