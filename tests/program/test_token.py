"""`selfsame token`, and the page of settings that the binary prints."""
import json
import os
import re

import harness
import test_full_disk

TEXT = re.compile(r"ss1_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")


class Token(harness.StoreTest):
    def setUp(self):
        super().setUp()
        self.run_ok("init")

    def names(self):
        return [token["name"] for token in self.run_ok("--json", "token", "list").json()]

    def test_a_token_is_shown_once_and_kept_as_a_hash(self):
        made = self.run_ok("token", "create", "scorer", "--allow", "read:fraud_v1", "--allow", "push:payments")
        self.assertRegex(made.out, f"^{TEXT.pattern}\n$")
        secret = made.out.strip().split("_", 2)[2]
        self.assertNotIn(secret, made.err)
        self.assertNotIn(secret, (self.store / "tokens").read_text())
        listed = self.run_ok("token", "list").out
        self.assertNotIn(secret, listed)
        self.assertIn("read:fraud_v1 push:payments", listed)
        self.assertEqual((self.store / "tokens").stat().st_mode & 0o777, 0o600)

    def test_json_has_exactly_the_documented_shape(self):
        made = self.run_ok("--json", "token", "create", "t", "--allow", "train:*", "--allow", "admin", "--expires", "2999-01-01").json()
        self.assertRegex(made["token"], TEXT)
        self.assertEqual(made, {"name": "t", "id": made["token"][4:16], "token": made["token"], "rights": ["train:*", "admin"],
                                "created": made["created"], "expires": "2999-01-01T00:00:00Z"})
        listed = self.run_ok("--json", "token", "list").json()
        self.assertEqual(listed, [{"name": "t", "id": made["id"], "rights": ["train:*", "admin"], "created": made["created"],
                                   "expires": "2999-01-01T00:00:00Z", "expired": False}])

    def test_revoking_takes_a_name_or_an_id(self):
        first = self.run_ok("--json", "token", "create", "a", "--allow", "admin").json()
        self.run_ok("token", "create", "b", "--allow", "admin")
        self.assertEqual(self.run_ok("token", "revoke", first["id"]).out, "")
        self.assertEqual(self.names(), ["b"])
        self.assertEqual(self.run_fails(2, "token", "revoke", "bb"), "selfsame: token 'bb': there is none; did you mean 'b'?\n")
        self.run_ok("token", "revoke", "b")
        self.assertEqual(self.run_ok("token", "list").out, "no tokens; all were revoked\n")

    def test_wrong_use_is_exit_2_and_changes_nothing(self):
        self.assertEqual(self.run_ok("token", "list").out, "no tokens; none was ever made\n")
        for arguments in (["token"], ["token", "make"], ["token", "create"], ["token", "create", "a"], ["token", "create", "a b", "--allow", "admin"],
                          ["token", "create", "a", "--allow", "reed:x"], ["token", "create", "a", "--allow", "read:x y"],
                          ["token", "create", "a", "b", "--allow", "admin"], ["token", "create", "a", "--allow", "admin", "--expires", "soon"],
                          ["token", "create", "a", "--allow", "admin", "--expires", "1999-01-01"], ["token", "revoke"], ["token", "list", "x"],
                          ["token", "create", "a", "--allow"]):
            self.run_fails(2, *arguments)
        self.assertFalse((self.store / "tokens").exists())

    def test_it_works_beside_a_writer(self):
        self.write("defs.yaml", harness.CLICKS)
        self.run_ok("apply", "defs.yaml", "--yes")
        writer = self.start("ingest", "clicks", "-", "--live")
        self.run_ok("token", "create", "a", "--allow", "admin")
        self.assertEqual(self.names(), ["a"])
        writer.communicate(b"user,weight,at\n", timeout=60)

    def test_without_a_store_it_says_what_to_do(self):
        self.store = self.folder / "nowhere"
        for arguments in (["create", "a", "--allow", "admin"], ["list"], ["revoke", "a"]):
            self.assertEqual(self.run_fails(2, "token", *arguments), f"selfsame: store '{self.store}': there is none; run 'selfsame init'\n")

    def test_a_damaged_file_is_an_error_that_says_what_to_do(self):
        self.run_ok("token", "create", "a", "--allow", "read:x")
        path = self.store / "tokens"
        path.write_text(path.read_text().replace("read:x", "read:*"))
        for arguments in (["create", "b", "--allow", "admin"], ["list"], ["revoke", "a"]):
            message = self.run_fails(2, "token", *arguments)
            self.assertIn("line 3: the count or the checksum of the lines before does not hold; restore the file, or move it away", message)

    def test_a_full_disk_keeps_what_was_there(self):
        self.run_ok("token", "create", "a", "--allow", "admin")
        before = (self.store / "tokens").read_bytes()
        result = self.run_any("token", "create", "b", "--allow", "admin", preexec_fn=test_full_disk.limited(100))
        self.assertEqual((result.status, result.out), (2, ""))
        self.assertIn("nothing was changed", result.err)
        self.assertEqual((self.store / "tokens").read_bytes(), before)
        self.assertEqual([name for name in os.listdir(self.store) if name.startswith("tokens")], ["tokens"])


class Settings(harness.StoreTest):
    def test_the_page_of_settings_is_what_the_binary_prints(self):
        committed = (harness.ROOT / "docs" / "CONFIG.md").read_text(encoding="utf-8")
        self.assertEqual(self.run_ok("completion", "config").out, committed, "run: selfsame completion config > docs/CONFIG.md")


if __name__ == "__main__":
    harness.main()
