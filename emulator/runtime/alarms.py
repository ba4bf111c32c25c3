"""The alarms of one class: when each object is due, and what happens when it fails.

An alarm lives in two records that agree: the object's own file says whether it has one, the
class's index says whom to wake. The index is never later than the file (storage/metadata.py), so
a crash at any point leads to an alarm that is looked at too early, never to one that is missed.

Retry counters live in memory: a new process starts again at 0, as the platform's does.

Source: spec storage §4.5, §6; lifecycle §4.3.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from emulator.core.alarms import RETRIES_MAX, AlarmInfo, retry_delay_s
from emulator.core.clock import Millis
from emulator.core.events import AlarmRan, WorkerError
from emulator.core.values import JsException, error
from emulator.errors import EmulatorError
from emulator.runtime.delivery import Delivery, UserObject
from emulator.runtime.storage import is_internal

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.core.events import Listener
    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.instance import Instance
    from emulator.runtime.namespace import Namespace
    from emulator.storage.metadata import AlarmIndex, ScheduledAlarm

__all__ = ["AlarmScheduler"]

NS_PER_MS: Final = 1_000_000
RUN_MAX_S: Final = 15 * 60.0
TOOK_TOO_LONG: Final = "Alarm exceeded its allowed execution time"
NO_HANDLER: Final = (
    "Attempted to run a scheduled alarm without a handler, did you remember to export an alarm() "
    "function?"
)


class _Run:
    """One delivery of an alarm: it is counted as a failure only if its handler has started."""

    __slots__ = ("alarm_ns", "container", "done", "has_started", "instance", "limit", "started_s")

    def __init__(
        self,
        container: ActorContainer,
        alarm_ns: int,
        done: Callable[[BaseException | None], None] | None = None,
    ) -> None:
        self.container = container
        self.alarm_ns = alarm_ns
        self.done = done
        self.has_started = False
        self.instance: Instance | None = None
        self.limit: asyncio.TimerHandle | None = None
        self.started_s = 0.0

    def end(self) -> None:
        if self.limit is not None:
            self.limit.cancel()

    def is_counted(self, exc: BaseException) -> bool:
        """Whether the failure is the handler's own: what broke under it is not."""
        is_ours = isinstance(exc, JsException) and is_internal(exc)
        return self.has_started and not is_ours


