"""An event loop whose time jumps ahead instead of passing.

asyncio asks its selector to wait only when no callback is ready. That is the one moment when the
whole program is known to be blocked, so everything hangs on it: objects that could sleep may be
told to, then `settle()` returns, and otherwise the clock moves straight to the next timer. The wall
clock moves with it.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from contextlib import contextmanager
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from emulator.core.clock import Millis
from emulator.runtime.gates import GatedLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor
    from selectors import SelectorKey

__all__ = ["START_MS", "RealTimeLoop", "VirtualClock", "VirtualTimeLoop"]

START_MS: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z: the same in every run
_RESOLUTION_S: Final = 1e-9
SETTLE_ROUNDS_MAX: Final = 1_000
STUCK_S: Final = 2.0  # of real time without a sign of life from another thread
TIMES_MAX: Final = 1_000  # and twice those to come, before the others are forgotten
JUMPS_MAX: Final = 20_000  # of the clock, while a test waits for something without a time


class _JumpingSelector(selectors.DefaultSelector):
    """Polls what is real; when nothing is ready, moves the clock instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.holds = 0
        self.settled: list[asyncio.Future[None]] = []
        self.on_blocked: Callable[[], bool] = bool
        self.on_pass: Callable[[float], None] = _nothing
        self.on_stuck: Callable[[], None] = _nothing
        self.jumps = 0
        self.is_expected = False  # somebody lets time pass

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        if self.holds or (timeout is not None and timeout <= 0):
            return super().select(timeout)
        ready = super().select(0)
        if ready:
            return ready
        if self.on_blocked():
            return []  # there may be something to do, or other timers
        if self.settled:
            for future in self.settled:
                if not future.done():
                    future.set_result(None)
            self.settled.clear()
            return []
        if timeout is None:
            # Only another thread or a real connection can bring something now.
            ready = super().select(STUCK_S)
            if not ready:
                self.on_stuck()
            return ready
        self.on_pass(timeout)
        self.now_s += timeout
        self.jumps += 1
        if self.jumps % JUMPS_MAX == 0 and not self.is_expected:
            self.on_stuck()
        return []


def _nothing(*_: object) -> None:
    """Nobody cares."""


class VirtualTimeLoop(GatedLoop):
    """The gated loop with virtual time. It serves no foreign client."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        self._timers_at: dict[float, int] = {}  # how many were set for a time still to come
        self._times_max = TIMES_MAX
        super().__init__(self._jumping)
        self._clock_resolution = _RESOLUTION_S

    def watch(
        self,
        *,
        on_blocked: Callable[[], bool],
        on_pass: Callable[[float], None],
        on_stuck: Callable[[], None],
    ) -> None:
        """Be told when nothing can go on without time passing.

        Args:
            on_blocked: may change that, and says whether it did.
            on_pass: is called with the seconds that are about to pass.
            on_stuck: nothing will happen any more, or the same things for ever.
        """
        self._jumping.on_blocked = on_blocked
        self._jumping.on_pass = on_pass
        self._jumping.on_stuck = on_stuck

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        # Where time stands still many timers are due at once, and asyncio's heap forgets which was
        # first. Each is the least that can be told later than the one before.
        timers = self._timers_at
        count = timers[when] = timers.get(when, -1) + 1
        if len(timers) > self._times_max:
            now_s = self.time()
            self._timers_at = {time_s: count for time_s, count in timers.items() if time_s >= now_s}
            self._times_max = TIMES_MAX + 2 * len(self._timers_at)
        when += count * math.ulp(when)
        return super().call_at(when, callback, *args, context=context)

    async def pass_time(self, seconds: float) -> None:
        """Let so much time pass."""
        done = self.create_future()
        self.call_later(seconds, done.set_result, None)
        was_expected, self._jumping.is_expected = self._jumping.is_expected, True
        try:
            await done
        finally:
            self._jumping.is_expected = was_expected
            self._jumping.jumps = 0

    def time(self) -> float:
        return self._jumping.now_s

    async def settle(self) -> None:
        """Wait until everything is blocked; time does not move meanwhile."""
        future = self.create_future()
        self._jumping.settled.append(future)
        await future

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run `func` in a thread; time stands still until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._jumping.holds += 1
        future.add_done_callback(self._thread_done, context=Context())
        return future

    def _thread_done(self, future: asyncio.Future[Any]) -> None:
        del future
        self._jumping.holds -= 1

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


class RealTimeLoop(GatedLoop):
    """The gated loop in real time, for worlds that serve foreign clients."""

    async def pass_time(self, seconds: float) -> None:
        """Wait for so long."""
        await asyncio.sleep(seconds)

    async def settle(self) -> None:
        """Let everything run that can run now; what the network brings later is not waited for."""
        for _ in range(SETTLE_ROUNDS_MAX):
            await asyncio.sleep(0)
            if not self._ready:  # type: ignore[attr-defined]
                return


class VirtualClock:
    """The wall clock of a virtual world: it starts at one moment and moves with the loop."""

    def __init__(self, loop: VirtualTimeLoop, start_ms: int = START_MS) -> None:
        self._loop = loop
        self._start_ms = start_ms

    def now_ms(self) -> Millis:
        # A timer strikes at its time give or take a rounding error, which must not cost a
        # whole millisecond.
        return Millis(self._start_ms + int(self._loop.time() * 1000 + 1e-3))
