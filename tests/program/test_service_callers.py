"""Who may come in: tokens and their rights, certificates, plain text where TLS is spoken and the other way round."""
import json
import pathlib
import threading
import shutil
import socket
import subprocess
import time

import harness
import service
import test_service
from service import bearer, column, grpc, pb

CODE = grpc.StatusCode


def look(users=(1,)):
    return pb.GetFeaturesRequest(service="pages", keys=[column("user", "int64", users)])


class Callers(service.ServiceTest):
    def setUp(self):
        super().setUp()
        self.make_store(test_service.CLICKS + "  others: {features: [visits.visits]}\n", "init")

    def token(self, name, *rights, expires=None):
        options = [part for right in rights for part in ("--allow", right)]
        return self.run_ok("token", "create", name, *options, *(["--expires", expires] if expires else [])).out.strip()

    def methods(self, client):
        """Every method with a request that is right, and the right that it needs."""
        spine = [pb.TrainingRequest(start=pb.TrainingStart(service="pages")),
                 pb.TrainingRequest(spine=pb.TrainingSpine(keys=[column("user", "int64", [1])], t_us=[service.now_us()]))]
        clicks = test_service.Clicks.clicks
        files = [pb.File(name="f", text=test_service.CLICKS)]
        return {"GetFeatures": ("read:pages", lambda **how: client.GetFeatures(look(), **how)),
                "Push": ("push:clicks", lambda **how: client.Push(clicks(self, [1]), **how)),
                "Producer": ("push:clicks", lambda **how: client.Producer(pb.ProducerRequest(source="clicks", producer="p"), **how)),
                "Quarantine": ("admin", lambda **how: client.Quarantine(pb.QuarantineRequest(), **how)),
                "GetTrainingTable": ("train:pages", lambda **how: list(client.GetTrainingTable(iter(spine), **how))),
                "Plan": ("admin", lambda **how: client.Plan(pb.PlanRequest(files=files), **how)),
                "Apply": ("admin", lambda **how: client.Apply(pb.ApplyRequest(files=files), **how)),
                "Rebuild": ("admin", lambda **how: client.Rebuild(pb.RebuildRequest(all=True), **how)),
                "Stats": ("admin", lambda **how: client.Stats(pb.StatsRequest(), **how)),
                "List": (None, lambda **how: client.List(pb.ListRequest(), **how)),
                "Describe": (None, lambda **how: client.Describe(pb.DescribeRequest(), **how))}


