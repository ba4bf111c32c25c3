"""Interleaved rounds, and what a workload is.

Every measurement of the project goes through `interleave`: each contestant once, then each once
more, so that a slow minute of the machine slows them all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.errors import BenchmarkError
from benchmarks.figures import OURS, Figure, Row

type Sample = Mapping[str, float]
type Contestant = Callable[[], Sample]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How long a run may take: rounds of each measurement, seconds of each sample."""

    rounds: int
    seconds: float


@dataclass(slots=True)
class Outcome:
    """What a workload found: rows for the table, and by contestant why it is missing."""

    rows: list[Row] = field(default_factory=list)
    missing: dict[str, BenchmarkError] = field(default_factory=dict)


class Workload(Protocol):
    """Anything with a name, a title and a `run`; benchmarks/workloads lists them."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    def run(self, settings: Settings) -> Outcome: ...


def progress(text: str) -> None:
    """Say on stderr what is running, so that stdout holds tables alone."""
    print(text, file=sys.stderr, flush=True)


def interleave(
    contestants: Mapping[str, Contestant], rounds: int
) -> tuple[dict[str, list[Sample]], dict[str, BenchmarkError]]:
    """Run every contestant in turn, `rounds` times.

    Returns the samples by contestant and the errors of those that raised a BenchmarkError; such
    a contestant keeps the samples it has and sits out the remaining rounds.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in contestants}
    errors: dict[str, BenchmarkError] = {}
    for _ in range(rounds):
        for name, run in contestants.items():
            if name in errors:
                continue
            try:
                samples[name].append(run())
            except BenchmarkError as exc:
                errors[name] = exc
    return samples, errors


def rows_of(
    name: str,
    figures: Sequence[Figure],
    samples: Mapping[str, Sequence[Sample]],
    ours: str = OURS,
) -> list[Row]:
    """One row per figure; a contestant without that figure in its samples has no entry in it."""
    return [
        Row(
            name=f"{name} {figure.label}".strip(),
            figure=figure,
            samples={
                who: [sample[figure.key] for sample in taken]
                for who, taken in samples.items()
                if taken and all(figure.key in sample for sample in taken)
            },
            ours=ours,
        )
        for figure in figures
    ]
