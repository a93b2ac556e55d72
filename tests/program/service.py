"""What the tests of the service share: stubs made from the .proto files, a server per test, columns of messages from values and
back. gRPC from Debian's python3-grpcio: a client that is not ours."""
import atexit
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import harness

try:
    import grpc
    import grpc_tools  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}: {sys.executable} has no gRPC; Debian's packages python3-grpcio and python3-grpc-tools have, for /usr/bin/python3")
    sys.exit(harness.SKIPPED)

GRPC_PROTO = "/usr/share/grpc-proto"  # Debian's grpc-proto


def make_stubs():
    """Modules of messages and stubs from the .proto files, in a folder that lives as long as the test."""
    folder = tempfile.mkdtemp(prefix="selfsame-stubs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    protos = ["selfsame/v1/feature_store.proto", "grpc/health/v1/health.proto", "grpc/reflection/v1/reflection.proto",
              "grpc/reflection/v1alpha/reflection.proto"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{harness.ROOT}/proto", f"-I{GRPC_PROTO}", f"--python_out={folder}",
                    f"--grpc_python_out={folder}", *protos], check=True)
    # The folder `grpc` holds health and reflection, which must not hide the library.
    for name in ("health", "reflection"):
        shutil.copytree(f"{folder}/grpc/{name}", f"{folder}/grpc_{name}", dirs_exist_ok=True)
    shutil.rmtree(f"{folder}/grpc")
    for path in pathlib.Path(folder).glob("grpc_*/**/*_grpc.py"):
        path.write_text(re.sub(r"from grpc\.(health|reflection)", r"from grpc_\1", path.read_text()))
    sys.path.insert(0, folder)


make_stubs()
from selfsame.v1 import feature_store_pb2 as pb  # noqa: E402
from selfsame.v1 import feature_store_pb2_grpc as pb_grpc  # noqa: E402
from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: E402
from grpc_reflection.v1 import reflection_pb2, reflection_pb2_grpc  # noqa: E402
from grpc_reflection.v1alpha import reflection_pb2 as reflection_alpha_pb2  # noqa: E402
from grpc_reflection.v1alpha import reflection_pb2_grpc as reflection_alpha_pb2_grpc  # noqa: E402

SANITIZED = bool(os.environ.get("ASAN_OPTIONS") or os.environ.get("TSAN_OPTIONS"))
PATIENCE = 120 if SANITIZED else 30  # seconds; only a failure waits so long
METHODS = "/selfsame.v1.FeatureStore/"


class Server:
    """A server of a test's store; its log is read all the time."""

    def __init__(self, process, listeners):
        self.process, self.log, self.addresses, self.metrics = process, [], [], None
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()
        for line in process.stdout:
            word, _, address = line.decode().strip().partition(" ")
            if word == "metrics":
                self.metrics = address
                break
            self.addresses.append(address)
            if len(self.addresses) == listeners and "" in process.args:  # no metrics were asked for
                break

    def read_log(self):
        with self.process.stderr as lines:
            for line in lines:
                self.log.append(line.decode("utf-8", "surrogateescape"))

    def text(self):
        return "".join(self.log)

    @property
    def address(self):
        return self.addresses[0].removeprefix("tls:")

    def signal(self, number):
        self.process.send_signal(number)

    def wait_for_log(self, pattern, since=0):
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, "".join(self.log[since:])):
            if time.monotonic() > deadline:
                raise AssertionError(f"the log never said {pattern!r}:\n{self.text()}")
            time.sleep(0.005)

    def reload(self):
        """SIGHUP, until it was heard; what the log said."""
        since = len(self.log)
        self.signal(signal.SIGHUP)
        self.wait_for_log("certificates were read again|stay as they were", since)
        return "".join(self.log[since:])


