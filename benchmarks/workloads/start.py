"""`start`: from starting the process to the first HTTP answer, and the memory held then.

The measure is the interpreter importing its HTTP server, in the same run: what any Python server
on aiohttp pays before its first line.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.contest import Contestant, Outcome, Sample, Settings, interleave, progress, rows_of
from benchmarks.figures import Bar, Better, Figure
from benchmarks.subjects import SUBJECTS, WEBSOCKET_SERVER, running

if TYPE_CHECKING:
    from collections.abc import Mapping

IMPORT: Final = "import"
ROUTE: Final = "/websocket/stats"
START_TIMES_IMPORT_MAX: Final = 1.5
RESIDENT_MIB_MAX: Final = 70.0

FIGURES: Final = (
    Figure(
        key="ms",
        unit="ms",
        label="to the first answer",
        better=Better.LOWER,
        bars=(Bar(limit=START_TIMES_IMPORT_MAX, against=IMPORT),),
    ),
    Figure(
        key="mib",
        unit="MiB",
        label="resident memory",
        better=Better.LOWER,
        bars=(Bar(limit=RESIDENT_MIB_MAX),),
    ),
)


def import_aiohttp() -> Sample:
    """The yardstick: `python -c 'import aiohttp.web'`, to its exit."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import aiohttp.web"], check=True)
    return {"ms": (time.perf_counter() - start) * 1000}


def first_answer(subject: str) -> Contestant:
    """Start the subject with no state, ask once for something an object answers, stop it."""

    def run() -> Sample:
        with running(subject, WEBSOCKET_SERVER) as server:
            server.get(ROUTE)
            elapsed_s = time.perf_counter() - server.started_s
            return {"ms": elapsed_s * 1000, "mib": server.resident_mib()}

    return run


@dataclass(frozen=True, slots=True)
class Start:
    """The workload; it has servers of its own for each sample."""

    name: str = "start"
    title: str = "process start to the first answer of an object ('import' = import aiohttp.web)"

    def run(self, settings: Settings) -> Outcome:
        progress(f"{self.name}: first answer")
        contestants: Mapping[str, Contestant] = {
            "durable": first_answer("durable"),
            IMPORT: import_aiohttp,
            **{name: first_answer(name) for name in SUBJECTS if name != "durable"},
        }
        # Once unmeasured: bytecode gets compiled, files get into the page cache.
        _, missing = interleave(contestants, 1)
        able = {name: run for name, run in contestants.items() if name not in missing}
        samples, errors = interleave(able, settings.rounds)
        return Outcome(rows=rows_of("start", FIGURES, samples), missing=missing | errors)


START: Final = Start()
