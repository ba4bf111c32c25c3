"""Objects out of a running or a stopped emulator, and into it (runtime/portable.py).

Proof: tests/runtime/test_portable.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import EmulatorError
from emulator.runtime.inspection.errors import (
    NotUnderstoodError,
    ObjectBusyError,
    ObjectFailedError,
    UnknownObjectError,
)
from emulator.runtime.inspection.lives import end_life
from emulator.runtime.portable import pack, place, read_object, unpack
from emulator.storage.database import Durability
from emulator.storage.metadata import AlarmIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.runtime.inspection.objects import Inspector
    from emulator.runtime.portable import PortableObject

__all__ = ["export_objects", "import_objects"]


async def export_objects(inspector: Inspector, unique_key: str | None, ids: Sequence[str]) -> bytes:
    """What is committed in some objects, in a class of them or in all.

    Raises: UnknownNamespaceError, UnknownObjectError, NotUnderstoodError, StateFolderError.
    """
    await inspector.refresh_names()
    if unique_key is None and ids:
        raise NotUnderstoodError('"id" needs a "namespace".')
    if unique_key is not None:
        inspector.check_namespace(unique_key)
    keys = [view.id for view in inspector.namespace_views()] if unique_key is None else [unique_key]
    found = []
    for key in keys:
        for object_id in ids or sorted(inspector.layout.object_ids(key)):
            target = inspector.target(key, object_id)
            if not target.file.exists():
                raise UnknownObjectError(key, object_id)
            found.append(
                read_object(target.file, key, object_id, target.name, is_live=target.is_open)
            )
    return pack(found)


async def import_objects(
    inspector: Inspector, content: bytes, *, replace: bool
) -> list[PortableObject]:
    """Put the objects of a portable file in place; all are checked before the first is.

    Raises: PortableError; ObjectBusyError, if one exists and `replace` is false;
        ObjectFailedError, if the folder cannot be written.
    """
    objects = unpack(content, inspector.layout)
    if not replace:
        existing = [o.id for o in objects if _exists(inspector, o)]
        if existing:
            text = f"{len(existing)} of the objects exist already, {existing[0]} among them."
            raise ObjectBusyError(f"{text} Nothing was imported; they can be replaced.")
    try:
        for found in objects:
            _take(inspector, found)
    except EmulatorError as exc:
        raise ObjectFailedError(str(exc)) from exc
    catalog = inspector.host.catalog
    if catalog is not None:
        for found in objects:
            class_name = inspector.class_name(found.namespace)
            catalog.note(found.namespace, class_name, found.id, found.name)
        await inspector.refresh_names()
    return objects


def _exists(inspector: Inspector, found: PortableObject) -> bool:
    return inspector.layout.object_file(found.namespace, found.id).exists()


def _take(inspector: Inspector, found: PortableObject) -> None:
    namespace = inspector.namespaces.get(found.namespace)
    if namespace is not None:
        container = namespace.find(found.id)
        if container is not None:
            end_life(container)
        place(found, inspector.layout)
        namespace.alarms.adopt(found.id, found.alarm_ns, found.name)
        return
    place(found, inspector.layout)
    index = AlarmIndex(inspector.layout.metadata_file(found.namespace), durability=Durability.FULL)
    try:
        if found.alarm_ns is None:
            index.delete(found.id)
        else:
            index.set(found.id, found.alarm_ns, found.name)
    finally:
        index.close()
