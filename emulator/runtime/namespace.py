"""A namespace: every object of one class of one worker.

Source: spec lifecycle §1; storage §7.1, §8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from emulator.core.ids import NAME_BYTES_MAX, IdFactory, unique_key
from emulator.core.values import JsException, error
from emulator.runtime.actor import ActorContainer
from emulator.runtime.alarms import AlarmScheduler
from emulator.runtime.eviction import Sweep
from emulator.storage.actor_sqlite import ActorSqlite
from emulator.storage.history import History
from emulator.storage.metadata import AlarmIndex

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.core.config import Config
    from emulator.core.config.lifecycle import ClassKeys
    from emulator.runtime.delivery import Deliverable, ObjectClass, UserObject
    from emulator.runtime.host import Host
    from emulator.runtime.state import DurableObjectState
    from emulator.runtime.worker import Worker
    from emulator.storage.database import Durability
    from emulator.storage.databases import Databases
    from emulator.storage.layout import StateLayout

__all__ = [
    "DisconnectedNamespace",
    "Namespace",
    "ObjectId",
    "StorageOptions",
    "TextId",
    "not_found",
]

NAMED_MAX: Final = 4096  # ids of names that a namespace keeps at hand


@dataclass(frozen=True, slots=True)
class ObjectId:
    """An id as code holds it: the name is known only to the id that was made from it."""

    hex: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class TextId(ObjectId):
    """The id of a facet whose parent chose any text for it; `hex` is that text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageOptions:
    """Where and how the objects of an emulator keep their files."""

    layout: StateLayout
    databases: Databases
    durability: Durability
    keeps_history: bool = False
    keys: ClassKeys = field(default_factory=dict)

    def key_of(self, worker_name: str, class_name: str) -> str:
        """The class's unique key, which a migration may have left it from another name."""
        found = self.keys.get((worker_name, class_name))
        return unique_key(worker_name, class_name) if found is None else found


class MissingClass:
    """Stands for a class that no code was bound to."""

    def __init__(self, name: str) -> None:
        self.name = name

    def construct(self, state: DurableObjectState) -> UserObject:
        raise error(f"The worker has no class {self.name}.") from None


