"""A worker: its environment, its entrypoint, and the classes of its objects.

`current_request` is the invocation of the stateless entrypoint that the running code belongs to;
code of an object has `current_gate` instead. `current_worker` follows whichever is set.

Source: spec python-surface §1; lifecycle §3 (stub lifetime), §7.
"""

from __future__ import annotations

import asyncio
import inspect
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol

from emulator.core.events import WorkerError
from emulator.core.values import type_error
from emulator.runtime.errors import as_js_error
from emulator.runtime.gates import current_gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.config import Config
    from emulator.core.values import JsObject, JsValue
    from emulator.runtime.assets import AssetFolder
    from emulator.runtime.host import Host
    from emulator.runtime.namespace import Namespace

__all__ = [
    "Entrypoint",
    "Invocation",
    "Worker",
    "current_request",
    "current_worker",
    "fresh_context",
]

current_request: Final[ContextVar[Invocation | None]] = ContextVar("current_request", default=None)


class Entrypoint(Protocol):
    """The worker's default export, as the worker ring wraps it."""

    def fetch(self, request: JsValue, invocation: Invocation) -> Any: ...
    def call(self, method: str, args: list[JsValue], invocation: Invocation) -> Any: ...


class Stacks(Protocol):
    """Runs user code on stacks that can wait (worker/pyodide/stacks.py)."""

    def run(self, function: Callable[..., Any], *args: Any) -> Any: ...


class Invocation:
    """One run of the stateless entrypoint: what it waits for, and that nothing gates it."""

    __slots__ = ("pending", "worker")

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.pending: set[Any] = set()

    def emit(self, release: Callable[..., None], *args: Any) -> None:
        release(*args)

    def wait_until(self, awaitable: Any) -> None:
        """Let `awaitable` run on after the response; its failure is silent."""
        if inspect.iscoroutine(awaitable):
            awaitable = self.worker.host.loop.create_task(awaitable)
        if isinstance(awaitable, asyncio.Future) and not awaitable.done():
            self.pending.add(awaitable)
            awaitable.add_done_callback(self._settled, context=Context())

    def _settled(self, future: asyncio.Future[Any]) -> None:
        self.pending.discard(future)
        if not future.cancelled() and (exc := future.exception()) is not None:
            self.worker.report(exc)


class Worker:
    """One worker of the emulator."""

    def __init__(self, host: Host, config: Config) -> None:
        self.host = host
        self.config = config
        # Errors are stored and sent whole, not in V8's form of them (spec storage §7.3).
        self.has_native_errors = config.is_enabled(
            "enhanced_error_serialization", "legacy_error_serialization", since="2026-04-21"
        )
        self.namespaces: dict[str, Namespace] = {}
        self.env: JsObject | None = None
        self.exports: JsObject | None = None  # `ctx.exports`, once the code is loaded
        self.entrypoint: Entrypoint | None = None
        self.entrypoints: dict[str, Entrypoint] = {}  # the named ones
        self.assets: AssetFolder | None = None
        self.stacks: Stacks | None = None  # only of a worker whose code uses run_sync

    @property
    def name(self) -> str:
        return self.config.name or "worker"

    async def fetch(self, request: JsValue, name: str | None = None) -> Any:
        """Have an entrypoint answer `request`; the JavaScript Response.

        Args:
            name: of a named entrypoint; the default one, after the static files, without it.

        Raises:
            JsException: the entrypoint raised.
        """
        if self.assets is not None and name is None:
            found = self.assets.answers(request)
            if found is not None:
                return found
        return await self._invoke(lambda entry, run: entry.fetch(request, run), name)

    async def call(self, method: str, args: list[JsValue], name: str | None = None) -> Any:
        """Call a method of an entrypoint. Raises: JsException."""
        return await self._invoke(lambda entry, run: entry.call(method, args, run), name)

    def _entrypoint(self, name: str | None) -> Entrypoint:
        found = self.entrypoint if name is None else self.entrypoints.get(name)
        if found is None:
            raise type_error(f'Worker "{self.name}" has no such entrypoint: "{name}".')
        return found

    async def _invoke(self, run: Callable[[Entrypoint, Invocation], Any], name: str | None) -> Any:
        entrypoint = self._entrypoint(name)
        invocation = Invocation(self)
        context = Context()
        context.run(current_request.set, invocation)
        outcome = context.run(run, entrypoint, invocation)
        if not hasattr(outcome, "__await__"):
            return outcome
        coroutine = outcome if inspect.iscoroutine(outcome) else _await(outcome)
        task = asyncio.Task(
            coroutine, loop=self.host.loop, eager_start=True, context=context, name="fetch"
        )
        try:
            return await task
        except asyncio.CancelledError:
            task.cancel()
            raise

    def report(self, exc: BaseException) -> None:
        """Tell the developer of an error that nobody is there to catch."""
        if self.host.listener is not None:
            error = as_js_error(exc)
            text = error.message if error.name == "PythonError" else str(error)
            self.host.listener(
                WorkerError(time_ms=self.host.clock.now_ms(), object=None, text=text)
            )

    def close(self) -> None:
        for namespace in self.namespaces.values():
            namespace.close()


def current_worker() -> Worker | None:
    """The worker whose code runs now."""
    gate = current_gate.get()
    if gate is not None:
        worker: Worker = gate.owner.container.namespace.worker
        return worker
    invocation = current_request.get()
    return None if invocation is None else invocation.worker


def has_native_errors() -> bool:
    """Whether the code that runs now clones errors whole; outside of workers, yes."""
    worker = current_worker()
    return worker is None or worker.has_native_errors


def fresh_context() -> Context:
    """A context of the code that runs now without its own variables.

    So JavaScript calls back: what user code keeps in a ContextVar is lost on the way through it
    (spec python-surface §2.2).
    """
    context = Context()
    context.run(current_gate.set, current_gate.get())
    context.run(current_request.set, current_request.get())
    return context


async def _await(awaitable: Any) -> Any:
    return await awaitable
