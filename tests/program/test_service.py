"""A client that is not ours: Python's gRPC, with stubs made from the .proto, uses every method of the service."""
import hashlib
import threading
import urllib.request

import every_type
import harness
import prometheus
import service
from service import column, grpc, pb, table_of

CODE = grpc.StatusCode
CLICKS = harness.CLICKS.replace("{user: int64, weight: float64, at: timestamp}", "{user: int64, weight: float64, id: string, at: timestamp}") + """
    event_id: id
    expect:
      weight: {between: [0, 100]}
views:
  visits: {entity: user, source: clicks, features: {visits: count() over all, weight: sum(weight) over 7d}}
services:
  pages: {features: [visits.*]}
"""


class Clicks(service.ServiceTest):
    def setUp(self):
        super().setUp()
        self.make_store(CLICKS, "init")
        self.server = self.serve()
        self.client = self.stub(self.server)

    def clicks(self, users, weights=None, ids=None, at_us=None, **more):
        count = len(users)
        made = [column("user", "int64", users), column("weight", "float64", weights or [1.0] * count),
                column("id", "string", ids or [f"{service.now_us()}-{n}" for n in range(count)]),
                column("at", "timestamp", [service.time_text(at_us or service.now_us())] * count)]
        return pb.PushRequest(source="clicks", columns=made, **more)

    def visits(self, *users):
        answer = self.client.GetFeatures(pb.GetFeaturesRequest(service="pages", keys=[column("user", "int64", users)]))
        return table_of(answer)["visits"][0]