class Namespace:
    """The objects of one class. Objects exist by being addressed."""

    def __init__(
        self,
        *,
        worker: Worker,
        class_name: str,
        has_sql: bool,
        storage: StorageOptions,
    ) -> None:
        self.worker = worker
        self.host = worker.host
        self.class_name = class_name
        self.unique_key = storage.key_of(worker.name, class_name)
        self.ids = IdFactory(self.unique_key)
        self._named: dict[str, ObjectId] = {}
        self.object_class: ObjectClass = MissingClass(class_name)
        self.has_sql = has_sql
        self.is_legacy = worker.config.dev.legacy_kv and not has_sql
        self.keeps_alarm_on_delete_all = _keeps_alarm(worker.config)
        self.containers: dict[str, ActorContainer] = {}
        self._sweep = Sweep(self)
        self._storage = storage
        storage.layout.make_class_folder(self.unique_key)
        index = AlarmIndex(
            storage.layout.metadata_file(self.unique_key), durability=storage.durability
        )
        self.alarms = AlarmScheduler(self, index)

    def fits(self, config: Config) -> bool:
        """Whether it would be the same under `config`, a newer one of its worker."""
        return (
            self.unique_key == self._storage.key_of(config.name or "worker", self.class_name)
            and self.has_sql == (config.storage_of(self.class_name) == "sqlite")
            and self.keeps_alarm_on_delete_all == _keeps_alarm(config)
        )

    # --- ids -------------------------------------------------------------------------------

    def id_from_name(self, name: str) -> ObjectId:
        found = self._named.get(name)
        if found is None:
            found = ObjectId(self.ids.from_name(name), name)
            if len(self._named) < NAMED_MAX:  # a cache, not a register
                self._named[name] = found
        return found

    def id_from_string(self, text: str) -> ObjectId:
        """Raises: JsException (TypeError) for text that is no id of this namespace."""
        return ObjectId(self.ids.from_string(text))

    def new_unique_id(self) -> ObjectId:
        return ObjectId(self.ids.unique(self.host.random.randbytes(16)))

    # --- objects ---------------------------------------------------------------------------

    def container(self, object_id: ObjectId) -> ActorContainer:
        """The object, made known by this first access; its name is the one it is called by."""
        found = self.containers.get(object_id.hex)
        return found or self.container_of(object_id.hex, object_id.name)

    def container_of(self, object_id: str, name: str | None) -> ActorContainer:
        found = self.containers.get(object_id)
        if found is None:
            found = ActorContainer(self, object_id, _name_inside(name))
            self.containers[object_id] = found
            self._sweep.start()
        return found

    def find(self, object_id: str) -> ActorContainer | None:
        """The object if it is known; looking does not wake it."""
        return self.containers.get(object_id)

    def drop(self, container: ActorContainer) -> None:
        """Forget a container. Its object lives on in its file."""
        if self.containers.get(container.id) is container:
            del self.containers[container.id]
        container.sqlite.close()

    def stored_ids(self) -> list[str]:
        """The ids that have a file, sorted."""
        return sorted(self._storage.layout.object_ids(self.unique_key))

    def file_of(self, object_id: str) -> Path:
        """Where the object's database is, or would be."""
        return self._storage.layout.object_file(self.unique_key, object_id)

    def delete(self, object_id: str) -> None:
        """Delete an object's files and alarm. It is not in memory any more.

        Raises: StateFolderError.
        """
        self.alarms.forget(object_id)
        self._storage.layout.remove_object(self.unique_key, object_id)

    def delete_all(self) -> None:
        """Delete the files and alarms of every object. None of them is in memory any more.

        Raises: StateFolderError.
        """
        self.alarms.forget_all()
        for object_id in self.stored_ids():
            self._storage.layout.remove_object(self.unique_key, object_id)

    def open_storage(self, container: ActorContainer) -> ActorSqlite:
        return ActorSqlite(
            self._storage.layout.object_file(self.unique_key, container.id),
            durability=self._storage.durability,
            on_first_write=container.first_write,
            on_unusable=container.file_unusable,
            sql_enabled=self.has_sql,
            reference=self.host.reference,
            databases=self._storage.databases,
        )

    def open_history(self, object_id: str) -> History | None:
        """The object's past, if pasts are kept."""
        if not self._storage.keeps_history:
            return None
        return History(self._storage.layout.object_file(self.unique_key, object_id))

    def close(self) -> None:
        self._sweep.close()
        self.alarms.close()
        for container in list(self.containers.values()):
            container.close()
        self.containers.clear()


def _keeps_alarm(config: Config) -> bool:
    return not config.is_enabled(
        "delete_all_deletes_alarm", "delete_all_preserves_alarm", since="2026-02-24"
    )


class DisconnectedNamespace(Namespace):
    """The objects of a worker that is not running: ids can be made, every call fails."""

    def __init__(self, host: Host, worker_name: str, class_name: str) -> None:
        self.host = host
        self.class_name = class_name
        self.unique_key = unique_key(worker_name, class_name)
        self.ids = IdFactory(self.unique_key)
        self._named = {}
        self.containers = {}
        self._worker_name = worker_name
        # It stands for every object of it, too.
        self.namespace = self
        self.id = self.unique_key

    def container(self, object_id: ObjectId) -> Any:
        del object_id
        return self

    def deliver(self, delivery: Deliverable) -> None:
        delivery.fail(not_found(self._worker_name))


def not_found(worker_name: str) -> JsException:
    """What a call of a worker that is not running rejects with (spec lifecycle §2.2)."""
    return error(f'Worker "{worker_name}" not found. Make sure it is running locally.')


def _name_inside(name: str | None) -> str | None:
    """The name the object itself knows: none that is longer than 1024 bytes (spec §1.4)."""
    if name is None or len(name.encode("utf-8", "surrogatepass")) > NAME_BYTES_MAX:
        return None
    return name
