"""`testing`: what the pytest plugin costs: a virtual day, an empty test, a suite of 200.

The suite is a pytest of its own, from its start to its end, with a fresh world in each test. The
yardstick of the empty test is the same pytest, without the world; that of the suite is the same one
in JavaScript, in the platform's own plugin for vitest.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.contest import Contestant, Outcome, Sample, Settings, interleave, progress, rows_of
from benchmarks.errors import Failed, tail
from benchmarks.figures import OURS, Bar, Better, Figure
from benchmarks.npm import vitest
from benchmarks.subjects import HERE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.testing.durable_objects import Durable

CONFIG: Final = HERE / "projects" / "bell.toml"
BELLS: Final = 1
RINGS: Final = 1_000
DAY_S: Final = 86_400
TESTS: Final = 200
PLAIN: Final = "without a world"
VITEST: Final = "vitest"
SUITE_TIMEOUT_S: Final = 120.0

DAY: Final = (Figure(key="s", unit="s", better=Better.LOWER, bars=(Bar(limit=0.5),)),)
EMPTY: Final = (Figure(key="ms", unit="ms", better=Better.LOWER, bars=(Bar(limit=5.0),)),)
SUITE: Final = (Figure(key="s", unit="s", better=Better.LOWER, bars=(Bar(limit=5.0),)),)

EMPTY_TESTS: Final = """
import pytest

@pytest.mark.parametrize("n", range({count}))
async def test_empty(durable, n):
    pass
"""
PLAIN_TESTS: Final = """
import pytest

@pytest.mark.parametrize("n", range({count}))
def test_empty(n):
    pass
"""
FULL_TESTS: Final = """
import pytest

@pytest.mark.parametrize("n", range({count}))
async def test_counts(durable, n):
    bell = durable.env.BELL.getByName("a")
    assert await bell.add() == 1
    await durable.evict(bell)
    assert await bell.add() == 2
    await bell.start(60, 1)
    await durable.clock.advance(61)
    assert durable.next_alarm(bell) is None
"""


def day() -> Sample:
    """24 virtual hours, in which an object rings a thousand times and sleeps in between."""
    from emulator.testing.world import open_world

    async def ring(durable: Durable) -> float:
        bells = [durable.env.BELL.getByName(str(number)) for number in range(BELLS)]
        for bell in bells:
            await bell.start(DAY_S // RINGS, RINGS)
        start = time.perf_counter()
        await durable.clock.advance(DAY_S + 1)
        elapsed_s = time.perf_counter() - start
        rung = sum(durable.storage(bell).kv["left"] == 0 for bell in bells)
        if rung != BELLS:
            raise Failed(f"only {rung} of {BELLS} objects rang to the end")
        return elapsed_s

    with open_world(CONFIG) as (durable, world):
        return {"s": world.run(ring(durable))}


def suite(text: str, count: int) -> float:
    """The seconds of a pytest run of so many tests, from its start to its end."""
    with tempfile.TemporaryDirectory(prefix="durable-bench-") as name:
        folder = Path(name)
        (folder / "test_suite.py").write_text(text.format(count=count))
        (folder / "pytest.ini").write_text(f"[pytest]\ndurable_config = {CONFIG}\n")
        options: Sequence[str] = ("-q", "-p", "no:cacheprovider", "-p", "no:asyncio")
        command = [sys.executable, "-m", "pytest", *options, "-p", "no:aiohttp", str(folder)]
        start = time.perf_counter()
        done = subprocess.run(
            command,
            check=False,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SUITE_TIMEOUT_S,
        )
        elapsed_s = time.perf_counter() - start
    if done.returncode != 0:
        raise Failed(f"the suite failed\n{tail(done.stdout + done.stderr)}")
    return elapsed_s


def one_test(text: str) -> Contestant:
    """What one more test of a suite takes, in milliseconds: start and end are taken off."""

    def run() -> Sample:
        few, many = suite(text, 1), suite(text, TESTS)
        return {"ms": (many - few) / (TESTS - 1) * 1000}

    return run


def whole_suite() -> Sample:
    return {"s": suite(FULL_TESTS, TESTS)}


def vitest_suite() -> Sample:
    """The seconds of the same suite in the platform's plugin, from its start to its end."""
    folder = vitest(HERE / "vitest")
    start = time.perf_counter()
    done = subprocess.run(
        ["node", "node_modules/vitest/vitest.mjs", "run"],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SUITE_TIMEOUT_S,
    )
    elapsed_s = time.perf_counter() - start
    if done.returncode != 0:
        raise Failed(f"the suite failed\n{tail(done.stdout + done.stderr)}")
    return {"s": elapsed_s}


@dataclass(frozen=True, slots=True)
class Testing:
    """The workload; each sample is a run of its own."""

    name: str = "testing"
    title: str = f"the pytest plugin: {BELLS * RINGS} alarms in a virtual day, fresh worlds"

    def run(self, settings: Settings) -> Outcome:
        outcome = Outcome()
        races: tuple[tuple[str, tuple[Figure, ...], dict[str, Any]], ...] = (
            (f"24 hours with {BELLS * RINGS} alarms", DAY, {OURS: day}),
            ("an empty test", EMPTY, {OURS: one_test(EMPTY_TESTS), PLAIN: one_test(PLAIN_TESTS)}),
            (f"{TESTS} tests", SUITE, {OURS: whole_suite, VITEST: vitest_suite}),
        )
        for name, figures, contestants in races:
            progress(f"{self.name}: {name}")
            samples, errors = interleave(contestants, settings.rounds)
            outcome.rows += rows_of(name, figures, samples)
            outcome.missing |= errors
        return outcome


TESTING: Final = Testing()
