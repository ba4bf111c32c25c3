"""The pool that keeps open databases few: many objects on disk, few of them in hand.

Closing checkpoints the file and takes a millisecond, so it is not done where an object waits:
`sweep` runs between turns of the loop, and closes connections that are clean, unused by cursors
and untouched since the sweep before. Only when the pool has grown to twice its size does opening
sweep by itself, so that memory and file handles stay bounded even if no idle moment comes.

Issue 4, item 7.  Proof: tests/storage/test_databases.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.storage.session import Session

__all__ = ["Databases", "DatabasesStatistics"]

OPEN_MAX: Final = 256
PRESSING_CLOSES_MAX: Final = 16  # so that one opening never waits for hundreds of closings


class DatabasesStatistics(NamedTuple):
    """Counts since the pool was made; `open` is now, `open_peak` the most ever."""

    open: int
    open_peak: int
    opened: int
    swept: int


class Databases:
    """Open connections, the longest open first.

    Args:
        open_max: how many may stay open after a sweep.
        on_crowded: called when an opening takes the pool over `open_max`; a hint to sweep soon.
    """

    def __init__(
        self, *, open_max: int = OPEN_MAX, on_crowded: Callable[[], None] | None = None
    ) -> None:
        self.open_max = open_max
        self._on_crowded = on_crowded
        # The number beside a session: statements it had run at the sweep before.
        self._open: dict[Session, int] = {}
        self._open_peak = 0
        self._opened = 0
        self._swept = 0

    def opened(self, session: Session) -> None:
        """A session opened its connection."""
        if len(self._open) >= 2 * self.open_max:
            self.sweep(is_pressing=True, closes_max=PRESSING_CLOSES_MAX)
        self._open[session] = -1
        self._opened += 1
        self._open_peak = max(self._open_peak, len(self._open))
        if len(self._open) == self.open_max + 1 and self._on_crowded is not None:
            self._on_crowded()

    def closed(self, session: Session) -> None:
        """A session closed its connection."""
        self._open.pop(session, None)

    def sweep(self, *, is_pressing: bool = False, closes_max: int | None = None) -> int:
        """Close what is over `open_max`; returns how many were closed.

        Sessions used since the last sweep are spared, unless the need is pressing.
        """
        surplus = len(self._open) - self.open_max
        if closes_max is not None:
            surplus = min(surplus, closes_max)
        closed = 0
        for session, statements_before in list(self._open.items()):
            if closed >= surplus:
                break
            if not session.is_idle:
                continue
            statements = session.statements_run
            if statements != statements_before and not is_pressing:
                self._open[session] = statements
                continue
            session.suspend()
            closed += 1
        self._swept += closed
        return closed

    def close(self) -> None:
        """Suspend every idle session, as at the end of the emulator."""
        for session in list(self._open):
            if session.is_idle:
                session.suspend()

    def statistics(self) -> DatabasesStatistics:
        return DatabasesStatistics(len(self._open), self._open_peak, self._opened, self._swept)
