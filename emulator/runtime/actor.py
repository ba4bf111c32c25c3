"""One object as the runtime keeps it: its id and name, its sockets, its file, and at most one life.

A container is made by the first event for an id and gives the object its name (the first access
wins). An idle instance is retired and leaves sockets and storage behind; an instance that breaks
takes its sockets, its uncommitted writes and the container with it.

Source: spec lifecycle §1.4, §4; websockets §4, §5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.events import WorkerError
from emulator.core.values import JsException, internal_error
from emulator.errors import EmulatorError
from emulator.runtime.errors import as_js_error, copy_error
from emulator.runtime.hibernation import SocketRegistry
from emulator.runtime.instance import Blocker, Instance
from emulator.storage.errors import CommitFailed

if TYPE_CHECKING:
    import asyncio

    from emulator.runtime.delivery import Deliverable, UserObject
    from emulator.runtime.namespace import Namespace
    from emulator.storage.actor_sqlite import ActorSqlite

__all__ = ["ActorContainer"]

IDLE_S: Final = 10.0  # spec lifecycle §4.2: hibernation
FORGET_S: Final = 70.0  # ... and when an idle container is dropped
_EPSILON_S: Final = 1e-6


class ActorContainer:
    """One object, awake or not."""

    def __init__(self, namespace: Namespace, object_id: str, name: str | None) -> None:
        self.namespace = namespace
        self.host = namespace.host
        self.id = object_id
        self.name = name
        self.instance: Instance | None = None
        self.generation = 0
        self.sockets = SocketRegistry(self)
        self.sqlite: ActorSqlite = namespace.open_storage(object_id, self._first_write)
        self.running_alarm_ns: int | None = None  # the alarm whose handler runs now
        self.running_alarm_is_final = False  # abort(reason, {retryAlarm: false})
        self.idle_timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<object {self.namespace.class_name} {self.name or self.id}>"

    # --- events ----------------------------------------------------------------------------

    def deliver(self, delivery: Deliverable) -> Instance | None:
        """Bring an event to the object, waking it if need be; the instance that has it."""
        instance = self.instance
        if instance is None:
            instance = self.wake()
            if instance.broken is not None:
                delivery.fail(copy_error(instance.broken))
                return instance
        instance.deliver(delivery)
        return instance

    def wake(self) -> Instance:
        """Construct an instance. It is broken already if its constructor threw."""
        self.generation += 1
        instance = self.instance = Instance(self)
        try:
            self.sqlite.create()
        except (JsException, EmulatorError) as exc:
            self.report(exc)
            instance.break_(internal_error(self.host.reference))
            return instance
        instance.construct()
        return instance

    def build_user_object(self, instance: Instance) -> UserObject:
        from emulator.runtime.state import DurableObjectState

        return self.namespace.object_class.construct(DurableObjectState(instance))

    # --- storage ---------------------------------------------------------------------------

    def _first_write(self) -> None:
        if self.instance is not None:
            self.instance.hold_output()
        else:
            self.host.soon(self._commit_asleep)

    def _commit_asleep(self) -> None:
        # A write of the runtime's own (an alarm that is over), while no instance is there.
        try:
            self.commit()
        except JsException as exc:
            self.report(exc)

    def commit(self) -> None:
        """Commit the implicit transaction, the alarm index with it.

        Raises:
            JsException: the commit failed; everything since the last one is undone.
        """
        sqlite = self.sqlite
        if not sqlite.is_dirty or sqlite.transaction_depth:
            return
        alarm_changed = sqlite.is_alarm_changed
        alarm_ns = sqlite.get_alarm_ns() if alarm_changed else None
        alarms = self.namespace.alarms
        try:
            if alarm_changed:
                alarms.before_commit(self, alarm_ns)
            sqlite.commit()
        except CommitFailed as exc:
            raise exc.error from exc
        except EmulatorError as exc:
            self.report(exc)
            raise internal_error(self.host.reference) from exc
        if alarm_changed:
            alarms.after_commit(self, alarm_ns)

    # --- sleep and death -------------------------------------------------------------------

    def watch_idle(self) -> None:
        """See that the idle clock runs; it looks at the last activity when it strikes."""
        if self.idle_timer is None and self.instance is not None:
            self.idle_timer = self.host.later(IDLE_S, self._idle_struck)

    def _idle_struck(self) -> None:
        self.idle_timer = None
        instance = self.instance
        if instance is None or instance.blockers():
            return  # the end of the last blocker starts the clock again
        quiet_s = self.host.loop.time() - instance.last_active_s
        if quiet_s + _EPSILON_S >= IDLE_S:
            self.hibernate()
        else:
            self.idle_timer = self.host.later(IDLE_S - quiet_s, self._idle_struck)

    def blockers(self) -> list[Blocker]:
        return [] if self.instance is None else self.instance.blockers()

    def hibernate(self, *, force: bool = False) -> None:
        """Retire the instance. Storage, sockets, name and stubs stay.

        Args:
            force: end what still runs in it, too.
        """
        instance, self.instance = self.instance, None
        if instance is None:
            return
        instance.retire(force=force)
        self._stop_idle_clock()
        self.sockets.hibernate()
        self.host.later(FORGET_S, self._forget_if_idle)

    def _forget_if_idle(self) -> None:
        if self.instance is None and not self.sockets and self.running_alarm_ns is None:
            self.namespace.drop(self)

    def forget(self, instance: Instance, reason: JsException) -> None:
        """`instance` broke: the sockets end, what was not committed is undone, the name goes."""
        del reason
        assert self.instance in (None, instance), "an object has one instance"
        self.instance = None
        self._stop_idle_clock()
        self.namespace.drop(self)
        self.sockets.drop_all()

    def close(self) -> None:
        """Let go of everything: the emulator ends."""
        if self.instance is not None:
            self.instance.abandon()
            self.instance = None
        self._stop_idle_clock()
        self.sockets.drop_all()
        self.sqlite.close()

    def _stop_idle_clock(self) -> None:
        if self.idle_timer is not None:
            self.idle_timer.cancel()
            self.idle_timer = None

    def report(self, exc: BaseException) -> None:
        """Tell the developer of an error that nobody is there to catch."""
        listener = self.host.listener
        if listener is not None:
            listener(
                WorkerError(
                    time_ms=self.host.clock.now_ms(),
                    object=f"{self.namespace.class_name} {self.name or self.id}",
                    text=_describe(exc),
                )
            )


def _describe(exc: BaseException) -> Any:
    error = as_js_error(exc)
    return error.message if error.name == "PythonError" else str(error)
