"""Requests that are wrong: every one is refused with a status that says what, and the server goes on as if nothing had been."""
import math
import random
import struct

import every_type
import harness
import service
from service import column, grpc, pb, table_of

CODE = grpc.StatusCode
BAD_TEXTS = [b"a\0b", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\xe2\x82"]


def field(number, body):
    """A length-delimited field of a message, of any bytes."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def varint(value):
    made = b""
    while value >= 128:
        made += bytes([value & 127 | 128])
        value >>= 7
    return made + bytes([value])


class Requests(service.ServiceTest):
    def setUp(self):
        super().setUp()
        self.make_store(every_type.DEFINITIONS, "init")
        self.server = self.serve()
        self.connect()
        self.client.Push(every_type.push(every_type.rows(service.now_us())))
        self.before = self.values()

    def connect(self):
        self.connection = self.channel(self.server)
        self.client = service.pb_grpc.FeatureStoreStub(self.connection)

    def tearDown(self):
        self.assertEqual(self.values(), self.before, "what was refused changed nothing")
        super().tearDown()

    def serve_again(self, *options):
        self.end(self.server)
        self.server = self.serve(*options)
        self.connect()

    def values(self):
        answer = self.client.GetFeatures(pb.GetFeaturesRequest(service="every", keys=[column("user", "string", ["u0", "u1"])]))
        return table_of(answer), answer.seq

    def raw(self, method, message):
        return self.connection.unary_unary(service.METHODS + method)(message, timeout=service.PATIENCE)

    def refused(self, method, message, code=CODE.INVALID_ARGUMENT, word=""):
        """The call, and the same as a message of a stream, is refused; the stream's error is a message that Python can read."""
        text = self.fails(code, self.connection.unary_unary(service.METHODS + method), message)
        self.assertIn(word, text)
        self.assertTrue(text.isprintable(), text)
        stream, response = {"GetFeatures": ("StreamFeatures", pb.GetFeaturesResponse), "Push": ("PushStream", pb.PushResponse)}.get(method, (None, None))
        if stream:
            call = self.connection.stream_stream(service.METHODS + stream, response_deserializer=response.FromString)
            (answer,) = list(call(iter([message]), timeout=service.PATIENCE))
            self.assertEqual(answer.error.code, code.value[0], answer)
            self.assertIn(word, answer.error.message)
        return text

    def get(self, **more):
        request = pb.GetFeaturesRequest(service="every", keys=[column("user", "string", ["u0"])])
        for name, value in more.items():
            if isinstance(value, list):
                del getattr(request, name)[:]
                getattr(request, name).extend(value)
            elif isinstance(value, pb.EventAtHand):
                request.event.CopyFrom(value)
            else:
                setattr(request, name, value)
        return request.SerializeToString()

    def push(self, change=None, **more):
        request = every_type.push([every_type.event(5000, "u0", service.now_us(), every_type.FULL)], **more)
        if change:
            change({made.name: made for made in request.columns}, request)
        return request.SerializeToString()


class Malformed(Requests):
    def test_bytes_that_are_no_message_are_refused_by_every_method(self):
        junk = [b"\xff", b"\x0a\xff", b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", b"\x07", b"\0", b"\x0b\x0c", field(4, b"\x0a\xff")]
        for method in ("GetFeatures", "Push", "Plan", "Apply", "Rebuild", "Describe"):
            for message in junk:
                if message == junk[-1] and method not in ("GetFeatures",):
                    continue
                self.refused(method, message)
        table = self.connection.stream_stream(service.METHODS + "GetTrainingTable")
        start = pb.TrainingRequest(start=pb.TrainingStart(service="every")).SerializeToString()
        for message in junk:
            self.fails(CODE.INVALID_ARGUMENT, table, iter([message]))
            self.fails(CODE.INVALID_ARGUMENT, table, iter([start, message]))
        for path in ("/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"):
            self.fails(CODE.INVALID_ARGUMENT, self.connection.unary_stream(path), b"\xff")
        for version in ("v1", "v1alpha"):
            call = self.connection.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
            self.fails(CODE.INVALID_ARGUMENT, call, iter([b"\xff"]))

    def test_mutations_of_right_messages_are_answered_or_refused_and_harm_nobody(self):
        rng = random.Random(11)
        spine = pb.TrainingRequest(spine=pb.TrainingSpine(keys=[column("user", "string", ["u0"])], t_us=[service.now_us()],
                                                          inputs=every_type.inputs([every_type.FULL]))).SerializeToString()
        start = pb.TrainingRequest(start=pb.TrainingStart(service="every")).SerializeToString()
        hand = pb.EventAtHand(source="events", columns=every_type.columns([every_type.FULL], every_type.TYPES))
        seeds = [("GetFeatures", self.get(inputs=every_type.inputs([every_type.FULL]), event=hand, with_event_times=True)),
                 ("Push", self.push(lambda columns, request: columns["at"].int64s.__setitem__(0, service.now_us() + 86400 * 10**6)))]
        ends = set()
        calls = []
        for _ in range(600):
            method, message = rng.choice(seeds)
            calls.append(self.connection.unary_unary(service.METHODS + method).future(mutated(rng, message), timeout=service.PATIENCE))
        table = self.connection.stream_stream(service.METHODS + "GetTrainingTable")
        admin = [("/selfsame.v1.FeatureStore/Describe", pb.DescribeRequest(kind="service", name="every").SerializeToString()),
                 ("/selfsame.v1.FeatureStore/List", pb.ListRequest(kind="view").SerializeToString()),
                 ("/selfsame.v1.FeatureStore/Plan", pb.PlanRequest(files=[pb.File(name="f", text=harness.CLICKS)]).SerializeToString()),
                 ("/selfsame.v1.FeatureStore/Rebuild", pb.RebuildRequest(views=["by_user"]).SerializeToString()),
                 ("/grpc.health.v1.Health/Check", b"\x0a\x18selfsame.v1.FeatureStore")]
        for _ in range(200):
            path, message = rng.choice(admin)
            calls.append(self.connection.unary_unary(path).future(mutated(rng, message), timeout=service.PATIENCE))
        reflect = self.connection.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        tables = []
        for _ in range(60):
            asked = mutated(rng, service.reflection_pb2.ServerReflectionRequest(file_containing_symbol="selfsame.v1.FeatureStore.Push").SerializeToString())
            tables.append(reflect(iter([asked]), timeout=service.PATIENCE))
        for _ in range(60):
            tables.append(table(iter([start, mutated(rng, spine)]), timeout=service.PATIENCE))
        for call in tables:
            try:
                list(call)
            except grpc.RpcError:
                pass
        ends.update(call.code() for call in calls + tables)
        self.assertLessEqual(ends, {CODE.OK, CODE.INVALID_ARGUMENT, CODE.NOT_FOUND, CODE.RESOURCE_EXHAUSTED, CODE.FAILED_PRECONDITION, CODE.ABORTED})
        self.assertIn(CODE.INVALID_ARGUMENT, ends)
        self.before = self.values()  # some of the pushes were right

    def test_calls_of_none_or_several_messages_where_one_belongs_are_ended(self):
        for method in ("GetFeatures", "Push", "List", "Plan"):
            call = self.connection.stream_stream(service.METHODS + method)
            self.assertIn("no request message", self.fails(CODE.INVALID_ARGUMENT, call, iter([])))
            try:
                list(call(iter([self.get()] * 3), timeout=service.PATIENCE))
            except grpc.RpcError as error:
                self.assertNotEqual(error.code(), CODE.DEADLINE_EXCEEDED)

    def test_compressed_messages_are_refused(self):
        """A small one may be a large one."""
        for method, message in (("GetFeatures", self.get()), ("Push", self.push(origin="x" * 100_000))):
            call = self.connection.unary_unary(service.METHODS + method)
            self.fails(CODE.UNIMPLEMENTED, call, message, compression=grpc.Compression.Gzip)

    def test_a_message_that_is_too_large_is_refused(self):
        text = self.fails(CODE.RESOURCE_EXHAUSTED, self.client.Push, pb.PushRequest(source="events", origin="x" * (17 << 20)))
        self.assertIn("larger than max", text)
        stream = self.client.StreamFeatures(iter([pb.GetFeaturesRequest(service="x" * (17 << 20))]), timeout=service.PATIENCE)
        self.fails(CODE.RESOURCE_EXHAUSTED, lambda timeout: list(stream))

    def test_an_answer_that_would_be_too_large_is_refused(self):
        self.serve_again("--max-message-bytes", "64k")
        text = self.fails(CODE.RESOURCE_EXHAUSTED, self.client.GetFeatures,
                          pb.GetFeaturesRequest(service="every", keys=[column("user", "string", ["u0"] * 4096)]))
        self.assertIn("max_message_bytes", text)
        requests = [pb.TrainingRequest(start=pb.TrainingStart(service="every"))]
        requests += [pb.TrainingRequest(spine=pb.TrainingSpine(keys=[column("user", "string", ["u0"] * 1000)], t_us=[service.now_us()] * 1000))] * 3
        rows = 0
        for answer in self.client.GetTrainingTable(iter(requests), timeout=service.PATIENCE):
            self.assertLessEqual(answer.ByteSize(), 64 << 10, "a table comes in messages of at most max_message_bytes")
            self.assertEqual(answer.rows.first_row, rows)
            rows += answer.rows.row_count
        self.assertEqual(rows, 3000)

    def test_many_columns_and_features_are_over_a_limit(self):
        self.refused("GetFeatures", self.get(features=["ratio"] * 5000), CODE.RESOURCE_EXHAUSTED, "max_columns")
        self.refused("GetFeatures", self.get(keys=[column("user", "string", ["a"])] * 5000), CODE.RESOURCE_EXHAUSTED, "max_columns")
        self.refused("Push", self.push(lambda columns, request: request.columns.extend([columns["user"]] * 5000)), CODE.RESOURCE_EXHAUSTED, "max_columns")
        self.refused("GetFeatures", self.get(keys=[column("user", "string", ["a"] * 5000)]), CODE.RESOURCE_EXHAUSTED, "max_entities")
        world = pb.GetFeaturesRequest(service="world", row_count=2**32 - 1)
        self.refused("GetFeatures", world.SerializeToString(), CODE.RESOURCE_EXHAUSTED, "max_entities")


def mutated(rng, message):
    made = bytearray(message)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(made))
        kind = rng.randrange(4)
        if kind == 0:
            made[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del made[at:at + rng.randrange(1, 9)]
        elif kind == 2:
            made[at:at] = made[rng.randrange(len(made)):][:rng.randrange(1, 30)]
        else:
            made[at] = rng.choice([0, 1, 127, 128, 255])
        made = made or bytearray(b"\0")
    return bytes(made)


class Names(Requests):
    def test_what_is_unknown_is_told_with_the_nearest_name(self):
        at_hand = pb.EventAtHand(source="events", columns=[column("wieght", "float64", [1.0])])
        for message, code, words in (
                (self.get(service="evry"), CODE.NOT_FOUND, ["evry"]),
                (self.get(features=["rato"]), CODE.NOT_FOUND, ["rato", "ratio"]),
                (self.get(keys=[column("usr", "string", ["a"])]), CODE.NOT_FOUND, ["usr", "user"]),
                (self.get(keys=[]), CODE.INVALID_ARGUMENT, ["user", "missing"]),
                (self.get(inputs=[column("price_on", "decimal(2)", ["1.00"])]), CODE.NOT_FOUND, ["price_on", "price_in"]),
                (self.get(event=pb.EventAtHand(source="evens")), CODE.NOT_FOUND, ["evens"]),
                (self.get(event=at_hand), CODE.NOT_FOUND, ["wieght", "weight"])):
            text = self.refused("GetFeatures", message, code)
            for word in words:
                self.assertIn(word, text)
        self.assertIn("events", self.refused("Push", self.push().replace(b"\x12\x06events", b"\x12\x06evnets"), CODE.NOT_FOUND, "evnets"))

        def rename(columns, request):
            columns["weight"].name = "wieght"
        self.assertIn("weight", self.refused("Push", self.push(rename), CODE.INVALID_ARGUMENT, "wieght"))

    def test_two_columns_of_one_name_are_refused_everywhere(self):
        keys = [column("user", "string", ["a"]), column("user", "string", ["b"])]
        self.refused("GetFeatures", self.get(keys=keys), word="'user'")
        amount = column("price_in", "decimal(2)", ["1.00"])
        self.refused("GetFeatures", self.get(inputs=[amount, amount]), word="'price_in'")
        note = column("note", "string", ["a"])
        self.refused("GetFeatures", self.get(event=pb.EventAtHand(source="events", columns=[note, note])), word="'note'")
        self.refused("Push", self.push(lambda columns, request: request.columns.append(columns["note"])), word="'note'")

    def test_columns_that_push_needs_are_missed(self):
        for name in ("id", "at", "op", "user", "device"):
            def remove(columns, request):
                request.columns.remove(columns[name])
            self.refused("Push", self.push(remove), word=f"'{name}'")

    def test_bad_text_is_refused_wherever_a_string_can_stand(self):
        """U+0000 and what is no UTF-8. In requests, as Python cannot make them."""
        user = column("user", "string", ["u0"]).SerializeToString()
        for bad in BAD_TEXTS:
            self.refused("GetFeatures", field(2, bad) + field(4, user))
            self.refused("GetFeatures", self.get() + field(3, bad))
            self.refused("GetFeatures", field(2, b"every") + field(4, field(1, bad) + field(10, b"a")))
            self.refused("GetFeatures", field(2, b"every") + field(4, field(1, b"user") + field(10, bad)))
            self.refused("GetFeatures", self.get() + field(5, field(1, b"note_in") + field(10, bad)))
            self.refused("GetFeatures", self.get() + field(5, field(1, b"words_in") + field(13, field(5, bad)) + field(14, b"\1")))
            self.refused("GetFeatures", self.get() + field(6, field(1, bad)))
            self.refused("GetFeatures", self.get() + field(6, field(1, b"events") + field(2, field(1, b"note") + field(10, bad))))
            self.refused("Push", self.push() + field(2, bad))
            self.refused("Push", self.push() + field(3, field(1, bad) + field(10, b"a")))
            self.refused("Push", self.push(batch=1) + field(5, bad))
            self.refused("Push", self.push() + field(5, bad))
            self.refused("Push", self.push() + field(8, bad))
            self.refused("Push", self.push() + field(10, field(3, bad)))
            self.refused("Push", self.push() + field(10, field(5, bad)))
            for number, method in ((1, "Describe"), (2, "Describe"), (1, "List"), (1, "Rebuild")):
                self.refused(method, field(number, bad))
            self.refused("Plan", field(1, field(1, bad) + field(2, b"entities: {}")))
            table = self.connection.stream_stream(service.METHODS + "GetTrainingTable")
            self.fails(CODE.INVALID_ARGUMENT, table, iter([field(1, field(1, bad))]))
            self.fails(CODE.INVALID_ARGUMENT, table, iter([field(1, field(1, b"every") + field(2, bad))]))

    def test_bad_text_in_a_pushed_row_is_quarantined_with_its_reason(self):
        for n, bad in enumerate(BAD_TEXTS):
            request = pb.PushRequest.FromString(self.push())
            rest = [made for made in request.columns if made.name != "note"]
            del request.columns[:]
            request.columns.extend(rest)
            message = request.SerializeToString() + field(3, field(1, b"note") + field(10, bad))
            answer = pb.PushResponse.FromString(self.raw("Push", message))
            self.assertEqual((answer.accepted, answer.quarantined), (0, 1), bad)
            self.assertEqual((answer.refused[0].row, answer.refused[0].column, answer.refused[0].value), (0, "note", bad))
            self.assertIn("UTF-8", answer.refused[0].reason)
        self.assertEqual(len(self.run_ok("--json", "stats", "--quarantine", "events").json()), len(BAD_TEXTS))
        self.before = (self.before[0], self.values()[1])

    def test_definitions_with_bad_text_do_not_compile(self):
        for bad in BAD_TEXTS:
            text = every_type.DEFINITIONS.encode().replace(b"All of it", b'"' + bad + b'"')
            answer = pb.PlanResponse.FromString(self.raw("Plan", field(1, field(1, b"f.yaml") + field(2, text))))
            self.assertGreater(answer.error_count, 0, bad)
            self.assertIn("f.yaml", answer.report)

    def test_long_names_are_cut_between_characters(self):
        """Errors on streams are messages, whose text has to be UTF-8."""
        for length in range(70, 86):
            name = "x" * (length - 60) + "ä" * 40
            self.refused("GetFeatures", self.get(keys=[column(name, "string", ["a"])]), CODE.NOT_FOUND)
            self.refused("GetFeatures", self.get(service=name * 30), CODE.NOT_FOUND)
            self.refused("GetFeatures", self.get(inputs=[column("price_in", "string", [name])]))
            self.refused("Push", self.push(lambda columns, request: setattr(columns["note"], "name", name)))

    def test_a_name_cannot_write_lines_of_the_log(self):
        self.serve_again("--log-calls", "all")
        server = self.server
        evil = "x\n2026-01-01T00:00:00Z INFO  forged \x1b[31m\r"
        self.fails(CODE.NOT_FOUND, self.client.GetFeatures, pb.GetFeaturesRequest(service=evil))
        self.fails(CODE.NOT_FOUND, self.client.Push, pb.PushRequest(source=evil))
        self.fails(CODE.NOT_FOUND, self.client.Describe, pb.DescribeRequest(kind="view", name=evil))
        self.serve_again()
        self.assertIn("forged", server.text())
        self.assertNotRegex(server.text(), r"(?m)^2026-01-01|\x1b|\r")


class Types(Requests):
    def test_a_column_of_another_type_is_refused_for_every_pair_of_types(self):
        given = {"bool": [True], "int64": [1], "float64": [1.5], "decimal(2)": ["1.00"], "string": ["a"], "timestamp": ["2026-01-01T00:00:00Z"],
                 "bytes": ["AA=="], "list<int64>": [[1]], "list<string>": [["a"]], "vector(3)": [[1.0, 2.0, 3.0]], "vector(2)": [[1.0, 2.0]]}
        for name, declared in every_type.TYPES.items():
            for kind, values in given.items():
                if kind == declared or (declared.startswith("decimal") and kind in ("float64", "string")):
                    continue
                self.refused("GetFeatures", self.get(inputs=[column(name + "_in", kind, values)]), word=f"'{name}_in'")
                one = column(name, kind, values)
                self.refused("Push", self.push(lambda columns, request: columns[name].CopyFrom(one)), word=f"'{name}'")
        for kind, values in given.items():
            if kind != "string":
                self.refused("GetFeatures", self.get(keys=[column("user", kind, values)]), word="'user'")

    def test_untyped_columns_are_read_as_declared_and_mixed_ones_refused(self):
        answer = self.client.GetFeatures(pb.GetFeaturesRequest(service="every", keys=[column("user", "string", ["u0"], False)],
                                                               inputs=every_type.inputs([every_type.FULL], False)))
        table = table_of(answer)
        for name in every_type.TYPES:
            want = every_type.FULL[name]
            if every_type.TYPES[name].startswith("decimal"):
                continue
            self.assertEqual(service.exact(table["sent_" + name][0][0]), service.exact(want), name)
        mixed = column("count_in", "int64", [1])
        mixed.doubles.append(1.0)
        self.refused("GetFeatures", self.get(inputs=[mixed]), word="'count_in'")

    def test_a_decimal_comes_as_digits_a_double_or_text_and_exactly(self):
        def sent(made):
            answer = self.client.GetFeatures(pb.GetFeaturesRequest.FromString(self.get(inputs=[made], features=["sent_price"])))
            return table_of(answer)["sent_price"][0][0]
        made = pb.Column(name="price_in")
        for scale, unscaled, want in ((0, 7, "7.00"), (1, -15, "-1.50"), (2, 1234, "12.34"), (4, 123400, "12.34"), (18, 5 * 10**17, "0.50")):
            self.assertEqual(sent(pb.Column(name="price_in", int64s=[unscaled], scale=scale)), want)
        for double, want in ((0.1, "0.10"), (1e15, "1000000000000000.00"), (-0.0, "0.00"), (math.nan, None), (math.inf, None)):
            self.assertEqual(sent(pb.Column(name="price_in", doubles=[double])), want)
        for text, want in (("1.5", "1.50"), ("-0", "0.00")):
            self.assertEqual(sent(pb.Column(name="price_in", strings=[text])), want)
        for wrong in (pb.Column(int64s=[12345], scale=4), pb.Column(int64s=[2**63 - 1], scale=2), pb.Column(int64s=[10**17], scale=0),
                      pb.Column(int64s=[1], scale=19), pb.Column(int64s=[1], scale=2**32 - 1), pb.Column(doubles=[0.125]), pb.Column(doubles=[1e300]),
                      pb.Column(strings=["1.255"]), pb.Column(strings=["x"]), pb.Column(strings=[""]), pb.Column(strings=[" 1"])):
            wrong.name = "price_in"
            self.refused("GetFeatures", self.get(inputs=[wrong]), word="'price_in'")

    def test_nan_and_infinities_are_null_everywhere(self):
        for number in (math.nan, math.inf, -math.inf, struct.unpack("<d", b"\1\0\0\0\0\0\xf0\xff")[0]):
            inputs = [column("weight_in", "float64", [number]), column("shares_in", "list<float64>", [[1.0, number, -0.0]]),
                      column("place_in", "vector(3)", [[1.0, number, 0.0]])]
            table = table_of(self.client.GetFeatures(pb.GetFeaturesRequest.FromString(self.get(inputs=inputs))))
            self.assertEqual(service.exact([table["sent_" + name][0][0] for name in ("weight", "shares", "place")]),
                             service.exact([None, [1.0, None, 0.0], None]))
        table = table_of(self.client.GetFeatures(pb.GetFeaturesRequest.FromString(self.get(inputs=[column("weight_in", "float64", [-0.0])]))))
        self.assertEqual(service.exact(table["sent_weight"][0][0]), service.exact(0.0))

    def test_times_outside_the_years_one_to_9999_are_refused(self):
        least, most = service.time_us("0001-01-01T00:00:00Z"), service.time_us("9999-12-31T23:59:59.999999Z")
        for bad in (least - 1, most + 1, -2**63, 2**63 - 1):
            self.refused("GetFeatures", self.get(inputs=[pb.Column(name="due_in", int64s=[bad])]), word="years 1 to 9999")
            self.refused("GetFeatures", self.get(inputs=[pb.Column(name="times_in", elements=pb.Elements(int64s=[bad]), lengths=[1])]), word="years")
            self.refused("GetFeatures", self.get(at_us=bad))
            table = self.client.GetTrainingTable(iter([pb.TrainingRequest(start=pb.TrainingStart(service="every")), pb.TrainingRequest(
                spine=pb.TrainingSpine(keys=[column("user", "string", ["u0"])], t_us=[bad]))]), timeout=service.PATIENCE)
            self.assertIn("years 1 to 9999", self.fails(CODE.INVALID_ARGUMENT, lambda timeout: list(table)))
            answer = self.client.Push(pb.PushRequest.FromString(self.push(lambda columns, request: columns["due"].int64s.__setitem__(0, bad))))
            self.assertEqual((answer.quarantined, answer.refused[0].column), (1, "due"))
        self.refused("GetFeatures", self.get(at_us=1), word="clock")
        self.before = (self.before[0], self.values()[1])

    def test_columns_of_other_lengths_are_refused(self):
        two = {"count_in": pb.Column(int64s=[1, 2]), "flag_in": pb.Column(bools=[True, False]), "note_in": pb.Column(strings=["a", "b"]),
               "place_in": pb.Column(floats=[1.0] * 4), "words_in": pb.Column(elements=pb.Elements(strings=["a"]), lengths=[1, 0]),
               "weight_in": pb.Column(doubles=[1.0, 2.0]), "blob_in": pb.Column(blobs=[b"", b""])}
        for name, made in two.items():
            made.name = name
            self.refused("GetFeatures", self.get(inputs=[made]), word=name)
            self.refused("GetFeatures", self.get(inputs=[pb.Column(name=name)]), word=name)
        for status in (b"\0\0", b"\2", b"\xff", b"\3"):
            self.refused("GetFeatures", self.get(inputs=[pb.Column(name="count_in", int64s=[1], status=status)]), word="count_in")
        for elements, lengths in ((["a"], [2]), (["a", "b"], [1]), ([], [1]), (["a"], []), (["a"], [2**32 - 1])):
            made = pb.Column(name="words_in", elements=pb.Elements(strings=elements), lengths=lengths)
            self.refused("GetFeatures", self.get(inputs=[made]), word="words_in")
        for status in (b"\1\1", b"\2", b"\0\0\0"):
            made = pb.Column(name="words_in", elements=pb.Elements(strings=["a"], status=status), lengths=[1])
            self.refused("GetFeatures", self.get(inputs=[made]), word="words_in")
        mixed = pb.Column(name="words_in", elements=pb.Elements(strings=["a"], int64s=[1]), lengths=[1])
        self.refused("GetFeatures", self.get(inputs=[mixed]), word="words_in")
        for length in (2, 4, 2**32 - 1):
            made = pb.Column(name="place_in", floats=[1.0] * 3, length=length)
            self.refused("GetFeatures", self.get(inputs=[made]), word="place_in")
        self.refused("GetFeatures", self.get(event=pb.EventAtHand(source="events", present=b"\1\1")), word="present")
        self.refused("Push", self.push(lines=[1, 2]), word="lines")
        self.refused("Push", self.push(lambda columns, request: columns["note"].strings.append("b")), word="note")

    def test_null_keys_of_every_type_are_not_found_and_long_keys_an_error(self):
        table = table_of(self.client.GetFeatures(pb.GetFeaturesRequest(service="every", keys=[pb.Column(name="user", status=b"\1\1")])))
        self.assertEqual(table["last_count"][1], ["not_found", "not_found"])
        self.refused("GetFeatures", self.get(keys=[column("user", "string", ["x" * 481])]), word="480 bytes")
        self.assertEqual(table_of(self.client.GetFeatures(pb.GetFeaturesRequest.FromString(self.get(keys=[column("user", "string", [""])]))))["last_count"][1], ["not_found"])

    def test_training_streams_out_of_order_are_refused(self):
        start = pb.TrainingRequest(start=pb.TrainingStart(service="every"))
        spine = pb.TrainingRequest(spine=pb.TrainingSpine(keys=[column("user", "string", ["u0"])], t_us=[service.now_us()]))
        for requests in ([], [spine], [start, start], [start, spine, start], [pb.TrainingRequest()], [start, pb.TrainingRequest()],
                         [pb.TrainingRequest(start=pb.TrainingStart(service="every", inclusive=True))],
                         [start, pb.TrainingRequest(spine=pb.TrainingSpine(keys=[column("user", "string", ["a"])], t_us=[1, 2]))],
                         [start, pb.TrainingRequest(spine=pb.TrainingSpine(keys=[column("user", "string", ["a"])], t_us=[1], seq=[1, 2]))],
                         [start, pb.TrainingRequest(spine=pb.TrainingSpine(t_us=[1]))]):
            self.fails(CODE.INVALID_ARGUMENT, self.client.GetTrainingTable, iter(requests))
        self.fails(CODE.NOT_FOUND, self.client.GetTrainingTable, iter([pb.TrainingRequest(start=pb.TrainingStart(service="none"))]))


if __name__ == "__main__":
    harness.main()
