"""Clients that ask for too much, take nothing, or go away at any moment: each is shed or ended, and all others are served."""
import os
import pathlib
import re
import signal
import socket
import threading
import time

import harness
import service
import test_service
from service import column, grpc, pb, table_of

CODE = grpc.StatusCode
BIG = 200_000


def look(users=(1,), **more):
    return pb.GetFeaturesRequest(service="pages", keys=[column("user", "int64", users)], **more)


def rows_of(user, count, prefix):
    at = service.now_us()
    return pb.PushRequest(source="clicks", columns=[
        pb.Column(name="user", int64s=[user] * count), pb.Column(name="weight", doubles=[1.0] * count),
        pb.Column(name="id", strings=[f"{prefix}-{n}" for n in range(count)]), pb.Column(name="at", int64s=[at] * count)])


def table_requests(rows):
    spine = pb.TrainingSpine(keys=[pb.Column(name="user", int64s=[1] * rows)], t_us=[service.now_us()] * rows)
    return [pb.TrainingRequest(start=pb.TrainingStart(service="pages")), pb.TrainingRequest(spine=spine)]


class Limits(service.ServiceTest):
    def setUp(self):
        super().setUp()
        self.make_store(test_service.CLICKS, "init")

    def visits(self, client, user):
        return table_of(client.GetFeatures(look([user]), timeout=service.PATIENCE))["visits"][0][0]

    def hint(self, error):
        """The milliseconds of grpc-retry-pushback-ms."""
        return [int(value) for key, value in error.trailing_metadata() if key == "grpc-retry-pushback-ms"]

    def hold(self):
        """An iterator of requests that gives none until the test ends."""
        ends = threading.Event()
        self.addCleanup(ends.set)
        return iter(lambda: ends.wait() and None, None)

    def memory(self, server):
        with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def peak(self, server):
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024

    def wait_until(self, holds, what):
        deadline = time.monotonic() + service.PATIENCE
        while not holds():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.01)


