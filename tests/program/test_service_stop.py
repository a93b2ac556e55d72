"""A server that is stopped, killed, reloaded, out of room or asked for new definitions under load loses nothing it acknowledged and
answers no lookup wrong: each is computed again from history at the read point that it named."""
import collections
import os
import random
import resource
import signal
import subprocess
import threading
import time

import harness
import service
import test_service
from service import column, exact, grpc, pb, table_of

CODE = grpc.StatusCode
CALM = {CODE.UNAVAILABLE}  # how a call may end when the server does
CHANGED = test_service.CLICKS.replace("weight: sum(weight) over 7d", "weight: sum(weight) over 14d, most: max(weight) over all")


def fill(client, rows=20_000):
    """History for applies and rebuilds to work on."""
    at = service.now_us()
    client.Push(pb.PushRequest(source="clicks", columns=[
        pb.Column(name="user", int64s=[1000 + n % 500 for n in range(rows)]), pb.Column(name="weight", doubles=[n % 100 for n in range(rows)]),
        pb.Column(name="id", strings=[f"f{n}" for n in range(rows)]), pb.Column(name="at", int64s=[at - n for n in range(rows)])]))


def push_of(user, batch, rows=3):
    at = service.time_text(service.now_us())
    return pb.PushRequest(source="clicks", producer=f"p{user}", batch=batch, columns=[
        column("user", "int64", [user] * rows), column("weight", "float64", [float(batch % 100)] * rows),
        column("id", "string", [f"{user}-{batch}-{n}" for n in range(rows)]), column("at", "timestamp", [at] * rows)])


