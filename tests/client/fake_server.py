#!/usr/bin/env python3
"""A server of feature_store.proto that behaves as it is told, for tests of the client. Needs python3-grpcio and protoc.

  fake_server.py ADDRESS [--token TOKEN] [--tls DIR] [--log FILE]

Prints "ready PORT" when it listens, and runs until its standard input ends. What a call does is in the name of its
service or source: words, divided by '+':

  echo                answers what was asked: see values_of below
  every               one feature of every type
  code:N[:TEXT]       the call ends with this status; with pushback:MS too, as trailing metadata
  slow:MS             answers after that time
  never               never answers
  garbage             answers bytes that are no message
  empty               ends with OK and no answer
  big:N               answers N rows of a 1 KiB text
  first:N:WORDS       the first N calls of this name do WORDS (with ',' for '+'), the others what else is there
  raw                 answers the request's own bytes as the one value of a feature
--log: each Push as a line: producer, batch, hash of its bytes, rows, what was done.
"""
import argparse
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

if __name__ == "__main__" and not os.environ.get("SELFSAME_FAKE"):  # another python3 may be first in the path
    os.environ["SELFSAME_FAKE"] = "1"
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def stubs():
    """The messages' module, made in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["protoc", f"-I{ROOT}/proto", f"--python_out={folder}", "selfsame/v1/feature_store.proto"], check=True)
        sys.path.insert(0, folder)
        from selfsame.v1 import feature_store_pb2
        sys.path.pop(0)
    return feature_store_pb2


if __name__ == "__main__":
    import grpc
    pb = stubs()
    CODES = {code.value[0]: code for code in grpc.StatusCode}


class Ended(Exception):
    def __init__(self, code, text="", pushback=None):
        super().__init__(text)
        self.code, self.text, self.pushback = code, text, pushback


class Server:
    def __init__(self, arguments):
        self.token = arguments.token
        self.log = open(arguments.log, "a", buffering=1) if arguments.log else None
        self.calls = {}
        self.next_batch = {}
        self.seen = {}
        self.lock = threading.Lock()

    # ---- What words do

    def words(self, name):
        with self.lock:
            count = self.calls[name] = self.calls.get(name, 0) + 1
        words = name.split("+")
        for word in words:
            parts = word.split(":", 2)
            if parts[0] == "first" and count <= int(parts[1]):
                return parts[2].split(",")
        return [word for word in words if not word.startswith("first:")]

    def act(self, words, context):
        pushback = next((word.split(":")[1] for word in words if word.startswith("pushback:")), None)
        for word in words:
            parts = word.split(":", 2)
            if parts[0] == "slow":
                time.sleep(int(parts[1]) / 1000)
            elif parts[0] == "never":
                while context.is_active():
                    time.sleep(0.01)
            elif parts[0] == "code":
                raise Ended(int(parts[1]), parts[2] if len(parts) > 2 else "told to", pushback)

    def check_token(self, context):
        sent = dict(context.invocation_metadata()).get("authorization")
        if self.token and sent != "Bearer " + self.token:
            raise Ended(16, f"token: expected one, got {sent}")

    # ---- Lookups

    def values_of(self, request, raw):
        words = self.words(request.service)
        rows = request.row_count or 1
        for column in list(request.keys):
            rows = max(len(column.int64s), len(column.strings), len(column.bools), len(column.blobs), len(column.doubles), 0)
        answer = pb.GetFeaturesResponse(id=request.id, t_us=1234567, seq=42, fingerprint=bytes(range(32)), row_count=rows,
                                        is_preview=request.at_us != 0)
        if "every" in words:
            every(answer, rows)
        elif "raw" in words:
            answer.row_count = 1
            answer.features.add(name="raw", type=pb.TYPE_BYTES, blobs=[raw])
        elif any(word.startswith("big:") for word in words):
            answer.row_count = int(next(word for word in words if word.startswith("big:"))[4:])
            answer.features.add(name="text", type=pb.TYPE_STRING, strings=["x" * 1024] * answer.row_count)
        else:
            for i, name in enumerate(request.features or ["f0", "f1"]):
                first = request.keys[0].int64s if request.keys and request.keys[0].int64s else range(rows)
                answer.features.add(name=name, type=pb.TYPE_FLOAT64, doubles=[key + i / 8 for key in first])
        if request.with_event_times:
            answer.event_times.add(name="view", type=pb.TYPE_TIMESTAMP, int64s=range(rows), status=bytes(rows))
        return words, answer

    def get(self, raw, context):
        self.check_token(context)
        request = pb.GetFeaturesRequest.FromString(raw)
        words, answer = self.values_of(request, raw)
        self.act(words, context)
        if "garbage" in words:
            return b"\xff\xff\xff garbage"
        return answer.SerializeToString()

    def get_stream(self, requests, context):
        self.check_token(context)
        for raw in requests:
            request = pb.GetFeaturesRequest.FromString(raw)
            words, answer = self.values_of(request, raw)
            try:
                if "die" in words:
                    context.abort(grpc.StatusCode.UNAVAILABLE, "the stream was told to end")
                self.act(words, context)
                if "garbage" in words:
                    yield b"\xff\xff\xff garbage"
                    continue
            except Ended as ended:
                answer = pb.GetFeaturesResponse(id=request.id, error=pb.Error(
                    code=ended.code, message=ended.text, retry=ended.pushback is not None,
                    retry_after_ms=int(ended.pushback or 0)))
            yield answer.SerializeToString()

    # ---- Pushes

    def push_one(self, raw, context):
        request = pb.PushRequest.FromString(raw)
        words = self.words(request.source)
        rows = max([len(c.int64s) or len(c.strings) or len(c.doubles) or len(c.bools) for c in request.columns] or [0])
        done = "kept"
        try:
            # "lost": kept, but the answer does not arrive.
            if "lost" not in words:
                self.act(words, context)
            answer = self.keep(request, raw, rows)
            if "lost" in words:
                done = "lost"
                self.act([word for word in words if word != "lost"], context)
            return words, answer
        except Ended as ended:
            done = done if done == "lost" else f"code {ended.code}"
            raise
        finally:
            if self.log:
                digest = hashlib.sha256(raw).hexdigest()[:16]
                self.log.write(f"{request.producer or '-'} {request.batch} {digest} {rows} {done}\n")

    def keep(self, request, raw, rows):
        answer = pb.PushResponse(id=request.id, accepted=rows, seq=100 + request.batch)
        if request.producer:
            with self.lock:
                digest = hashlib.sha256(raw).digest()
                expected = self.next_batch.get(request.producer, 1)
                if request.batch == expected:
                    self.next_batch[request.producer] = expected + 1
                    self.seen[request.producer, request.batch] = digest
                elif self.seen.get((request.producer, request.batch)) == digest:
                    answer.was_acknowledged = True
                else:
                    raise Ended(10, f"producer '{request.producer}': batch {expected} is expected next, got {request.batch}")
        if request.source.startswith("refuse"):
            answer.accepted, answer.quarantined = rows - 1, 1
            answer.refused.add(row=rows - 1, line=7, column="amount", value=b"-1", reason="expected at least 0")
        return answer

    def push(self, raw, context):
        self.check_token(context)
        words, answer = self.push_one(raw, context)
        return b"\xff\xff\xff" if "garbage" in words else answer.SerializeToString()

    def push_stream(self, requests, context):
        self.check_token(context)
        for raw in requests:
            try:
                yield self.push_one(raw, context)[1].SerializeToString()
            except Ended as ended:
                yield pb.PushResponse(id=pb.PushRequest.FromString(raw).id,
                                      error=pb.Error(code=ended.code, message=ended.text)).SerializeToString()

    # ---- Training tables

    def train(self, requests, context):
        self.check_token(context)
        first = 0
        start = None
        for raw in requests:
            request = pb.TrainingRequest.FromString(raw)
            if request.HasField("start"):
                start = request.start
                self.act(self.words(start.service), context)
                yield pb.TrainingResponse(header=pb.TrainingHeader(fingerprint=bytes(range(32)), newest_seq=9)).SerializeToString()
                continue
            spine = request.spine
            rows = len(spine.t_us)
            answer = pb.TrainingResponse()
            answer.rows.first_row, answer.rows.row_count = first, rows
            keys = spine.keys[0].int64s
            answer.rows.features.add(name="key", type=pb.TYPE_INT64, int64s=keys)
            answer.rows.features.add(name="t", type=pb.TYPE_TIMESTAMP, int64s=spine.t_us)
            first += rows
            yield answer.SerializeToString()

    # ---- All else

    def list(self, raw, context):
        self.check_token(context)
        kind = pb.ListRequest.FromString(raw).kind
        self.act(self.words(kind), context)
        return pb.ListResponse(items=[pb.Item(kind=kind, name="fraud")]).SerializeToString()

    def unary(self, function):
        def run(raw, context):
            try:
                return function(raw, context)
            except Ended as ended:
                self.end(context, ended)
        return grpc.unary_unary_rpc_method_handler(run)

    def stream(self, function):
        def run(requests, context):
            try:
                yield from function(requests, context)
            except Ended as ended:
                self.end(context, ended)
        return grpc.stream_stream_rpc_method_handler(run)

    def end(self, context, ended):
        if ended.pushback is not None:
            context.set_trailing_metadata([("grpc-retry-pushback-ms", ended.pushback)])
        context.abort(CODES[ended.code], ended.text)

    def handlers(self):
        return grpc.method_handlers_generic_handler("selfsame.v1.FeatureStore", {
            "GetFeatures": self.unary(self.get), "StreamFeatures": self.stream(self.get_stream),
            "Push": self.unary(self.push), "PushStream": self.stream(self.push_stream),
            "GetTrainingTable": self.stream(self.train), "List": self.unary(self.list)})


def every(answer, rows):
    """One feature of every type, of `rows` rows; tests/client/test_client_answer.c expects these values."""
    present, mixed = b"", bytes(i % 4 for i in range(rows))
    one = range(rows)
    add = answer.features.add
    add(name="bool", type=pb.TYPE_BOOL, bools=[i % 2 == 1 for i in one])
    add(name="int64", type=pb.TYPE_INT64, int64s=[-i for i in one], status=mixed)
    add(name="float64", type=pb.TYPE_FLOAT64, doubles=[i / 3 for i in one], status=mixed)
    add(name="decimal", type=pb.TYPE_DECIMAL, scale=2, int64s=[i * 101 for i in one], status=present)
    add(name="string", type=pb.TYPE_STRING, strings=["é" * i for i in one], status=mixed)
    add(name="timestamp", type=pb.TYPE_TIMESTAMP, int64s=[i * 1000000 for i in one])
    add(name="bytes", type=pb.TYPE_BYTES, blobs=[bytes([0, 255]) * i for i in one])
    add(name="vector", type=pb.TYPE_VECTOR, length=3, floats=[x + k / 2 for x in one for k in range(3)])
    texts = [f"{i}.{k}" for i in one for k in range(i % 3)]
    add(name="list", type=pb.TYPE_LIST, element=pb.TYPE_STRING, lengths=[i % 3 for i in one],
        elements=pb.Elements(strings=texts, status=bytes(int(text[-1]) for text in texts)))
    numbers = [i * 10 + k for i in one for k in range(i % 4)]
    add(name="decimals", type=pb.TYPE_LIST, element=pb.TYPE_DECIMAL, scale=1, lengths=[i % 4 for i in one], status=mixed,
        elements=pb.Elements(int64s=numbers))


def credentials_of(folder):
    def read(name):
        return (pathlib.Path(folder) / name).read_bytes()
    mutual = (pathlib.Path(folder) / "mutual").exists()
    return grpc.ssl_server_credentials([(read("server.key"), read("server.pem"))], read("ca.pem") if mutual else None, mutual)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--token")
    parser.add_argument("--tls")
    parser.add_argument("--log")
    arguments = parser.parse_args()
    from concurrent import futures
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=24), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((Server(arguments).handlers(),))
    if arguments.tls:
        port = server.add_secure_port(arguments.address, credentials_of(arguments.tls))
    else:
        port = server.add_insecure_port(arguments.address)
    server.start()
    print("ready", port, flush=True)
    sys.stdin.read()
    server.stop(0.05)
    os._exit(0)


if __name__ == "__main__":
    main()
