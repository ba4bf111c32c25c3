"""What every part of one emulator shares: its loop, clock, dice and listener."""

from __future__ import annotations

import asyncio
import string
from contextvars import Context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from random import Random

    from emulator.core.clock import Clock
    from emulator.core.events import Listener

__all__ = ["Host"]

_REFERENCE: Final = string.ascii_lowercase + string.digits


@dataclass(slots=True, kw_only=True)
class Host:
    """The surroundings of the objects. Everything that is not deterministic comes from here."""

    loop: asyncio.AbstractEventLoop
    clock: Clock
    random: Random
    listener: Listener | None = None
    eager_depth: int = 0
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def reference(self) -> str:
        """The 24 characters of an internal error."""
        return "".join(self.random.choices(_REFERENCE, k=24))

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run host work as a task of its own. It belongs to no object and dies with the host."""
        task = self.loop.create_task(work, name=name, context=Context())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard, context=Context())
        return task

    def soon(self, callback: Callable[..., object], *args: Any) -> None:
        """Run `callback` in the next turn of the loop, outside every object."""
        self.loop.call_soon(callback, *args, context=Context())

    def later(
        self, delay_s: float, callback: Callable[..., object], *args: Any
    ) -> asyncio.TimerHandle:
        """Run `callback` after `delay_s` seconds, outside every object."""
        return self.loop.call_later(delay_s, callback, *args, context=Context())

    async def close(self) -> None:
        """Cancel what still runs, and wait until it has ended."""
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
