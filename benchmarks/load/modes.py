"""The kinds of load. Each returns its figures by name: rates per second, times in microseconds.

All are closed loops: a connection sends again when it is answered, so that a slow server is asked
less instead of drowning. The first part of the time is warm-up and not counted.
"""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from benchmarks.figures import percentile
from benchmarks.load.connection import (
    Connection,
    Target,
    open_web_socket,
    readable,
    wait_frame,
    web_sockets,
)
from benchmarks.load.wire import client_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WARM_UP_MAX_S: Final = 0.5
PING: Final = '{"type":"ping"}'
PONG: Final = '{"type":"pong"'


@dataclass(slots=True)
class Meter:
    """Counts what is finished between the end of the warm-up and the end of the load."""

    seconds: float
    warm_s: float = field(init=False)
    end_s: float = field(init=False)
    last_s: float = field(init=False)
    count: int = 0
    times_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        start = time.perf_counter()
        self.warm_s = start + min(WARM_UP_MAX_S, self.seconds / 2)
        self.end_s = self.warm_s + self.seconds
        self.last_s = self.warm_s

    def finished(self, count: int, now_s: float, since_s: float = 0.0) -> None:
        """`count` units finished at `now_s`; with `since_s`, one that took until then."""
        if now_s < self.warm_s:
            return
        self.count += count
        self.last_s = now_s
        if since_s:
            self.times_s.append(now_s - since_s)

    def figures(self) -> dict[str, float]:
        """rate, and p50 and p99 when times were taken."""
        out = {"rate": self.count / max(self.last_s - self.warm_s, 1e-9)}
        if self.times_s:
            self.times_s.sort()
            out["p50"] = percentile(self.times_s, 0.50) * 1e6
            out["p99"] = percentile(self.times_s, 0.99) * 1e6
        return out


def ping(
    target: Target,
    seconds: float,
    *,
    connections: int = 1,
    window: int = 1,
    message: str = PING,
    expect: str = PONG,
) -> dict[str, float]:
    """Each connection keeps `window` messages in flight, each of which has one answer.

    What one read answers is sent again in one write. Times are taken with a window of 1.
    """
    frame, expected = client_frame(message.encode()), expect.encode()
    clock = time.perf_counter
    with web_sockets(target, connections, message.encode(), expected) as sockets:
        meter = Meter(seconds)
        for connection in sockets:
            connection.sent_s = clock()
            connection.send(frame * window)
        for ready in readable(sockets):
            for connection in ready:
                count = connection.frames(expected)
                if not count:
                    continue
                now = clock()
                meter.finished(count, now, connection.sent_s if window == 1 else 0.0)
                connection.sent_s = now
                connection.send(frame * count)
            if clock() > meter.end_s:
                break
    return meter.figures()


def broadcast(
    target: Target,
    seconds: float,
    *,
    receivers: int = 100,
    window: int = 2,
    message: str = '{"type":"broadcast","data":"' + "x" * 64 + '"}',
    expect: str = '{"type":"broadcast"',
    barrier: str = PING,
    passed: str = PONG,
) -> dict[str, float]:
    """One sender keeps `window` messages in flight to all receivers; the rate is deliveries.

    `barrier` is the message, answered by `passed`, that tells that all arrivals are announced.
    """
    frame, expected = client_frame(message.encode()), expect.encode()
    everyone = web_sockets(target, receivers + 1, barrier.encode(), passed.encode())
    with everyone as (sender, *others):
        meter = Meter(seconds)
        sender.send(frame * window)
        delivered = answered = 0
        for ready in readable(others):
            for connection in ready:
                count = connection.frames(expected)
                delivered += count
                meter.finished(count, time.perf_counter())
            while delivered - answered >= receivers:
                answered += receivers
                sender.send(frame)
            if time.perf_counter() > meter.end_s:
                break
    return meter.figures()