class Pushes(Clicks):
    def test_a_push_is_seen_by_every_lookup_after_it(self):
        for n in range(1, 40):
            pushed = self.client.Push(self.clicks([5]))
            self.assertEqual((pushed.accepted, pushed.seq, pushed.not_visible), (1, n, ""))
            answer = self.client.GetFeatures(pb.GetFeaturesRequest(service="pages", keys=[column("user", "int64", [5])]))
            self.assertGreaterEqual(answer.seq, pushed.seq)
            self.assertEqual(table_of(answer)["visits"][0], [n])

    def test_a_producers_batch_counts_once_however_often_it_comes(self):
        batch = self.clicks([1, 2], producer="p", batch=1)
        first, again = self.client.Push(batch), self.client.Push(batch)
        self.assertEqual((first.accepted, first.was_acknowledged), (2, False))
        self.assertEqual((again.was_acknowledged, again.seq), (True, first.seq))
        self.assertEqual(self.visits(1, 2), [1, 1])
        other = self.clicks([1, 3], producer="p", batch=1)
        self.assertIn("p", self.fails(CODE.ABORTED, self.client.Push, other))
        self.assertIn("2", self.fails(CODE.ABORTED, self.client.Push, self.clicks([1], producer="p", batch=3)))
        self.fails(CODE.INVALID_ARGUMENT, self.client.Push, self.clicks([1], producer="p"))
        self.fails(CODE.INVALID_ARGUMENT, self.client.Push, self.clicks([1], batch=4))
        self.assertEqual(self.visits(1, 2, 3), [1, 1, 0])

    def test_a_retry_may_be_packed_otherwise(self):
        """Values one by one, without types, columns in another order: the same batch."""
        batch = self.clicks([1, 2], producer="p", batch=1)
        self.client.Push(batch)
        again = pb.PushRequest(source="clicks", producer="p", batch=1, columns=reversed(batch.columns))
        for made in again.columns:
            made.type = 0
            made.status = b"\0\0"
        self.assertTrue(self.client.Push(again).was_acknowledged)

    def test_a_sender_may_say_itself_what_its_batch_is(self):
        ours, other = b"\1" * 32, b"\2" * 32
        self.client.Push(self.clicks([1], producer="p", batch=1, content_hash=ours))
        self.assertTrue(self.client.Push(self.clicks([2], producer="p", batch=1, content_hash=ours)).was_acknowledged)
        self.fails(CODE.ABORTED, self.client.Push, self.clicks([1], producer="p", batch=1, content_hash=other))
        self.fails(CODE.ABORTED, self.client.Push, self.clicks([1], producer="p", batch=1))
        self.assertIn("32 bytes", self.fails(CODE.INVALID_ARGUMENT, self.client.Push, self.clicks([1], producer="p", batch=2, content_hash=b"1")))
        self.assertEqual(self.visits(1, 2), [1, 0])

    def test_a_producer_is_told_what_it_got_acknowledged(self):
        ask = lambda batch: self.client.Producer(pb.ProducerRequest(source="clicks", producer="p", batch=batch))
        self.assertEqual(ask(1), pb.ProducerResponse())
        contents = [bytes([n]) * 32 for n in (1, 2, 3)]
        hashes = [hashlib.sha256(hashlib.sha256(b"clicks").digest() + content).digest() for content in contents]
        for n, content in enumerate(contents, 1):
            pushed = self.client.Push(self.clicks([n], producer="p", batch=n, content_hash=content))
        self.assertEqual([(answer.last, answer.hash, answer.seq) for answer in map(ask, (0, 1, 3, 4))],
                         [(3, b"", pushed.seq), (3, hashes[0], pushed.seq), (3, hashes[2], pushed.seq), (3, b"", pushed.seq)])
        self.assertIn("'click'", self.fails(CODE.NOT_FOUND, self.client.Producer, pb.ProducerRequest(source="click", producer="p")))
        self.fails(CODE.INVALID_ARGUMENT, self.client.Producer, pb.ProducerRequest(source="clicks"))

    def test_a_batch_is_never_taken_for_one_of_another_source(self):
        client = self.client
        two = CLICKS.replace("views:\n", "  taps:\n    columns: {user: int64, at: timestamp}\n    event_time: at\nviews:\n")
        client.Apply(pb.ApplyRequest(files=[pb.File(name="two.yaml", text=two)]))
        client.Push(self.clicks([1], producer="p", batch=1, content_hash=b"h" * 32))
        taps = pb.PushRequest(source="taps", producer="p", batch=1, content_hash=b"h" * 32,
                              columns=[column("user", "int64", [1]), column("at", "timestamp", [service.time_text(service.now_us())])])
        self.assertIn("other content", self.fails(CODE.ABORTED, client.Push, taps))

    def test_kept_out_rows_are_listed_with_reasons(self):
        now = service.now_us()
        answer = self.client.Push(self.clicks([1, 2, 3, 4], [1.0, 1000.0, None, 2.0], ["a", "b", "c", None], now, origin="f.csv", lines=[2, 3, 4, 9],
                                              unparsed=[pb.Refused(line=77, column="user", value=b"x\xff", reason="not an int64")]))
        self.assertEqual((answer.accepted, answer.quarantined), (2, 3))
        listed = {(row.row, row.line, row.column, row.reason) for row in answer.refused}
        self.assertEqual({row[:3] for row in listed}, {(1, 3, "weight"), (3, 9, "id")})
        self.assertTrue(all(reason for *_, reason in listed))
        kept = self.run_ok("--json", "stats", "--quarantine", "clicks").json()
        self.assertEqual({row["line"] for row in kept}, {3, 9, 77})
        self.assertEqual(self.client.Push(self.clicks([1], [1.0], ["a"], now)).duplicate, 1)
        changed = self.client.Push(self.clicks([1], [5.0], ["a"], now))
        self.assertEqual((changed.conflicting, changed.accepted), (1, 0))
        self.assertEqual(self.visits(1, 2, 3, 4), [1, 0, 1, 0])

    def test_values_that_are_none_of_their_type_are_listed_with_row_and_line(self):
        request = self.clicks([1, 2, 3], lines=[20, 30, 40])
        next(made for made in request.columns if made.name == "at").int64s[1] = 2**62
        answer = self.client.Push(request)
        self.assertEqual((answer.accepted, answer.quarantined), (2, 1))
        self.assertEqual([(row.row, row.line, row.column) for row in answer.refused], [(1, 30, "at")])
        self.assertEqual([row["line"] for row in self.run_ok("--json", "stats", "--quarantine", "clicks").json()], [30])
        self.assertEqual(self.visits(1, 2, 3), [1, 0, 1])

    def test_strict_refuses_the_whole_batch(self):
        text = self.fails(CODE.INVALID_ARGUMENT, self.client.Push, self.clicks([1, 2], [1.0, 1000.0], strict=True))
        self.assertIn("weight", text)
        self.assertEqual(self.visits(1, 2), [0, 0])

    def test_a_row_ahead_of_the_clock_is_kept_out(self):
        answer = self.client.Push(self.clicks([1], at_us=service.now_us() + 3600 * 1000000))
        self.assertEqual((answer.accepted, answer.quarantined, answer.refused[0].column), (0, 1, "at"))

    def test_history_is_declared_until_the_first_live_row(self):
        old = service.now_us() - 30 * 24 * 3600 * 1000000
        self.assertEqual(self.client.Push(self.clicks([1], at_us=old, arrival=pb.ARRIVAL_DECLARED)).accepted, 1)
        self.client.Push(self.clicks([1]))
        text = self.fails(CODE.INVALID_ARGUMENT, self.client.Push, self.clicks([1], at_us=old, arrival=pb.ARRIVAL_DECLARED))
        self.assertIn("live", text)

    def test_an_empty_push_is_fine(self):
        self.assertEqual(self.client.Push(self.clicks([])).accepted, 0)


