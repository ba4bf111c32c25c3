"""One life of an object: from its constructor until it is evicted or breaks.

Invariants, proved in tests/runtime/test_instance.py:

  I1  Code of the instance runs only through `enter`, `start`, `Sections.open_next` or `construct`;
      each is a turn, and turns do not nest.
  I2  A turn ends with its microtasks, then a waiting critical section, then whatever waited.
  I3  What leaves the instance while a commit is pending waits in the outbox, in order. Frames of
      sockets wait for the end of the turn that sent them, too: with an abort they are lost.
  I4  A dead instance runs nothing more, and nothing of it leaves.
  I5  An event never starts inside another turn of the same object, nor ahead of parked work.

Source: spec lifecycle §4, §5; storage §4.2; performance §4, §6, §9.
"""

from __future__ import annotations

import asyncio
import functools
import weakref
from collections import deque
from contextvars import Context
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from emulator.core.gates import InputGate
from emulator.core.values import JsException, error
from emulator.runtime.errors import as_js_error, copy_error, is_abort
from emulator.runtime.eviction import Residency
from emulator.runtime.gates import current_gate
from emulator.runtime.output import Output
from emulator.runtime.sections import Sections

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.gates import Gate
    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.delivery import Deliverable
    from emulator.runtime.eviction import Blocker
    from emulator.runtime.gates import GatedHandle, GatedTimerHandle
    from emulator.runtime.websocket import WebSocketEnd
    from emulator.web.promises import Promise

__all__ = ["EAGER_DEPTH_MAX", "EVICTED", "NO_RESPONSE", "Instance"]

NO_RESPONSE: Final = "The script will never generate a response."
EVICTED: Final = "The Durable Object was evicted while this was running."
SETTLED_AWAITS_MAX: Final = 1000  # per turn, before the loop gets a breath
EAGER_DEPTH_MAX: Final = 8  # spec performance §9: deeper calls go through the loop


