"""A worker: its environment, its entrypoint, and the classes of its objects.

`current_request` is the invocation of the stateless entrypoint that the running code belongs to;
code of an object has `current_gate` instead. `current_worker` follows whichever is set.

Source: spec python-surface §1; lifecycle §3 (stub lifetime), §7.
"""

from __future__ import annotations

import asyncio
import inspect
from contextvars import Context, ContextVar
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, Protocol

from emulator.core.events import WorkerError
from emulator.core.values import type_error
from emulator.runtime.errors import describe
from emulator.runtime.gates import current_gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.config import Config
    from emulator.core.values import JsObject, JsValue
    from emulator.runtime.assets import AssetFolder
    from emulator.runtime.delivery import ObjectClass
    from emulator.runtime.host import Host
    from emulator.runtime.namespace import Namespace
    from emulator.runtime.stub import Stub

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

    __slots__ = ("pending", "reached", "started_s", "worker")

    def __init__(self, worker: Worker, started_s: float = 0.0) -> None:
        self.worker = worker
        self.pending: set[Any] = set()
        self.started_s = started_s  # of the server's clock, if it is a request of its
        self.reached: Stub | None = None  # the object that it called last

    @property
    def object(self) -> str | None:
        """The object that it called last, as `Room lobby`."""
        return None if self.reached is None else self.reached.label

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
        self.configure(config)
        self.namespaces: dict[str, Namespace] = {}
        self.env: JsObject | None = None
        self.exports: JsObject | None = None  # `ctx.exports`, once the code is loaded
        self.entrypoint: Entrypoint | None = None
        self.entrypoints: dict[str, Entrypoint] = {}  # the named ones
        self.facet_classes: dict[str, ObjectClass] = {}  # those that have no namespace
        self.assets: AssetFolder | None = None
        self.stacks: Stacks | None = None  # only of a worker whose code uses run_sync

    def configure(self, config: Config) -> None:
        """Go by `config` from now on. Whoever changes it sees to the namespaces and to `env`."""
        self.config = config
        # Errors are stored and sent whole, not in V8's form of them (spec storage §7.3).
        self.has_native_errors = config.is_enabled(
            "enhanced_error_serialization", "legacy_error_serialization", since="2026-04-21"
        )

    @property
    def name(self) -> str:
        return self.config.name or "worker"

    @property
    def has_disposable_proxies(self) -> bool:
        """Whether `with` disposes of what JavaScript can dispose of: Pyodide 314 and later."""
        flags = ("python_workers_314", "python_workers_20260610")
        if any(flag in self.config.compatibility_flags for flag in flags):
            return True
        return self.config.compatibility_date >= "2026-09-08"

    def begin(
        self, request: JsValue, name: str | None = None, invocation: Invocation | None = None
    ) -> Any:
        """Have an entrypoint start to answer `request`: the JavaScript Response, or its Task.

        The task may be done already.

        Args:
            name: of a named entrypoint; the default one, after the static files, without it.
            invocation: of the caller's, who looks at it afterwards.

        Raises:
            JsException: the entrypoint raised.
        """
        if self.assets is not None and name is None:
            found = self.assets.answers(request)
            if found is not None:
                return found
        invocation = invocation or Invocation(self)
        return self._start(invocation, self._entrypoint(name).fetch, request, invocation)

    async def fetch(
        self, request: JsValue, name: str | None = None, invocation: Invocation | None = None
    ) -> Any:
        """Have an entrypoint answer, as `begin` does; the JavaScript Response.

        Raises:
            JsException: the entrypoint raised.
        """
        return await _finish(self.begin(request, name, invocation))

    async def call(self, method: str, args: list[JsValue], name: str | None = None) -> Any:
        """Call a method of an entrypoint. Raises: JsException."""
        invocation = Invocation(self)
        call = self._entrypoint(name).call
        return await _finish(self._start(invocation, call, method, args, invocation))

    def _entrypoint(self, name: str | None) -> Entrypoint:
        found = self.entrypoint if name is None else self.entrypoints.get(name)
        if found is None:
            raise type_error(f'Worker "{self.name}" has no such entrypoint: "{name}".')
        return found

    def _start(self, invocation: Invocation, run: Callable[..., Any], *args: Any) -> Any:
        """Run code of the entrypoint in a context of its own: what it gives, or the task of that."""
        context = Context()
        context.run(current_request.set, invocation)
        outcome = context.run(run, *args)
        if not hasattr(outcome, "__await__"):
            return outcome
        coroutine = outcome if type(outcome) is CoroutineType else _await(outcome)
        return asyncio.Task(
            coroutine, loop=self.host.loop, eager_start=True, context=context, name="fetch"
        )

    def report(self, exc: BaseException) -> None:
        """Tell the developer of an error that nobody is there to catch."""
        if self.host.listener is not None:
            text, trace = describe(exc)
            now_ms = self.host.clock.now_ms()
            self.host.listener(WorkerError(time_ms=now_ms, object=None, text=text, trace=trace))

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


async def _finish(outcome: Any) -> Any:
    """What a run gives. Whoever stops waiting for it ends it."""
    if not isinstance(outcome, asyncio.Task):
        return outcome
    try:
        return await outcome
    except asyncio.CancelledError:
        outcome.cancel()
        raise
