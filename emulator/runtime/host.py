"""What every part of one emulator shares: its loop, clock, dice and listener."""

from __future__ import annotations

import asyncio
import string
from contextvars import Context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from emulator.runtime.gates import current_gate, let_go

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from random import Random

    from emulator.core.clock import Clock
    from emulator.core.events import Listener
    from emulator.runtime.catalog import Catalog
    from emulator.runtime.events import Recorder
    from emulator.runtime.faults import Faults
    from emulator.web.request import Request
    from emulator.web.response import Response

__all__ = ["Fetcher", "Host"]

type Fetcher = Callable[[Request], Awaitable[Response]]
"""Answers a request of user code that no object of the emulator answers.

Raises: JsException (TypeError), if there is no answer.
"""

_CLOSE_ATTEMPTS_MAX: Final = 100
_REFERENCE: Final = string.ascii_lowercase + string.digits


@dataclass(slots=True, kw_only=True)
class Host:
    """The surroundings of the objects. Everything that is not deterministic comes from here."""

    loop: asyncio.AbstractEventLoop
    clock: Clock
    random: Random
    listener: Listener | None = None
    catalog: Catalog | None = None
    recorder: Recorder | None = None  # is told of every event; it may rest for a while
    chronicle: Recorder | None = None  # the same one, told of what becomes of objects: never rests
    faults: Faults | None = None  # what a test does to the objects
    eager_depth: int = 0
    is_importing: bool = False  # a worker's modules run for the first time
    fetcher: Fetcher | None = None  # who carries a fetch() out of the emulator
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    graveyard: list[Coroutine[Any, Any, Any]] = field(default_factory=list)

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

    def bury(self, task: asyncio.Task[Any]) -> None:
        """A task of a dead instance: it never goes on, nor do its `finally` blocks run.

        They would as soon as its coroutine is collected, so it is kept until the emulator ends.
        """
        let_go(task)
        coroutine = task.get_coro()
        if coroutine is not None and not task.done():
            self.graveyard.append(coroutine)

    async def close(self) -> None:
        """Cancel what still runs, and wait until it has ended. The objects are gone already."""
        for task in asyncio.all_tasks(self.loop):
            gate = task.get_context().get(current_gate)
            if gate is not None and gate.owner.host is self:
                self.bury(task)  # no gate will ever admit it, nor its cancellation
        while self.graveyard:
            _end(self.graveyard.pop())
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _end(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Close a coroutine for good. What it does about it concerns nobody any more."""
    for _ in range(_CLOSE_ATTEMPTS_MAX):
        try:
            coroutine.close()
        except BaseException:  # it waits for something while it is closed
            continue
        return
