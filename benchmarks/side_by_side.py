"""Workloads on running servers: every subject up at once, each step on each in turn.

A step is a function from a running server to figures. `load` makes one that runs the load client;
anything else that asks a server and returns numbers is a step as well.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.contest import Contestant, Outcome, Sample, Settings, interleave, progress, rows_of
from benchmarks.errors import BenchmarkError
from benchmarks.subjects import ROOT, SUBJECTS, Project, running

if TYPE_CHECKING:
    from benchmarks.figures import Figure
    from benchmarks.servers import Server

LOAD_GRACE_S: Final = 60.0

type Measure = Callable[[Server, float], Sample]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One measurement: its name in the table, what to do, which of its numbers are shown."""

    name: str
    measure: Measure
    figures: Sequence[Figure]


def load(mode: str, path: str, **options: int | str) -> Measure:
    """A measure that runs the load client with a mode of load/modes.py and its options.

    `{fresh}` in the path becomes a name never used before on that server: a new object.
    """
    fresh = itertools.count(1)

    def measure(server: Server, seconds: float) -> Sample:
        url = path.replace("{fresh}", f"{mode}-{next(fresh)}")
        what = [mode, str(server.port), url, str(seconds), json.dumps(options)]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.load", *what],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=seconds + LOAD_GRACE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise server.failure(f"the load {' '.join(what)} did not end") from None
        if done.returncode:
            raise server.failure(f"the load {' '.join(what)} failed: {done.stderr.strip()}")
        server.wait_quiet()
        figures: Sample = json.loads(done.stdout)
        return figures

    return measure


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """A workload of steps on servers that stay up."""

    name: str
    title: str
    project: Project
    steps: Sequence[Step]
    subjects: Sequence[str] = tuple(SUBJECTS)

    def run(self, settings: Settings) -> Outcome:
        """Start what starts, run every step, keep what was measured before a subject broke."""
        outcome = Outcome()
        with contextlib.ExitStack() as stack:
            servers: dict[str, Server] = {}
            for subject in self.subjects:
                try:
                    servers[subject] = stack.enter_context(running(subject, self.project))
                except BenchmarkError as exc:
                    outcome.missing[subject] = exc
            for step in self.steps:
                progress(f"{self.name}: {step.name}")
                taken, errors = interleave(
                    contestants(step, servers, settings.seconds), settings.rounds
                )
                outcome.rows += rows_of(step.name, step.figures, taken)
                for subject, error in errors.items():
                    outcome.missing[subject] = type(error)(f"{step.name}: {error}")
                    # What failed a step may be dead or busy for ever; the later steps skip it.
                    del servers[subject]
        return outcome


def contestants(
    step: Step, servers: Mapping[str, Server], seconds: float
) -> Mapping[str, Contestant]:
    """The step as a function without arguments for each server."""

    def contestant(server: Server) -> Contestant:
        return lambda: step.measure(server, seconds)

    return {subject: contestant(server) for subject, server in servers.items()}
