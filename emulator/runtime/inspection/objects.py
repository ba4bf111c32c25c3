"""Which objects there are, in memory and on disk, and what state each is in.

Invariant: nothing here constructs an instance or a container, or opens a database.
Proof: tests/runtime/test_inspection.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from emulator.core.clock import Millis
from emulator.errors import EmulatorError, StateFolderError
from emulator.runtime.inspection.errors import (
    NotUnderstoodError,
    UnknownNamespaceError,
    UnknownObjectError,
)
from emulator.runtime.migrations import class_keys
from emulator.storage.metadata import read_alarms
from emulator.storage.snapshot import find_left_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.catalog import CatalogEntry
    from emulator.runtime.host import Host
    from emulator.runtime.namespace import Namespace
    from emulator.runtime.recording import LiveRecorder
    from emulator.runtime.worker import Worker
    from emulator.storage.layout import StateLayout
    from emulator.storage.metadata import ScheduledAlarm

__all__ = ["Inspector", "NamespaceView", "ObjectView", "State", "Target", "is_object_id", "matches"]

type State = Literal["running", "hibernated", "stored"]

NS_PER_MS: Final = 1_000_000
LEFT_NAMES_MAX: Final = 10_000
VIEWS_AT_ONCE: Final = 100
_FILES: Final = (".sqlite", ".sqlite-wal")

is_object_id = re.compile(r"[0-9a-f]{64}\Z").match


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceView:
    """One class of objects. `worker` is None for a folder that nobody declares."""

    id: str
    worker: str | None
    class_name: str
    uses_sqlite: bool
    binding: str | None
    object_count: int
    running_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectView:
    """One object as it is now; times in milliseconds since the epoch."""

    namespace: str
    worker: str | None
    class_name: str
    id: str
    name: str | None
    state: State
    generation: int
    size_bytes: int
    sockets: int
    in_flight: int
    next_alarm_ms: Millis | None
    is_alarm_running: bool
    last_active_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An object that was asked for. `namespace` is None if no worker declares its class."""

    unique_key: str
    id: str
    file: Path
    namespace: Namespace | None
    container: ActorContainer | None
    name: str | None

    @property
    def is_open(self) -> bool:
        """Whether this process has the object's file open."""
        return self.container is not None and self.container.sqlite.is_open