class ServiceTest(harness.StoreTest):
    def setUp(self):
        super().setUp()
        self.servers = []
        self.addCleanup(self.end_servers)

    def serve(self, *options, listen=("127.0.0.1:0",), metrics="127.0.0.1:0", store=None, **how):
        listeners = [part for one in listen for part in ("--listen", one)]
        process = self.start("serve", *listeners, "--metrics-listen", metrics, *options, stdin=subprocess.DEVNULL,
                             **({"store": store} if store else {}), **how)
        server = Server(process, len(listen))
        self.servers.append(server)
        if not server.addresses:
            process.wait(PATIENCE)
            self.fail(f"the server did not start: {server.text()}")
        return server

    def serve_fails(self, *arguments, **options):
        """A server that does not start: its message."""
        process = self.start("serve", *arguments, stdin=subprocess.DEVNULL, **options)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            self.fail(f"the server started: {arguments}: {process.communicate()}")
        self.assertEqual((process.returncode, out), (2, b""), err)
        return err.decode()

    def end(self, server, status=0):
        """SIGTERM, and the exit."""
        if server.process.poll() is None:
            server.signal(signal.SIGTERM)
        self.gone(server, status)

    def gone(self, server, status=0):
        try:
            got = server.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            server.signal(signal.SIGABRT)
            self.fail(f"the server does not end:\n{server.text()}")
        server.reader.join(PATIENCE)
        self.assertNotRegex(server.text(), "Sanitizer|runtime error:|a bug:|assertion|ASSERT", server.text()[-6000:])
        self.assertEqual(got, status, server.text()[-3000:])
        server.process.stdout.close()
        if server in self.servers:
            self.servers.remove(server)

    def end_servers(self):
        for server in list(self.servers):
            try:
                self.end(server)
            finally:
                if server.process.poll() is None:
                    server.process.kill()
                    server.process.wait()

    def channel(self, server, address=None, credentials=None, options=()):
        address = address or server.address
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1),
                   ("grpc.enable_retries", 0), *options]
        channel = grpc.secure_channel(address, credentials, options) if credentials else grpc.insecure_channel(address, options)
        self.addCleanup(channel.close)
        return channel

    def stub(self, server, **how):
        return pb_grpc.FeatureStoreStub(self.channel(server, **how))

    def fails(self, code, call, *arguments, **named):
        """The call ends with that status; its text."""
        with self.assertRaises(grpc.RpcError) as caught:
            answer = call(*arguments, timeout=PATIENCE, **named)
            if hasattr(answer, "__iter__"):
                list(answer)
        self.assertEqual(caught.exception.code(), code, caught.exception)
        self.failed = caught.exception
        return caught.exception.details()


def silence(until):
    """Requests of a call that says nothing until the event is set, and then ends."""
    until.wait()
    yield from ()


def bearer(token):
    return [("authorization", "Bearer " + token)]


# ---- Values
# As `--json` shows them: decimals and times as text, bytes in base64, lists and vectors as lists.

import base64  # noqa: E402
import datetime  # noqa: E402
import decimal  # noqa: E402
import struct  # noqa: E402

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
STATUSES = {pb.STATUS_PRESENT: "present", pb.STATUS_NULL: "null", pb.STATUS_NOT_FOUND: "not_found", pb.STATUS_EXPIRED: "expired"}
FIELDS = {pb.TYPE_BOOL: "bools", pb.TYPE_INT64: "int64s", pb.TYPE_FLOAT64: "doubles", pb.TYPE_DECIMAL: "int64s", pb.TYPE_STRING: "strings",
          pb.TYPE_TIMESTAMP: "int64s", pb.TYPE_BYTES: "blobs"}
ZEROS = {"bools": False, "int64s": 0, "doubles": 0.0, "strings": "", "blobs": b""}


def time_text(us):
    moment = EPOCH + datetime.timedelta(microseconds=us)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    return text + (f".{us % 1000000:06}".rstrip("0") if us % 1000000 else "") + "Z"


def time_us(text):
    whole, _, part = text.rstrip("Z").partition(".")
    moment = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return (moment - EPOCH) // datetime.timedelta(microseconds=1) + int(part.ljust(6, "0") or 0)


def now_us():
    return time.time_ns() // 1000


def bits(number):
    return struct.pack("<d", number)


