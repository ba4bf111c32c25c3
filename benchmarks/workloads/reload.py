"""`reload`: from a save to the first answer of the new code, of a served worker in two files.

The file is written as an editor writes it, and the object asked until the new version answers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.contest import Outcome, Sample, Settings, progress, rows_of
from benchmarks.errors import BenchmarkError, Failed
from benchmarks.figures import OURS, Bar, Better, Figure, percentile
from benchmarks.servers import Server
from benchmarks.subjects import WEBSOCKET_SERVER, launch_durable

SAVES: Final = 20
TIMEOUT_S: Final = 10.0
SAVE_MS_MAX: Final = 300.0

WORKER: Final = """\
from version import VERSION
from workers import DurableObject, Response, WorkerEntrypoint

class Room(DurableObject):
    async def fetch(self, request):
        return Response(str(VERSION))

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.ROOM.getByName("a").fetch(request)
"""
CONFIG: Final = """\
name = "reload"
main = "worker.py"
compatibility_date = "2026-11-01"
compatibility_flags = ["python_workers"]
[[durable_objects.bindings]]
name = "ROOM"
class_name = "Room"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Room"]
"""
FIGURES: Final = tuple(
    Figure(
        key=key,
        unit="ms",
        label=f"save to new code, {label}",
        better=Better.LOWER,
        bars=(Bar(limit=SAVE_MS_MAX),) if key == "p50" else (),
    )
    for key, label in (("p50", "p50"), ("max", "worst"))
)


def saves(folder: Path, server: Server) -> Sample:
    """Save so many versions one after the other, and wait for each."""
    times_ms = []
    first = version(server) + 1
    for number in range(first, first + SAVES):
        other = folder / "version.py.tmp"
        other.write_text(f"VERSION = {number}\n")
        saved = time.perf_counter()
        other.replace(folder / "version.py")
        while version(server) != number:
            if time.perf_counter() - saved > TIMEOUT_S:
                raise Failed(f"version {number} did not answer within {TIMEOUT_S:g} s")
        times_ms.append((time.perf_counter() - saved) * 1000)
    times_ms.sort()
    return {"p50": percentile(times_ms, 0.5), "max": times_ms[-1]}


def version(server: Server) -> int:
    """What the object answers, on a connection of its own."""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    return int(answer.rpartition(b"\r\n\r\n")[2])


@dataclass(frozen=True, slots=True)
class Reload:
    """The workload; the real runtime has no reload of its own to compare with."""

    name: str = "reload"
    title: str = f"save to the first answer of new code, {SAVES} saves a round"

    def run(self, settings: Settings) -> Outcome:
        progress(f"{self.name}: {SAVES} saves, {settings.rounds} rounds")
        samples: list[Sample] = []
        outcome = Outcome()
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="durable-bench-")))
            (folder / "worker.py").write_text(WORKER)
            (folder / "version.py").write_text("VERSION = 1\n")
            (folder / "wrangler.toml").write_text(CONFIG)
            project = dataclasses.replace(WEBSOCKET_SERVER, config=folder / "wrangler.toml")
            try:
                server = stack.enter_context(Server(OURS, launch_durable(project, folder), folder))
                samples += [saves(folder, server) for _ in range(settings.rounds)]
            except BenchmarkError as exc:
                outcome.missing[OURS] = exc
        outcome.rows = rows_of("reload", FIGURES, {OURS: samples})
        return outcome


RELOAD: Final = Reload()