class Tokens(Callers):
    def test_every_method_asks_for_its_right_and_for_no_other(self):
        rights = ["read:pages", "push:clicks", "train:pages", "admin", "read:others", "push:other", "train:others"]
        tokens = {right: self.token(right.replace(":", "_"), right) for right in rights}
        server = self.serve()
        client = self.stub(server)
        for name, (needed, call) in self.methods(client).items():
            if name == "Apply":
                continue  # it drops `others`
            self.assertIn("token", self.fails(CODE.UNAUTHENTICATED, call))
            for right, token in tokens.items():
                if needed in (None, right):
                    call(metadata=bearer(token), timeout=service.PATIENCE)
                else:
                    text = self.fails(CODE.PERMISSION_DENIED, call, metadata=bearer(token))
                    self.assertIn(needed, text)
                    self.assertNotIn(token.split("_", 2)[2], text)
        self.assertNotIn(tokens["admin"].split("_", 2)[2], server.text())

    def test_rights_on_all_are_rights_on_each(self):
        token = self.token("all", "read:*", "push:*", "train:*", "admin")
        for name, (_, call) in self.methods(self.stub(self.serve())).items():
            call(metadata=bearer(token), timeout=service.PATIENCE)

    def test_streams_ask_for_the_right_of_every_message(self):
        token = self.token("one", "read:pages", "push:clicks")
        client = self.stub(self.serve())
        requests = [pb.GetFeaturesRequest(id=n, service=("pages", "others")[n % 2], keys=look().keys) for n in range(1, 9)]
        answers = {answer.id: answer.error.code for answer in client.StreamFeatures(iter(requests), metadata=bearer(token))}
        self.assertEqual(answers, {n: CODE.PERMISSION_DENIED.value[0] if n % 2 else 0 for n in range(1, 9)})
        pushes = [pb.PushRequest(id=5, source="nothing")]
        answers = [answer.error.code for answer in client.PushStream(iter(pushes), metadata=bearer(token), timeout=service.PATIENCE)]
        self.assertEqual(answers, [CODE.PERMISSION_DENIED.value[0]])

    def test_a_stream_without_a_token_ends_before_its_first_message(self):
        self.token("one", "read:pages", "push:clicks")
        client = self.stub(self.serve())
        waits = threading.Event()
        self.addCleanup(waits.set)
        for method in (client.StreamFeatures, client.PushStream, client.GetTrainingTable):
            self.fails(CODE.UNAUTHENTICATED, method, service.silence(waits))

    def test_wrong_and_malformed_tokens_are_refused(self):
        token = self.token("one", "read:pages")
        server = self.serve()
        client = self.stub(server)
        client.GetFeatures(look(), metadata=bearer(token))
        last = token[:-1] + ("A" if token[-1] != "A" else "B")
        for wrong in (last, token[:-1], token + "A", token.upper(), "", "x", "ss1_", "ss1_000000000000_" + "A" * 43, "A" * 7000):
            self.fails(CODE.UNAUTHENTICATED, client.GetFeatures, look(), metadata=bearer(wrong))
        for header in ("authorization", "Authorization".lower()):
            for value in ("Basic " + token, "Bearer", "Bearer  " + token + " x"):
                self.fails(CODE.UNAUTHENTICATED, client.GetFeatures, look(), metadata=[(header, value)])
        self.fails(CODE.UNAUTHENTICATED, client.GetFeatures, look(), metadata=[("x-authorization", "Bearer " + token)])
        self.assertNotIn(token.split("_", 2)[2], server.text())

    def test_the_log_says_where_a_refused_call_came_from(self):
        self.token("one", "read:pages", "push:clicks")
        server = self.serve("--log-calls", "failed")
        client = self.stub(server)
        self.fails(CODE.UNAUTHENTICATED, client.GetFeatures, look())
        self.fails(CODE.UNAUTHENTICATED, client.StreamFeatures, iter([look()]))
        self.fails(CODE.UNAUTHENTICATED, client.Push, pb.PushRequest(source="clicks"))
        for method in ("GetFeatures", "StreamFeatures", "Push"):
            server.wait_for_log(rf"method={method} .*code=UNAUTHENTICATED .*peer=ipv4:127\.0\.0\.1:[0-9]+\n")

    def test_a_token_ends_at_its_time(self):
        token = self.token("short", "read:pages", expires="2s")
        client = self.stub(self.serve())
        client.GetFeatures(look(), metadata=bearer(token))
        deadline = time.monotonic() + service.PATIENCE
        while time.monotonic() < deadline:
            try:
                client.GetFeatures(look(), metadata=bearer(token))
            except grpc.RpcError as error:
                self.assertEqual(error.code(), CODE.UNAUTHENTICATED)
                self.assertIn("expired", error.details())
                return
            time.sleep(0.1)
        self.fail("it never ended")

    def test_a_token_that_is_revoked_while_the_server_runs_is_refused_within_seconds(self):
        """Without a signal; on streams that are open, too."""
        token, other = self.token("one", "read:pages"), self.token("two", "read:pages")
        client = self.stub(self.serve())
        import queue
        asked = queue.Queue()
        stream = client.StreamFeatures(iter(asked.get, None), metadata=bearer(token))
        asked.put(look())
        self.assertFalse(next(stream).HasField("error"))
        self.run_ok("token", "revoke", "one")
        deadline = time.monotonic() + 5
        refused = False
        while not refused and time.monotonic() < deadline:
            asked.put(look())
            refused = next(stream).error.code == CODE.UNAUTHENTICATED.value[0]
            time.sleep(0.05)
        self.assertTrue(refused)
        self.fails(CODE.UNAUTHENTICATED, client.GetFeatures, look(), metadata=bearer(token))
        client.GetFeatures(look(), metadata=bearer(other))
        asked.put(None)

    def test_the_first_token_closes_a_server_that_was_open(self):
        server = self.serve()
        client = self.stub(server)
        client.GetFeatures(look())
        token = self.token("first", "read:pages")
        server.reload()
        self.fails(CODE.UNAUTHENTICATED, client.GetFeatures, look())
        client.GetFeatures(look(), metadata=bearer(token))
        (self.store / "tokens").unlink()
        server.reload()
        self.fails(CODE.UNAUTHENTICATED, client.GetFeatures, look())
        self.fails(CODE.UNAUTHENTICATED, client.GetFeatures, look(), metadata=bearer(token))

    def test_damaged_tokens_leave_those_that_were(self):
        token = self.token("one", "read:pages")
        server = self.serve()
        client = self.stub(server)
        (self.store / "tokens").write_bytes(b"garbage\0\n")
        log = server.reload()
        self.assertIn("tokens stay as they were", log)
        client.GetFeatures(look(), metadata=bearer(token))
        self.fails(CODE.UNAUTHENTICATED, client.GetFeatures, look())
        self.end(server)
        self.serve_fails("--listen", "127.0.0.1:0", "--metrics-listen", "")

    def test_a_token_is_not_taken_over_plain_text_beyond_loopback(self):
        beyond = own_address()
        server = self.serve("--allow-plain", "--allow-anonymous", listen=(f"{beyond}:0", "127.0.0.1:0"))
        client, near = self.stub(server), self.stub(server, address=server.addresses[1])
        client.GetFeatures(look())
        self.assertIn("plain", self.fails(CODE.UNAUTHENTICATED, client.GetFeatures, look(), metadata=bearer("ss1_any")))
        token = self.token("one", "read:pages")
        server.reload()
        self.assertIn("plain", self.fails(CODE.UNAUTHENTICATED, client.GetFeatures, look()))
        self.assertIn("revoke", self.fails(CODE.UNAUTHENTICATED, client.GetFeatures, look(), metadata=bearer(token)))
        near.GetFeatures(look(), metadata=bearer(token))
        self.end(server)
        for options in ([], ["--allow-plain"], ["--allow-plain", "--allow-anonymous"]):
            text = self.serve_fails("--listen", f"{beyond}:0", "--metrics-listen", "", *options)
            self.assertIn(beyond, text)