class Shed(Limits):
    def test_calls_over_max_in_flight_are_shed_at_once_with_a_hint(self):
        server = self.serve("--max-in-flight", 8, "--retry-after", "70ms")
        client = self.stub(server)
        waits = threading.Event()
        self.addCleanup(waits.set)
        idle = [client.PushStream(service.silence(waits)) for _ in range(8)]
        self.wait_until(lambda: not self.goes(client), "eight calls are all there may be")
        spine = iter(table_requests(1))
        for call, request in ((client.GetFeatures, look()), (client.Push, rows_of(1, 1, "a")), (client.List, pb.ListRequest()),
                              (client.GetTrainingTable, spine), (client.StreamFeatures, iter([look()])), (client.PushStream, iter([]))):
            text = self.fails(CODE.RESOURCE_EXHAUSTED, call, request)
            self.assertIn("max_in_flight", text)
            self.assertEqual(self.hint(self.failed), [70])
        health = service.health_pb2_grpc.HealthStub(self.channel(server))
        health.Check(service.health_pb2.HealthCheckRequest())
        for call in idle:
            call.cancel()
        self.wait_until(lambda: self.goes(client), "what ended has to make room")

    def test_calls_that_send_no_message_end_after_send_timeout(self):
        client = self.stub(self.serve("--max-in-flight", 4, "--send-timeout", "1s"))
        waits = threading.Event()
        self.addCleanup(waits.set)
        idle = [method(service.silence(waits)) for method in (client.PushStream, client.StreamFeatures, client.GetTrainingTable) * 2]
        self.wait_until(lambda: self.goes(client), "calls that say nothing must not keep others out")
        for call in idle:
            self.assertIn(call.code(), (CODE.DEADLINE_EXCEEDED, CODE.RESOURCE_EXHAUSTED))

    def goes(self, client):
        try:
            client.GetFeatures(look())
            return True
        except grpc.RpcError as error:
            self.assertEqual(error.code(), CODE.RESOURCE_EXHAUSTED)
            return False

    def test_rows_stamped_ahead_of_the_clock_cannot_run_it_away(self):
        client = self.stub(self.serve())
        clock = lambda: client.GetFeatures(look()).t_us
        refused = None
        for n in range(40):
            ahead = rows_of(1, 1, f"ahead-{n}")
            ahead.columns[3].int64s[0] = clock() + 900_000
            try:
                client.Push(ahead)
            except grpc.RpcError as error:
                refused = error
                break
        self.assertEqual(refused.code(), CODE.RESOURCE_EXHAUSTED)
        self.assertIn("ahead of the machine's already", refused.details())
        self.assertLess(clock() - service.now_us(), 4_000_000)
        self.assertEqual(client.Push(rows_of(2, 1, "honest")).accepted, 1)

    def test_pushes_over_the_queues_limit_are_shed_with_a_hint_and_none_is_half_done(self):
        server = self.serve("--push-queue-bytes", "64k", "--group-bytes", 1)
        client = self.stub(server)
        calls = [(n, client.Push.future(rows_of(n, 700, f"a{n}"), timeout=service.PATIENCE)) for n in range(60)]
        ends = {n: call.code() for n, call in calls}
        shed = [n for n, code in ends.items() if code == CODE.RESOURCE_EXHAUSTED]
        self.assertEqual(set(ends.values()), {CODE.OK, CODE.RESOURCE_EXHAUSTED})
        for n in shed:
            self.assertIn("push_queue_bytes", calls[n][1].details())
            self.assertEqual(self.hint(calls[n][1]), [50])
        for n, code in ends.items():
            self.assertEqual(self.visits(client, n), 700 if code == CODE.OK else 0)
        stream = list(client.PushStream((rows_of(100 + n, 700, f"b{n}") for n in range(60)), timeout=service.PATIENCE))
        refused = [answer for answer in stream if answer.HasField("error")]
        for answer in refused:
            self.assertEqual((answer.error.code, answer.error.retry, answer.error.retry_after_ms), (CODE.RESOURCE_EXHAUSTED.value[0], True, 50))
        self.assertEqual(len(stream), 60)
        self.assertEqual(sum(self.visits(client, 100 + n) for n in range(60)), 700 * (60 - len(refused)))

    def test_training_tables_over_train_jobs_are_shed(self):
        server = self.serve("--train-jobs", 1)
        client = self.stub(server)
        first = client.GetTrainingTable(iter(table_requests(BIG)))
        next(first)
        self.fails(CODE.RESOURCE_EXHAUSTED, client.GetTrainingTable, iter(table_requests(1)))
        self.assertEqual(self.hint(self.failed), [50])
        self.assertEqual(1 + sum(1 for _ in first), 1 + -(-BIG // 1024))
        self.wait_until(lambda: self.trains(client), "a table that ended makes room")

    def trains(self, client):
        try:
            return len(list(client.GetTrainingTable(iter(table_requests(1))))) == 2
        except grpc.RpcError:
            return False

    def test_a_spine_over_max_spine_bytes_is_refused_before_it_is_whole(self):
        server = self.serve("--max-spine-bytes", "1M")
        chunk = table_requests(10_000)[1]
        sent = []

        def requests():
            yield table_requests(1)[0]
            for n in range(2000):
                sent.append(n)
                yield chunk
        text = self.fails(CODE.RESOURCE_EXHAUSTED, self.stub(server).GetTrainingTable, requests())
        self.assertIn("max_spine_bytes", text)
        self.assertLess(len(sent), 1000)
        self.assertEqual(self.hint(self.failed), [], "the same never succeeds")

    def test_spines_that_are_never_whole_share_one_limit(self):
        server = self.serve("--max-spine-bytes", "1M", "--train-jobs", 2)
        client = self.stub(server)
        most = table_requests(50_000)
        ends = threading.Event()
        self.addCleanup(ends.set)

        def endless():
            yield from most
            ends.wait()
        calls = [client.GetTrainingTable(endless()) for _ in range(2)]

        def is_full():
            for n, call in enumerate(calls):
                if call.done():  # it was the third that came in between
                    calls[n] = client.GetTrainingTable(endless())
            return not self.trains_in_time(client, most)
        self.wait_until(is_full, "two that are not whole leave no room for a third")
        self.assertIn("train_jobs", self.fails(CODE.RESOURCE_EXHAUSTED, client.GetTrainingTable, iter(most)))
        self.assertEqual(self.hint(self.failed), [50])
        for call in calls:
            call.cancel()
        self.wait_until(lambda: self.trains_in_time(client, most), "what is gone leaves room again")

    def trains_in_time(self, client, requests):
        try:
            return len(list(client.GetTrainingTable(iter(requests), timeout=service.PATIENCE))) > 1
        except grpc.RpcError as error:
            self.assertEqual(error.code(), CODE.RESOURCE_EXHAUSTED)
            return False

    def test_more_streams_than_a_connection_may_have_wait_for_their_turn(self):
        server = self.serve("--max-streams", 4)
        channel = self.channel(server)
        health = service.health_pb2_grpc.HealthStub(channel)
        watches = [health.Watch(service.health_pb2.HealthCheckRequest()) for _ in range(4)]
        for watch in watches:
            next(watch)
        client = service.pb_grpc.FeatureStoreStub(channel)
        waiting = client.GetFeatures.future(look(), timeout=service.PATIENCE)
        time.sleep(0.1)
        self.assertFalse(waiting.done())
        self.stub(server).GetFeatures(look())  # another connection is served
        watches[0].cancel()
        self.assertEqual(waiting.result().row_count, 1)


class Memory(Limits):
    def test_a_few_bytes_do_not_claim_much_memory(self):
        """Five million rows of one bool each, of a source with many columns."""
        wide = "\n".join(f"      c{n}: int64" for n in range(200))
        text = f"""
entities: {{user: {{user: int64}}}}
sources:
  wide:
    columns:
      flag: bool
{wide}
      user: int64
      at: timestamp
    event_time: at
views:
  visits: {{entity: user, source: wide, features: {{visits: count() over all}}}}
services:
  pages: {{features: [visits.visits]}}
"""
        self.write("features.yaml", text)
        self.run_ok("apply", "features.yaml", "--yes")
        server = self.serve("--max-message-bytes", "5M")
        client = self.stub(server)
        before = self.memory(server)
        flags = pb.Column(name="flag", bools=[True] * 5_000_000)
        self.assertIn("missing", self.fails(CODE.INVALID_ARGUMENT, client.Push, pb.PushRequest(source="wide", columns=[flags])))
        self.assertLess(self.memory(server) - before, 300 << 20)
        columns = [pb.Column(name="at", int64s=[1] * 260_000), pb.Column(name="user", int64s=[1] * 260_000)]
        text = self.fails(CODE.RESOURCE_EXHAUSTED, client.Push, pb.PushRequest(source="wide", columns=columns))
        self.assertIn("memory", text)
        self.assertLess(self.memory(server) - before, 700 << 20)
        self.assertEqual(self.visits(client, 1), 0)

    def test_a_list_that_is_asked_for_a_hundred_times_takes_memory_once(self):
        self.write("features.yaml", test_service.CLICKS.replace("sum(weight) over 7d", "'last_k(weight, 1000) over all'"))
        self.run_ok("apply", "features.yaml", "--yes")
        server = self.serve()
        client = self.stub(server)
        client.Push(rows_of(1, 1000, "x"), timeout=service.PATIENCE)
        before = self.peak(server)
        text = self.fails(CODE.RESOURCE_EXHAUSTED, client.GetFeatures, look([1] * 1000, features=["weight"] * 100))
        self.assertIn("max_message_bytes", text)
        self.assertLess(self.peak(server) - before, 400 << 20)
        answer = client.GetFeatures(look([1, 2], features=["weight", "visits", "weight"]), timeout=service.PATIENCE)
        self.assertEqual([column.name for column in answer.features], ["weight", "visits", "weight"])
        self.assertEqual(list(answer.features[0].lengths)[0], 1000)
        self.assertEqual(answer.features[2], answer.features[0])

    def test_a_list_in_a_training_table_a_hundred_times_takes_memory_once(self):
        self.write("features.yaml", test_service.CLICKS.replace("sum(weight) over 7d", "'last_k(weight, 1000) over all'"))
        self.run_ok("apply", "features.yaml", "--yes")
        server = self.serve()
        client = self.stub(server)
        client.Push(rows_of(1, 1000, "x"), timeout=service.PATIENCE)
        requests = table_requests(200)
        requests[0].start.features.extend(["visits"] + ["weight"] * 100)
        before = self.peak(server)
        rows = 0
        for answer in list(client.GetTrainingTable(iter(requests), timeout=service.PATIENCE))[1:]:
            rows += answer.rows.row_count
            lists = answer.rows.features[1:]
            self.assertEqual(list(lists[0].lengths), [1000] * answer.rows.row_count)
            self.assertEqual([column for column in lists if column != lists[0]], [])
        self.assertEqual(rows, 200)
        self.assertLess(self.peak(server) - before, 400 << 20)


    def test_features_asked_for_many_times_do_not_either(self):
        self.write("features.yaml", test_service.CLICKS.replace("id: string, at", "id: string, words: list<string>, at").replace(
            "weight: sum(weight) over 7d", "words: last(words)"))
        self.run_ok("apply", "features.yaml", "--yes")
        server = self.serve("--max-message-bytes", "1M")
        client = self.stub(server)
        one = rows_of(1, 1, "w")
        one.columns.append(column("words", "list<string>", [["x" * 1000] * 100]))
        client.Push(one)
        before = self.memory(server)
        text = self.fails(CODE.RESOURCE_EXHAUSTED, client.GetFeatures, look([1] * 100, features=["words"] * 4000))
        self.assertRegex(text, "memory|max_message_bytes")
        start = pb.TrainingRequest(start=pb.TrainingStart(service="pages", features=["words"] * 4000))
        self.fails(CODE.RESOURCE_EXHAUSTED, client.GetTrainingTable, iter([start, *table_requests(1000)[1:]]))
        self.assertLess(self.memory(server) - before, 600 << 20)
        self.assertEqual(self.visits(client, 1), 1)


class Deadlines(Limits):
    def test_a_deadline_of_a_millisecond_ends_well_or_in_time_at_every_stage(self):
        server = self.serve()
        client = self.stub(server)
        for n in range(24):
            for make in (lambda: client.GetFeatures.future(look(range(3000)), timeout=0.001),
                         lambda: client.Push.future(rows_of(5, 2000, f"d{n}"), timeout=0.001 * (n % 10 + 1)),
                         lambda: client.Plan.future(pb.PlanRequest(files=[pb.File(name="f", text=test_service.CLICKS)]), timeout=0.001)):
                call = make()
                self.assertIn(call.code(), (CODE.OK, CODE.DEADLINE_EXCEEDED))
            table = client.GetTrainingTable(iter(table_requests(5_000)), timeout=0.001 * (n % 24 + 1))
            try:
                list(table)
            except grpc.RpcError:
                pass
            self.assertIn(table.code(), (CODE.OK, CODE.DEADLINE_EXCEEDED, CODE.RESOURCE_EXHAUSTED))  # those before are being given up
        pushed = self.visits(client, 5)
        self.assertEqual(pushed % 2000, 0, "whole pushes or none of one")
        self.assert_parity("pages", ["visits"])

    def test_a_push_whose_deadline_is_over_in_the_queue_is_not_begun(self):
        server = self.serve("--group-bytes", 1)
        client = self.stub(server)
        ahead = [client.Push.future(rows_of(7, 20_000, f"q{n}"), timeout=service.PATIENCE) for n in range(6)]
        late = client.Push.future(rows_of(8, 1, "late"), timeout=0.005)
        self.assertEqual(late.code(), CODE.DEADLINE_EXCEEDED)
        for call in ahead:
            self.assertEqual(call.code(), CODE.OK)
        self.assertEqual(self.visits(client, 7), 120_000)
        self.assertEqual(self.visits(client, 8), 0)


class Cancelled(Limits):
    def test_calls_cancelled_at_any_moment_leave_nothing_behind(self):
        """Before the message, in the queue, while it is answered; then nothing is in flight any more and no slot is lost."""
        server = self.serve("--train-jobs", 2)
        channel = self.channel(server)
        client = service.pb_grpc.FeatureStoreStub(channel)
        files = [pb.File(name="f", text=test_service.CLICKS.replace("over 7d", "over 14d"))]
        kinds = [lambda n: client.GetFeatures.future(look(range(1000))), lambda n: client.Push.future(rows_of(9, 500, f"c{n}")),
                 lambda n: client.GetTrainingTable(iter(table_requests(5000))), lambda n: client.StreamFeatures(self.hold()),
                 lambda n: client.StreamFeatures(iter([look(range(1000))] * 20)), lambda n: client.PushStream(self.hold()),
                 lambda n: client.PushStream(rows_of(9, 100, f"s{n}-{k}") for k in range(30)), lambda n: client.GetTrainingTable(self.hold()),
                 lambda n: client.Plan.future(pb.PlanRequest(files=files)), lambda n: client.Rebuild.future(pb.RebuildRequest(all=True)),
                 lambda n: channel.stream_stream(service.METHODS + "Push")(self.hold()),
                 lambda n: channel.stream_stream(service.METHODS + "GetFeatures")(self.hold())]
        for n in range(96):
            call = kinds[n % len(kinds)](n)
            time.sleep((0, 0.001, 0.004, 0.012)[n // len(kinds) % 4])
            call.cancel()
        self.wait_until(lambda: self.gauge(server, "selfsame_in_flight") == 0, "calls that are gone are in flight for ever")
        self.wait_until(lambda: self.gauge(server, "selfsame_train_jobs") == 0, "a table that nobody waits for holds its slot")
        self.assertEqual(self.visits(client, 9) % 100, 0)
        self.assert_parity("pages", ["visits"])

    def gauge(self, server, name):
        import urllib.request
        import prometheus
        page = urllib.request.urlopen(f"http://{server.metrics}/metrics", timeout=10).read().decode()
        return prometheus.value(prometheus.read(page), name)

    def test_a_client_that_is_killed_leaves_nothing_behind(self):
        """Connections that are cut with calls of every kind on them."""
        server = self.serve()
        self.stub(server).Push(rows_of(1, 10, "x"))
        for _ in range(5):
            channel = grpc.insecure_channel(server.address, [("grpc.use_local_subchannel_pool", 1)])
            client = service.pb_grpc.FeatureStoreStub(channel)
            calls = [client.Push.future(rows_of(2, 3000, f"k{_}-{n}")) for n in range(5)]
            calls += [client.GetTrainingTable(iter(table_requests(BIG))), client.StreamFeatures(self.hold()), client.PushStream(self.hold())]
            time.sleep(0.02)
            channel.close()
        self.wait_until(lambda: Cancelled.gauge(self, server, "selfsame_in_flight") == 0, "in flight for ever")
        self.assertEqual(self.visits(self.stub(server), 1), 10)


class Deaf(Limits):
    """Clients that never read their answers: raw HTTP/2, whose window is never opened again."""

    def test_streams_that_nobody_reads_hold_no_memory_and_end_in_time(self):
        server = self.serve("--send-timeout", "1s")
        client = self.stub(server)
        client.Push(rows_of(1, 1, "a"))
        before = self.memory(server)
        big = look([1] * 4000, with_event_times=True)
        deaf = []
        for _ in range(4):
            calls = [Frozen(server).stream(service.METHODS + "StreamFeatures", [big.SerializeToString()] * 40),
                     Frozen(server).stream(service.METHODS + "GetFeatures", [big.SerializeToString()]),
                     Frozen(server).stream(service.METHODS + "GetTrainingTable", [m.SerializeToString() for m in table_requests(60_000)])]
            deaf += calls
        for n in range(50):
            self.assertEqual(self.visits(client, 1), 1, "others are served meanwhile")
        self.assertLess(self.memory(server) - before, 400 << 20)
        started = time.monotonic()
        self.wait_until(lambda: Cancelled.gauge(self, server, "selfsame_in_flight") == 0, "nobody reads, for ever")
        self.assertLess(time.monotonic() - started, 15, "send_timeout ended them, and not the connection's own")
        self.assertEqual(len(list(client.GetTrainingTable(iter(table_requests(1)), timeout=service.PATIENCE))), 2)
        for one in deaf:
            one.close()

    def test_a_slow_reader_gets_the_whole_table_in_order(self):
        server = self.serve()
        client = self.stub(server)
        client.Push(rows_of(1, 3, "a"))
        rows = 0
        for answer in client.GetTrainingTable(iter(table_requests(20_000)), timeout=service.PATIENCE):
            time.sleep(0.01)
            self.assertEqual(answer.rows.first_row, rows)
            rows += answer.rows.row_count
        self.assertEqual(rows, 20_000)


class Frozen:
    """A connection that sends calls and never reads. The frames of HTTP/2 by hand (RFC 9113)."""

    def __init__(self, server):
        host, port = server.address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(4, 0, 0, b""))

    def frame(self, kind, flags, stream, body):
        return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body

    def literal(self, name, value):
        return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()

    def stream(self, path, messages):
        headers = b"".join(self.literal(name, value) for name, value in (
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"), ("te", "trailers"), ("content-type", "application/grpc")))
        body = b"".join(b"\0" + len(message).to_bytes(4, "big") + message for message in messages)
        self.socket.settimeout(0.3)
        try:
            self.socket.sendall(self.frame(1, 4, 1, headers))
            for at in range(0, len(body), 16384):
                self.socket.sendall(self.frame(0, 1 if at + 16384 >= len(body) else 0, 1, body[at:at + 16384]))
        except OSError:
            pass  # the server takes no more
        return self

    def close(self):
        self.socket.close()


class Many(Limits):
    def test_a_thousand_connections_are_served_and_given_up(self):
        server = self.serve()
        host, port = server.address.rsplit(":", 1)
        sockets = []
        self.addCleanup(lambda: [one.close() for one in sockets])
        for _ in range(1000):
            sockets.append(socket.create_connection((host, int(port)), timeout=10))
            if len(sockets) % 2:
                sockets[-1].sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        client = self.stub(server)
        client.Push(rows_of(1, 1, "a"))
        for _ in range(20):
            self.assertEqual(self.visits(client, 1), 1)
        files = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        self.assertGreater(files, 1000)
        for one in sockets:
            one.close()
        self.wait_until(lambda: len(os.listdir(f"/proc/{server.process.pid}/fd")) < 100, "connections that are gone are kept")

    def test_a_server_without_files_left_serves_those_that_are_connected(self):
        """gRPC 1.51 then listens no more: docs/OPERATIONS.md says so."""
        import resource
        server = self.serve(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (120, 120)))
        client = self.stub(server)
        client.Push(rows_of(1, 1, "a"))
        host, port = server.address.rsplit(":", 1)
        sockets = [socket.create_connection((host, int(port)), timeout=10) for _ in range(200)]
        self.assertEqual(self.visits(client, 1), 1)
        self.assertEqual(client.Push(rows_of(2, 1, "b")).accepted, 1)
        for one in sockets:
            one.close()
        self.assertEqual(self.visits(client, 2), 1)


if __name__ == "__main__":
    harness.main()
