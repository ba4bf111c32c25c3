"""The load client's connections: blocking sockets, read when the selector says so."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.load.wire import CLOSE, LoadError, answer_size, client_frame, count_frames
from benchmarks.load.wire import take_frame as take

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONNECT_TIMEOUT_S: Final = 10.0
SILENCE_MAX_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 2.0
READ_BYTES: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load goes; the path includes the query."""

    port: int
    path: str


class Connection:
    """A TCP connection with bytes read and not yet used."""

    __slots__ = ("rest", "sent_s", "sock")

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), CONNECT_TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        self.sent_s = 0.0

    def send(self, data: bytes) -> None:
        """Blocks while the server does not read, which only delays more load."""
        self.sock.sendall(data)

    def read(self) -> bytes:
        """What has arrived and is not used yet. Raises: LoadError at the end of the stream."""
        data = self.sock.recv(READ_BYTES)
        if not data:
            raise LoadError("the server closed a connection")
        return self.rest + data if self.rest else data

    def answers(self) -> int:
        """Read once; how many whole HTTP answers that completed."""
        data = self.read()
        count = 0
        while data and (size := answer_size(data)) is not None:
            data = data[size:]
            count += 1
        self.rest = data
        return count

    def frames(self, expected: bytes) -> int:
        """Read once; how many whole frames that completed, the first beginning as expected."""
        data = self.read()
        count, used = count_frames(data, expected)
        self.rest = data[used:]
        return count


def open_web_socket(target: Target) -> Connection:
    """A WebSocket after its handshake; no extension is offered, so nothing is compressed."""
    connection = Connection(target.port)
    connection.send(
        f"GET {target.path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n".encode()
    )
    data = b""
    while b"\r\n\r\n" not in data:
        data = connection.rest = connection.read()
    if not data.startswith(b"HTTP/1.1 101"):
        raise LoadError(f"the handshake was answered with {data[:200]!r}")
    connection.rest = data[data.index(b"\r\n\r\n") + 4 :]
    return connection


@contextlib.contextmanager
def web_sockets(
    target: Target, count: int, message: bytes, expected: bytes
) -> Iterator[list[Connection]]:
    """`count` WebSockets, greeted and silent; said goodbye to at the end.

    Each sends the message and drops what comes before its answer (news of later arrivals), so
    that afterwards only the load's own frames arrive.
    """
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(count):
            connections.append(open_web_socket(target))
            stack.callback(connections[-1].sock.close)
        for connection in connections:
            connection.send(client_frame(message))
        for connection in connections:
            wait_frame(connection, expected)
        yield connections
        say_goodbye(connections)


def wait_frame(connection: Connection, expected: bytes) -> None:
    """Read and drop frames up to the first that begins as expected."""
    data = connection.rest
    while True:
        taken = take(data)
        if taken is None:
            connection.rest = data
            data = connection.read()
            continue
        opcode, payload, data = taken
        if opcode == CLOSE:
            raise LoadError(f"the server closed a WebSocket: {payload!r}")
        if payload.startswith(expected):
            connection.rest = data
            return


def say_goodbye(connections: Sequence[Connection]) -> None:
    """Send a Close on every connection and wait a little for the ends.

    The server gets to run its close handlers, which is part of a connection's life but not of
    the load; a server that does not answer is not waited for.
    """
    for connection in connections:
        connection.send(client_frame((1000).to_bytes(2), CLOSE))
    deadline = time.perf_counter() + CLOSE_TIMEOUT_S
    for connection in connections:
        # A reset or a time-out: gone, or as good as.
        with contextlib.suppress(OSError):
            while (left := deadline - time.perf_counter()) > 0:
                connection.sock.settimeout(left)
                if not connection.sock.recv(READ_BYTES):
                    break


def readable(connections: Sequence[Connection]) -> Iterator[Sequence[Connection]]:
    """Batches of connections with something to read, without end.

    Raises: LoadError when nothing at all arrives for ten seconds.
    """
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            # With a time-out every call would poll first: two more system calls per message.
            connection.sock.settimeout(None)
            selector.register(connection.sock, selectors.EVENT_READ, connection)
        while True:
            ready = selector.select(SILENCE_MAX_S)
            if not ready:
                raise LoadError(f"no answer for {SILENCE_MAX_S:.0f} s")
            yield [key.data for key, _ in ready]
