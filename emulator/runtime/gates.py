"""The event loop that gates: every resume of an object's code passes the object's input gate.

Work belongs to an object if its context says so (`current_gate`). Tasks, timers, done-callbacks
and executor results all come back through `call_soon` and `call_at`, so user code is gated
without a task factory and without wrapping a coroutine. What waits at a shut gate is the loop's
own handle: cancelling it works while it is parked, and it runs in its own context.

Source: spec performance §4, §6; lifecycle §5.1.
"""

from __future__ import annotations

import asyncio
import functools
import time
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from emulator.core.gates import Gate

__all__ = ["Breath", "FirstHandle", "GatedHandle", "GatedLoop", "current_gate", "let_go"]

current_gate: Final[ContextVar[Gate | None]] = ContextVar("current_gate", default=None)
"""The gate that the running code was started under; None for host code."""


class GatedHandle(asyncio.Handle):
    """A callback of an object. It runs when the object's gate admits it.

    The frames from here to user code let go of the handle before they return: an exception that
    was raised there keeps them, and would keep the task that is to report it.
    """

    __slots__ = ()

    def _run(self) -> None:
        gate = self._context.get(current_gate)  # type: ignore[attr-defined]
        gate.owner.enter(gate, self)
        del self

    def run_now(self) -> None:
        """Run it: the gate has admitted it."""
        asyncio.Handle._run(self)
        del self


class FirstHandle(GatedHandle):
    """The continuation of a section that ended: it goes before whatever is parked."""

    __slots__ = ()

    def _run(self) -> None:
        gate = self._context.get(current_gate)  # type: ignore[attr-defined]
        gate.owner.enter_first(gate, self)
        del self


class BreathHandle(GatedHandle):
    """The continuation of code that let the loop breathe: its turn is still going on."""

    __slots__ = ()

    def _run(self) -> None:
        gate = self._context.get(current_gate)  # type: ignore[attr-defined]
        gate.owner.enter_after_breath(self)
        del self


class Breath:
    """Awaited, it lets the loop serve others once. The object's turn does not end."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def __await__(self) -> Generator[None, None, None]:
        self._owner.take_breath()
        yield


class GatedTimerHandle(asyncio.TimerHandle):
    """A timer of an object. While it is pending, the object stays awake."""

    __slots__ = ()

    def _run(self) -> None:
        gate = self._context.get(current_gate)  # type: ignore[attr-defined]
        gate.owner.residency.timers.pop(self, None)
        gate.owner.enter(gate, self)
        del self

    def run_now(self) -> None:
        asyncio.Handle._run(self)
        del self

    def cancel(self) -> None:
        gate = self._context.get(current_gate)  # type: ignore[attr-defined]
        if gate is not None and not self.cancelled():
            gate.owner.forget_timer(self)
        super().cancel()


class GatedLoop(asyncio.SelectorEventLoop):
    """asyncio's selector loop, with the gates in its three scheduling methods.

    User code sees it under the name of Pyodide's loop.
    """

    def __init_subclass__(cls) -> None:
        cls.__name__ = cls.__qualname__ = "WebLoop"
        cls.__module__ = "pyodide.webloop"

    __repr__ = object.__repr__

    if not TYPE_CHECKING:
        # What asyncio's own method asks, without its frame: every turn ends with it.
        time = staticmethod(time.monotonic)  # noqa: TID251

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = super().call_soon(callback, *args, context=context)
        gate = handle._context.get(current_gate)  # type: ignore[attr-defined]
        if gate is not None:
            handle.__class__ = _handle_class(gate.owner)
        return handle

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = super().call_at(when, callback, *args, context=context)
        gate = handle._context.get(current_gate)  # type: ignore[attr-defined]
        if gate is not None:
            handle.__class__ = GatedTimerHandle
            gate.owner.residency.add_timer(handle)
        return handle

    def create_task(self, coro: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = super().create_task(coro, **options)
        gate = task.get_context().get(current_gate)
        if gate is not None:
            gate.owner.tasks.add(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """An exception that nobody caught: if an object's code raised it, the object reports."""
        source = context.get("handle") or context.get("task") or context.get("future")
        inside = getattr(source, "_context", None) or getattr(source, "get_context", copy_context)()
        gate = inside.get(current_gate)
        exc = context.get("exception")
        if gate is None:
            super().call_exception_handler(context)
        elif exc is not None and not gate.owner.is_dead:
            gate.owner.container.report(exc)

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if context is None:
            context = copy_context()
        if context.get(current_gate) is None:
            return super().call_soon_threadsafe(callback, *args, context=context)
        # The loop's thread might run the handle before it is made a gated one, so the loop's
        # thread makes it.
        schedule = functools.partial(self.call_soon, callback, *args, context=context)
        return super().call_soon_threadsafe(schedule, context=Context())


GatedLoop.__init_subclass__()


def let_go(task: asyncio.Task[Any]) -> None:
    """Make asyncio forget a task that will never run again, as if its thread had been killed."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    asyncio.tasks._unregister_task(task)


def _handle_class(owner: Any) -> type[GatedHandle]:
    if owner.is_continuing:
        return FirstHandle
    if owner.is_breathing and owner.running:
        return BreathHandle
    return GatedHandle
