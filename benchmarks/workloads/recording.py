"""`recording`: what the explorer costs the messages that it records.

Three servers: without the explorer, with it, and with it recording into the notebook while somebody
watches. Each gets the same ping/pong on 50 connections in turn.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import tempfile
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.contest import Outcome, Settings, interleave, progress, rows_of
from benchmarks.figures import OURS, Bar, Better, Figure
from benchmarks.servers import Server
from benchmarks.side_by_side import load
from benchmarks.subjects import WEBSOCKET_SERVER, launch_durable

if TYPE_CHECKING:
    from collections.abc import Iterator

OFF: Final = "no explorer"
IDLE: Final = "not recording"
SHARE_KEPT: Final = 0.95
API: Final = "/cdn-cgi/local/explorer/api/local"
TIMEOUT_S: Final = 10.0
PING: Final = load("ping", "/ws?id={fresh}", connections=50)
RATE: Final = (
    Figure(
        key="rate", unit="msg/s", better=Better.HIGHER, bars=(Bar(limit=SHARE_KEPT, against=OFF),)
    ),
)


@contextmanager
def served(name: str, *options: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="durable-bench-") as folder_name:
        folder = Path(folder_name)
        launch = launch_durable(WEBSOCKET_SERVER, folder)
        launch = dataclasses.replace(launch, command=[*launch.command, *options])
        with Server(name, launch, folder) as server:
            yield server


@contextmanager
def watched(server: Server) -> Iterator[None]:
    """Record, and have somebody listen who reads as little as the page's socket would hold."""
    request = urllib.request.Request(  # it is http on loopback
        f"http://127.0.0.1:{server.port}{API}/recording",
        data=json.dumps({"enabled": True}).encode(),
        headers={"Content-Type": "application/json"},
        method="PUT",
    )
    urllib.request.urlopen(request, timeout=TIMEOUT_S).close()
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as listener:
        listener.sendall(f"GET {API}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert listener.recv(65536).startswith(b"HTTP/1.1 200")
        yield


@dataclass(frozen=True, slots=True)
class Recording:
    """The workload."""

    name: str = "recording"
    title: str = "ping/pong on 50 connections while the explorer looks on"

    def run(self, settings: Settings) -> Outcome:
        progress(self.name)
        with contextlib.ExitStack() as stack:
            recording = stack.enter_context(served(OURS))
            stack.enter_context(watched(recording))
            contestants = {
                OURS: partial(PING, recording, settings.seconds),
                IDLE: partial(PING, stack.enter_context(served(IDLE)), settings.seconds),
                OFF: partial(
                    PING, stack.enter_context(served(OFF, "--no-explorer")), settings.seconds
                ),
            }
            samples, errors = interleave(contestants, settings.rounds)
        return Outcome(rows=rows_of("ping/pong", RATE, samples), missing=errors)


RECORDING: Final = Recording()