def parse_type(text):
    """("decimal", 2), ("list", "decimal", 3), ("vector", 3), ("bool",)"""
    return tuple(int(word) if word.isdigit() else word for word in re.findall(r"\w+", text))


def to_wire(kind, value):
    """A JSON value as the wire holds it."""
    if kind[0] == "decimal":
        return int(decimal.Decimal(value).scaleb(kind[1]))
    if kind[0] == "timestamp":
        return time_us(value)
    return base64.b64decode(value) if kind[0] == "bytes" else value


def from_wire(kind, scale, value):
    if kind == pb.TYPE_DECIMAL:
        return str(decimal.Decimal(value).scaleb(-scale)) if scale else str(value)
    if kind == pb.TYPE_TIMESTAMP:
        return time_text(value)
    return base64.b64encode(value).decode() if kind == pb.TYPE_BYTES else value


def type_number(word):
    return pb.Type.Value("TYPE_" + word.upper())


def column(name, type, values, typed=True):
    """A column of JSON values (None: null) of a type as definitions write it."""
    kind = parse_type(type)
    made = pb.Column(name=name)
    number = type_number(kind[0])
    if typed:
        made.type = number
    if kind[0] == "decimal":
        made.scale = kind[1]
    if any(value is None for value in values):
        made.status = bytes(value is None for value in values)
    if kind[0] == "list":
        fill_list(made, kind[1:], values, typed)
    elif kind[0] == "vector":
        made.length = kind[1]
        for value in values:
            made.floats.extend([0.0] * kind[1] if value is None else value)
    else:
        field = FIELDS[number]
        getattr(made, field).extend(ZEROS[field] if value is None else to_wire(kind, value) for value in values)
    return made


def fill_list(made, kind, values, typed):
    number = type_number(kind[0])
    if typed:
        made.element = number
    if kind[0] == "decimal":
        made.scale = kind[1]
    elements = [element for value in values for element in value or []]
    field = FIELDS[number]
    if any(element is None for element in elements):
        made.elements.status = bytes(element is None for element in elements)
    getattr(made.elements, field).extend(ZEROS[field] if element is None else to_wire(kind, element) for element in elements)
    made.elements.SetInParent()
    made.lengths.extend(len(value or []) for value in values)


def statuses_of(made, rows):
    return [STATUSES[status] for status in made.status] if made.status else ["present"] * rows


def raw_values(made, rows):
    if made.type == pb.TYPE_VECTOR:
        return [list(made.floats[row * made.length:(row + 1) * made.length]) for row in range(rows)]
    if made.type != pb.TYPE_LIST:
        return [from_wire(made.type, made.scale, value) for value in getattr(made, FIELDS[made.type])]
    elements = [from_wire(made.element, made.scale, value) for value in getattr(made.elements, FIELDS[made.element])]
    nulls = made.elements.status or bytes(len(elements))
    elements = [None if null else value for null, value in zip(nulls, elements)]
    assert len(elements) == sum(made.lengths), "as many elements as the lengths say"
    starts = [sum(made.lengths[:row]) for row in range(rows)]
    return [elements[start:start + length] for start, length in zip(starts, made.lengths)]


def values_of(made, rows):
    """JSON values of a column, None where it is not present. As many as there are rows, or it is malformed."""
    values, statuses = raw_values(made, rows), statuses_of(made, rows)
    assert len(values) == len(statuses) == rows, f"{made.name}: {len(values)} values, {len(statuses)} statuses, {rows} rows"
    return [value if status == "present" else None for value, status in zip(values, statuses)]


def exact(value):
    """Compares by bits: -0.0 is not 0.0, 1 is not 1.0."""
    if isinstance(value, float):
        return "f" + bits(value).hex()
    if isinstance(value, list):
        return [exact(part) for part in value]
    return (type(value).__name__, value)


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def table_of(answer):
    """{feature: (values, statuses)} of an answer or of rows of a training table."""
    return {made.name: (values_of(made, answer.row_count), statuses_of(made, answer.row_count)) for made in answer.features}


def main():
    harness.main()