class Load:
    """Pushes and lookups by many connections; keeps what was acknowledged and what was answered."""

    def __init__(self, test, server, pushers=4, readers=3):
        self.test, self.server = test, server
        self.acknowledged = collections.Counter()  # by user: batches
        counts = test.stub(server).GetFeatures(pb.GetFeaturesRequest(service="pages", keys=[column("user", "int64", range(pushers))]))
        for user, count in enumerate(table_of(counts)["visits"][0]):
            self.acknowledged[user] = count // 3
        self.before = sum(self.acknowledged.values())
        self.unanswered = {}                       # by user: the request that was on its way
        self.answers, self.answered, self.ends, self.told, self.wrong = [], 0, collections.Counter(), [], []
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.guard, args=(self.push, user)) for user in range(pushers)]
        self.threads += [threading.Thread(target=self.guard, args=(self.look, number)) for number in range(readers)]
        self.threads += [threading.Thread(target=self.guard, args=(self.stream, pushers))]
        self.users = list(range(pushers))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *failure):
        self.is_over.set()
        for thread in self.threads:
            thread.join(service.PATIENCE)
            self.test.assertFalse(thread.is_alive(), "a call never ended")

    def guard(self, work, number):
        try:
            work(self.test.stub(self.server), number)
        except grpc.RpcError as error:
            self.ends[error.code()] += 1
            self.told.append((work.__name__, error))
        except Exception as error:
            self.wrong.append(error)

    def push(self, client, user):
        batch = self.acknowledged[user]
        while not self.is_over.is_set():
            self.unanswered[user] = push_of(user, batch + 1)
            answer = client.Push(self.unanswered[user], timeout=service.PATIENCE)
            assert answer.accepted == 3 and not answer.not_visible, answer
            batch += 1
            self.acknowledged[user] = batch
            del self.unanswered[user]

    def keep(self, answer, before):
        counts = table_of(answer)["visits"][0]
        for user in self.users:
            assert counts[user] >= 3 * before[user], f"user {user}: {counts[user]} of {3 * before[user]} acknowledged rows"
        self.answered += 1
        self.answers.append(answer)  # all of the last ones
        if len(self.answers) > 3000:
            del self.answers[:1000]

    def request(self, id=0):
        return pb.GetFeaturesRequest(id=id, service="pages", features=["visits", "weight"], keys=[column("user", "int64", self.users)])

    def look(self, client, number):
        while not self.is_over.is_set():
            before = collections.Counter(self.acknowledged)
            self.keep(client.GetFeatures(self.request(), timeout=service.PATIENCE), before)

    def stream(self, client, number):
        before = {}

        def requests():
            n = 0
            while not self.is_over.is_set():
                n += 1
                before[n] = collections.Counter(self.acknowledged)
                yield self.request(n)
                time.sleep(0.002)
        for answer in client.StreamFeatures(requests(), timeout=service.PATIENCE):
            if answer.HasField("error"):
                assert answer.error.code == CODE.UNAVAILABLE.value[0] and answer.error.retry, answer
            else:
                self.keep(answer, before.pop(answer.id))

    def check(self, server, rng=None):
        """With a server that lives: what was acknowledged is there, a retry counts once, every answer was right."""
        test, client = self.test, self.test.stub(server)
        test.assertEqual(self.wrong, [])
        test.assertLessEqual(set(self.ends), CALM, self.told)
        test.assertGreater(len(self.answers), 5)
        counts = table_of(client.GetFeatures(self.request()))["visits"][0]
        for user in self.users:
            test.assertIn(counts[user] - 3 * self.acknowledged[user], (0, 3) if user in self.unanswered else (0,), f"user {user}")
        for user, request in list(self.unanswered.items()):
            first, again = client.Push(request), client.Push(request)
            test.assertTrue(again.was_acknowledged)
            test.assertEqual(first.was_acknowledged, counts[user] - 3 * self.acknowledged[user] == 3)
            self.acknowledged[user] += 1
        self.unanswered.clear()
        counts = table_of(client.GetFeatures(self.request()))["visits"][0]
        test.assertEqual(counts, [3 * self.acknowledged[user] for user in self.users])
        self.check_answers(client)
        test.assert_parity("pages", ["visits"])

    def check_answers(self, client):
        spines = [pb.TrainingRequest(spine=pb.TrainingSpine(keys=[column("user", "int64", self.users)], t_us=[answer.t_us] * len(self.users),
                                                            seq=[answer.seq] * len(self.users))) for answer in self.answers]
        start = pb.TrainingRequest(start=pb.TrainingStart(service="pages", features=["visits", "weight"]))
        table = {"visits": [], "weight": []}
        for message in client.GetTrainingTable(iter([start, *spines]), timeout=service.PATIENCE):
            for name, (values, _) in table_of(message.rows).items():
                table[name] += values
        for name in table:
            served = [value for answer in self.answers for value in table_of(answer)[name][0]]
            self.test.assertEqual(exact(table[name]), exact(served), name)


class LoadTest(service.ServiceTest):
    def setUp(self):
        super().setUp()
        self.make_store(test_service.CLICKS, "init")

    def wait_for(self, load, pushes, server):
        deadline = time.monotonic() + service.PATIENCE
        while sum(load.acknowledged.values()) < load.before + pushes or len(load.answers) < 20:
            self.assertLess(time.monotonic(), deadline, f"{load.acknowledged} {len(load.answers)} {load.ends} {load.wrong} {server.text()}")
            self.assertEqual(load.wrong, [])
            time.sleep(0.002)


