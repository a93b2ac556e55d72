#!/usr/bin/python3
"""Writes wire.yaml and the seeds of fuzz_wire_*: messages as Python's protobuf encodes them. Run it after a change of the .proto or of
tests/program/every_type.py; a test sees to it that wire.yaml is not behind. Needs python3-grpc-tools.

  SELFSAME=build/dev/selfsame tests/fuzz/make_wire_corpus.py
"""
import hashlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "program"))
import every_type  # noqa: E402
import service  # noqa: E402
from service import column, pb  # noqa: E402

AT = 1_770_000_000_000_000


def keep(target, message):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(message).hexdigest()).write_bytes(message)


def events(*names):
    return pb.EventAtHand(source="events", columns=every_type.columns([every_type.FULL, every_type.EDGES], names), present=b"\1\0")


def lookups():
    rows = [every_type.FULL, every_type.EDGES]
    yield pb.GetFeaturesRequest(id=3, service="every", keys=[column("user", "string", ["u1", None])], inputs=every_type.inputs(rows),
                                event=events(*every_type.TYPES), with_event_times=True, at_us=AT)
    for name in every_type.TYPES:
        kind = every_type.TYPES[name]
        for typed in (True, False):
            yield pb.GetFeaturesRequest(service="every", keys=[column("user", "string", ["a", "b"], typed)], features=["ratio", "last_" + name],
                                        inputs=[column(name + "_in", kind, [row[name] for row in rows], typed)], fingerprint=bytes(32))
    yield pb.GetFeaturesRequest(service="devices", keys=[column("device", "bytes", ["AA=="]), column("slot", "int64", [-1]),
                                                         column("lit", "bool", [True])], event=events("count"))
    yield pb.GetFeaturesRequest(service="world", row_count=3)
    for made in (pb.Column(doubles=[0.25, float("nan")]), pb.Column(strings=["1.5", "-0"]), pb.Column(int64s=[15, 10**17], scale=1)):
        made.name = "price_in"
        yield pb.GetFeaturesRequest(service="every", keys=[column("user", "string", ["a", "b"])], inputs=[made])


def pushes():
    rows = [every_type.event(1, "u1", AT, every_type.FULL), every_type.event(2, "u2", AT, every_type.EDGES), every_type.event(3, None, AT)]
    yield every_type.push(rows, id=9, producer="p", batch=1, origin="a.csv", lines=[2, 3, 5], strict=True)
    yield every_type.push(rows[:1], arrival=pb.ARRIVAL_DECLARED, unparsed=[pb.Refused(line=4, column="count", value=b"x", reason="not an int64")])
    wrong = every_type.push(rows)
    for made in wrong.columns:
        if made.name == "due":
            made.int64s[1] = 2**62
        if made.name == "price":
            made.ClearField("int64s")
            made.ClearField("scale")
            made.type = pb.TYPE_STRING
            made.strings.extend(["1.255", "7", ""])
    yield wrong
    for name, kind in every_type.SOURCE.items():
        yield pb.PushRequest(source="events", columns=[column(name, kind, [row[name] for row in rows], False)])
    yield pb.PushRequest(source="events")


def tables():
    rows = [every_type.FULL, every_type.EDGES]
    start = pb.TrainingRequest(start=pb.TrainingStart(service="every", features=["ratio"], mode=pb.MODE_AS_OF_EVENT_TIME, inclusive=True))
    whole = pb.TrainingSpine(keys=[column("user", "string", ["u1", None])], inputs=every_type.inputs(rows), event=events("count", "words"),
                             t_us=[AT, AT + 1], seq=[1, 2])
    bare = pb.TrainingSpine(keys=[column("user", "string", ["u1"])], t_us=[AT])
    yield [start, pb.TrainingRequest(spine=whole), pb.TrainingRequest(spine=bare), pb.TrainingRequest(spine=whole)]
    yield [pb.TrainingRequest(start=pb.TrainingStart(service="world")), pb.TrainingRequest(spine=pb.TrainingSpine(t_us=[AT] * 5))]
    keys = [column("device", "bytes", ["AA=="]), column("slot", "int64", [-1]), column("lit", "bool", [None])]
    yield [pb.TrainingRequest(start=pb.TrainingStart(service="devices", fingerprint=bytes(32))), pb.TrainingRequest(spine=pb.TrainingSpine(keys=keys, t_us=[AT]))]


def main():
    (HERE / "wire.yaml").write_text(every_type.DEFINITIONS)
    for message in lookups():
        keep("wire_get", message.SerializeToString())
    for message in pushes():
        keep("wire_push", message.SerializeToString())
    for messages in tables():
        parts = [message.SerializeToString() for message in messages]
        keep("wire_training", b"".join(len(part).to_bytes(2, "little") + part for part in parts))


if __name__ == "__main__":
    main()
