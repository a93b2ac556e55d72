#!/usr/bin/env python3
"""Requests as the client writes them (print_requests) against the same ones made with Python's protobuf, to the byte.

  requests.py PRINT_REQUESTS
"""
import os
import pathlib
import subprocess
import sys

if not os.environ.get("SELFSAME_REQUESTS"):  # another python3 may be first in the path
    os.environ["SELFSAME_REQUESTS"] = "1"
    os.execv("/usr/bin/python3", ["/usr/bin/python3", "-B", *sys.argv])

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import fake_server

try:
    pb = fake_server.stubs()
except ImportError:
    sys.exit(77)


def expected():
    yield "least", pb.GetFeaturesRequest(service="s", row_count=1)
    everything = pb.GetFeaturesRequest(
        id=5 << 32 | 7, service="fraud_v1", features=["a.b", ""], with_event_times=True, at_us=1700000000000001,
        fingerprint=bytes([1, 2, 255]) + bytes(29),
        keys=[pb.Column(name="user", strings=["u1", "\0é", ""]), pb.Column(name="card", int64s=[0, -2**63, 2])],
        inputs=[pb.Column(name="amount", scale=2, status=bytes([0, 1, 0]), int64s=[-150, 0, 1]),
                pb.Column(name="ratio", status=bytes([1, 0, 1]), doubles=[0, 0.1, 0]),
                pb.Column(name="known", status=bytes([1, 1, 0]), bools=[False, False, True]),
                pb.Column(name="raw", status=bytes([0, 1, 1]), blobs=[b"\xff\0", b"", b""]),
                pb.Column(name="place", length=3, status=bytes([0, 1, 0]), floats=[1, 2, 3, 0, 0, 0, -0.5, 0, 1e30])],
        event=pb.EventAtHand(source="payments", present=bytes([1, 0, 1]),
                             columns=[pb.Column(name="at", status=bytes([0, 1, 1]), int64s=[-1, 0, 0])]))
    yield "everything", everything
    again = pb.GetFeaturesRequest(
        service="fraud_v1", features=["a.b", ""], with_event_times=True, at_us=1700000000000001,
        keys=[pb.Column(name="user", strings=["u2"]), pb.Column(name="card", status=b"\1", int64s=[0])],
        inputs=[pb.Column(name="amount", scale=2, status=b"\1", int64s=[0]), pb.Column(name="ratio", status=b"\1", doubles=[0]),
                pb.Column(name="known", status=b"\1", bools=[False]), pb.Column(name="raw", status=b"\1", blobs=[b""]),
                pb.Column(name="place", length=3, status=b"\1", floats=[0, 0, 0])],
        event=pb.EventAtHand(source="payments", columns=[pb.Column(name="at", status=b"\1", int64s=[0])]))
    yield "again", again
    yield "without_keys", pb.GetFeaturesRequest(id=1, service="world", row_count=1000,
                                                inputs=[pb.Column(name="x", int64s=[i * i for i in range(1000)])])
    last = {i % 3: i * 7919 % 300 for i in range(5000)}
    yield "overwritten", pb.GetFeaturesRequest(service="s", keys=[
        pb.Column(name="text", status=bytes([0, 0, 0, 1]), strings=["x" * last[i] for i in range(3)] + [""])])
    columns = [pb.Column(name="user", status=bytes([0, 1]), int64s=[1, 0]),
               pb.Column(name="weight", status=bytes([1, 0]), doubles=[0, -0.0])]
    yield "push", pb.PushRequest(source="clicks", columns=columns)
    yield "push_all", pb.PushRequest(source="clicks", columns=columns, producer="p-1", batch=300, strict=True,
                                     arrival=pb.ARRIVAL_DECLARED)
    spine = pb.TrainingSpine(keys=[pb.Column(name="user", int64s=[5, 6])], t_us=[0, 1000])
    yield "spine", pb.TrainingRequest(spine=spine)
    spine.seq.extend([9, 10])
    yield "spine_seq", pb.TrainingRequest(spine=spine)


def main():
    out = subprocess.run([sys.argv[1]], stdout=subprocess.PIPE, text=True, check=True).stdout
    written = {line.split()[0]: bytes.fromhex(line.split()[1]) for line in out.splitlines()}
    wrong = 0
    for name, message in expected():
        if message.SerializeToString() != written.pop(name, None):
            wrong += 1
            print(f"{name}: expected\n{message}")
    if written:
        print("not looked at:", *written)
    return 1 if wrong or written else 0


if __name__ == "__main__":
    sys.exit(main())
