"""`storage`: a counter and rows in one object, and 2,000 objects with one value each.

Both sides commit with one fsync (`--durability full` is our default, and the runtime's only way).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.contest import Contestant, Outcome, Sample, Settings, interleave, progress, rows_of
from benchmarks.figures import Bar, Better, Figure
from benchmarks.side_by_side import SideBySide, Step, load
from benchmarks.subjects import HERE, Project, running

if TYPE_CHECKING:
    from collections.abc import Mapping

STORE: Final = Project(
    config=HERE / "projects" / "storage.toml",
    module=HERE / "workerd" / "storage.mjs",
    objects={"Store": "STORE"},
)
SUBJECTS: Final = ("durable", "workerd")  # a bare server has no such job
OBJECTS: Final = 2000
PATIENCE_S: Final = 120.0  # a slow disk makes a few objects a second


def rate(limit: float) -> tuple[Figure, ...]:
    bars = (Bar(limit=limit, against="workerd"),)
    return (Figure(key="rate", unit="req/s", better=Better.HIGHER, bars=bars),)


STORAGE: Final = SideBySide(
    name="storage",
    title="a counter (RPC with get and put) and SQL (insert and select) in one object",
    project=STORE,
    subjects=SUBJECTS,
    steps=(
        Step(
            name="counter, 32 connections",
            measure=load("http", "/count?id={fresh}", connections=32),
            figures=rate(2.0),
        ),
        Step(
            name="counter, 1 connection",
            measure=load("http", "/count?id={fresh}", connections=1),
            figures=rate(1.1),
        ),
        Step(
            name="SQL, 32 connections",
            measure=load("http", "/note?id={fresh}", connections=32),
            figures=rate(1.5),
        ),
    ),
)


def make_objects(subject: str) -> Contestant:
    """2,000 new objects in a fresh server, 32 at a time: objects a second, memory held then."""
    spread = load("spread", "/count?id=o", connections=32, requests=OBJECTS)

    def run() -> Sample:
        with running(subject, STORE) as server:
            server.get("/count?id=first")
            return {**spread(server, PATIENCE_S), "mib": server.resident_mib()}

    return run


@dataclass(frozen=True, slots=True)
class ManyObjects:
    """The workload; it has servers of its own for each sample."""

    name: str = "many"
    title: str = f"{OBJECTS:,} objects, each with one value"

    def run(self, settings: Settings) -> Outcome:
        progress(f"{self.name}: {OBJECTS} objects")
        contestants: Mapping[str, Contestant] = {name: make_objects(name) for name in SUBJECTS}
        samples, missing = interleave(contestants, settings.rounds)
        figures = (
            *rate(1.0),
            Figure(
                key="mib",
                unit="MiB",
                label="resident memory",
                better=Better.LOWER,
                bars=(Bar(limit=0.3, against="workerd"),),
            ),
        )
        return Outcome(rows=rows_of("one put each", figures, samples), missing=missing)


MANY_OBJECTS: Final = ManyObjects()
