"""`websockets`, `broadcast`, `wake` and `idle`: hibernatable sockets, nobody is announced.

The object is what a Python programmer would write (json of the standard library); its twin is
JavaScript. `idle` starts a server of its own for each sample, since memory that was once used
looks free the second time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.contest import Contestant, Outcome, Sample, Settings, interleave, progress, rows_of
from benchmarks.figures import Bar, Better, Figure
from benchmarks.side_by_side import SideBySide, Step, load
from benchmarks.subjects import HERE, ROOT, SUBJECTS, Project, running

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.servers import Server

QUIET: Final = Project(
    config=HERE / "projects" / "quiet.toml",
    module=HERE / "workerd" / "quiet.mjs",
    objects={"Quiet": "QUIET"},
)
PATH: Final = "/quiet?id={fresh}"
IDLE_CONNECTIONS: Final = 5_000
ASLEEP_S: Final = 12.0
READY_TIMEOUT_S: Final = 120.0


def rate(unit: str, *bars: Bar) -> tuple[Figure, ...]:
    return (Figure(key="rate", unit=unit, better=Better.HIGHER, bars=bars),)


def time_of(key: str, *bars: Bar) -> Figure:
    return Figure(key=key, label=key, unit="us", better=Better.LOWER, bars=bars)


WEB_SOCKETS: Final = SideBySide(
    name="websockets",
    title="hibernatable sockets: ping/pong and connecting",
    project=QUIET,
    steps=(
        Step(
            name="ping, 1 connection",
            measure=load("ping", PATH),
            figures=(time_of("p50", Bar(limit=1.0, against="workerd")), time_of("p99")),
        ),
        Step(
            name="ping, 50 connections",
            measure=load("ping", PATH, connections=50),
            figures=rate("msg/s", Bar(limit=3, against="workerd")),
        ),
        Step(
            name="ping, 50 connections x 16",
            measure=load("ping", PATH, connections=50, window=16),
            figures=rate(
                "msg/s", Bar(limit=8, against="workerd"), Bar(limit=2.5, against="aiohttp")
            ),
        ),
        Step(
            name="connect",
            measure=load("connect", PATH),
            figures=rate("conn/s", Bar(limit=1.0, against="workerd")),
        ),
    ),
)

BROADCAST: Final = SideBySide(
    name="broadcast",
    title="hibernatable sockets: one message to all the others",
    project=QUIET,
    steps=(
        Step(
            name="to 100",
            measure=load("broadcast", PATH, receivers=100),
            figures=rate("msg/s", Bar(limit=3, against="workerd")),
        ),
        Step(
            name="to 1000",
            measure=load("broadcast", PATH, receivers=1000),
            figures=rate("msg/s", Bar(limit=4, against="workerd")),
        ),
    ),
)

WAKE: Final = SideBySide(
    name="wake",
    title="hibernatable sockets: the first message to an object that sleeps",
    project=QUIET,
    subjects=("durable", "workerd"),  # nothing sleeps on a bare server
    steps=(
        Step(
            name="message",
            measure=load("wake", PATH, asleep_s=ASLEEP_S),
            figures=(time_of("first", Bar(limit=0.6, against="workerd")), time_of("next")),
        ),
    ),
)


def held(server: Server) -> Sample:
    """What each of many silent connections costs the server, in KiB."""
    before_mib = server.resident_mib()
    options = json.dumps({"connections": IDLE_CONNECTIONS})
    what = ["hold", str(server.port), PATH.replace("{fresh}", "idle"), "1", options]
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load", *what],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdout is not None, "stdout was asked to be a pipe"
        if client.stdout.readline() != "ready\n":
            client.kill()
            raise server.failure(f"{IDLE_CONNECTIONS} connections could not be opened")
        time.sleep(ASLEEP_S)
        grown_mib = server.resident_mib() - before_mib
        client.communicate("", READY_TIMEOUT_S)
    return {"kib": grown_mib * 1024 / IDLE_CONNECTIONS}


def asleep(subject: str) -> Contestant:
    """Start the subject, connect and wait until its object sleeps."""

    def run() -> Sample:
        with running(subject, QUIET) as server:
            load("ping", PATH)(server, 0.2)  # whatever is loaded at first use
            return held(server)

    return run


@dataclass(frozen=True, slots=True)
class Idle:
    """The workload of many silent connections."""

    name: str = "idle"
    title: str = f"{IDLE_CONNECTIONS} hibernated connections of one object"

    def run(self, settings: Settings) -> Outcome:
        progress(f"{self.name}: {IDLE_CONNECTIONS} connections")
        contestants: Mapping[str, Contestant] = {name: asleep(name) for name in SUBJECTS}
        samples, errors = interleave(contestants, settings.rounds)
        figure = Figure(key="kib", unit="KiB", better=Better.LOWER, bars=(Bar(limit=10),))
        return Outcome(rows=rows_of("a silent connection", (figure,), samples), missing=errors)


IDLE: Final = Idle()
