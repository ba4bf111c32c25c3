"""One life of an object: from its constructor until it is evicted or breaks.

Invariants, proved in tests/runtime/test_instance.py:

  I1  Code of the instance runs only through `enter`, `_start`, `_open_section` or `construct`;
      each is a turn, and turns do not nest.
  I2  A turn ends with its microtasks, then a waiting critical section, then whatever waited.
  I3  What leaves the instance while a commit is pending waits in the outbox, in order.
  I4  A dead instance runs nothing more, and nothing of it leaves.
  I5  An event never starts inside another turn of the same object, nor ahead of parked work.

Source: spec lifecycle §4, §5; storage §4.2; performance §4, §6, §9.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import weakref
from collections import deque
from contextvars import Context, copy_context
from dataclasses import dataclass
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from emulator.core.gates import Gate, InputGate
from emulator.core.values import JsException, error
from emulator.runtime.errors import as_js_error, copy_error
from emulator.runtime.gates import current_gate
from emulator.web.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.delivery import Deliverable
    from emulator.runtime.gates import GatedHandle, GatedTimerHandle

__all__ = ["Blocker", "Instance"]

SECTION_TIMEOUT_S: Final = 30.0
SECTION_TIMED_OUT: Final = (
    "A call to blockConcurrencyWhile() in a Durable Object waited for too long. The call was "
    "canceled and the Durable Object was reset."
)
EVICTED: Final = "The Durable Object was evicted while this was running."
SETTLED_AWAITS_MAX: Final = 1000  # per turn, before the loop gets a breath
EAGER_DEPTH_MAX: Final = 8  # spec performance §9: deeper calls go through the loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """One reason why an instance cannot hibernate now."""

    kind: str
    detail: str
    age_s: float
    source: str | None = None


@dataclass(slots=True, eq=False)
class _Section:
    """A critical section that was asked for: `blockConcurrencyWhile(callback)`."""

    callback: Callable[[], Any]
    context: Context
    promise: Promise
    gate: Gate | None = None
    timeout: asyncio.TimerHandle | None = None


class Instance:
    """The live user object, its gates, and everything that runs on its behalf."""

    def __init__(self, container: ActorContainer) -> None:
        self.container = container
        self.host = container.host
        self.loop = container.host.loop
        self.gate = InputGate(self)
        self.context = Context()
        self.context.run(current_gate.set, self.gate.root)
        self.user: Any = None  # the UserObject, once it is constructed
        self.running = 0
        self.is_continuing = False
        self.broken: JsException | None = None
        self.is_dead = False
        self.microtasks: deque[Callable[[], None]] = deque()
        self.queue: deque[Deliverable] = deque()
        self.in_flight: dict[Deliverable, None] = {}
        self.outbox: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self.is_output_held = False
        self.is_breathing = False
        self.settled_awaits = 0
        self.timers: dict[Any, tuple[float, str | None]] = {}
        self.tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self.pins: dict[object, tuple[str, str, float]] = {}
        self.last_active_s = self.loop.time()
        self._is_advance_scheduled = False

    # --- life ------------------------------------------------------------------------------

    def construct(self) -> None:
        """Run the user's constructor. It breaks the instance if it raises."""
        self.is_output_held = True  # nothing leaves if the constructor throws
        self.running += 1
        try:
            self.user = self.context.run(self.container.build_user_object, self)
        except Exception as exc:
            self.break_(as_js_error(exc))
        finally:
            self.running -= 1
            self._end_turn()
        if not self.is_dead and not self.container.sqlite.is_dirty:
            self._release_output()

    def break_(self, reason: JsException) -> None:
        """Reset the object: everything in flight fails with `reason`, nothing of it leaves."""
        if self.is_dead:
            return
        reason.__dict__.setdefault("durableObjectReset", True)
        self.broken = reason
        waiting = [*self.in_flight, *self.queue]
        self._die()
        self.container.forget(self, reason)
        for delivery in waiting:
            delivery.fail(copy_error(reason))

    def retire(self, *, force: bool = False) -> None:
        """End the life of an idle instance: memory goes, storage and sockets stay.

        Args:
            force: what still runs is cut off, and fails for whoever waits for it.
        """
        assert force or not self.blockers(), "an instance with blockers is not retired"
        if force and self.container.sqlite.is_dirty:
            self.commit()
        waiting = [*self.in_flight, *self.queue]
        self._die()
        for delivery in waiting:
            delivery.fail(error(EVICTED))

    def abandon(self) -> None:
        """The emulator ends: nothing more runs, and nobody is told."""
        if not self.is_dead:
            self._die()

    def _die(self) -> None:
        self.is_dead = True
        for timer in list(self.timers):
            timer.cancel()
        for task in [*self.tasks, *(d.task for d in self.in_flight if d.task is not None)]:
            _let_go(task)
        for held in (self.queue, self.in_flight, self.outbox, self.microtasks, self.pins):
            held.clear()
        self.gate = InputGate(self)

    # --- turns -----------------------------------------------------------------------------

    def enter(self, gate: Gate, handle: GatedHandle | GatedTimerHandle) -> None:
        """A callback of this instance is due: run it, or park it at the gate."""
        if self.is_dead:
            return
        if self.gate.admits(gate) and not self.is_breathing:
            self._turn(handle)
        else:
            self.gate.park(gate, handle)

    def enter_first(self, gate: Gate, handle: GatedHandle) -> None:
        """The continuation of a section that ended: ahead of everything that is parked."""
        if self.is_dead:
            return
        if self.gate.effective(gate) is self.gate.innermost and not self.is_breathing:
            self._turn(handle)
        else:
            self.gate.park(gate, handle)

    def enter_after_breath(self, handle: GatedHandle) -> None:
        """The code that took a breath goes on; the turn it is in never ended."""
        if self.is_dead:
            return
        self.is_breathing = False
        self._turn(handle)

    def take_breath(self) -> None:
        """Let the loop serve others for one round, while nothing else of this object runs.

        The promises of storage are settled, so a loop over them would keep the loop for itself.
        The handle that is scheduled next is the code that goes on (runtime/gates.py).
        """
        self.settled_awaits = 0
        self.is_breathing = True

    def _turn(self, handle: GatedHandle | GatedTimerHandle) -> None:
        self.running += 1
        try:
            handle.run_now()
        finally:
            self.running -= 1
            self._end_turn()

    def _end_turn(self) -> None:
        if self.running or self.is_breathing:
            return
        self.settled_awaits = 0
        innermost = self.gate.innermost
        if self.microtasks or self.queue or innermost.parked or innermost.waiting_sections:
            self._let_in()
        self.touch()

    def _let_in(self) -> None:
        """What waited for the end of the turn (I2)."""
        while self.microtasks and not self.is_dead:
            self._microtask(self.microtasks.popleft())
        if self.is_dead:
            return
        if self.gate.innermost.waiting_sections and not self._is_advance_scheduled:
            self._open_section()
        if self.queue or self.gate.innermost.parked:
            self._schedule_advance()

    def _microtask(self, callback: Callable[[], None]) -> None:
        self.running += 1
        try:
            self.context.copy().run(callback)
        except Exception as exc:
            self.container.report(exc)
        finally:
            self.running -= 1

    def _schedule_advance(self) -> None:
        if not self._is_advance_scheduled:
            self._is_advance_scheduled = True
            self.host.soon(self._advance)

    def _advance(self) -> None:
        """Let in what waits: a section, else parked callbacks, then events (I5)."""
        self._is_advance_scheduled = False
        if self.is_breathing:
            return  # the end of the turn that goes on looks again
        innermost = self.gate.innermost
        if innermost.waiting_sections and not self.is_dead:
            self._open_section()
            return
        for _ in range(len(innermost.parked)):
            if self.is_dead or self.gate.innermost is not innermost:
                return
            handle = self.gate.next_parked()
            if handle is not None and not handle.cancelled():
                self._turn(handle)
        for _ in range(len(self.queue)):
            if self.is_dead or not self.gate.is_idle:
                break
            self._start(self.queue.popleft())
        if self.queue and not self.is_dead and self.gate.is_idle:
            self._schedule_advance()

    # --- events ----------------------------------------------------------------------------

    def deliver(self, delivery: Deliverable) -> None:
        """Start the event now, or queue it until the gate lets it in."""
        host = self.host
        if self.running or self.queue or self.is_breathing or not self.gate.is_idle:
            self.queue.append(delivery)
        elif host.eager_depth >= EAGER_DEPTH_MAX:
            self.queue.append(delivery)
            self._schedule_advance()
        else:
            host.eager_depth += 1
            try:
                self._start(delivery)
            finally:
                host.eager_depth -= 1

    def _start(self, delivery: Deliverable) -> None:
        self.in_flight[delivery] = None
        context = self.context.copy()
        task: asyncio.Task[Any] | None = None
        outcome: Any = None
        failure: BaseException | None = None
        self.running += 1
        try:
            outcome = context.run(delivery.run, self.user)
            if hasattr(outcome, "__await__"):
                task = delivery.task = self._task(outcome, context)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            failure = exc
        finally:
            self.running -= 1
            self._end_turn()
        delivery.started_s = self.last_active_s
        if delivery.dispatched is not None:
            delivery.dispatched()
        if task is None:
            self._finish(delivery, outcome, failure)
        elif task.done():
            self._task_done(delivery, task)
        else:
            done = functools.partial(self._task_done, delivery)
            task.add_done_callback(done, context=Context())

    def _task(self, awaitable: Any, context: Context) -> asyncio.Task[Any]:
        coroutine = awaitable if type(awaitable) is CoroutineType else _await(awaitable)
        return asyncio.Task(coroutine, loop=self.loop, eager_start=True, context=context)

    def _task_done(self, delivery: Deliverable, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self._finish(delivery, None, error("The script will never generate a response."))
            return
        failure = task.exception()
        self._finish(delivery, None if failure else task.result(), failure)

    def _finish(self, delivery: Deliverable, value: Any, failure: BaseException | None) -> None:
        if self.is_dead:
            return
        if self.is_output_held or self.outbox:
            self.outbox.append((self._leave, (delivery, value, failure)))
        else:
            self._leave(delivery, value, failure)

    def _leave(self, delivery: Deliverable, value: Any, failure: BaseException | None) -> None:
        self.in_flight.pop(delivery, None)
        if delivery.task is not None or self.is_output_held:
            self.touch()  # it lasted longer than the turn it began in
        if failure is None:
            delivery.succeed(value)
        else:
            delivery.fail(failure)

    # --- critical sections -----------------------------------------------------------------

    def block_concurrency_while(self, callback: Callable[[], Any]) -> Promise:
        """Queue `callback` as a critical section of the gate whose code asks for it.

        Raises:
            JsException: nested deeper than 64.
        """
        gate = current_gate.get() or self.gate.root
        section = _Section(callback, copy_context(), Promise(loop=self.loop))
        self.gate.ask(gate, section)
        if not self.running:
            self._schedule_advance()
        return section.promise

    def _open_section(self) -> None:
        section: _Section = self.gate.next_section()  # type: ignore[assignment]
        section.gate = self.gate.open()
        section.context.run(current_gate.set, section.gate)
        section.timeout = self.host.later(SECTION_TIMEOUT_S, self._section_timed_out, section)
        self.running += 1
        task: asyncio.Task[Any] | None = None
        value: Any = None
        try:
            value = section.context.run(section.callback)
            if value is not None and hasattr(value, "__await__"):
                task = self._task(value, section.context)
        except Exception as exc:
            section.timeout.cancel()
            self.break_(as_js_error(exc))
        finally:
            self.running -= 1
            self._end_turn()
        if task is None:
            self._section_ended(section, value)
        elif task.done():
            self._section_task_done(section, task)
        else:
            task.add_done_callback(
                lambda done: self._section_task_done(section, done), context=Context()
            )

    def _section_task_done(self, section: _Section, task: asyncio.Task[Any]) -> None:
        failure = None if task.cancelled() else task.exception()
        if failure is None:
            self._section_ended(section, None if task.cancelled() else task.result())
            return
        assert section.timeout is not None, "an open section has a timeout"
        section.timeout.cancel()
        self.break_(as_js_error(failure))

    def _section_ended(self, section: _Section, value: Any) -> None:
        if self.is_dead:
            return
        assert section.gate is not None, "the section was opened"
        assert section.timeout is not None, "an open section has a timeout"
        section.timeout.cancel()
        self.gate.close(section.gate)
        # The code that awaits the section goes on before anything that was parked meanwhile.
        self.is_continuing = True
        try:
            if not section.promise.done():
                section.promise.set_result(value)
        finally:
            self.is_continuing = False
        self._schedule_advance()
        self.touch()

    def _section_timed_out(self, section: _Section) -> None:
        del section
        self.break_(error(SECTION_TIMED_OUT, overloaded=True))

    # --- output ----------------------------------------------------------------------------

    def emit(self, release: Callable[..., None], *args: Any) -> None:
        """Let something leave the object: now, or after the commit that is pending (I3)."""
        if self.is_output_held or self.outbox:
            self.outbox.append((release, args))
        else:
            release(*args)

    def hold_output(self) -> None:
        """The first write of a transaction: nothing leaves until it is committed."""
        if not self.is_dead:
            self.is_output_held = True
            self.host.soon(self.commit)

    def commit(self) -> None:
        """Commit the implicit transaction; then let the output go, or break the object."""
        if self.is_dead:
            return
        if self.is_breathing:  # the turn goes on, and with it its transaction
            self.host.soon(self.commit)
            return
        try:
            self.container.commit()
        except JsException as exc:
            self.broken_by_commit(exc)
        else:
            self._release_output()

    def broken_by_commit(self, reason: JsException) -> None:
        self.outbox.clear()
        self.break_(reason)

    def _release_output(self) -> None:
        self.is_output_held = False
        while self.outbox and not self.is_output_held and not self.is_dead:
            release, args = self.outbox.popleft()
            release(*args)

    # --- what keeps it awake ---------------------------------------------------------------

    def touch(self) -> None:
        """Something happened: the idle clock starts again."""
        self.last_active_s = self.loop.time()
        if self.container.idle_timer is None:
            self.container.watch_idle()

    def pin(self, key: object, kind: str, detail: str) -> None:
        """Keep the instance awake until `unpin(key)`."""
        self.pins[key] = (kind, detail, self.loop.time())

    def unpin(self, key: object) -> None:
        if self.pins.pop(key, None) is not None and not self.is_dead:
            self.touch()

    def remember_timer(self, timer: Any) -> None:
        self.timers[timer] = (self.loop.time(), _user_source())

    def forget_timer(self, timer: Any) -> None:
        if self.timers.pop(timer, None) is not None and not self.is_dead:
            self.touch()

    def blockers(self) -> list[Blocker]:
        """Every reason why the instance cannot hibernate now, oldest first."""
        now = self.loop.time()
        found = [
            Blocker(kind=d.kind, detail=d.detail, age_s=now - d.started_s)
            for d in (*self.in_flight, *self.queue)
        ]
        found += [
            Blocker(kind="timer", detail="a timer", age_s=now - since, source=source)
            for since, source in self.timers.values()
        ]
        found += [
            Blocker(kind=kind, detail=detail, age_s=now - since)
            for kind, detail, since in self.pins.values()
        ]
        return sorted(found, key=lambda blocker: -blocker.age_s)


def _user_source() -> str | None:
    """`file:line` of the nearest frame that is the user's."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith(("emulator.", "asyncio", "workers", "contextvars")):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return None


def _let_go(task: asyncio.Task[Any]) -> None:
    """Make asyncio forget a task that will never run again, as if its thread had been killed."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    asyncio.tasks._unregister_task(task)


async def _await(awaitable: Any) -> Any:
    return await awaitable
