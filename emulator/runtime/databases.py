"""When the pool of open databases is swept: between the loop's turns, a few at a time.

Closing a database checkpoints it, which takes about a millisecond with its fsync. So the pool is
brought back to its size in steps that nobody notices, while the objects go on.

Source: storage/databases.py. Proof: tests/runtime/test_databases.py.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from emulator.storage.database import prepare_library
from emulator.storage.databases import OPEN_MAX, Databases

if TYPE_CHECKING:
    from emulator.runtime.host import Host

__all__ = ["DatabaseSweeper", "open_files_max"]

STEP_S: Final = 0.05
STEP_CLOSES_MAX: Final = 8
HANDLES_PER_DATABASE: Final = 3  # the file, its WAL, its shared memory
HANDLES_OTHERWISE: Final = 128  # sockets, modules, the terminal


class DatabaseSweeper:
    """Owns the pool of one emulator and keeps it at its size."""

    def __init__(self, host: Host, *, open_max: int | None = None) -> None:
        self._host = host
        self._is_scheduled = False
        size = databases_max(open_files_max()) if open_max is None else open_max
        prepare_library()
        self.databases = Databases(open_max=size, on_crowded=self._crowded)

    def _crowded(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._host.later(STEP_S, self._sweep)

    def _sweep(self) -> None:
        self._is_scheduled = False
        self.databases.sweep(closes_max=STEP_CLOSES_MAX)
        if self.databases.statistics().open > self.databases.open_max:
            self._crowded()


def databases_max(files_max: int) -> int:
    """How many databases may stay open; the pool may hold twice as many for a moment."""
    return max(8, min(OPEN_MAX, (files_max - HANDLES_OTHERWISE) // (2 * HANDLES_PER_DATABASE)))


def open_files_max() -> int:
    """How many files the process may have open."""
    if sys.platform == "win32":
        return 8192
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft
