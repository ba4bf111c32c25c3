"""One facet as the runtime keeps it: a container like any other, with its file beside its root's.

Source: spec lifecycle §1.6; storage §7.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.facets import alarm_refusal
from emulator.runtime.actor import ActorContainer
from emulator.runtime.errors import Aborted
from emulator.runtime.namespace import Namespace, ObjectId
from emulator.runtime.state import DurableObjectState
from emulator.runtime.storage import ObjectStorage
from emulator.storage.actor_sqlite import ActorSqlite

if TYPE_CHECKING:
    from emulator.core.clock import Millis
    from emulator.core.values import JsObject
    from emulator.runtime.delivery import ObjectClass, UserObject
    from emulator.runtime.facets import Facet
    from emulator.runtime.instance import Instance

__all__ = ["Choice", "FacetContainer"]


class Choice:
    """What a parent's callback decided: the class of a facet, what it is told, and its id."""

    __slots__ = ("object_class", "object_id", "props")

    def __init__(
        self, object_class: ObjectClass, props: JsObject | None, object_id: ObjectId | None = None
    ) -> None:
        self.object_class = object_class
        self.props = props
        self.object_id = object_id


class FacetContainer(ActorContainer):
    """One facet as the runtime keeps it."""

    def __init__(self, facet: Facet, choice: Choice) -> None:
        parent = facet.facets.parent
        own = choice.object_id or _id_of(parent)
        self.object_id = own
        self.props = choice.props
        self._facet = facet
        home = _Home(facet, choice.object_class)
        self.number: int = home.number
        super().__init__(home, own.hex, own.name)

    def _note(self) -> None:
        """The notebook has its root."""

    def build_user_object(self, instance: Instance) -> UserObject:
        return self.namespace.object_class.construct(_FacetState(instance, self))

    def settle_files(self) -> None:
        """Somebody is about to read the files: what was written is in them, and they are shut."""
        if self.sqlite.is_dirty:
            if self.instance is None:
                self.commit()
            else:
                self.instance.commit()
        self.sqlite.release()
        assert self.facets is not None, "a facet has its own from the start"
        for inner in self.facets.containers:
            inner.settle_files()


def _id_of(parent: ActorContainer) -> ObjectId:
    if isinstance(parent, FacetContainer):
        return parent.object_id
    return ObjectId(parent.id, parent.name)


class _Home(Namespace):
    """What a namespace is to other containers: where the one facet's class and file are."""

    def __init__(self, facet: Facet, object_class: ObjectClass) -> None:
        above = facet.facets.parent.namespace
        self.worker = above.worker
        self.host = above.host
        self.class_name = object_class.name
        self.unique_key = above.unique_key
        self.ids = above.ids
        self.object_class = object_class
        self.has_sql = True
        self.is_legacy = False
        self.keeps_alarm_on_delete_all = False
        self.containers = {}
        self.alarms: Any = _NoAlarms()
        self._storage = above._storage
        self._facet = facet
        facets = facet.facets
        self.number: int = facets.files.number(facets.number, facet.name)
        self._file = facets.files.path(self.number)

    def open_storage(self, container: ActorContainer) -> ActorSqlite:
        return ActorSqlite(
            self._file,
            durability=self._storage.durability,
            on_first_write=container.first_write,
            on_unusable=container.file_unusable,
            sql_enabled=True,
            reference=self.host.reference,
            databases=self._storage.databases,
        )

    def open_history(self, object_id: str) -> None:
        del object_id

    def drop(self, container: ActorContainer) -> None:
        self._facet.facets.forget(self._facet)
        container.sqlite.close()


class _NoAlarms:
    """The alarms of an object that has none."""

    def before_commit(self, container: ActorContainer, alarm_ns: int | None) -> None:
        """Nothing is written ahead."""

    def after_commit(self, container: ActorContainer, alarm_ns: int | None, known: None) -> None:
        """Nothing is scheduled."""

    def is_running(self, object_id: str) -> bool:
        del object_id
        return False


class _FacetState(DurableObjectState):
    """`ctx` of a facet."""

    def __init__(self, instance: Instance, container: FacetContainer) -> None:
        super().__init__(instance)
        self.id = container.object_id
        self.props = container.props
        self.storage = _FacetStorage(instance)


class _FacetStorage(ObjectStorage):
    """The storage of a facet. It has no alarm."""

    __slots__ = ()

    def set_alarm(self, time_ms: float, *, is_unconfirmed: bool = False) -> Millis:
        """Ends the facet (sic): the runtime finds out when it commits. Raises: JsException."""
        super().set_alarm(time_ms, is_unconfirmed=is_unconfirmed)
        refusal = alarm_refusal()
        self.instance.break_(refusal, is_marked=False)
        raise Aborted(str(refusal))
