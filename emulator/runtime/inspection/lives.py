"""Ending an object's life for a developer, running its alarm, and why it is awake.

Proof: tests/runtime/test_inspection.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from emulator.core.values import error
from emulator.errors import EmulatorError
from emulator.runtime.inspection.errors import (
    NotUnderstoodError,
    ObjectBusyError,
    ObjectFailedError,
    UnknownMemberError,
)

if TYPE_CHECKING:
    import asyncio

    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.inspection.objects import Inspector, Target
    from emulator.runtime.recording import Key

__all__ = ["Residency", "ResidencyBook", "abort", "delete", "end_life", "evict", "run_alarm"]

DELETED: Final = "The Durable Object was deleted by its developer."
ABORTED: Final = "Application called abort() to reset Durable Object."
TICK_S: Final = 1.0
WATCHED_S: Final = 60.0  # so long after somebody looked, its seconds are counted
WATCHED_MAX: Final = 200


def evict(
    target: Target, *, force: bool = False, web_sockets: Literal["hibernate", "close"] = "hibernate"
) -> bool:
    """Discard the instance; False if there is none. Storage stays.

    Raises: ObjectBusyError, if something keeps it awake and `force` is false.
    """
    container = target.container
    if container is None or container.instance is None:
        return False
    blockers = container.blockers()
    if blockers and not force:
        raise ObjectBusyError(f"{container!r} is kept awake.", blockers)
    if container.instance.running:
        raise ObjectBusyError(f"{container!r} runs code now.", blockers)
    container.hibernate(force=force)
    if web_sockets == "close":
        container.sockets.drop_all()
    return True


def abort(target: Target, reason: str | None = None) -> bool:
    """Reset the object, as `ctx.abort()` does; False if it sleeps."""
    container = target.container
    if container is None or container.instance is None:
        return False
    container.instance.break_(error(reason or ABORTED))
    return True


async def delete(inspector: Inspector, target: Target) -> None:
    """The object is no more: instance, sockets, files, alarm, name.

    Raises: NotUnderstoodError, ObjectFailedError.
    """
    namespace, container = target.namespace, target.container
    try:
        if namespace is None:
            inspector.layout.remove_object(target.unique_key, target.id)
        else:
            if container is not None:
                end_life(container)
            namespace.delete(target.id)
    except EmulatorError as exc:
        raise ObjectFailedError(str(exc)) from exc
    inspector.recorder.timeline.forget((target.unique_key, target.id))
    if inspector.host.catalog is not None:
        await inspector.host.catalog.forget(target.unique_key, target.id)
        await inspector.refresh_names()


def end_life(container: ActorContainer) -> None:
    """The object is gone from memory: what was under way fails, its sockets end."""
    if container.instance is not None:
        container.instance.break_(error(DELETED))
    else:
        container.sockets.drop_all()
        container.namespace.drop(container)


async def run_alarm(inspector: Inspector, target: Target) -> str | None:
    """Deliver the alarm now and wait for its end; what it failed with, in one line. Wakes it.

    Raises: UnknownMemberError without an alarm; ObjectBusyError while it runs; NotUnderstoodError.
    """
    namespace = target.namespace
    if namespace is None:
        raise NotUnderstoodError(f"No worker declares {target.unique_key}: nothing of it can run.")
    if namespace.alarms.is_running(target.id):
        raise ObjectBusyError("The alarm is running already.")
    container = namespace.container_of(target.id, target.name)
    outcome: asyncio.Future[BaseException | None] = inspector.host.loop.create_future()

    def done(failure: BaseException | None) -> None:
        if not outcome.done():
            outcome.set_result(failure)

    if not namespace.alarms.run_now(container, done):
        if target.container is None:
            namespace.drop(container)
        raise UnknownMemberError("The object has no alarm.")
    failure = await outcome
    return None if failure is None else inspector.recorder.text_of(failure)


@dataclass(slots=True)
class Residency:
    """How many seconds an object was in memory, and kept there by what, while it was watched."""

    awake_s: float = 0.0
    billed_s: float = 0.0
    by_cause: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Watched:
    account: Residency
    looked_s: float  # when somebody looked last, on the loop's clock


class ResidencyBook:
    """Counts, once a second, for the objects that somebody has looked at in the last minute."""

    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector
        self._watched: dict[Key, _Watched] = {}
        self._is_ticking = False

    def look(self, key: Key) -> Residency:
        """The account of an object, which is watched from now on."""
        loop = self._inspector.host.loop
        found = self._watched.pop(key, None) or _Watched(Residency(), 0.0)
        found.looked_s = loop.time()
        self._watched[key] = found  # the one looked at last is the last
        if len(self._watched) > WATCHED_MAX:
            del self._watched[next(iter(self._watched))]
        self._tick_later()
        return found.account

    def _tick_later(self) -> None:
        if not self._is_ticking:
            self._is_ticking = True
            self._inspector.host.later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._is_ticking = False
        now_s = self._inspector.host.loop.time()
        namespaces = self._inspector.namespaces
        is_watching = False
        for (unique_key, object_id), watched in self._watched.items():
            if now_s - watched.looked_s > WATCHED_S:
                continue
            is_watching = True
            namespace = namespaces.get(unique_key)
            container = None if namespace is None else namespace.find(object_id)
            if container is not None and container.instance is not None:
                _charge(watched.account, container)
        if is_watching:
            self._tick_later()


def _charge(account: Residency, container: ActorContainer) -> None:
    account.awake_s += TICK_S
    causes = {
        f"{blocker.kind}: {blocker.detail}" + (f" ({blocker.source})" if blocker.source else "")
        for blocker in container.blockers()
    }
    if causes:
        account.billed_s += TICK_S
    for cause in causes:
        account.by_cause[cause] = account.by_cause.get(cause, 0.0) + TICK_S
