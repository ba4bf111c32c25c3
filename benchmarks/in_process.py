"""Microbenchmarks in this process, with the same rounds, rows and bars as the servers.

A contestant does `count` operations and returns the seconds they took. `calls` and `coroutine`
make one from a function; write it by hand where each operation needs more care.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from benchmarks.contest import Contestant, Outcome, Sample, Settings, interleave, progress, rows_of
from benchmarks.figures import OURS, Bar, Better, Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNT_MAX: Final = 10_000_000

type Operations = Callable[[int], float]


def calls(function: Callable[[], object]) -> Operations:
    """Call a function `count` times; the call itself, some 30 ns, is in the figure."""

    def run(count: int) -> float:
        times = range(count)
        start = time.perf_counter()
        for _ in times:
            function()
        return time.perf_counter() - start

    return run


def coroutine(
    body: Callable[[int], Awaitable[None]],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Operations:
    """Run `body(count)`, which does the operations itself, on a new event loop."""

    async def timed(count: int) -> float:
        start = time.perf_counter()
        await body(count)
        return time.perf_counter() - start

    def run(count: int) -> float:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(timed(count))

    return run


def calibrate(operations: Operations, seconds: float) -> int:
    """How many operations take about `seconds`, found by doubling up to a tenth of it."""
    count = 1
    while (elapsed_s := operations(count)) < seconds / 10 and count < COUNT_MAX:
        count *= 2
    return max(1, min(COUNT_MAX, int(count * seconds / max(elapsed_s, 1e-9))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Ways to do one thing, compared: microseconds an operation.

    The first contestant is ours: ratios and bars are its time over another's.
    """

    name: str
    contestants: Mapping[str, Operations]
    bars: Sequence[Bar] = ()

    def run(self, settings: Settings) -> Outcome:
        """Calibrate each contestant, then take turns with the collector off."""
        each_s = settings.seconds / len(self.contestants)
        collected = gc.isenabled()
        gc.disable()
        try:
            ready = {who: timed(ops, each_s) for who, ops in self.contestants.items()}
            samples, errors = interleave(ready, settings.rounds)
        finally:
            if collected:
                gc.enable()
        figure = Figure(key="us", unit="us", better=Better.LOWER, bars=tuple(self.bars))
        ours = next(iter(self.contestants), OURS)
        return Outcome(rows=rows_of(self.name, [figure], samples, ours), missing=errors)


def timed(operations: Operations, seconds: float) -> Contestant:
    """A contestant whose sample is the microseconds of one operation."""
    count = calibrate(operations, seconds)

    def run() -> Sample:
        gc.collect()
        return {"us": operations(count) / count * 1e6}

    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class InProcess:
    """A workload of races. Each is a factory, so that listing workloads prepares nothing."""

    name: str
    title: str
    races: Sequence[Callable[[], Race]]
    # A race is measured in a tenth of a server's step: its noise is that much smaller.
    share: float = field(default=0.1)

    def run(self, settings: Settings) -> Outcome:
        outcome = Outcome()
        short = Settings(rounds=settings.rounds, seconds=settings.seconds * self.share)
        for factory in self.races:
            race = factory()
            progress(f"{self.name}: {race.name}")
            found = race.run(short)
            outcome.rows += found.rows
            for who, error in found.missing.items():
                outcome.missing[f"{race.name}, {who}"] = error
        return outcome
