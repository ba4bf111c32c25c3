"""`durable.clock`: the time of a world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from emulator.testing.errors import TestError

if TYPE_CHECKING:
    from emulator.core.clock import Clock

__all__ = ["SettlingLoop", "TestClock"]


class SettlingLoop(Protocol):
    """The loop of a world, in virtual or in real time."""

    async def settle(self) -> None: ...
    async def pass_time(self, seconds: float) -> None: ...


class TestClock:
    """The world's time: alarms, timers, idle eviction and Date.now() move together."""

    __test__ = False

    def __init__(self, loop: SettlingLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock

    @property
    def now_ms(self) -> int:
        """Milliseconds since the epoch, as `Date.now()` says."""
        return self._clock.now_ms()

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass; whatever becomes due happens at its time and in order.

        In a world in real time this takes as long as it says.

        Raises:
            TestError: time does not go back.
        """
        if seconds < 0:
            raise TestError(f"clock.advance({seconds:g}): time does not go back")
        await self._loop.settle()
        await self._loop.pass_time(seconds)
        await self._loop.settle()
