"""One object as the runtime keeps it: its id and name, its sockets, its file, and at most one life.

A container is made by the first event for an id and gives the object its name (the first access
wins). An idle instance is retired and leaves sockets and storage behind; an instance that breaks
takes its sockets, its uncommitted writes and the container with it.

Source: spec lifecycle §1.4, §4; websockets §4, §5.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Final

from emulator.core.events import WorkerError
from emulator.core.values import JsException, internal_error
from emulator.errors import EmulatorError
from emulator.runtime.errors import as_js_error, copy_error, describe, is_abort
from emulator.runtime.hibernation import SocketRegistry
from emulator.runtime.instance import EVICTED, Instance
from emulator.storage.errors import CommitFailed

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.runtime.delivery import Deliverable, UserObject
    from emulator.runtime.eviction import Blocker
    from emulator.runtime.facets import Facets
    from emulator.runtime.namespace import Namespace
    from emulator.runtime.reload import HandOver
    from emulator.storage.actor_sqlite import ActorSqlite
    from emulator.storage.history import History

__all__ = ["ActorContainer"]

IDLE_S: Final = 10.0  # spec lifecycle §4.2: hibernation
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
        self.sqlite: ActorSqlite = namespace.open_storage(self)
        self.history: History | None = namespace.open_history(object_id)
        self.running_alarm_ns: int | None = None  # the alarm whose handler runs now
        self.running_alarm_is_final = False  # abort(reason, {retryAlarm: false})
        self.idle_timer: asyncio.TimerHandle | None = None
        self.facets: Facets | None = None  # once the object has asked for one
        self.handover: HandOver | None = None  # to an instance of newer code
        self.last_request_s = namespace.host.loop.time()  # when the last one ended

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
        if self.host.chronicle is not None:
            self.host.chronicle.woke(self)
        instance = self.instance = Instance(self)
        try:
            self._open_file()
        except EmulatorError as exc:
            self.report(exc)
            instance.break_(internal_error(self.host.reference))
        except JsException as exc:
            self.report(exc)
            instance.break_(exc)
        if instance.is_dead:
            return instance
        self._note()
        instance.construct()
        if self.sockets and not instance.is_dead:
            self.sockets.woken(instance)
        return instance

    def _note(self) -> None:
        if self.host.catalog is not None:
            namespace = self.namespace
            self.host.catalog.note(namespace.unique_key, namespace.class_name, self.id, self.name)

    def build_user_object(self, instance: Instance) -> UserObject:
        from emulator.runtime.state import DurableObjectState

        return self.namespace.object_class.construct(DurableObjectState(instance))

    # --- storage ---------------------------------------------------------------------------

    def _open_file(self) -> None:
        if self.history is not None and self.history.is_restore_due():
            self._restore(self.history)
        is_new = not self.sqlite.exists_on_disk
        self.sqlite.create()
        if self.history is not None:
            self.history.record(self.sqlite.content(), self.host.clock.now_ms())
        if self.name is None and not is_new:
            self.name = self.sqlite.find_name()

    def _restore(self, history: History) -> None:
        """Put the point in time in place that the instance before asked for (spec §5)."""
        content: bytes | None = None
        with contextlib.suppress(JsException):  # what cannot be read can be replaced
            content = self.sqlite.content()
        self.sqlite.release()
        history.restore(content, self.host.clock.now_ms())
        alarms = self.namespace.alarms
        alarm_ns = self.sqlite.get_alarm_ns()
        alarms.after_commit(self, alarm_ns, alarms.before_commit(self, alarm_ns))

    def version_now(self, history: History) -> int:
        """The version of what is committed."""
        if self.sqlite.is_dirty or self.sqlite.transaction_depth:
            return history.last
        return history.record(self.sqlite.content(), self.host.clock.now_ms())

    def file_unusable(self, failure: JsException) -> None:
        """The object's file cannot be opened: nobody can go on."""
        self.report(failure)
        if self.instance is not None:
            self.instance.break_(failure)

    def first_write(self) -> None:
        """A turn's transaction was opened: see that it is committed."""
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
        if sqlite.is_dirty and not sqlite.transaction_depth:
            self._commit(sqlite.commit)

    def commit_transaction(self, depth: int) -> None:
        """End the asynchronous transaction opened at `depth`, and commit it if it is the outermost.

        Raises:
            JsException: that failed; everything of the transaction is undone.
        """
        if depth:
            self.sqlite.commit_transaction(depth)
        else:
            self._commit(functools.partial(self.sqlite.commit_transaction, 0))

    def _commit(self, commit: Callable[[], None]) -> None:
        sqlite = self.sqlite
        if self.host.recorder is not None:
            self.host.recorder.committing(self)
        if self.host.faults is not None:
            self.host.faults.before_commit(self)
        try:
            if not sqlite.is_alarm_changed:
                commit()
                self._committed()
                return
            alarm_ns = sqlite.get_alarm_ns()
            known_ns = self.namespace.alarms.before_commit(self, alarm_ns)
            commit()
        except CommitFailed as exc:
            raise exc.error from exc
        except EmulatorError as exc:
            self.report(exc)
            raise internal_error(self.host.reference) from exc
        self._committed()
        self.namespace.alarms.after_commit(self, alarm_ns, known_ns)

    def _committed(self) -> None:
        if self.host.recorder is not None:
            self.host.recorder.committed(self)
        if self.history is not None:
            try:
                self.version_now(self.history)
            except EmulatorError as exc:
                self.report(exc)  # what is committed stays so; its past alone has a gap

    # --- sleep and death -------------------------------------------------------------------

    def watch_idle(self) -> None:
        """See that the idle clock runs; it looks at the last activity when it strikes."""
        if self.idle_timer is None and self.instance is not None:
            if self.handover is None:
                self.idle_timer = self.host.later(IDLE_S, self._idle_struck)
            else:
                self.idle_timer = self.host.later(0.0, self.handover.look)

    def _idle_struck(self) -> None:
        self.idle_timer = None
        instance = self.instance
        if instance is None or not instance.residency.is_quiet:
            return  # the end of the last blocker starts the clock again
        quiet_s = self.host.loop.time() - instance.last_active_s
        if quiet_s + _EPSILON_S >= IDLE_S:
            self.hibernate()
        else:
            self.idle_timer = self.host.later(IDLE_S - quiet_s, self._idle_struck)

    def blockers(self) -> list[Blocker]:
        return [] if self.instance is None else self.instance.blockers()

    def hibernate(self, *, force: bool = False, reason: str = EVICTED) -> None:
        """Retire the instance. Storage, sockets, name and stubs stay.

        Args:
            force: end what still runs in it, too, with an Error of the words `reason`.
        """
        instance, self.instance = self.instance, None
        if instance is None:
            return
        if self.host.chronicle is not None:
            self.host.chronicle.slept(self, len(instance.in_flight) + len(instance.queue))
        instance.retire(force=force, reason=reason)
        self.stop_idle_clock()
        self.sockets.hibernate()

    @property
    def has_client(self) -> bool:
        """Whether somebody waits for this object, or is connected to it."""
        instance = self.instance
        if self.sockets or self.running_alarm_ns is not None:
            return True
        if self.facets is not None and self.facets.has_client:
            return True
        return instance is not None and bool(
            instance.in_flight or instance.queue or instance.residency.has_client
        )

    def remove(self) -> None:
        """Nobody has asked for the object lately: whatever still runs in it ends in silence."""
        self.hibernate(force=True)
        if self.facets is not None:
            self.facets.close()
        self.namespace.drop(self)

    def forget(self, instance: Instance, reason: JsException) -> None:
        """`instance` broke: the sockets end, what was not committed is undone, the name goes."""
        assert self.instance in (None, instance), "an object has one instance"
        if self.host.chronicle is not None:
            self.host.chronicle.broke(self, reason)
        self.instance = None
        self.stop_idle_clock()
        self.end_facets(reason)
        self.namespace.drop(self)
        self.sockets.drop_all()

    def close(self) -> None:
        """Let go of everything: the emulator ends."""
        if self.instance is not None:
            self.instance.abandon()
            self.instance = None
        self.stop_idle_clock()
        if self.facets is not None:
            self.facets.close()
        self.sockets.drop_all()
        self.sqlite.close()

    def end_facets(self, reason: JsException) -> None:
        if self.facets is not None:
            self.facets.break_all(reason)

    def delete_facets(self) -> None:
        """The object deletes everything: its facets, also those of an earlier life."""
        from emulator.runtime.facets import facets_of

        facets_of(self).delete_all()

    def stop_idle_clock(self) -> None:
        if self.idle_timer is not None:
            self.idle_timer.cancel()
            self.idle_timer = None

    def report(self, exc: BaseException) -> None:
        """Tell the developer of an error that nobody is there to catch."""
        listener = self.host.listener
        if listener is not None and not is_abort(exc):
            text, trace = describe(exc)
            if exc.__cause__ is not None and as_js_error(exc).name != "PythonError":
                # What the platform keeps to itself, the developer may know: the disk is full.
                text, trace = f"{text} ({exc.__cause__})", ""
            listener(
                WorkerError(
                    time_ms=self.host.clock.now_ms(),
                    object=f"{self.namespace.class_name} {self.name or self.id}",
                    text=text,
                    trace=trace,
                )
            )