class AlarmScheduler:
    """Wakes the objects of one namespace when their alarms are due."""

    def __init__(self, namespace: Namespace, index: AlarmIndex) -> None:
        self._namespace = namespace
        self._host = namespace.host
        self._index = index
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._retries: dict[str, int] = {}  # counted retries of the alarm that is failing
        self._backoffs: dict[str, int] = {}  # attempts for the delay, uncounted ones too
        self._running: set[str] = set()

    def start(self) -> None:
        """Schedule what the index knows; what is overdue fires at once."""
        for alarm in self._index.all():
            self._schedule(alarm.actor_id, alarm.scheduled_ns)

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._index.close()

    def forget_all(self) -> None:
        """Every alarm of the class is gone, and so are the objects."""
        for alarm in self._index.all():
            self._index.delete(alarm.actor_id)
            self._forget_failures(alarm.actor_id)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def forget(self, object_id: str) -> None:
        """The object is deleted, and its alarm with it."""
        self._schedule(object_id, None)
        self._forget_failures(object_id)
        self._index.delete(object_id)

    def adopt(self, object_id: str, alarm_ns: int | None, name: str | None) -> None:
        """The object's file was replaced by one with this alarm. Raises: StateFolderError."""
        self.forget(object_id)
        if alarm_ns is not None:
            self._index.set(object_id, alarm_ns, name)
            self._schedule(object_id, alarm_ns)

    def retries(self, object_id: str) -> int:
        """How often the alarm that is failing has been tried again."""
        return self._retries.get(object_id, 0)

    def scheduled(self) -> dict[str, ScheduledAlarm]:
        """Every alarm by the id of its object."""
        return self._index.by_id()

    def next_due_ms(self, object_id: str) -> Millis | None:
        alarm = self._index.get(object_id)
        return None if alarm is None else Millis(alarm.scheduled_ns // NS_PER_MS)

    def is_running(self, object_id: str) -> bool:
        """Whether the object's handler was called and has not ended."""
        return object_id in self._running

    # --- the object's commits --------------------------------------------------------------

    def before_commit(self, container: ActorContainer, alarm_ns: int | None) -> int | None:
        """The object is about to commit its alarm; when it was scheduled until now.

        Raises: StateFolderError; the object must not commit then.
        """
        known = self._index.get(container.id)
        self._index.before_commit(container.id, alarm_ns, container.name)
        return None if known is None else known.scheduled_ns

    def after_commit(
        self, container: ActorContainer, alarm_ns: int | None, known_ns: int | None
    ) -> None:
        """The object's file says `alarm_ns` now; `known_ns` is what `before_commit` gave."""
        if alarm_ns == known_ns:
            return  # it was changed and changed back; a retry that waits goes on waiting
        try:
            self._index.after_commit(container.id, alarm_ns, container.name)
        except EmulatorError as exc:
            container.report(exc)  # too early an index is harmless
        if self._host.chronicle is not None:
            self._host.chronicle.alarm_changed(container, alarm_ns)
        self._forget_failures(container.id)
        self._schedule(container.id, alarm_ns)

    def _schedule(self, object_id: str, alarm_ns: int | None) -> None:
        timer = self._timers.pop(object_id, None)
        if timer is not None:
            timer.cancel()
        if alarm_ns is not None:
            delay_ms = alarm_ns / NS_PER_MS - self._host.clock.now_ms()
            self._wait(object_id, max(0.0, delay_ms / 1000))

    def _wait(self, object_id: str, delay_s: float) -> None:
        self._timers[object_id] = self._host.later(delay_s, self._fire, object_id)

    def _forget_failures(self, object_id: str) -> None:
        self._retries.pop(object_id, None)
        self._backoffs.pop(object_id, None)

    # --- delivery --------------------------------------------------------------------------

    def run_now(
        self, container: ActorContainer, done: Callable[[BaseException | None], None]
    ) -> bool:
        """Deliver the alarm of `container` without waiting for its time; False if it has none.

        Args:
            done: is told how the delivery ended, after its outcome has been dealt with.
        """
        alarm_ns = container.sqlite.get_alarm_ns()
        if alarm_ns is None or container.id in self._running:
            return False
        timer = self._timers.pop(container.id, None)
        if timer is not None:
            timer.cancel()
        self._deliver(_Run(container, alarm_ns, done))
        return True

    def _fire(self, object_id: str) -> None:
        faults = self._host.faults
        if faults is None:
            self._strike(object_id)
        else:
            strike = functools.partial(self._strike, object_id)
            faults.carry_alarm(self._namespace, object_id, strike)

    def _strike(self, object_id: str) -> None:
        self._timers.pop(object_id, None)
        if object_id in self._running:
            return  # two alarms of one object never overlap; the end of this one looks again
        indexed = self._index.get(object_id)
        if indexed is None:
            return
        container = self._namespace.container_of(object_id, indexed.actor_name)
        try:
            alarm_ns = container.sqlite.get_alarm_ns()
            if alarm_ns is None:
                self._index.delete(object_id)
        except (JsException, EmulatorError) as exc:
            container.report(exc)
            self._try_later(object_id)
            return
        if alarm_ns is None:
            return
        if self._is_due(alarm_ns) or object_id in self._backoffs:  # a retry may be ahead of time
            self._deliver(_Run(container, alarm_ns))
        else:
            self._schedule(object_id, alarm_ns)

    def _is_due(self, alarm_ns: int) -> bool:
        return alarm_ns <= (self._host.clock.now_ms() + 1) * NS_PER_MS

    def _deliver(self, run: _Run) -> None:
        container = run.container
        self._running.add(container.id)
        container.deliver(
            Delivery(
                kind="alarm",
                detail="alarm()",
                run=lambda user: self._run(run, user),
                succeed=lambda _: self._ended(run, None),
                fail=lambda exc: self._ended(run, exc),
            )
        )

    def _ended(self, run: _Run, failure: BaseException | None) -> None:
        if failure is None:
            self._succeeded(run)
        else:
            self._failed(run, failure)
        if self._host.listener is not None and run.has_started:
            self._tell(self._host.listener, run, failure)
        if run.done is not None:
            run.done(failure)

    def _tell(self, listener: Listener, run: _Run, failure: BaseException | None) -> None:
        loop, container = self._host.loop, run.container
        timer = None if failure is None else self._timers.get(container.id)
        listener(
            AlarmRan(
                time_ms=self._host.clock.now_ms(),
                object=f"{self._namespace.class_name} {container.name or container.id[:8]}",
                duration_ms=(loop.time() - run.started_s) * 1000,
                has_failed=failure is not None,
                retry_in_ms=None if timer is None else (timer.when() - loop.time()) * 1000,
            )
        )

    def _run(self, run: _Run, user: UserObject) -> Any:
        container = run.container
        if container.sqlite.get_alarm_ns() != run.alarm_ns:
            return None  # it was moved or deleted while it waited for its turn
        run.has_started = True
        run.started_s = self._host.loop.time()
        container.running_alarm_ns = run.alarm_ns
        if not user.has("alarm"):
            self._say_no_handler(container)
            return None
        run.instance = container.instance
        run.limit = self._host.later(RUN_MAX_S, self._took_too_long, run)
        if self._host.faults is not None:
            self._host.faults.before_alarm(container)
        retries = self._retries.get(container.id, 0)
        return user.alarm(AlarmInfo(Millis(run.alarm_ns // NS_PER_MS), retries))

    def _took_too_long(self, run: _Run) -> None:
        if run.instance is not None:
            run.instance.break_(error(TOOK_TOO_LONG))

    def _say_no_handler(self, container: ActorContainer) -> None:
        if self._host.listener is not None:
            now_ms = self._host.clock.now_ms()
            name = f"{self._namespace.class_name} {container.name or container.id}"
            self._host.listener(WorkerError(time_ms=now_ms, object=name, text=NO_HANDLER))

    def _succeeded(self, run: _Run) -> None:
        run.end()
        container = run.container
        self._running.discard(container.id)
        self._forget_failures(container.id)
        if container.running_alarm_ns is None:  # another alarm was set, or this one deleted
            self._look_again(container.id)
            return
        container.running_alarm_ns = None
        self._delete(container, run.alarm_ns)

    def _failed(self, run: _Run, exc: BaseException) -> None:
        run.end()
        container = run.container
        object_id = container.id
        self._running.discard(object_id)
        container.report(exc)
        was_replaced = run.has_started and container.running_alarm_ns is None
        container.running_alarm_ns = None
        if was_replaced:
            self._forget_failures(object_id)
            self._look_again(object_id)
            return
        is_counted = run.is_counted(exc)
        retries = self._retries.get(object_id, 0)
        if container.running_alarm_is_final or (is_counted and retries >= RETRIES_MAX):
            self._abandon(run)
            return
        if is_counted:
            self._retries[object_id] = retries + 1
        self._try_later(object_id)

    def _try_later(self, object_id: str) -> None:
        attempt = self._backoffs.get(object_id, 0)
        self._backoffs[object_id] = attempt + 1
        self._wait(object_id, retry_delay_s(attempt, self._host.random.random()))

    def _look_again(self, object_id: str) -> None:
        indexed = self._index.get(object_id)
        if indexed is not None and object_id not in self._timers:
            self._schedule(object_id, indexed.scheduled_ns)

    def _abandon(self, run: _Run) -> None:
        """No retry is left: the alarm is gone, silently (spec storage §6.3)."""
        self._forget_failures(run.container.id)
        # The run may have broken the object, and with it the container that it began in.
        container = self._namespace.container_of(run.container.id, run.container.name)
        self._delete(container, run.alarm_ns)

    def _delete(self, container: ActorContainer, alarm_ns: int) -> None:
        try:
            if container.sqlite.get_alarm_ns() == alarm_ns:
                container.sqlite.set_alarm_ns(None)
        except JsException as exc:
            container.report(exc)
            self._try_later(container.id)