class Streams(Clicks):
    def test_answers_of_a_stream_carry_their_requests_ids(self):
        self.client.Push(self.clicks([1, 1, 2]))
        requests = [pb.GetFeaturesRequest(id=n, service="pages" if n % 7 else "none", keys=[column("user", "int64", [n % 3] * (n % 5))])
                    for n in range(1, 300)]
        answers = {answer.id: answer for answer in self.client.StreamFeatures(iter(requests), timeout=service.PATIENCE)}
        self.assertEqual(len(answers), 299)
        for n, answer in answers.items():
            if n % 7 == 0:
                self.assertEqual((answer.error.code, answer.error.retry, len(answer.features)), (CODE.NOT_FOUND.value[0], False, 0))
                self.assertIn("none", answer.error.message)
            else:
                self.assertEqual(table_of(answer)["visits"][0], [(0, 2, 1)[n % 3]] * (n % 5))

    def test_pushes_of_a_stream_are_answered_in_their_order(self):
        """Also those that are refused before they reach the writer."""
        token = self.run_ok("token", "create", "one", "--allow", "push:clicks", "--allow", "read:pages").out.strip()
        self.server.reload()
        requests = []
        for n in range(1, 200):
            request = self.clicks([n % 4], id=n, producer="s", batch=n)
            if n % 5 == 0:
                request = pb.PushRequest(id=n, source="other")
            requests.append(request)
        batch = 0
        for request in requests:
            if request.producer:
                batch += 1
                request.batch = batch
        answers = list(self.client.PushStream(iter(requests), timeout=service.PATIENCE, metadata=service.bearer(token)))
        self.assertEqual([answer.id for answer in answers], list(range(1, 200)))
        for answer in answers:
            if answer.id % 5 == 0:
                self.assertEqual(answer.error.code, CODE.PERMISSION_DENIED.value[0])
            else:
                self.assertEqual((answer.accepted, answer.error.code), (1, 0))

    def test_a_stream_that_says_nothing_ends_well(self):
        self.assertEqual(list(self.client.StreamFeatures(iter([]), timeout=service.PATIENCE)), [])
        self.assertEqual(list(self.client.PushStream(iter([]), timeout=service.PATIENCE)), [])

    def test_lookups_and_pushes_of_many_connections_at_once(self):
        """Each sees its own pushes; pushes that wait together share commits."""
        failures = []

        def work(user):
            try:
                client = self.stub(self.server)
                for n in range(1, 30):
                    pushed = client.Push(self.clicks([user], ids=[f"{user}-{n}"], producer=f"p{user}", batch=n))
                    answer = client.GetFeatures(pb.GetFeaturesRequest(service="pages", keys=[column("user", "int64", [user])]))
                    assert answer.seq >= pushed.seq and table_of(answer)["visits"][0] == [n], (user, n, answer)
            except Exception as failure:  # told below
                failures.append(failure)
        threads = [threading.Thread(target=work, args=(user,)) for user in range(100, 116)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        stats = self.client.Stats(pb.StatsRequest())
        self.assertEqual(stats.events, 16 * 29)
        self.assertLess(stats.commits, 16 * 29, "commits are shared")
        self.assert_parity("pages", ["visits"])


class Definitions(service.ServiceTest):
    def setUp(self):
        super().setUp()
        self.run_ok("init")
        self.server = self.serve()
        self.client = self.stub(self.server)

    def test_the_first_apply_may_come_over_the_wire(self):
        for call, request in ((self.client.GetFeatures, pb.GetFeaturesRequest(service="pages")), (self.client.Push, pb.PushRequest(source="clicks"))):
            self.assertIn("apply", self.fails(CODE.INVALID_ARGUMENT, call, request))
        self.assertEqual(len(self.client.List(pb.ListRequest()).items), 0)
        self.assertEqual(self.client.Stats(pb.StatsRequest()).events, 0)
        self.assertEqual(len(self.client.Describe(pb.DescribeRequest()).files), 0)
        files = [pb.File(name="clicks.yaml", text=CLICKS)]
        planned = self.client.Plan(pb.PlanRequest(files=files))
        self.assertEqual({(change.kind, change.name, change.change) for change in planned.changes},
                         {("source", "clicks", "new"), ("view", "visits", "new"), ("service", "pages", "new")})
        applied = self.client.Apply(pb.ApplyRequest(files=files))
        self.assertEqual((applied.fingerprint, applied.changes), (planned.fingerprint, planned.changes))
        answer = self.client.GetFeatures(pb.GetFeaturesRequest(service="pages", keys=[column("user", "int64", [1])]))
        self.assertEqual(table_of(answer)["visits"][0], [0])
        self.assertEqual([change.change for change in self.client.Plan(pb.PlanRequest(files=files)).changes], ["same"] * 3)

    def test_definitions_that_do_not_compile_are_told_with_every_place(self):
        files = [pb.File(name="a.yaml", text=CLICKS.replace("count()", "cuont()").replace("sum(weight)", "sum(wait)"))]
        for call, request in ((self.client.Plan, pb.PlanRequest), (self.client.Apply, pb.ApplyRequest)):
            answer = call(request(files=files))
            self.assertEqual(answer.error_count, 2)
            self.assertEqual(answer.report.count("a.yaml:"), 2, answer.report)
        self.assertEqual(len(self.client.List(pb.ListRequest()).items), 0)
        self.assertIn("defines nothing", self.fails(CODE.INVALID_ARGUMENT, self.client.Apply, pb.ApplyRequest()))

    def test_the_fuzzers_definitions_are_these(self):
        """Otherwise run tests/fuzz/make_wire_corpus.py."""
        self.assertEqual((harness.ROOT / "tests/fuzz/wire.yaml").read_text(), every_type.DEFINITIONS)

    def test_list_and_describe_tell_of_every_definition(self):
        self.client.Apply(pb.ApplyRequest(files=[pb.File(name="every.yaml", text=every_type.DEFINITIONS)]))
        items = {(item.kind, item.name): item for item in self.client.List(pb.ListRequest()).items}
        self.assertEqual({kind for kind, _ in items}, {"entity", "source", "view", "service"})
        self.assertEqual({name for kind, name in items if kind == "service"}, {item.name for item in self.client.List(pb.ListRequest(kind="service")).items})
        every = self.client.Describe(pb.DescribeRequest(kind="service", name="every"))
        self.assertEqual((every.item.description, every.item.owner, list(every.item.tags)), ("All of it", "tests", ["wire", "types"]))
        answer = self.client.GetFeatures(pb.GetFeaturesRequest(service="every", keys=[column("user", "string", ["x"])]))
        self.assertEqual(answer.fingerprint, every.item.fingerprint)
        for field, made in zip(every.features, answer.features, strict=True):
            self.assertEqual((field.name, field.type, field.scale, field.element, field.length),
                             (made.name, made.type, made.scale, made.element, made.length))
        for field, (name, kind) in zip(every.inputs, every_type.TYPES.items(), strict=True):
            word = service.parse_type(kind)
            self.assertEqual((field.name, field.type), (name + "_in", service.type_number(word[0])))
        import hashlib
        for kind, name in items:
            told = self.client.Describe(pb.DescribeRequest(kind=kind, name=name))
            self.assertEqual(told.item, items[kind, name])
            if told.item.fingerprint:
                self.assertEqual(hashlib.sha256(told.canonical.encode()).digest(), told.item.fingerprint, name)
        source = self.client.Describe(pb.DescribeRequest(kind="source", name="events"))
        self.assertEqual([field.name for field in source.columns], list(every_type.SOURCE))
        view = self.client.Describe(pb.DescribeRequest(kind="view", name="by_user"))
        self.assertEqual((view.source, view.entity, view.features[0].text), ("events", "user", "count() over 7d"))
        whole = self.client.Describe(pb.DescribeRequest())
        self.assertEqual([(file.name, file.text) for file in whole.files], [("every.yaml", every_type.DEFINITIONS)])
        self.fails(CODE.NOT_FOUND, self.client.Describe, pb.DescribeRequest(kind="view", name="none"))
        self.fails(CODE.INVALID_ARGUMENT, self.client.Describe, pb.DescribeRequest(kind="table", name="none"))
        self.fails(CODE.INVALID_ARGUMENT, self.client.List, pb.ListRequest(kind="table"))

    def test_a_rebuild_leaves_every_value_as_it_was(self):
        self.client.Apply(pb.ApplyRequest(files=[pb.File(name="every.yaml", text=every_type.DEFINITIONS)]))
        self.client.Push(every_type.push(every_type.rows(service.now_us())))
        request = pb.GetFeaturesRequest(service="every", keys=[column("user", "string", ["u0", "u1"])], at_us=service.now_us() + 3600 * 1000000)
        before = self.client.GetFeatures(request)
        self.assertEqual(self.client.Rebuild(pb.RebuildRequest(views=["by_user"])).view_count, 1)
        self.assertEqual(self.client.Rebuild(pb.RebuildRequest(all=True)).view_count, 3)
        self.assertEqual(self.client.GetFeatures(request), before)
        for request in (pb.RebuildRequest(), pb.RebuildRequest(views=["by_user"], all=True)):
            self.fails(CODE.INVALID_ARGUMENT, self.client.Rebuild, request)
        self.fails(CODE.NOT_FOUND, self.client.Rebuild, pb.RebuildRequest(views=["none"]))

    def test_stats_and_metrics_count_what_happened(self):
        self.client.Apply(pb.ApplyRequest(files=[pb.File(name="every.yaml", text=every_type.DEFINITIONS)]))
        rows = every_type.rows(service.now_us())
        pushed = self.client.Push(every_type.push(rows))
        stats = self.client.Stats(pb.StatsRequest())
        self.assertEqual((stats.events, stats.seq, stats.applied_seq, stats.commits), (len(rows), pushed.seq, pushed.seq, 1))
        self.assertEqual({view.name: view.rows for view in stats.views}["by_user"], 4)
        self.assertTrue(stats.version and stats.history_bytes and stats.online_bytes and stats.t_us > stats.newest_event_us)
        self.client.GetFeatures(pb.GetFeaturesRequest(service="every", keys=[column("user", "string", ["u0", "none"])]))
        page = prometheus.read(urllib.request.urlopen(f"http://{self.server.metrics}/metrics", timeout=10).read().decode())
        self.assertEqual(prometheus.value(page, "selfsame_requests_total", method="GetFeatures", service="every", code="OK"), 1)
        self.assertEqual(prometheus.value(page, "selfsame_push_rows_total", source="events", outcome="accepted"), len(rows))
        self.assertEqual(urllib.request.urlopen(f"http://{self.server.metrics}/readyz", timeout=10).status, 200)


class Tools(Clicks):
    """What any tool asks a server for."""

    def test_health_is_checked_and_watched_until_the_stop(self):
        channel = self.channel(self.server)
        health = service.health_pb2_grpc.HealthStub(channel)
        ask = service.health_pb2.HealthCheckRequest
        for name in ("", "selfsame.v1.FeatureStore"):
            self.assertEqual(health.Check(ask(service=name)).status, service.health_pb2.HealthCheckResponse.SERVING)
        self.fails(CODE.NOT_FOUND, health.Check, ask(service="other"))
        self.assertEqual(next(health.Watch(ask(service="other"), timeout=service.PATIENCE)).status,
                         service.health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        watch = health.Watch(ask(), timeout=service.PATIENCE)
        self.assertEqual(next(watch).status, service.health_pb2.HealthCheckResponse.SERVING)
        self.end(self.server)
        with self.assertRaises(grpc.RpcError) as caught:
            while True:
                self.assertEqual(next(watch).status, service.health_pb2.HealthCheckResponse.NOT_SERVING)
        self.assertEqual(caught.exception.code(), CODE.UNAVAILABLE)

    def resolve(self, messages, stub):
        """Every service, its methods and all their messages, from reflection alone."""
        from google.protobuf import descriptor_pb2, descriptor_pool
        pool, seen = descriptor_pool.DescriptorPool(), set()
        ask = messages.ServerReflectionRequest

        def one(request):
            (answer,) = list(stub.ServerReflectionInfo(iter([request]), timeout=service.PATIENCE))
            self.assertEqual(answer.original_request, request)
            return answer
        names = [found.name for found in one(ask(list_services="")).list_services_response.service]
        for name in names:
            for bytes_ in one(ask(file_containing_symbol=name)).file_descriptor_response.file_descriptor_proto:
                file = descriptor_pb2.FileDescriptorProto.FromString(bytes_)
                if file.name not in seen:
                    seen.add(file.name)
                    pool.Add(file)
        methods = {}
        for name in names:
            for method in pool.FindServiceByName(name).methods:
                methods[method.full_name] = (method.input_type.full_name, method.output_type.full_name, len(method.input_type.fields))
        for symbol in (names[0] + "." + pool.FindServiceByName(names[0]).methods[0].name, "selfsame.v1.Column", "selfsame.v1.Type"):
            self.assertTrue(one(ask(file_containing_symbol=symbol)).HasField("file_descriptor_response"), symbol)
        self.assertTrue(one(ask(file_by_filename="selfsame/v1/feature_store.proto")).HasField("file_descriptor_response"))
        for request in (ask(file_containing_symbol="no.such"), ask(file_by_filename="no.proto"), ask(all_extension_numbers_of_type="x"), ask()):
            self.assertTrue(one(request).HasField("error_response"), request)
        return names, methods

    def test_reflection_lists_every_service_and_resolves_every_message(self):
        channel = self.channel(self.server)
        old = self.resolve(service.reflection_alpha_pb2, service.reflection_alpha_pb2_grpc.ServerReflectionStub(channel))
        new = self.resolve(service.reflection_pb2, service.reflection_pb2_grpc.ServerReflectionStub(channel))
        self.assertEqual(old, new)
        names, methods = new
        self.assertEqual(set(names), {"selfsame.v1.FeatureStore", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                      "grpc.reflection.v1alpha.ServerReflection"})
        own = {method.name for method in pb.DESCRIPTOR.services_by_name["FeatureStore"].methods}
        self.assertEqual({name.rsplit(".", 1)[1] for name in methods if name.startswith("selfsame")}, own)

    def test_a_method_that_is_none_is_told(self):
        channel = self.channel(self.server)
        for path in (service.METHODS + "Get", "/other.Service/Method", "/", "/selfsame.v1.FeatureStore"):
            self.fails(CODE.UNIMPLEMENTED, channel.unary_unary(path), b"")


class Sockets(service.ServiceTest):
    def test_one_server_answers_on_tcp_and_unix_sockets(self):
        self.make_store(CLICKS, "init")
        path = self.folder / "socket"
        server = self.serve(listen=("127.0.0.1:0", f"unix:{path}", "[::1]:0"))
        self.assertEqual(len(server.addresses), 3)
        self.assertEqual(server.addresses[1], f"unix:{path}")
        for address in server.addresses:
            client = self.stub(server, address=address)
            self.assertEqual(len(client.List(pb.ListRequest()).items), 4, address)
        self.end(server)
        self.assertFalse(path.exists(), "the socket is gone with its server")

    def test_several_shards_share_a_port_and_all_answer(self):
        self.make_store(CLICKS, "init")
        server = self.serve("--shards", 150)
        self.end(server)
        server = self.serve("--shards", 3)
        for _ in range(12):
            client = self.stub(server)
            self.assertEqual(len(client.List(pb.ListRequest()).items), 4)
            client.GetFeatures(pb.GetFeaturesRequest(service="pages", keys=[column("user", "int64", [1])]))


if __name__ == "__main__":
    harness.main()
