"""New code for objects that are awake: at once, as a deploy has it, or when they may sleep.

Invariants of a hand-over, proved in tests/runtime/test_reload.py:

  R1  An event runs to its end in the instance that it began in.
  R2  An event that waits for the hand-over is delivered once, in order, to whoever is next.
  R3  Events wait for other events only, and no longer than HOLD_S: one that a waiting one would
      have to end goes on then, on the old code.

Source: spec lifecycle §4.2, §4.3; websockets §5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from emulator.core.values import error

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.eviction import Blocker
    from emulator.runtime.namespace import Namespace

__all__ = ["CODE_UPDATED", "HandOver", "ReloadMode", "Replaced", "reset_objects", "retire_objects"]

type ReloadMode = Literal["deploy", "hibernate"]

CODE_UPDATED: Final = "Durable Object reset because its code was updated."
HOLD_S: Final = 1.0  # how long new events wait for those that run
PATIENCE_S: Final = 10.0  # how long timers and promises keep old code, as they keep an object awake
_LOOK_AGAIN_S: Final = 0.01
_EVENTS: Final = ("fetch", "rpc", "alarm", "websocket")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """What became of the objects that were awake, or had sockets.

    objects: those whose next event meets the new code, as `Room lobby`.
    waiting: those that go on with the old code for now, each with the reason.
    """

    objects: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    sockets_closed: int = 0
    sockets_kept: int = 0


def reset_objects(namespaces: Iterable[Namespace]) -> Replaced:
    """As a deploy does: every instance ends, with what runs in it, and every socket.

    What was written is committed. Callers get CODE_UPDATED, clients the end of the connection.
    """
    names: list[str] = []
    closed = 0
    for container in _containers(namespaces):
        sockets = len(container.sockets)
        instance = container.instance
        if instance is None and not sockets:
            continue
        names.append(_label(container))
        closed += sockets
        if instance is None:
            container.namespace.drop(container)
            container.sockets.drop_all()
            continue
        closed += len(instance.residency.sockets)
        instance.commit()
        instance.break_(error(CODE_UPDATED))
    return Replaced(objects=tuple(names), sockets_closed=closed)


def retire_objects(namespaces: Iterable[Namespace]) -> Replaced:
    """Let every instance hibernate as soon as it may; sockets and events in flight live on."""
    names: list[str] = []
    waiting: list[str] = []
    kept = 0
    for container in _containers(namespaces):
        kept += len(container.sockets)
        if container.instance is None:
            continue
        kept += len(container.instance.residency.sockets)
        if container.handover is None:
            HandOver(container).begin()
        if container.handover is None:
            names.append(_label(container))
        else:
            waiting.append(f"{_label(container)}: {_reason(container)}")
    return Replaced(objects=tuple(names), waiting=tuple(waiting), sockets_kept=kept)


class HandOver:
    """One object on its way from an instance of old code to the next one."""

    def __init__(self, container: ActorContainer) -> None:
        assert container.instance is not None, "an object that sleeps has no old code"
        self._container = container
        self._instance = container.instance
        self._timer: asyncio.TimerHandle | None = None
        self._insists = False

    def begin(self) -> None:
        """Replace the instance now, or as soon as that is possible."""
        container = self._container
        container.handover = self
        container.stop_idle_clock()  # from now on `look` is called whenever something has ended
        if self._is_over:
            self._finish()
        elif self._instance.in_flight:
            self._hold()
        else:
            self._timer = container.host.later(PATIENCE_S, self._knock)

    def look(self) -> None:
        """Something of the object has ended: go on if nothing is left."""
        container, instance = self._container, self._instance
        container.stop_idle_clock()
        if container.instance is not instance:  # it broke, or was evicted by force
            self._leave()
            container.watch_idle()
        elif self._is_over:
            self._finish()
        elif not instance.in_flight:
            if instance.is_leaving and self._keepers():
                self._let_in()
            elif not self._keepers():
                # Between an event and its commit; nobody will say when that is done.
                container.idle_timer = container.host.later(_LOOK_AGAIN_S, self.look)

    @property
    def _is_over(self) -> bool:
        instance = self._instance
        sqlite = self._container.sqlite
        is_busy = (
            instance.running
            or instance.in_flight
            or instance.outbox
            or instance.is_output_held
            or instance.is_breathing
            or not instance.gate.is_idle
            or sqlite.is_dirty
            or sqlite.transaction_depth
        )
        return not (is_busy or self._keepers())

    def _keepers(self) -> list[Blocker]:
        """What would be lost with the instance, beside its events."""
        residency = self._instance.residency
        if self._insists and not residency.has_client:
            return []
        return [b for b in residency.blockers() if b.kind not in _EVENTS]

    def _finish(self) -> None:
        """The instance goes; what waited is for the next one (R2)."""
        container, instance = self._container, self._instance
        waiting = list(instance.queue)
        instance.queue.clear()
        self._leave()
        container.hibernate(force=self._insists)
        for delivery in waiting:
            # Through the namespace: the first of them may break the object, and its container goes.
            container.namespace.container_of(container.id, container.name).deliver(delivery)

    def _leave(self) -> None:
        self._instance.is_leaving = False
        self._container.handover = None
        if self._timer is not None:
            self._timer.cancel()

    def _hold(self) -> None:
        """New events wait until those that run have ended (R3)."""
        self._instance.is_leaving = True
        self._wait(HOLD_S, self._let_in)

    def _let_in(self) -> None:
        self._instance.is_leaving = False
        self._instance.schedule_advance()
        self._wait(PATIENCE_S, self._knock)

    def _knock(self) -> None:
        """It has been patient: what only keeps an object awake is no reason any more."""
        self._insists = True
        if self._instance.in_flight:
            self._hold()
        else:
            self._wait(PATIENCE_S, self._knock)
            self.look()

    def _wait(self, delay_s: float, then: object) -> None:
        assert callable(then), "something follows"
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._container.host.later(delay_s, then)


def _containers(namespaces: Iterable[Namespace]) -> list[ActorContainer]:
    return [found for namespace in namespaces for found in namespace.containers.values()]


def _label(container: ActorContainer) -> str:
    return f"{container.namespace.class_name} {container.name or container.id[:8]}"


def _reason(container: ActorContainer) -> str:
    blockers = container.blockers()
    if not blockers:
        return "a commit"
    first = blockers[0]
    return first.detail if first.source is None else f"{first.detail} ({first.source})"
