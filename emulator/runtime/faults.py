"""What a test does to its world: faults at a named place, and disturbances everywhere.

The runtime asks `if host.faults is not None` at the places where the platform may fail, lose or
reorder something: a call on its way, a commit, an alarm that is due. Without it nothing is asked.

Invariants, proved in tests/testing/test_faults.py and test_interleave.py:

  F1  An armed fault strikes once, at the first operation that fits.
  F2  Calls of one stub and kind arrive in order, delayed or not; so do frames of one socket.
  F3  An object is discarded early only if nothing keeps it awake and none of its code can run.
  F4  Every choice is made by `dice`, so that a seed replays the run.

Source: spec lifecycle §3.1, §4.2, §4.3, §5.3; websockets §4.3, §7.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from emulator.core.lanes import Lanes
from emulator.core.values import JsException, error, internal_error
from emulator.runtime.delivery import Delivery
from emulator.runtime.errors import copy_error
from emulator.runtime.gates import current_gate

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Hashable, Iterable
    from random import Random

    from emulator.core.eviction import Disturbances
    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.calls import Call
    from emulator.runtime.host import Host
    from emulator.runtime.instance import Instance
    from emulator.runtime.namespace import Namespace
    from emulator.runtime.output import Output
    from emulator.runtime.stub import Stub

__all__ = ["Fault", "Faults", "Operation", "connection_lost", "is_quiet"]

type Operation = Literal["commit", "rpc", "fetch", "alarm", "send"]

CONNECTION_LOST: Final = "Network connection lost."
PAUSE_SHARE: Final = 0.3  # of the rounds in which nothing arrives
GO_ON_SHARE: Final = 0.5  # of the arrivals that another follows in the same round


def connection_lost() -> JsException:
    """What callers see when a machine dies (spec lifecycle §6.5)."""
    return error(CONNECTION_LOST, retryable=True)


@dataclass(slots=True, kw_only=True, eq=False)
class Fault:
    """One thing that will go wrong, or take long, once.

    target: the id of the object in hex with its namespace's unique key; None for any object.
    failure: makes the error; None to delay by `delay_s` instead.
    loses_reply: the operation is done, and only its outcome is lost.
    source: `file:line` of the test.
    """

    operation: Operation
    target: tuple[str, str] | None
    failure: Callable[[], JsException] | None = None
    delay_s: float = 0.0
    loses_reply: bool = False
    source: str | None = None

    def fits(self, operation: Operation, target: tuple[str, str]) -> bool:
        return self.operation == operation and self.target in (None, target)


class Faults:
    """The faults and disturbances of one emulator."""

    def __init__(self, host: Host, disturbances: Disturbances, dice: Random) -> None:
        self._host = host
        self.disturbances = disturbances
        self._dice = dice
        self._lanes: Lanes[Callable[[], None]] = Lanes()
        self._is_step_scheduled = False
        self.armed: list[Fault] = []

    # --- faults at a named place -----------------------------------------------------------

    def take(
        self, operation: Operation, container: ActorContainer, *, delays: bool = False
    ) -> Fault | None:
        """The fault that strikes this operation now, if one does (F1)."""
        target = (container.namespace.unique_key, container.id)
        for fault in self.armed:
            if fault.fits(operation, target) and (fault.failure is None) is delays:
                self.armed.remove(fault)
                self._note(container, _describe(fault))
                return fault
        return None

    def before_commit(self, container: ActorContainer) -> None:
        """Raises: JsException, if the commit is to fail."""
        fault = self.take("commit", container)
        if fault is not None:
            assert fault.failure is not None, "a delay is taken elsewhere"
            raise fault.failure()
        if container.instance is not None and self._dies(container):
            raise connection_lost()

    def delays_commit(self, output: Output) -> bool:
        """Whether the commit waits; it is asked for again when it has."""
        fault = self.take("commit", output.container, delays=True)
        if fault is None:
            return False
        self._host.later(fault.delay_s, output.commit)
        return True

    def crashes_after_commit(self, container: ActorContainer) -> bool:
        """Whether the machine dies with the commit on disk and its confirmation unsent."""
        if container.instance is None or not self._dies(container):
            return False
        container.instance.break_(connection_lost())
        return True

    def before_alarm(self, container: ActorContainer) -> None:
        """Raises: JsException, if the alarm handler is to fail."""
        fault = self.take("alarm", container)
        if fault is not None and fault.failure is not None:
            raise fault.failure()

    # --- on the way ------------------------------------------------------------------------

    def carry(self, stub: Stub, call: Call) -> None:
        """Bring a call to its object, in its turn (F2)."""
        container = stub.namespace.container(stub.id)
        operation: Operation = "fetch" if call.kind == "fetch" else "rpc"
        key = (stub, operation)
        fault = self.take(operation, container, delays=True)
        if fault is not None:
            self.hold(key, fault.delay_s)
        self.post(key, partial(self._arrive, stub, call, operation))

    def _arrive(self, stub: Stub, call: Call, operation: Operation) -> None:
        self.disturb(stub.namespace, stub.id.hex)
        if stub.broken is not None:
            call.fail(copy_error(stub.broken))
            return
        fault = self.take(operation, stub.namespace.container(stub.id))
        if fault is not None and not fault.loses_reply:
            assert fault.failure is not None, "a delay is taken elsewhere"
            call.fail(fault.failure())
        elif fault is None and not self.disturbances.interleaves:
            stub.arrive(call)
        else:
            stub.arrive(self._with_reply(stub, call, fault))

    def _with_reply(self, stub: Stub, call: Call, fault: Fault | None) -> Delivery:
        def succeed(value: Any) -> None:
            if fault is not None and fault.failure is not None:
                call.fail(fault.failure())
                return
            # A socket that is on its way to somebody would be nobody's if the object slept now.
            container = stub.namespace.container(stub.id)
            instance = container.instance if call.kind == "fetch" else None
            if instance is not None:
                instance.pin(call, "fetch", "a response on its way")
            self.post(object(), partial(self._reply, call, value, instance))

        def fail(exc: BaseException) -> None:
            self.post(object(), partial(call.fail, exc))

        return Delivery(
            kind=call.kind, detail=call.detail, run=call.run, succeed=succeed, fail=fail
        )

    def _reply(self, call: Call, value: Any, instance: Instance | None) -> None:
        if instance is not None:
            instance.unpin(call)
        call.succeed(value)

    def carry_alarm(self, namespace: Namespace, object_id: str, strike: Callable[[], None]) -> None:
        """Have an alarm strike that is due."""
        container = namespace.find(object_id)
        key = ("alarm", namespace.unique_key, object_id)
        fault = None if container is None else self.take("alarm", container, delays=True)
        if fault is not None:
            self.hold(key, fault.delay_s)
        self.post(key, partial(self._strike, namespace, object_id, strike))

    def _strike(self, namespace: Namespace, object_id: str, strike: Callable[[], None]) -> None:
        self.disturb(namespace, object_id)
        strike()

    def post(self, key: Hashable, arrive: Callable[[], None]) -> None:
        """Have something arrive: at once, or after what is under way in its lane (F2)."""
        if not self.disturbances.interleaves and self._lanes.is_free(key):
            arrive()
            return
        self._lanes.put(key, arrive)
        self._schedule_step()

    async def arrival(self) -> None:
        """A request comes from outside: it takes its turn among everything that is under way."""
        if self.disturbances.interleaves:
            turn = self._host.loop.create_future()
            self.post(turn, partial(_resolve, turn))
            await turn

    def soon(self, callback: Callable[[], None]) -> None:
        """Run `callback` in the next turn of the loop, outside every object."""
        self._host.soon(callback)

    def hold(self, key: Hashable, delay_s: float) -> None:
        """Let nothing of the lane arrive for so long."""
        self._lanes.hold(key)
        self._host.later(delay_s, self._release, key)

    def _release(self, key: Hashable) -> None:
        self._lanes.release(key)
        self._schedule_step()

    def _schedule_step(self) -> None:
        if not self._is_step_scheduled:
            self._is_step_scheduled = True
            self._host.soon(self._step)

    def _step(self) -> None:
        """Let some of what is under way arrive, and see that the rest does later."""
        self._is_step_scheduled = False
        interleaves = self.disturbances.interleaves
        is_over = interleaves and self._roll() < PAUSE_SHARE
        while not is_over:
            arrive = self._lanes.take(self._roll() if interleaves else 0.0)
            if arrive is None:
                return
            arrive()
            is_over = interleaves and self._roll() >= GO_ON_SHARE
        if self._lanes.ready:
            self._schedule_step()

    # --- disturbances ----------------------------------------------------------------------

    def disturb(self, namespace: Namespace, object_id: str) -> None:
        """An event is about to reach the object: another life may have begun before it."""
        container = namespace.find(object_id)
        instance = None if container is None else container.instance
        if container is None or instance is None or instance.running or instance.is_dead:
            return
        if self._dies(container):
            self.crash(container)
            return
        evicts = self.disturbances.evicts_early and is_quiet(instance)
        if evicts and self.disturbances.is_evicted(self._roll()):
            container.hibernate()

    def evict_idle(self, namespaces: Iterable[Namespace]) -> bool:
        """Skip the ten seconds of every object that can sleep; whether there was one."""
        found = [
            container
            for namespace in namespaces
            for container in namespace.containers.values()
            if container.instance is not None and is_quiet(container.instance)
        ]
        for container in found:
            container.hibernate()
        return bool(found)

    def crash(self, container: ActorContainer) -> None:
        """The machine of an object dies: sockets and what was not committed are gone."""
        self._note(container, "crash")
        instance = container.instance
        if instance is not None:
            instance.break_(connection_lost())
        else:
            container.sockets.drop_all()
            container.namespace.drop(container)

    def _dies(self, container: ActorContainer) -> bool:
        if not self.disturbances.crashes or not self.disturbances.is_crashed(self._roll()):
            return False
        self._note(container, "the machine dies")
        return True

    def _roll(self) -> float:
        return self._dice.random()

    def _note(self, container: ActorContainer, what: str) -> None:
        if self._host.chronicle is not None:
            self._host.chronicle.disturbed(container, what)

    def internal_error(self) -> JsException:
        return internal_error(self._host.reference)


def _resolve(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


def is_quiet(instance: Instance) -> bool:
    """Whether the platform might discard the instance now, had it been idle long enough (F3)."""
    is_open = instance.is_output_held or instance.has_unconfirmed_only or instance.outbox
    if is_open or instance.running or instance.is_breathing or instance.microtasks:
        return False
    if instance.container.sqlite.is_dirty or not instance.gate.is_idle:
        return False
    return instance.residency.is_quiet and not _can_run(instance)


def _can_run(instance: Instance) -> bool:
    """Whether code of the instance is scheduled to go on without waiting for anything."""
    ready: Any = instance.loop._ready  # type: ignore[attr-defined]
    for handle in ready:
        gate = handle._context.get(current_gate)
        if gate is not None and gate.owner is instance and not handle.cancelled():
            return True
    return False


def _describe(fault: Fault) -> str:
    if fault.failure is None:
        return f"{fault.operation} delayed by {fault.delay_s:g} s"
    return f"reply of {fault.operation} lost" if fault.loses_reply else f"{fault.operation} fails"