class Inspector:
    """Looks at every object of one emulator. `names` is what the notebook said last."""

    def __init__(
        self,
        host: Host,
        workers: Callable[[], Mapping[str, Worker]],
        layout: StateLayout,
        recorder: LiveRecorder,
    ) -> None:
        self.host = host
        self._workers = workers
        self.layout = layout
        self.recorder = recorder
        self._noted: dict[tuple[str, str], CatalogEntry] = {}
        self._renamed: dict[str, str] = {}  # classes that were renamed, by unique key
        self._left_names: dict[tuple[str, str], str | None] = {}  # what wrangler wrote into files

    async def refresh_names(self) -> None:
        """Ask the notebook for the names of objects that are not in memory, and of classes."""
        catalog = self.host.catalog
        if catalog is None:
            return
        try:
            entries = await catalog.objects()
            keys = await class_keys(catalog.path)
        except Exception as exc:  # a notebook that cannot be read has no names; that is all
            del exc
            return
        self._noted = {(entry.unique_key, entry.id): entry for entry in entries}
        self._renamed = {key: class_name for (_, class_name), key in keys.items()}

    @property
    def workers(self) -> Mapping[str, Worker]:
        """Those that run now, by name; a reload changes them."""
        return self._workers()

    # --- namespaces ------------------------------------------------------------------------

    @property
    def namespaces(self) -> dict[str, Namespace]:
        """Those that a worker declares, by unique key."""
        return {
            namespace.unique_key: namespace
            for worker in self.workers.values()
            for namespace in worker.namespaces.values()
        }

    def namespace_views(self) -> list[NamespaceView]:
        """Every class, declared or with a folder, by unique key."""
        declared = self.namespaces
        views = []
        for key in sorted({*declared, *self._folders()}):
            namespace = declared.get(key)
            running = 0
            if namespace is not None:
                running = sum(c.instance is not None for c in namespace.containers.values())
            views.append(
                NamespaceView(
                    id=key,
                    worker=None if namespace is None else namespace.worker.name,
                    class_name=self.class_name(key),
                    uses_sqlite=namespace is None or namespace.has_sql,
                    binding=None if namespace is None else _binding_of(namespace),
                    object_count=len(self.ids(key)),
                    running_count=running,
                )
            )
        return views

    def _folders(self) -> list[str]:
        return [key for key in self.layout.unique_keys() if self.layout.has_objects(key)]

    def class_name(self, unique_key: str) -> str:
        """The class of a namespace, as far as it can be known."""
        namespace = self.namespaces.get(unique_key)
        if namespace is not None:
            return namespace.class_name
        return self._renamed.get(unique_key) or unique_key.rpartition("-")[2]

    def check_namespace(self, unique_key: str) -> Namespace | None:
        """The namespace, None for a folder alone. Raises: UnknownNamespaceError."""
        namespace = self.namespaces.get(unique_key)
        if namespace is None and unique_key not in self._folders():
            raise UnknownNamespaceError(unique_key)
        return namespace

    # --- objects ---------------------------------------------------------------------------

    def ids(self, unique_key: str) -> list[str]:
        """Every object of a class that is on disk or in memory with an instance or sockets."""
        namespace = self.namespaces.get(unique_key)
        found = set(self.layout.object_ids(unique_key))
        if namespace is not None:
            found |= {
                c.id for c in namespace.containers.values() if c.instance is not None or c.sockets
            }
        return sorted(found)

    def target(self, unique_key: str, object_id: str) -> Target:
        """Raises: UnknownNamespaceError, NotUnderstoodError, UnknownObjectError."""
        namespace = self.check_namespace(unique_key)
        if not is_object_id(object_id):
            raise NotUnderstoodError("An object id is 64 lower-case hex digits.")
        container = None if namespace is None else namespace.find(object_id)
        file = self.layout.object_file(unique_key, object_id)
        is_known = container is not None and (container.instance is not None or container.sockets)
        if not is_known and not file.exists():
            raise UnknownObjectError(unique_key, object_id)
        return Target(
            unique_key=unique_key,
            id=object_id,
            file=file,
            namespace=namespace,
            container=container,
            name=self._name(unique_key, object_id, container, self._alarms_of(unique_key)),
        )

    def id_of_name(self, unique_key: str, name: str) -> tuple[str, bool]:
        """The id of a name, and whether there is such an object. Raises: UnknownNamespaceError."""
        from emulator.core.ids import IdFactory

        namespace = self.check_namespace(unique_key)
        ids = IdFactory(unique_key) if namespace is None else namespace.ids
        object_id = ids.from_name(name)
        container = None if namespace is None else namespace.find(object_id)
        is_awake = container is not None and container.instance is not None
        return object_id, is_awake or self.layout.object_file(unique_key, object_id).exists()

    async def views(self) -> list[ObjectView]:
        """Every object: running ones first, then by class, name and id.

        The loop is served between them, so that many do not hold up the objects themselves.
        """
        found: list[ObjectView] = []
        for key in sorted({*self.namespaces, *self._folders()}):
            alarms = self._alarms_of(key)
            for number, object_id in enumerate(self.ids(key)):
                if number % VIEWS_AT_ONCE == VIEWS_AT_ONCE - 1:
                    await self._breath()
                found.append(self._view(key, object_id, alarms))
        found.sort(key=_order)
        return found

    async def _breath(self) -> None:
        """Let the loop serve others for one round."""
        waiter = self.host.loop.create_future()
        self.host.soon(waiter.set_result, None)
        await waiter

    def view(self, unique_key: str, object_id: str) -> ObjectView:
        """One object; it need not exist any more."""
        return self._view(unique_key, object_id, self._alarms_of(unique_key))

    def _alarms_of(self, unique_key: str) -> dict[str, ScheduledAlarm]:
        """The alarms of a class by id."""
        namespace = self.namespaces.get(unique_key)
        if namespace is not None:
            return namespace.alarms.scheduled()
        try:
            alarms = read_alarms(self.layout.metadata_file(unique_key))
        except StateFolderError:
            return {}
        return {alarm.actor_id: alarm for alarm in alarms}

    def _view(
        self, unique_key: str, object_id: str, alarms: Mapping[str, ScheduledAlarm]
    ) -> ObjectView:
        namespace = self.namespaces.get(unique_key)
        container = None if namespace is None else namespace.find(object_id)
        instance = None if container is None else container.instance
        alarm = alarms.get(object_id)
        next_ms = None if alarm is None else Millis(alarm.scheduled_ns // NS_PER_MS)
        in_flight = 0 if instance is None else len(instance.in_flight) + len(instance.queue)
        return ObjectView(
            namespace=unique_key,
            worker=None if namespace is None else namespace.worker.name,
            class_name=self.class_name(unique_key),
            id=object_id,
            name=self._name(unique_key, object_id, container, alarms),
            state=_state(container),
            generation=0 if container is None else container.generation,
            size_bytes=_size(self.layout, unique_key, object_id),
            sockets=_socket_count(container),
            in_flight=in_flight,
            next_alarm_ms=next_ms,
            is_alarm_running=namespace is not None and namespace.alarms.is_running(object_id),
            last_active_ms=self._last_active_ms(unique_key, object_id, container),
        )

    def _last_active_ms(
        self, unique_key: str, object_id: str, container: ActorContainer | None
    ) -> float | None:
        timeline = self.recorder.timeline
        if container is not None and container.instance is not None:
            return timeline.wall_ms(container.instance.last_active_s)
        last = timeline.last_of((unique_key, object_id))
        if last is not None:
            return timeline.wall_ms(last.time_s)
        noted = self._noted.get((unique_key, object_id))
        return None if noted is None else noted.last_seen_ms

    def noted(self, unique_key: str, object_id: str) -> CatalogEntry | None:
        """What the notebook said of the object when it was asked last."""
        return self._noted.get((unique_key, object_id))

    def _name(
        self,
        unique_key: str,
        object_id: str,
        container: ActorContainer | None,
        alarms: Mapping[str, ScheduledAlarm],
    ) -> str | None:
        if container is not None and container.name is not None:
            return container.name
        noted = self._noted.get((unique_key, object_id))
        if noted is not None and noted.name is not None:
            return noted.name
        alarm = alarms.get(object_id)
        if alarm is not None and alarm.actor_name is not None:
            return alarm.actor_name
        return self._left_name(unique_key, object_id, is_live=container is not None)

    def _left_name(self, unique_key: str, object_id: str, *, is_live: bool) -> str | None:
        """The name that wrangler wrote into the file of an object that never ran here."""
        key = (unique_key, object_id)
        if key not in self._left_names and len(self._left_names) < LEFT_NAMES_MAX:
            self._left_names[key] = find_left_name(self.layout.object_file(*key), is_live=is_live)
        return self._left_names.get(key)


def matches(view: ObjectView, *, text: str, state: str | None, class_name: str | None) -> bool:
    """Whether the object is one of those asked for; `text` is part of its name or id."""
    if state is not None and view.state != state:
        return False
    if class_name is not None and view.class_name != class_name:
        return False
    folded = text.casefold()
    return folded in view.id or folded in (view.name or "").casefold()


def _order(view: ObjectView) -> tuple[int, str, bool, str, str]:
    rank = 0 if view.state == "running" else 1
    return rank, view.class_name, view.name is None, view.name or "", view.id


def _state(container: ActorContainer | None) -> State:
    if container is None:
        return "stored"
    if container.instance is not None:
        return "running"
    return "hibernated" if container.sockets else "stored"


def _socket_count(container: ActorContainer | None) -> int:
    if container is None:
        return 0
    instance = container.instance
    return len(container.sockets) + (0 if instance is None else len(instance.residency.sockets))


def _size(layout: StateLayout, unique_key: str, object_id: str) -> int:
    """Bytes on disk, the log included."""
    total = 0
    try:
        file = layout.object_file(unique_key, object_id)
    except EmulatorError:
        return 0
    for suffix in _FILES:
        try:
            total += file.with_suffix(suffix).stat().st_size
        except OSError:
            continue
    return total


def _binding_of(namespace: Namespace) -> str | None:
    for binding in namespace.worker.config.local_bindings:
        if binding.class_name == namespace.class_name:
            return binding.name
    return None