class Instance(Output):
    """The live user object, its gates, and everything that runs on its behalf."""

    def __init__(self, container: ActorContainer) -> None:
        super().__init__(container)
        self.loop = container.host.loop
        self.gate = InputGate(self)
        self.context = Context()
        self.context.run(current_gate.set, self.gate.root)
        self.user: Any = None  # the UserObject, once it is constructed
        self.is_continuing = False
        self.is_leaving = False  # new events wait for an instance of newer code (reload.py)
        self.broken: JsException | None = None
        self.microtasks: deque[Callable[[], None]] = deque()
        self.queue: deque[Deliverable] = deque()
        self.in_flight: dict[Deliverable, None] = {}
        self.settled_awaits = 0
        self.tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self.last_active_s = self.loop.time()
        self.residency: Residency = Residency(self)
        self.sections = Sections(self)
        self._is_advance_scheduled = False

    # --- life ------------------------------------------------------------------------------

    def construct(self) -> None:
        """Run the user's constructor. It breaks the instance if it raises."""
        self.is_output_held = True  # nothing leaves if the constructor throws
        self.running += 1
        failure: BaseException | None = None
        try:
            self.user = self.context.run(self.container.build_user_object, self)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            failure = exc
            if not is_abort(exc):
                self.break_(as_js_error(exc))
        finally:
            self.running -= 1
            self.end_turn()  # an abort strikes here
        if failure is not None:
            self.break_(as_js_error(failure))
        if not self.is_dead and not self.container.sqlite.is_dirty:
            self.release_output()

    def break_(self, reason: JsException, *, is_marked: bool = True) -> None:
        """Reset the object: everything in flight fails with `reason`, nothing of it leaves.

        Args:
            is_marked: whether `reason` says `durableObjectReset`, as all but failed commits do.
        """
        if self.is_dead:
            return
        if is_marked:
            reason.__dict__.setdefault("durableObjectReset", True)
        self.broken = reason
        waiting = [*self.in_flight, *self.queue]
        self._die()
        self.container.forget(self, reason)
        for delivery in waiting:
            delivery.fail(copy_error(reason))

    def retire(self, *, force: bool = False, reason: str = EVICTED) -> None:
        """End the life of an idle instance: memory goes, storage and sockets stay.

        Args:
            force: what still runs is cut off, and fails for whoever waits for it.
            reason: ... with an Error of these words.
        """
        assert force or not self.blockers(), "an instance with blockers is not retired"
        if self.container.sqlite.is_dirty:
            self.commit_now()
        waiting = [*self.in_flight, *self.queue]
        self._die()
        for delivery in waiting:
            delivery.fail(error(reason))

    def abandon(self) -> None:
        """The emulator ends: nothing more runs, and nobody is told."""
        if not self.is_dead:
            self._die()

    def _die(self) -> None:
        self.is_dead = True
        for task in [*self.tasks, *(d.task for d in self.in_flight if d.task is not None)]:
            self.host.bury(task)
        for held in (self.queue, self.in_flight, self.outbox, self.microtasks):
            held.clear()
        self.residency.clear()
        self.frames.clear()
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
        del handle  # see GatedHandle

    def enter_first(self, gate: Gate, handle: GatedHandle) -> None:
        """The continuation of a section that ended: ahead of everything that is parked."""
        if self.is_dead:
            return
        if self.gate.effective(gate) is self.gate.innermost and not self.is_breathing:
            self._turn(handle)
        else:
            self.gate.park(gate, handle)
        del handle

    def enter_after_breath(self, handle: GatedHandle) -> None:
        """The code that took a breath goes on; the turn it is in never ended."""
        if self.is_dead:
            return
        self.is_breathing = False
        self._turn(handle)
        del handle

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
            del handle
            self.running -= 1
            self.end_turn()

    def end_turn(self) -> None:
        if self.running or self.is_breathing:
            return
        self.settled_awaits = 0
        innermost = self.gate.innermost
        if self.microtasks or self.queue or innermost.parked or innermost.waiting_sections:
            self._let_in()
        if self.frames:
            self.release_frames()
        self.touch()

    def _let_in(self) -> None:
        """What waited for the end of the turn (I2)."""
        while self.microtasks and not self.is_dead:
            self._microtask(self.microtasks.popleft())
        if self.is_dead:
            return
        if self.gate.innermost.waiting_sections and not self._is_advance_scheduled:
            self.sections.open_next()
        if self.queue or self.gate.innermost.parked:
            self.schedule_advance()

    def _microtask(self, callback: Callable[[], None]) -> None:
        self.running += 1
        try:
            self.context.copy().run(callback)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self.container.report(exc)
        finally:
            self.running -= 1

    def schedule_advance(self) -> None:
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
            self.sections.open_next()
            return
        for _ in range(len(innermost.parked)):
            if self.is_dead or self.gate.innermost is not innermost:
                return
            handle = self.gate.next_parked()
            if handle is not None and not handle.cancelled():
                self._turn(handle)
            del handle
        for _ in range(len(self.queue)):
            if self.is_dead or self.is_leaving or not self.gate.is_idle:
                break
            self.start(self.queue.popleft())
        if self.queue and not (self.is_dead or self.is_leaving) and self.gate.is_idle:
            self.schedule_advance()

    # --- events ----------------------------------------------------------------------------

    def deliver(self, delivery: Deliverable) -> None:
        """Start the event now, or queue it until the gate lets it in."""
        host = self.host
        is_shut = self.is_breathing or self.is_leaving or not self.gate.is_idle
        if self.running or self.queue or is_shut:
            self.queue.append(delivery)
            if host.recorder is not None:
                host.recorder.queued(self.container, delivery)
        elif host.eager_depth >= EAGER_DEPTH_MAX:
            self.queue.append(delivery)
            self.schedule_advance()
        else:
            host.eager_depth += 1
            try:
                self.start(delivery)
            finally:
                host.eager_depth -= 1

    def start(self, delivery: Deliverable, context: Context | None = None) -> None:
        """Run an event in a copy of `context`: the instance's own, or one of its code."""
        self.in_flight[delivery] = None
        if self.host.recorder is not None:
            self.host.recorder.started(self.container, delivery)
        context = (context or self.context).copy()
        task: asyncio.Task[Any] | None = None
        outcome: Any = None
        failure: BaseException | None = None
        self.running += 1
        try:
            outcome = context.run(delivery.run, self.user)
            if hasattr(outcome, "__await__"):
                task = self.task(outcome, context)
                if not task.done():
                    delivery.task = task
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            failure = exc
        finally:
            self.running -= 1
            self.end_turn()
        delivery.started_s = self.last_active_s
        if delivery.dispatched is not None:
            delivery.dispatched()
        self.conclude(delivery, task, outcome, failure)

    def conclude(
        self,
        delivery: Deliverable,
        task: asyncio.Task[Any] | None,
        outcome: Any,
        failure: BaseException | None,
    ) -> None:
        """The synchronous part of an event has run: end the event with it, or with its task."""
        if task is None:
            self.finish(delivery, outcome, failure)
        elif task.done():
            self._task_done(delivery, task)
        else:
            done = functools.partial(self._task_done, delivery)
            task.add_done_callback(done, context=Context())

    def task(self, awaitable: Any, context: Context) -> asyncio.Task[Any]:
        coroutine = awaitable if type(awaitable) is CoroutineType else _await(awaitable)
        return asyncio.Task(coroutine, loop=self.loop, eager_start=True, context=context)

    def _task_done(self, delivery: Deliverable, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self.finish(delivery, None, error(NO_RESPONSE))
            return
        failure = task.exception()
        self.finish(delivery, None if failure else task.result(), failure)

    def finish(self, delivery: Deliverable, value: Any, failure: BaseException | None) -> None:
        if self.is_dead:
            return
        if self.is_output_held or self.outbox:
            self.outbox.append((self._leave, (delivery, value, failure)))
        else:
            self._leave(delivery, value, failure)

    def _leave(self, delivery: Deliverable, value: Any, failure: BaseException | None) -> None:
        self.in_flight.pop(delivery, None)
        if self.host.recorder is not None:
            self.host.recorder.ended(self.container, delivery, failure)
        if delivery.task is not None or self.is_output_held:
            self.touch()  # it lasted longer than the turn it began in
        self.container.last_request_s = self.last_active_s
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
        return self.sections.ask(callback)

    # --- what keeps it awake ---------------------------------------------------------------

    def touch(self) -> None:
        """Something happened: the idle clock starts again."""
        self.last_active_s = self.loop.time()
        if self.container.idle_timer is None:
            self.container.watch_idle()

    def pin(self, key: object, kind: str, detail: str) -> None:
        """Keep the instance awake until `unpin(key)`."""
        self.residency.pin(key, kind, detail)

    def unpin(self, key: object) -> None:
        if self.residency.unpin(key) and not self.is_dead:
            self.touch()

    def keep_socket(self, end: WebSocketEnd) -> None:
        """Code accepted a socket with accept(): it keeps the instance awake until it has ended."""
        self.residency.add_socket(end)

    def forget_socket(self, end: WebSocketEnd) -> None:
        if self.residency.sockets.pop(end, None) is not None and not self.is_dead:
            self.touch()

    def forget_stream(self, key: int) -> None:
        """A body that left has ended, or nobody reads it any more."""
        if self.residency.streams.pop(key, None) is not None:
            self.unpin(key)

    def forget_timer(self, timer: Any) -> None:
        if self.residency.timers.pop(timer, None) is not None and not self.is_dead:
            self.touch()

    def blockers(self) -> list[Blocker]:
        """Every reason why the instance cannot hibernate now, oldest first."""
        return self.residency.blockers()


async def _await(awaitable: Any) -> Any:
    return await awaitable
