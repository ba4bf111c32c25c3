"""The alarms of one class: when each object is due, and what happens when it fails.

An alarm lives in two records that agree: the object's own file says whether it has one, the
class's index says whom to wake. The index is never later than the file (storage/metadata.py), so
a crash at any point leads to an alarm that is looked at too early, never to one that is missed.

Source: spec storage §4.5, §6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.alarms import RETRIES_MAX, AlarmInfo, retry_delay_s
from emulator.core.clock import Millis
from emulator.core.events import WorkerError
from emulator.core.values import JsException
from emulator.errors import StateFolderError
from emulator.runtime.delivery import Delivery, UserObject

if TYPE_CHECKING:
    import asyncio

    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.namespace import Namespace
    from emulator.storage.metadata import AlarmIndex

__all__ = ["AlarmScheduler"]

NS_PER_MS: Final = 1_000_000
NO_HANDLER: Final = (
    "Attempted to run a scheduled alarm without a handler, did you remember to export an alarm() "
    "function?"
)


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

    def next_due_ms(self, object_id: str) -> Millis | None:
        alarm = self._index.get(object_id)
        return None if alarm is None else Millis(alarm.scheduled_ns // NS_PER_MS)

    # --- the object's commits --------------------------------------------------------------

    def before_commit(self, container: ActorContainer, alarm_ns: int | None) -> None:
        self._index.before_commit(container.id, alarm_ns, container.name)

    def after_commit(self, container: ActorContainer, alarm_ns: int | None) -> None:
        self._index.after_commit(container.id, alarm_ns, container.name)
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

    def _fire(self, object_id: str) -> None:
        self._timers.pop(object_id, None)
        if object_id in self._running:
            return  # two alarms of one object never overlap; the end of this one looks again
        indexed = self._index.get(object_id)
        if indexed is None:
            return
        container = self._namespace.container_of(object_id, indexed.actor_name)
        try:
            alarm_ns = container.sqlite.get_alarm_ns()
        except (JsException, StateFolderError) as exc:
            container.report(exc)
            return
        now_ms = self._host.clock.now_ms()
        if alarm_ns is None:
            self._index.delete(object_id)
        elif alarm_ns > (now_ms + 1) * NS_PER_MS:
            self._schedule(object_id, alarm_ns)
        else:
            self._deliver(container, alarm_ns)

    def run_now(self, object_id: str) -> None:
        """Fire the alarm of `object_id` without waiting for its time."""
        timer = self._timers.pop(object_id, None)
        if timer is not None:
            timer.cancel()
        self._fire(object_id)

    def _deliver(self, container: ActorContainer, alarm_ns: int) -> None:
        info = AlarmInfo(Millis(alarm_ns // NS_PER_MS), self._retries.get(container.id, 0))
        self._running.add(container.id)
        started = False

        def run(user: UserObject) -> Any:
            nonlocal started
            started = True
            container.running_alarm_ns = alarm_ns
            if user.has("alarm"):
                return user.alarm(info)
            self._say_no_handler(container)
            return None

        container.deliver(
            Delivery(
                kind="alarm",
                detail="alarm()",
                run=run,
                succeed=lambda _: self._succeeded(container),
                fail=lambda exc: self._failed(container, alarm_ns, exc, is_counted=started),
            )
        )

    def _say_no_handler(self, container: ActorContainer) -> None:
        if self._host.listener is not None:
            now_ms = self._host.clock.now_ms()
            name = f"{self._namespace.class_name} {container.name or container.id}"
            self._host.listener(WorkerError(time_ms=now_ms, object=name, text=NO_HANDLER))

    def _succeeded(self, container: ActorContainer) -> None:
        self._running.discard(container.id)
        self._forget_failures(container.id)
        if container.running_alarm_ns is not None:  # no other alarm was set meanwhile
            container.running_alarm_ns = None
            container.sqlite.set_alarm_ns(None)
        else:
            self._look_again(container.id)

    def _failed(
        self, container: ActorContainer, alarm_ns: int, exc: BaseException, *, is_counted: bool
    ) -> None:
        object_id = container.id
        self._running.discard(object_id)
        container.report(exc)
        was_replaced = is_counted and container.running_alarm_ns is None
        container.running_alarm_ns = None
        if was_replaced:
            self._forget_failures(object_id)
            self._look_again(object_id)
            return
        attempt = self._backoffs.get(object_id, 0)
        retries = self._retries.get(object_id, 0)
        if container.running_alarm_is_final or (is_counted and retries >= RETRIES_MAX):
            self._abandon(object_id, alarm_ns)
            return
        self._backoffs[object_id] = attempt + 1
        if is_counted:
            self._retries[object_id] = retries + 1
        self._wait(object_id, retry_delay_s(attempt, self._host.random.random()))

    def _look_again(self, object_id: str) -> None:
        indexed = self._index.get(object_id)
        if indexed is not None and object_id not in self._timers:
            self._schedule(object_id, indexed.scheduled_ns)

    def _abandon(self, object_id: str, alarm_ns: int) -> None:
        """The last retry failed: the alarm is gone, silently (spec storage §6.3)."""
        self._forget_failures(object_id)
        container = self._namespace.container_of(object_id, None)
        if container.sqlite.get_alarm_ns() == alarm_ns:
            container.sqlite.set_alarm_ns(None)