def http(
    target: Target, seconds: float, *, connections: int = 1, method: str = "GET", body: str = ""
) -> dict[str, float]:
    """Each connection is kept alive and asks again when answered. rate, p50, p99."""
    data = body.encode()
    length = f"Content-Length: {len(data)}\r\n" if data else ""
    request = f"{method} {target.path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\n{length}\r\n"
    asked = request.encode() + data
    clock = time.perf_counter
    with contextlib.ExitStack() as stack:
        sockets = [Connection(target.port) for _ in range(connections)]
        for connection in sockets:
            stack.callback(connection.sock.close)
        meter = Meter(seconds)
        for connection in sockets:
            connection.sent_s = clock()
            connection.send(asked)
        for ready in readable(sockets):
            for connection in ready:
                if not connection.answers():
                    continue
                now = clock()
                meter.finished(1, now, connection.sent_s)
                connection.sent_s = now
                connection.send(asked)
            if clock() > meter.end_s:
                break
    return meter.figures()


def spread(
    target: Target, seconds: float, *, connections: int = 32, requests: int = 2000
) -> dict[str, float]:
    """`requests` in all, each to a path of its own: the path and a number. rate, without warm-up."""
    del seconds
    clock = time.perf_counter
    with contextlib.ExitStack() as stack:
        sockets = [Connection(target.port) for _ in range(connections)]
        for connection in sockets:
            stack.callback(connection.sock.close)
        paths = (f"{target.path}{number}" for number in range(requests))
        host = f"Host: 127.0.0.1:{target.port}"
        asked = (f"GET {path} HTTP/1.1\r\n{host}\r\n\r\n".encode() for path in paths)
        start_s = clock()
        for connection, request in zip(sockets, asked, strict=False):
            connection.send(request)
        answered = 0
        for ready in readable(sockets):
            for connection in ready:
                if not connection.answers():
                    continue
                answered += 1
                if (request := next(asked, b"")) != b"":
                    connection.send(request)
            if answered >= requests:
                break
        return {"rate": requests / (clock() - start_s)}


def connect(target: Target, seconds: float) -> dict[str, float]:
    """One WebSocket after the other is opened, and kept; the rate is handshakes."""
    meter = Meter(seconds)
    with contextlib.ExitStack() as stack:
        while (began_s := time.perf_counter()) < meter.end_s:
            stack.callback(open_web_socket(target).sock.close)
            meter.finished(1, time.perf_counter(), began_s)
    return meter.figures()


def wake(
    target: Target,
    seconds: float,
    *,
    objects: int = 20,
    asleep_s: float = 12.0,
    message: str = PING,
    expect: str = PONG,
) -> dict[str, float]:
    """The first message to each of `objects` that have been silent for so long, and the next one."""
    del seconds
    frame, expected = client_frame(message.encode()), expect.encode()
    clock = time.perf_counter
    first, second = [], []
    with contextlib.ExitStack() as stack:
        sockets = []
        for number in range(objects):
            connection = open_web_socket(Target(target.port, f"{target.path}-{number}"))
            stack.callback(connection.sock.close)
            connection.send(frame)
            wait_frame(connection, expected)
            sockets.append(connection)
        time.sleep(asleep_s)
        for connection in sockets:
            for times in (first, second):
                connection.sent_s = clock()
                connection.send(frame)
                wait_frame(connection, expected)
                times.append(clock() - connection.sent_s)
    return {
        "first": percentile(sorted(first), 0.5) * 1e6,
        "next": percentile(sorted(second), 0.5) * 1e6,
    }


def hold(target: Target, seconds: float, *, connections: int) -> dict[str, float]:
    """Open `connections`, say "ready" in a line, keep them until standard input ends."""
    del seconds
    with contextlib.ExitStack() as stack:
        for _ in range(connections):
            stack.callback(open_web_socket(target).sock.close)
        print("ready", flush=True)
        sys.stdin.read()
    return {}


MODES: Final[Mapping[str, Callable[..., dict[str, float]]]] = {
    "ping": ping,
    "wake": wake,
    "broadcast": broadcast,
    "connect": connect,
    "hold": hold,
    "http": http,
    "spread": spread,
}
