"""docs/OPERATIONS.md and packaging/: the commands for certificates work, metrics that alerts name exist, the unit is one."""
import re
import shutil
import subprocess
import unittest

import harness

PAGE = harness.ROOT / "docs" / "OPERATIONS.md"
UNIT = harness.ROOT / "packaging" / "selfsame.service"


class Certificates(harness.StoreTest):
    def run_openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    @unittest.skipUnless(shutil.which("openssl"), "no openssl")
    def test_the_commands_make_certificates_that_serve_their_purpose(self):
        block = next(block for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S) if "openssl req" in block)
        subprocess.run(["sh", "-eu", "-c", block], cwd=self.folder, check=True, capture_output=True)
        for name, purpose, other in (("server", "sslserver", "sslclient"), ("client", "sslclient", "sslserver")):
            status, said = self.run_openssl("verify", "-CAfile", "ca.pem", "-purpose", purpose, f"{name}.pem")
            self.assertEqual(status, 0, said)
            self.assertNotEqual(self.run_openssl("verify", "-CAfile", "ca.pem", "-purpose", other, f"{name}.pem")[0], 0)
            self.assertEqual((self.folder / f"{name}.key").stat().st_mode & 0o077, 0, "keys are for their owner alone")
        status, said = self.run_openssl("verify", "-CAfile", "ca.pem", "-verify_hostname", "localhost", "server.pem")
        self.assertEqual(status, 0, said)
        self.assertNotEqual(self.run_openssl("verify", "-CAfile", "ca.pem", "-verify_hostname", "other.org", "server.pem")[0], 0)


class Page(unittest.TestCase):
    def test_metrics_that_alerts_name_are_printed_by_the_program(self):
        source = (harness.ROOT / "server" / "metrics_print.c").read_text(encoding="utf-8")
        named = set(re.findall(r"\b(?:selfsame|process)_[a-z_]+", PAGE.read_text(encoding="utf-8")))
        self.assertGreater(len(named), 10)
        for name in named:
            self.assertIn(f'"{re.sub("_bucket$", "", name)}"', source)

    def test_settings_that_it_names_exist(self):
        config = (harness.ROOT / "docs" / "CONFIG.md").read_text(encoding="utf-8")
        settings = set(re.findall(r"^\| `([a-z_]+)` \|", config, re.M))
        blocks = "".join(re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8") + config, re.S))
        for text in (blocks, (harness.ROOT / "packaging" / "selfsame.yaml").read_text(encoding="utf-8")):
            named = set(re.findall(r"^(?:# )?([a-z_]+): ", text, re.M))
            self.assertTrue(named and named <= settings, named - settings)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze")
    def test_systemd_takes_the_unit(self):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", UNIT], capture_output=True, text=True)
        lines = [line for line in done.stderr.splitlines() if "selfsame.service" in line and "not executable" not in line]
        self.assertEqual(lines, [])

    def test_the_unit_gives_what_the_server_counts_on(self):
        unit = UNIT.read_text(encoding="utf-8")
        for line in ("Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "StateDirectory=selfsame", "NoNewPrivileges=yes",
                     "ProtectSystem=strict", "LimitNOFILE=65536"):
            self.assertIn(f"\n{line}\n", unit)


if __name__ == "__main__":
    harness.main()
