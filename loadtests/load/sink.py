"""Takes every frame, acknowledges it and forgets it: as much of Kafka as a producer needs, to measure one against.

It speaks four of Kafka's requests in their oldest forms with records of version 2, to clients of one machine.
"""

import socket
import socketserver
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

from operators.errors import DeploymentFailed

HOST = "127.0.0.1"
START_S = 60.0
_PRODUCE, _METADATA, _API_VERSIONS, _INIT_PRODUCER_ID = 0, 3, 18, 22
_VERSIONS = {_PRODUCE: 3, _METADATA: 4, _API_VERSIONS: 0, _INIT_PRODUCER_ID: 0}
_UNSUPPORTED_VERSION = 35
_Answer = Callable[["Fields"], bytes]


class Fields:
    """Reads the fields of a request one after the other.

    Args:
        data: The request.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def number(self, form: str) -> int:
        """A number in the form that `struct` calls so."""
        (found,) = struct.unpack_from(">" + form, self._data, self._at)
        self._at += struct.calcsize(form)
        return int(found)

    def text(self) -> bytes:
        """A text; empty when it is null."""
        size = max(0, self.number("h"))
        self._at += size
        return bytes(self._data[self._at - size : self._at])

    def skip_records(self) -> None:
        """Records, which are not looked at."""
        size = self.number("i")
        self._at += max(0, size)


class Sink(socketserver.ThreadingTCPServer):
    """Listens on a port of its own, on loopback.

    Args:
        partitions: How many each topic has.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, partitions: int) -> None:
        super().__init__((HOST, 0), _Client)
        self.partitions = partitions

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"{HOST}:{self.server_address[1]}"

    def answers(self) -> dict[int, _Answer]:
        """What is answered, by the number of the request."""
        return {
            _PRODUCE: self._produce,
            _METADATA: self._metadata,
            _INIT_PRODUCER_ID: lambda _: struct.pack(">ihqh", 0, 0, 1, 0),
        }

    def _metadata(self, fields: Fields) -> bytes:
        topics = [fields.text() for _ in range(max(0, fields.number("i")))]
        broker = struct.pack(">iii", 0, 1, 1) + _text(HOST.encode()) + struct.pack(">ih", self.server_address[1], -1)
        each = [struct.pack(">hiiiiii", 0, number, 1, 1, 1, 1, 1) for number in range(self.partitions)]
        partitions = struct.pack(">?i", False, len(each)) + b"".join(each)
        found = b"".join(struct.pack(">h", 0) + _text(name) + partitions for name in topics)
        return broker + struct.pack(">hii", -1, 1, len(topics)) + found

    def _produce(self, fields: Fields) -> bytes:
        fields.text()
        fields.number("h")
        fields.number("i")
        topics = []
        for _ in range(fields.number("i")):
            name, partitions = fields.text(), []
            for _ in range(fields.number("i")):
                partitions.append(struct.pack(">ihqq", fields.number("i"), 0, 0, -1))
                fields.skip_records()
            topics.append(_text(name) + struct.pack(">i", len(partitions)) + b"".join(partitions))
        return struct.pack(">i", len(topics)) + b"".join(topics) + struct.pack(">i", 0)


class _Client(socketserver.BaseRequestHandler):
    """One connection."""

    server: Sink
    request: socket.socket

    def handle(self) -> None:
        buffer = bytearray()
        answers = self.server.answers()
        while size := self._size():
            if len(buffer) < size:
                buffer = bytearray(size)
            if self.request.recv_into(buffer, size, socket.MSG_WAITALL) < size:
                return
            fields = Fields(memoryview(buffer))
            request, version, number = fields.number("h"), fields.number("h"), fields.number("i")
            fields.text()
            answer = _versions(version) if request == _API_VERSIONS else answers[request](fields)
            self.request.sendall(struct.pack(">ii", len(answer) + 4, number) + answer)

    def _size(self) -> int:
        head = self.request.recv(4, socket.MSG_WAITALL)
        return int(struct.unpack(">i", head)[0]) if len(head) == 4 else 0


@contextmanager
def running_sink(partitions: int) -> Iterator[str]:
    """A sink in a process of its own; its address.

    Args:
        partitions: How many each topic has.

    Raises:
        DeploymentFailed: It did not start.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, partitions), name="sink", daemon=True)
    process.start()
    try:
        if not ours.poll(START_S):
            raise DeploymentFailed(f"the sink did not start in {START_S:.0f} s; do less beside it")
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection, partitions: int) -> None:
    with Sink(partitions) as sink:
        pipe.send(sink.address)
        sink.serve_forever()


def _versions(asked: int) -> bytes:
    """Which requests there are; whoever asks in a newer form is answered in the oldest, and asks again."""
    each = [struct.pack(">hhh", request, 0, newest) for request, newest in _VERSIONS.items()]
    return struct.pack(">hi", _UNSUPPORTED_VERSION if asked else 0, len(each)) + b"".join(each)


def _text(text: bytes) -> bytes:
    return struct.pack(">h", len(text)) + text