def own_address():
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            return probe.getsockname()[0]
        except OSError:
            raise harness.unittest.SkipTest("this machine has no address but loopback") from None


class Certificates(Callers):
    def setUp(self):
        super().setUp()
        self.pem = self.folder / "pem"
        self.pem.mkdir()
        for name in ("ca", "foreign"):
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                         "-keyout", f"{name}.key", "-out", f"{name}.pem")
        self.certificate("server", "ca", san="IP:127.0.0.1,DNS:localhost")
        self.certificate("client", "ca")
        self.certificate("stranger", "foreign")
        self.certificate("old", "ca", days="-1")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.pem, check=True, capture_output=True)

    def certificate(self, name, ca, days="2", san="DNS:client"):
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                     "-out", f"{name}.csr")
        (self.pem / f"{name}.ext").write_text(f"subjectAltName={san}\n")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", days,
                     "-extfile", f"{name}.ext", "-out", f"{name}.pem")

    def read(self, name):
        return (self.pem / name).read_bytes()

    def tls(self, *options, mutual=False):
        files = ["--tls-certificate", self.pem / "server.pem", "--tls-key", self.pem / "server.key"]
        return self.serve(*files, *(["--tls-client-ca", self.pem / "ca.pem"] if mutual else []), *options, listen=("tls:127.0.0.1:0", "127.0.0.1:0"))

    def client(self, server, name=None, ca="ca.pem"):
        pair = (self.read(f"{name}.key"), self.read(f"{name}.pem")) if name else (None, None)
        return self.stub(server, credentials=grpc.ssl_channel_credentials(self.read(ca), *pair))

    def test_a_token_goes_over_tls(self):
        token = self.token("one", "read:pages")
        server = self.tls()
        self.client(server).GetFeatures(look(), metadata=bearer(token), timeout=service.PATIENCE)
        self.fails(CODE.UNAUTHENTICATED, self.client(server).GetFeatures, look())

    def test_a_client_trusts_only_its_authority(self):
        server = self.tls()
        self.fails(CODE.UNAVAILABLE, self.client(server, ca="foreign.pem").GetFeatures, look())

    def test_foreign_expired_and_missing_client_certificates_are_refused(self):
        server = self.tls(mutual=True)
        self.client(server, "client").GetFeatures(look(), timeout=service.PATIENCE)
        for name in ("stranger", "old", None):
            self.fails(CODE.UNAVAILABLE, self.client(server, name).GetFeatures, look())
        self.client(server, "client").GetFeatures(look(), timeout=service.PATIENCE)

    def test_plain_text_to_a_tls_port_and_tls_to_a_plain_port_are_refused(self):
        server = self.tls()
        self.fails(CODE.UNAVAILABLE, self.stub(server).GetFeatures, look())
        self.fails(CODE.UNAVAILABLE, self.stub(server, address=server.addresses[1], credentials=grpc.ssl_channel_credentials(self.read("ca.pem"))).GetFeatures, look())
        host, port = server.address.rsplit(":", 1)
        for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 100, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 1000, b""):
            for target in (port, server.addresses[1].rsplit(":", 1)[1]):
                with socket.create_connection((host, int(target))) as raw:
                    raw.sendall(junk)
        self.client(server).GetFeatures(look(), timeout=service.PATIENCE)

    def knock(self, address):
        """No handshake: gRPC has something to say about it."""
        host, port = address.removeprefix("tls:").rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=service.PATIENCE) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while raw.recv(1000):
                pass

    def test_what_grpc_says_is_a_line_of_the_log(self):
        server = self.tls("--log-format", "json")
        self.knock(server.address)
        server.wait_for_log("Handshake failed.*\n")
        for line in server.text().splitlines():
            json.loads(line)

    def test_handshakes_that_fail_do_not_hold_up_a_server_whose_log_nobody_reads(self):
        process = self.start("serve", "--listen", "tls:127.0.0.1:0", "--metrics-listen", "", "--tls-certificate", self.pem / "server.pem",
                             "--tls-key", self.pem / "server.key", stdin=subprocess.DEVNULL)
        self.addCleanup(process.communicate)  # reads its log, too late
        self.addCleanup(process.kill)
        address = process.stdout.readline().decode().split()[1]
        for _ in range(1000):  # 64 KB of lines fill a pipe
            self.knock(address)
        client = service.pb_grpc.FeatureStoreStub(grpc.secure_channel(address.removeprefix("tls:"), grpc.ssl_channel_credentials(self.read("ca.pem"))))
        client.GetFeatures(look(), timeout=service.PATIENCE)

    def test_new_certificates_are_taken_on_sighup_and_bad_ones_are_not(self):
        server = self.tls(mutual=True)
        self.client(server, "client").GetFeatures(look(), timeout=service.PATIENCE)
        shutil.copy(self.pem / "server.pem", self.pem / "kept.pem")
        for bad in (b"", b"garbage", self.read("client.pem"), self.read("server.pem")[:200]):
            (self.pem / "server.pem").write_bytes(bad)
            self.assertIn("certificates stay as they were", server.reload())
            self.client(server, "client").GetFeatures(look(), timeout=service.PATIENCE)
        self.certificate("server", "foreign", san="IP:127.0.0.1")
        (self.pem / "ca.pem").write_bytes(self.read("foreign.pem"))  # who may come in changes too
        self.assertNotIn("stay as they were", server.reload())
        self.client(server, "stranger", ca="foreign.pem").GetFeatures(look(), timeout=service.PATIENCE)
        self.fails(CODE.UNAVAILABLE, self.client(server, "client", ca="foreign.pem").GetFeatures, look())

    def test_a_server_does_not_start_with_certificates_that_do_not_fit(self):
        for certificate, key in (("server", "client"), ("none", "server"), ("server", "none")):
            text = self.serve_fails("--listen", "tls:127.0.0.1:0", "--metrics-listen", "", "--tls-certificate", self.pem / f"{certificate}.pem",
                                    "--tls-key", self.pem / f"{key}.key")
            self.assertIn("tls_", text)
        self.assertIn("tls_certificate", self.serve_fails("--listen", "tls:127.0.0.1:0", "--metrics-listen", ""))


class Settings(Callers):
    def test_settings_are_read_again_on_sighup_and_bad_ones_are_not_taken(self):
        config = self.folder / "selfsame.yaml"
        config.write_text("max_entities: 3\n")
        server = self.serve("--config", config)
        client = self.stub(server)
        client.GetFeatures(look(range(3)))
        self.fails(CODE.RESOURCE_EXHAUSTED, client.GetFeatures, look(range(4)))
        for bad in ("max_entities: none\n", "max_entities: 0\n", "no_such: 1\n", "{", "max_entities: 10\nmax_columns: -1\n"):
            config.write_text(bad)
            self.assertIn("settings stay as they were", server.reload())
            self.fails(CODE.RESOURCE_EXHAUSTED, client.GetFeatures, look(range(4)))
        config.write_text("max_entities: 4\nmax_message_bytes: 1M\ntrain_jobs: 7\n")
        log = server.reload()
        self.assertRegex(log, "max_message_bytes: .*next start")
        self.assertRegex(log, "train_jobs: .*next start")
        client.GetFeatures(look(range(4)))
        config.unlink()
        self.assertIn("settings stay as they were", server.reload())
        client.GetFeatures(look(range(4)))


if __name__ == "__main__":
    harness.main()
