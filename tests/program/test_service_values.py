"""Values over the wire are, bit for bit, those of `selfsame get` beside the server and of training tables, for every type."""
import csv
import json
import random

import every_type
import harness
import service
from service import column, exact, pb, table_of

USERS = ["u0", "u1", "u2", "u3", "nobody", None]
HOUR_US = 3600 * 1000000


class Values(service.ServiceTest):
    def setUp(self):
        super().setUp()
        self.make_store(every_type.DEFINITIONS, "init")
        self.server = self.serve()
        self.client = self.stub(self.server)
        self.rows = every_type.rows(service.now_us())
        answer = self.client.Push(every_type.push(self.rows))
        self.assertEqual((answer.accepted, answer.quarantined), (len(self.rows), 0), answer)

    def get(self, users=USERS, sent=None, **more):
        request = pb.GetFeaturesRequest(service="every", keys=[column("user", "string", users)], **more)
        if sent:
            request.inputs.extend(every_type.inputs(sent))
        return self.client.GetFeatures(request)

    def embedded(self, service_name, keys, at_us, *options):
        """The rows of `get --json`: [(features, statuses)]; keys are texts by name."""
        self.write_csv("keys.csv", list(keys), zip(*keys.values()))
        answer = self.run_ok("--json", "get", service_name, "--keys", "keys.csv", "--at", service.time_text(at_us), *options).json()
        return answer, [({name: value for name, value in row["features"].items()}, row["status"]) for row in answer["rows"]]

    def assert_rows(self, answer, wanted):
        table = table_of(answer)
        self.assertEqual(answer.row_count, len(wanted))
        self.assertEqual(list(table), list(wanted[0][0]))
        for row, (features, statuses) in enumerate(wanted):
            for name, (values, got) in table.items():
                want = features[name]
                if every_type.TYPES.get(name.removeprefix("last_").removeprefix("sent_"), "").startswith("vector") and want:
                    want = [service.float32(part) for part in want]
                self.assertEqual(exact(values[row]), exact(want), f"row {row}: {name}")
                self.assertEqual(got[row], statuses.get(name, "present"), f"row {row}: {name}")

    def options(self, sent):
        return [part for name, value in sent.items() for part in ("--request", f"{name}_in={every_type.text(value)}")]


