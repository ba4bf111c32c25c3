"""An event loop whose time jumps ahead instead of passing.

asyncio asks its selector to wait only when no callback is ready. That is the one moment when the
whole program is known to be blocked, so two things hang on it: `settle()` returns there, and
otherwise the clock moves straight to the next timer. The wall clock moves with it.
"""

from __future__ import annotations

import selectors
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from emulator.core.clock import Millis
from emulator.runtime.gates import GatedLoop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from selectors import SelectorKey

__all__ = ["START_MS", "VirtualClock", "VirtualTimeLoop"]

START_MS: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z: the same in every run
_RESOLUTION_S: Final = 1e-9


class _JumpingSelector(selectors.DefaultSelector):
    """Polls what is real; when nothing is ready, moves the clock instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.holds = 0
        self.settled: list[asyncio.Future[None]] = []

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        if self.holds or (timeout is not None and timeout <= 0):
            return super().select(timeout)
        ready = super().select(0)
        if ready:
            return ready
        if self.settled:
            for future in self.settled:
                if not future.done():
                    future.set_result(None)
            self.settled.clear()
            return []
        if timeout is None:
            return super().select(None)
        self.now_s += timeout
        return []


class VirtualTimeLoop(GatedLoop):
    """The gated loop with virtual time. It serves no foreign client."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._clock_resolution = _RESOLUTION_S

    def time(self) -> float:
        return self._jumping.now_s

    async def settle(self) -> None:
        """Wait until everything is blocked; time does not move meanwhile."""
        future = self.create_future()
        self._jumping.settled.append(future)
        await future

    async def shutdown_default_executor(
        self,
        timeout: float | None = None,  # noqa: ASYNC109  # asyncio names it so
    ) -> None:
        # asyncio.Runner allows the threads 300 s; virtually that is over at once.
        del timeout
        with self.hold():
            await super().shutdown_default_executor()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let real time rule while something outside this loop is at work, e.g. a thread."""
        self._jumping.holds += 1
        try:
            yield
        finally:
            self._jumping.holds -= 1


class VirtualClock:
    """The wall clock of a virtual world: it starts at one moment and moves with the loop."""

    def __init__(self, loop: VirtualTimeLoop, start_ms: int = START_MS) -> None:
        self._loop = loop
        self._start_ms = start_ms

    def now_ms(self) -> Millis:
        # A timer strikes at its time give or take a rounding error, which must not cost a
        # whole millisecond.
        return Millis(self._start_ms + int(self._loop.time() * 1000 + 1e-3))