class Stopped(LoadTest):
    def test_a_stop_under_load_loses_no_acknowledged_push_and_answers_no_lookup_wrong(self):
        for options in ([], ["--drain-timeout", "0", "--group-bytes", "1"]):
            server = self.serve(*options)
            with Load(self, server) as load:
                self.wait_for(load, 30, server)
                self.end(server)
            server = self.serve()
            load.check(server)
            self.end(server)

    def test_calls_that_end_while_the_server_stops_do_it_no_harm(self):
        """Pushes that wait are cancelled, and connections cut, at the moment of the stop."""
        rng = random.Random(3)
        for round in range(4):
            server = self.serve("--shards", 2)
            channels = [grpc.insecure_channel(server.address, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(6)]
            calls = []
            for n, channel in enumerate(channels):
                client = test_service.service.pb_grpc.FeatureStoreStub(channel)
                client.List(pb.ListRequest())
                for batch in range(4):
                    calls.append(client.Push.future(push_of(100 * round + 10 * n + batch, 1, 500)))
                calls.append(client.StreamFeatures(iter([])))
            time.sleep(rng.random() * 0.02)
            server.signal(signal.SIGTERM)
            time.sleep(rng.random() * 0.02)
            for call in calls[::2]:
                call.cancel()
            for channel in channels[:4]:
                channel.close()
            self.gone(server)
            for channel in channels[4:]:
                channel.close()

    def test_a_stop_does_not_wait_for_clients_that_take_no_answer(self):
        """A training table that nobody reads, a watch, idle streams, a stream that pushes nothing."""
        server = self.serve("--drain-timeout", "300ms")
        channel = self.channel(server, options=[("grpc.http2.lookahead_bytes", 1024), ("grpc.max_receive_message_length", -1)])
        client = service.pb_grpc.FeatureStoreStub(channel)
        client.Push(push_of(1, 1))
        spine = pb.TrainingSpine(keys=[column("user", "int64", [1] * 200_000)], t_us=[service.now_us()] * 200_000)
        tables = [client.GetTrainingTable(iter([pb.TrainingRequest(start=pb.TrainingStart(service="pages")), pb.TrainingRequest(spine=spine)]))
                  for _ in range(2)]
        for table in tables:
            next(table)
        hold = threading.Event()
        self.addCleanup(hold.set)
        streams = [method(iter(lambda: hold.wait() and None, None)) for method in (client.StreamFeatures, client.PushStream)]
        watch = service.health_pb2_grpc.HealthStub(channel).Watch(service.health_pb2.HealthCheckRequest())
        next(watch)
        started = time.monotonic()
        self.end(server)
        self.assertLess(time.monotonic() - started, 5 if not service.SANITIZED else 20)
        for call in (*tables, *streams, watch):
            with self.assertRaises(grpc.RpcError) as caught:
                while True:
                    next(call)
            self.assertEqual(caught.exception.code(), CODE.UNAVAILABLE, caught.exception)

    def test_a_second_stop_is_not_waited_for(self):
        server = self.serve("--drain-timeout", "1h")
        client = self.stub(server)
        client.Push(push_of(1, 1))
        spine = pb.TrainingSpine(keys=[column("user", "int64", [1] * 200_000)], t_us=[service.now_us()] * 200_000)
        next(client.GetTrainingTable(iter([pb.TrainingRequest(start=pb.TrainingStart(service="pages")), pb.TrainingRequest(spine=spine)])))
        server.signal(signal.SIGTERM)
        server.wait_for_log("stopping")
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        self.gone(server)


class Killed(LoadTest):
    def test_a_kill_under_load_loses_no_acknowledged_push_and_retries_count_once(self):
        for round in range(2):
            server = self.serve()
            with Load(self, server) as load:
                self.wait_for(load, 20, server)
                server.process.kill()
                self.gone(server, -signal.SIGKILL)
            server = self.serve()
            load.check(server)
            self.end(server)


class Full(LoadTest):
    def test_a_push_on_a_full_disk_is_a_clear_error_and_reading_goes_on(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        server = self.serve(preexec_fn=limit)
        client = self.stub(server)
        client.Push(push_of(1, 1))
        before = self.read(client)
        batch = 0
        for room in (0, 1000, 30_000):
            size = (self.store / "history.db-wal").stat().st_size
            self.limit(server, size + room)
            failed = None
            while not failed:
                try:
                    client.Push(push_of(7, batch + 1, 300), timeout=service.PATIENCE)
                    batch += 1
                except grpc.RpcError as error:
                    failed = error
                self.assertLess(batch, 500, "a limit that nothing meets proves nothing")
            self.assertEqual(failed.code(), CODE.UNAVAILABLE, failed)
            self.assertRegex(failed.details(), "history.db|disk|full")
            self.assertEqual(self.read(client), before, "reading goes on")
            self.limit(server, resource.RLIM_INFINITY)
            for _ in range(3):
                self.assertEqual(client.Push(push_of(7, batch + 1, 300)).accepted, 300)
                batch += 1
        counts = client.GetFeatures(pb.GetFeaturesRequest(service="pages", keys=[column("user", "int64", [7])]))
        self.assertEqual(table_of(counts)["visits"][0], [300 * batch])
        self.assert_parity("pages", ["visits"])

    def many_users(self, first, count=5000):
        at = service.now_us()
        return pb.PushRequest(source="clicks", columns=[
            pb.Column(name="user", int64s=range(first, first + count)), pb.Column(name="weight", doubles=[1.0] * count),
            pb.Column(name="id", strings=[f"m{first + n}" for n in range(count)]), pb.Column(name="at", int64s=[at] * count)])

    def test_rows_that_do_not_fit_online_are_durable_and_seen_when_there_is_room(self):
        """History has room, the online rows have none: the answer says so; the next push brings them up."""
        server = self.serve(preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
        client = self.stub(server)
        for user in range(0, 100_000, 5000):
            client.Push(self.many_users(user))
        self.end(server)  # leaves no write-ahead log, which then has room up to the size of the online rows
        server = self.serve(preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
        client = self.stub(server)
        (online,) = self.store.rglob("data.mdb")
        self.limit(server, online.stat().st_size)
        last = user
        for last in range(user + 5000, user + 50_000, 5000):
            answer = client.Push(self.many_users(last), timeout=service.PATIENCE)
            self.assertEqual(answer.accepted, 5000, "it is durable")
            if answer.not_visible:
                break
        self.assertTrue(answer.not_visible, "a limit that nothing meets proves nothing")
        seen = client.GetFeatures(pb.GetFeaturesRequest(service="pages", keys=[column("user", "int64", [1, last])]))
        self.assertEqual(table_of(seen)["visits"][0], [1, 0], "reading goes on, as of before")
        self.assertLess(seen.seq, answer.seq)
        self.limit(server, resource.RLIM_INFINITY)
        self.assertEqual(client.Push(self.many_users(last + 5000, 1)).not_visible, "")
        seen = client.GetFeatures(pb.GetFeaturesRequest(service="pages", keys=[column("user", "int64", [1, last, last + 5000])]))
        self.assertEqual(table_of(seen)["visits"][0], [1, 1, 1])
        self.assertEqual(client.Stats(pb.StatsRequest()).events, last + 5001)

    def limit(self, server, size):
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def read(self, client):
        return table_of(client.GetFeatures(pb.GetFeaturesRequest(service="pages", keys=[column("user", "int64", [1])])))


class Applied(LoadTest):
    def test_an_apply_lets_lookups_and_pushes_go_on(self):
        """No lookup fails or waits for it, no push is refused; new features serve what a table says."""
        server = self.serve()
        client = self.stub(server)
        fill(client)
        with Load(self, server) as load:
            self.wait_for(load, 10, server)
            for text in (CHANGED, test_service.CLICKS, CHANGED):
                seen = load.answered
                self.assertEqual(client.Apply(pb.ApplyRequest(files=[pb.File(name="f", text=text)])).error_count, 0)
                self.assertGreater(load.answered, seen, "lookups went on meanwhile")
            client.Rebuild(pb.RebuildRequest(all=True))
            self.assertNotIn("stay as they were", server.reload())
            self.wait_for(load, sum(load.acknowledged.values()) - load.before + 10, server)
        self.assertEqual(load.ends, {})
        # Answers of plans that are live no more cannot be computed again by this one; those of the last plan can.
        live = client.Describe(pb.DescribeRequest(kind="service", name="pages")).item.fingerprint
        load.answers = [answer for answer in load.answers if answer.fingerprint == live]
        load.check(server)

    def test_an_apply_that_is_cancelled_changes_nothing(self):
        server = self.serve()
        client = self.stub(server)
        fill(client)
        before = client.List(pb.ListRequest())
        changed = 0
        for wait in (0, 0.001, 0.005, 0.02, 0.05):
            call = client.Apply.future(pb.ApplyRequest(files=[pb.File(name="f", text=CHANGED)]))
            time.sleep(wait)
            if not call.cancel() or call.code() != CODE.CANCELLED:
                changed += 1
                client.Apply(pb.ApplyRequest(files=[pb.File(name="f", text=test_service.CLICKS)]))
        self.fails_late(client)
        client.Apply(pb.ApplyRequest(files=[pb.File(name="f", text=test_service.CLICKS)]))
        self.assertEqual(client.List(pb.ListRequest()), before)
        self.assert_parity("pages", ["visits"])

    def test_a_kill_during_an_apply_leaves_the_old_definitions_or_the_new(self):
        server = self.serve()
        client = self.stub(server)
        fill(client, 6000)
        texts = [test_service.CLICKS, CHANGED]
        known = {client.Plan(pb.PlanRequest(files=[pb.File(name="f", text=text)])).fingerprint for text in texts}
        for n, wait in enumerate((0.002, 0.03, 0.15)):
            call = self.stub(server).Apply.future(pb.ApplyRequest(files=[pb.File(name="f", text=texts[(n + 1) % 2])]))
            time.sleep(wait)
            server.process.kill()
            self.gone(server, -signal.SIGKILL)
            self.assertIn(call.code(), (CODE.OK, CODE.UNAVAILABLE))
            server = self.serve()
            self.assertIn(self.stub(server).List(pb.ListRequest()).fingerprint, known)
        self.assert_parity("pages", ["visits"])

    def fails_late(self, client):
        with self.assertRaises(grpc.RpcError) as caught:
            client.Apply(pb.ApplyRequest(files=[pb.File(name="f", text=CHANGED)]), timeout=0.001)
        self.assertEqual(caught.exception.code(), CODE.DEADLINE_EXCEEDED)


class Alone(LoadTest):
    def test_a_second_server_on_a_store_is_told_who_has_it(self):
        server = self.serve()
        text = self.serve_fails("--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")
        self.assertIn(str(server.process.pid), text)
        for command in (["ingest", "clicks", "none.csv"], ["apply", "features.yaml", "--yes"], ["rebuild", "--all"], ["compact"]):
            self.write("none.csv", "user,weight,id,at\n")
            result = self.run_any(*command)
            self.assertEqual(result.status, 2, result)
            self.assertIn(str(server.process.pid), result.err, command)
        self.run_ok("get", "pages", "user=1")

    def test_a_socket_that_another_server_listens_on_is_left_to_it(self):
        path = self.folder / "socket"
        server = self.serve(listen=(f"unix:{path}",))
        other = self.folder / "other"
        self.run_ok("init", store=other)
        text = self.serve_fails("--listen", f"unix:{path}", "--metrics-listen", "", store=other)
        self.assertIn(str(path), text)
        self.assertEqual(len(self.stub(server).List(pb.ListRequest()).items), 4)
        server.process.kill()
        self.gone(server, -signal.SIGKILL)
        self.assertTrue(path.exists())
        server = self.serve(listen=(f"unix:{path}",))  # what is left of a killed server is in nobody's way
        self.assertEqual(len(self.stub(server).List(pb.ListRequest()).items), 4)

    def test_a_port_that_another_server_listens_on_is_an_error(self):
        server = self.serve()
        other = self.folder / "other"
        self.run_ok("init", store=other)
        text = self.serve_fails("--listen", server.address, "--metrics-listen", "", store=other)
        self.assertIn(server.address, text)
        self.assertIn("metrics", self.serve_fails("--listen", "127.0.0.1:0", "--metrics-listen", server.metrics, store=other))

    def test_the_wrong_words_start_nothing(self):
        for arguments, text in ((["--max-entities", "0"], "max-entities"), (["--listen", "nowhere"], "listen"), (["--no-such", "1"], "no-such"),
                                (["--listen", "unix:" + str(self.folder)], "no socket"), (["--config", "none.yaml"], "none.yaml"),
                                (["--listen", "192.0.2.1:1", "--allow-plain", "--allow-anonymous"], "192.0.2.1")):
            self.assertIn(text, self.serve_fails(*arguments), arguments)


if __name__ == "__main__":
    harness.main()