class BesideTheServer(Values):
    def test_every_type_and_status_is_what_get_says_at_the_same_time(self):
        at_us = service.now_us() + HOUR_US
        for sent in (every_type.FULL, every_type.EDGES):
            answer = self.get(USERS[:-1], [sent] * 5, at_us=at_us)
            self.assertTrue(answer.is_preview)
            self.assertEqual(answer.t_us, at_us)
            whole, wanted = self.embedded("every", {"user": USERS[:-1]}, at_us, *self.options(sent))
            self.assert_rows(answer, wanted)
            self.assertEqual((answer.seq, answer.fingerprint.hex()), (whole["seq"], whole["fingerprint"]))
        statuses = {status for values, got in table_of(self.get()).values() for status in got}
        self.assertEqual(statuses, {"present", "null", "not_found", "expired"})

    def test_what_is_sent_comes_back_and_what_is_left_out_is_null(self):
        table = table_of(self.get(["u0", "u1", "u2"], [every_type.FULL, every_type.EDGES, {}]))
        for name in every_type.TYPES:
            values, statuses = table["sent_" + name]
            self.assertEqual(exact(values), exact([every_type.FULL[name], every_type.EDGES[name], None]), name)
            self.assertEqual(statuses, ["present", "present", "null"], name)
        for made in self.get(["u0"]).features:
            if made.name.startswith("sent_"):
                self.assertEqual(made.status, b"\1", made.name)

    def test_keys_of_every_type_find_their_rows(self):
        """bytes, int64, bool; a keyless service; a null part is not_found."""
        keys = [("AAE=", slot, lit) for slot in range(3) for lit in (True, False)] + [("AA==", 0, True)]
        request = pb.GetFeaturesRequest(service="devices", at_us=service.now_us() + HOUR_US, with_event_times=True, keys=[
            column("lit", "bool", [lit for _, _, lit in keys] + [None]), column("slot", "int64", [slot for _, slot, _ in keys] + [0]),
            column("device", "bytes", [device for device, _, _ in keys] + ["AAE="])])
        answer = self.client.GetFeatures(request)
        texts = {"device": [key[0] for key in keys], "slot": [key[1] for key in keys], "lit": [every_type.text(key[2]) for key in keys]}
        _, wanted = self.embedded("devices", texts, request.at_us)
        wanted.append(({"device_events": 0, "device_last": None, "total": len(self.rows)}, {"device_last": "not_found"}))
        self.assert_rows(answer, wanted)
        times = {made.name: (service.values_of(made, answer.row_count), service.statuses_of(made, answer.row_count)) for made in answer.event_times}
        self.assertEqual(times["by_device"][1][-2:], ["not_found", "not_found"])
        for row, (device, slot, lit) in enumerate(keys[:6]):
            newest = max(event["at"] for event in self.rows if (event["device"], event["slot"], event["lit"]) == (device, slot, lit))
            self.assertEqual(times["by_device"][0][row], newest)
        self.assertEqual(set(times["all_events"][0]), {max(event["at"] for event in self.rows)})
        for count in (0, 1, 3):
            world = self.client.GetFeatures(pb.GetFeaturesRequest(service="world", row_count=count))
            self.assertEqual((world.row_count, table_of(world)["total"][0]), (count or 1, [len(self.rows)] * (count or 1)))

    def test_more_than_a_thousand_entities_are_as_many_single_lookups(self):
        """An answer of several chunks; keys drawn at random, with inputs and events at hand."""
        rng = random.Random(5)
        users = [rng.choice(USERS) for _ in range(2500)]
        sent = [rng.choice([every_type.FULL, every_type.EDGES, {}]) for _ in users]
        at_us = service.now_us() + HOUR_US
        hand = pb.EventAtHand(source="events", columns=[column("count", "int64", [n % 100 for n in range(2500)])],
                              present=bytes(n % 3 == 0 for n in range(2500)))
        whole = self.get(users, sent, at_us=at_us, event=hand, with_event_times=True)
        self.assertEqual(whole.row_count, 2500)
        table = table_of(whole)
        kinds = {}
        for row in range(2500):
            kinds.setdefault((users[row], id(sent[row]), row % 3 == 0 and row % 100), row)
        for row in rng.sample(sorted(kinds.values()), 40) + [1023, 1024, 1025, 2047, 2048, 2499]:
            one = self.get([users[row]], [sent[row]], at_us=at_us, event=pb.EventAtHand(
                source="events", columns=[column("count", "int64", [row % 100])], present=bytes([row % 3 == 0])))
            for name, (values, statuses) in table_of(one).items():
                self.assertEqual((exact(values[0]), statuses[0]), (exact(table[name][0][row]), table[name][1][row]), f"row {row}: {name}")
        for made in whole.event_times:
            self.assertEqual(len(service.values_of(made, 2500)), 2500)

    def test_chosen_features_come_in_the_order_asked_for_and_are_the_same(self):
        at_us = service.now_us() + HOUR_US
        table = table_of(self.get(at_us=at_us, sent=[every_type.FULL] * 6))
        names = ["ratio", "last_words", "events_7d", "sent_place", "last_words"]
        some = self.get(at_us=at_us, sent=[every_type.FULL] * 6, features=names)
        self.assertEqual([made.name for made in some.features], names)
        for made in some.features:
            self.assertEqual(exact(service.values_of(made, 6)), exact(table[made.name][0]), made.name)

    def test_an_event_at_hand_is_what_get_says_with_it(self):
        at_us = service.now_us() + HOUR_US
        hand = {"count": 5, "weight": 2.5, "price": "1.05", "note": "now", "words": ["x", None], "place": [1.0, 2.0, 3.0], "blob": "AA=="}
        made = [column(name, every_type.SOURCE[name], [value]) for name, value in hand.items()]
        answer = self.get(["u1"], [every_type.FULL], at_us=at_us, event=pb.EventAtHand(source="events", columns=made))
        options = [part for name, value in hand.items() for part in ("--with-event", f"events.{name}={every_type.text(value)}")]
        _, wanted = self.embedded("every", {"user": ["u1"]}, at_us, *options, *self.options(every_type.FULL))
        self.assert_rows(answer, wanted)
        self.assertEqual(table_of(answer)["last_note"][0], ["now"])
        none = self.get(["u1"], [every_type.FULL], at_us=at_us, event=pb.EventAtHand(source="events", columns=made, present=b"\0"))
        self.assertEqual(none.features, self.get(["u1"], [every_type.FULL], at_us=at_us).features)


