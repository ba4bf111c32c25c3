"""`run_sync`: synchronous code that waits, on stacks of its own.

User code of a worker that uses it runs on a greenlet, which a coroutine drives: what the code
awaits is awaited by the coroutine, and so is what it gives to `run_sync`, while its stack stays
where it is. So a task is never left in the middle of a step, and gates, cancellation and
`asyncio.current_task()` are as ever.

Invariants:

  P1  A stack runs in the context of the task that drives it; a greenlet alone would have an empty
      one, and its code would pass the gates ungated.
  P2  A stack returns to whoever resumed it last.
  P3  A stack that has finished goes back to its pool.

Source: spec python-surface §2.1 (run_sync), §6.2; design: run_sync.
"""

from __future__ import annotations

import asyncio
import inspect
import types
from collections.abc import Coroutine
from contextvars import copy_context
from enum import Enum
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

import greenlet

from emulator.runtime.worker import current_worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from contextvars import Context

    from emulator.runtime.worker import Worker

__all__ = ["StackPool", "can_run_sync", "find_run_sync", "run_sync", "use_stacks"]

NO_SUSPENDER: Final = "No suspender"


class _Signal(Enum):
    """What a stack wants of the coroutine that drives it."""

    RETURNED = "returned"
    RAISED = "raised"
    YIELDED = "yielded"  # an await of the code reached the loop
    WAITS = "waits"  # run_sync(awaitable)


type _Message = tuple[_Signal, Any]
type _Reply = tuple[Any, BaseException | None]


class _Stack(greenlet.greenlet):  # type: ignore[misc]  # greenlet has no types
    """A stack. It runs one call after the other."""

    def run(self, call: Any) -> None:
        while True:
            function, args = call
            try:
                result = function(*args)
                if hasattr(result, "__await__"):
                    result = self._awaited(result)
            except BaseException as exc:
                message: _Message = (_Signal.RAISED, exc)
            else:
                message = (_Signal.RETURNED, result)
            del function, args, call
            call = self.parent.switch(message)
            del message

    def _awaited(self, awaitable: Awaitable[Any]) -> Any:
        """Await on this stack: what reaches the loop is passed to the driving coroutine."""
        steps: Any = awaitable if inspect.iscoroutine(awaitable) else awaitable.__await__()
        value: Any = None
        failure: BaseException | None = None
        while True:
            try:
                yielded = steps.send(value) if failure is None else steps.throw(failure)
            except StopIteration as stop:
                return stop.value
            value, failure = self._ask(_Signal.YIELDED, yielded)

    def wait(self, awaitable: Any) -> Any:
        """What `awaitable` gives; meanwhile the loop goes on. Raises what it raises."""
        value, failure = self._ask(_Signal.WAITS, awaitable)
        if failure is not None:
            raise failure
        return value

    def _ask(self, signal: _Signal, payload: Any) -> _Reply:
        reply: _Reply = self.parent.switch((signal, payload))
        return reply

    def resume(self, context: Context, message: Any) -> _Message:
        """Go on with the stack, in `context`, until it wants something (P1, P2)."""
        self.parent = greenlet.getcurrent()
        self.gr_context = context
        answer: _Message = self.switch(message)
        return answer


class StackPool:
    """The stacks of one worker."""

    def __init__(self) -> None:
        self._idle: list[_Stack] = []

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call `function` on a stack, and await what it gives, there too."""
        return await self._drive(function, args)

    @types.coroutine
    def _drive(
        self, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> Generator[Any, Any, Any]:
        stack = self._idle.pop() if self._idle else _Stack()
        signal, payload = stack.resume(_context(), (function, args))
        while True:
            if signal is _Signal.RETURNED or signal is _Signal.RAISED:
                self._idle.append(stack)
                if signal is _Signal.RAISED:
                    raise payload
                return payload
            value: Any = None
            failure: BaseException | None = None
            try:
                if signal is _Signal.YIELDED:
                    value = yield payload
                else:
                    value = yield from payload.__await__()
            except BaseException as exc:
                failure = exc
            signal, payload = stack.resume(_context(), (value, failure))
            del value, failure


class _OnStack(Coroutine[Any, Any, Any]):
    """A coroutine of user code that runs on a stack; a task cannot tell it from the original."""

    def __init__(self, pool: StackPool, coroutine: CoroutineType[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self._steps = pool.run(lambda: coroutine)

    @property
    def cr_frame(self) -> Any:
        return self._coroutine.cr_frame

    @property
    def cr_await(self) -> Any:
        return self._coroutine.cr_await

    def send(self, value: Any) -> Any:
        return self._steps.send(value)

    def throw(self, *exc: Any) -> Any:
        if inspect.getcoroutinestate(self._steps) == inspect.CORO_CREATED:
            self._coroutine.close()  # cancelled before it began
        return self._steps.throw(*exc)

    def close(self) -> None:
        self._steps.close()
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._steps.__await__()


def _make_task(
    loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
) -> asyncio.Task[Any]:
    """The loop's tasks: those that code of such a worker makes for its own run on stacks, too."""
    worker = current_worker()
    if worker is not None and worker.stacks is not None and _is_users(coroutine):
        assert isinstance(worker.stacks, StackPool), "nobody else gives a worker stacks"
        coroutine = _OnStack(worker.stacks, coroutine)
    return asyncio.Task(coroutine, loop=loop, **options)


def _is_users(coroutine: Any) -> bool:
    frame = getattr(coroutine, "cr_frame", None)
    if not isinstance(coroutine, CoroutineType) or frame is None:
        return False
    return not str(frame.f_globals.get("__name__", "")).startswith("emulator.")


def _context() -> Context:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return copy_context() if task is None else task.get_context()


def use_stacks(worker: Worker) -> None:
    """From the next event on, run the code of `worker` on stacks that can wait."""
    if worker.stacks is None:
        worker.stacks = StackPool()
        worker.host.loop.set_task_factory(_make_task)


def find_run_sync(worker: Worker, source: bytes) -> None:
    """Have `worker` use stacks if the source of one of its modules names what needs them."""
    if b"run_sync" in source or b"wsgi" in source:
        use_stacks(worker)


def can_run_sync() -> bool:
    """Whether `run_sync` would work here."""
    return isinstance(greenlet.getcurrent(), _Stack)


def run_sync(awaitable: Any) -> Any:
    """Wait for `awaitable` in synchronous code; what it gives.

    Raises:
        RuntimeError: the code does not run on a stack that can wait.
    """
    stack = greenlet.getcurrent()
    if not isinstance(stack, _Stack):
        if inspect.iscoroutine(awaitable):
            awaitable.close()
        raise RuntimeError(NO_SUSPENDER)  # noqa: TRY004  # Pyodide's
    return stack.wait(awaitable)