class Training(Values):
    def table(self, spines, features=(), **start):
        requests = [pb.TrainingRequest(start=pb.TrainingStart(service="every", features=features, **start))]
        requests += [pb.TrainingRequest(spine=spine) for spine in spines]
        answers = list(self.client.GetTrainingTable(iter(requests), timeout=service.PATIENCE))
        self.assertTrue(answers[0].HasField("header"))
        rows, table = 0, {}
        for answer in answers[1:]:
            self.assertEqual(answer.rows.first_row, rows)
            rows += answer.rows.row_count
            for name, (values, statuses) in table_of(answer.rows).items():
                table.setdefault(name, ([], []))
                table[name][0].extend(values)
                table[name][1].extend(statuses)
        return answers[0].header, rows, table

    def spine(self, users, times, sent=None, **more):
        return pb.TrainingSpine(keys=[column("user", "string", users)], t_us=times, inputs=every_type.inputs(sent) if sent else [], **more)

    def test_a_row_at_a_lookups_read_point_is_what_was_served(self):
        """Also when more was pushed after the lookup: the row names the seq that the lookup saw."""
        served = []
        for n in range(4):
            sent = [every_type.FULL, every_type.EDGES, {}, {}, {}, {}]
            hand = pb.EventAtHand(source="events", columns=[column("count", "int64", [n] * 6)], present=bytes([0, 1] * 3)) if n % 2 else None
            served.append((self.get(USERS, sent, event=hand), sent, hand))
            self.client.Push(every_type.push([every_type.event(2000 + n, "u0", service.now_us(), every_type.FULL),
                                              every_type.event(2100 + n, "u2", service.now_us() - 9 * 3600 * 1000000, every_type.EDGES)]))
        self.client.Push(every_type.push([dict(every_type.event(2000, None, service.now_us(), {}, "delete"), at=self.rows[0]["at"], id="e1")]))
        spines = [self.spine(USERS, [answer.t_us] * 6, sent, seq=[answer.seq] * 6, event=hand) for answer, sent, hand in served]
        header, rows, table = self.table(spines)
        self.assertEqual(rows, 24)
        self.assertEqual(header.fingerprint, served[0][0].fingerprint)
        for n, (answer, _, _) in enumerate(served):
            for name, (values, statuses) in table_of(answer).items():
                self.assertEqual(exact(table[name][0][6 * n:6 * n + 6]), exact(values), f"lookup {n}: {name}")
                self.assertEqual(table[name][1][6 * n:6 * n + 6], statuses, f"lookup {n}: {name}")

    def test_a_table_over_the_wire_is_the_table_of_train(self):
        """Many chunks of many sizes in, chunks out, in order; both modes."""
        rng = random.Random(9)
        now = service.now_us()
        users = [rng.choice(USERS[:-1]) for _ in range(3000)]
        times = [service.time_us(rng.choice(self.rows)["at"]) if n % 9 == 0 else now - rng.randrange(14 * 24 * 3600 * 1000000) for n in range(len(users))]
        sent = [rng.choice([every_type.FULL, every_type.EDGES]) for _ in users]
        names = ["user", "at", *(name + "_in" for name in every_type.TYPES)]
        with open(self.folder / "spine.csv", "w", encoding="utf-8", newline="") as file:
            out = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
            out.writerow(names)
            out.writerows([user, service.time_text(t), *(every_type.text(row[name]) for name in every_type.TYPES)]
                          for user, t, row in zip(users, times, sent))
        cuts = [0, 1, 2, 1026, 1030, 2999, 3000]
        spines = [self.spine(users[a:b], times[a:b], sent[a:b]) for a, b in zip(cuts, cuts[1:])]
        for mode, options in ((pb.MODE_AS_KNOWN, []), (pb.MODE_AS_OF_EVENT_TIME, ["--mode", "as-of-event-time", "--inclusive"])):
            self.run_ok("train", "every", "--spine", "spine.csv", "--time", "at", "-o", f"out{mode}.csv", "--status", *options)
            wanted = self.read_csv(f"out{mode}.csv")
            _, rows, table = self.table(spines, mode=mode, inclusive=bool(options))
            self.assertEqual(rows, 3000)
            present = 0
            for name, (values, statuses) in table.items():
                for row, cells in enumerate(wanted):
                    self.assertEqual(statuses[row], cells[name + "__status"], f"{mode} {name} {row}")
                    present += statuses[row] == "present"
                    if values[row] is not None:
                        wanted_value = self.parsed(name, cells[name], values[row])
                        self.assertEqual(exact(values[row]), exact(wanted_value), f"{mode} {name} {row}")
            self.assertGreater(present, 3000)
        header, rows, table = self.table(spines[:2], features=["ratio", "events_7d"])
        self.assertEqual((rows, list(table)), (2, ["ratio", "events_7d"]))

    def parsed(self, name, text, like):
        """A cell of CSV as a value of that type."""
        if isinstance(like, list):
            value = json.loads(text)
            return [service.float32(part) for part in value] if name.endswith("place") else value
        return text == "true" if isinstance(like, bool) else type(like)(text)

    def test_a_seq_that_is_not_yet_is_the_newest(self):
        now = service.now_us()
        one, newest = (self.table([self.spine(["u0"], [now], seq=[seq] if seq else [])])[2] for seq in (2**64 - 2, None))
        self.assertEqual(exact([one[name][0] for name in one]), exact([newest[name][0] for name in one]))
        none = self.table([self.spine(["u0"], [now], seq=[0])])[2]
        self.assertEqual(none["events_7d"][0], [0])

    def test_nothing_in_is_nothing_out(self):
        header, rows, table = self.table([])
        self.assertEqual((rows, table), (0, {}))
        self.assertEqual(header.newest_seq, self.get().seq)


class Pinned(Values):
    def test_another_fingerprint_is_refused_and_both_are_named(self):
        live = self.get().fingerprint
        self.assertEqual(self.get(fingerprint=live).fingerprint, live)
        other = bytes(32)
        for call in (lambda: self.get(fingerprint=other),
                     lambda: list(self.client.GetTrainingTable(iter([pb.TrainingRequest(start=pb.TrainingStart(service="every", fingerprint=other))])))):
            with self.assertRaises(service.grpc.RpcError) as caught:
                call()
            self.assertEqual(caught.exception.code(), service.grpc.StatusCode.FAILED_PRECONDITION)
            self.assertIn(live.hex()[:16], caught.exception.details())
            self.assertIn("0000", caught.exception.details())
        with self.assertRaises(service.grpc.RpcError) as caught:
            self.get(fingerprint=b"short")
        self.assertEqual(caught.exception.code(), service.grpc.StatusCode.INVALID_ARGUMENT)

    def test_all_differences_of_skew_are_zero_beside_the_server(self):
        self.assert_parity("every", ["by_user"])
        self.assert_parity("devices", ["by_device", "all_events"])


if __name__ == "__main__":
    harness.main()
