"""Objects as one file that can be carried elsewhere: a zip of their databases and a manifest.

    manifest.json                       what is in it (MANIFEST below), written last, read first
    objects/<unique key>/<id>.sqlite    what was committed, byte for byte the database

Invariants, proved in tests/runtime/test_portable.py:

  1. Everything is checked before anything is written: ids, keys, sizes, checksums, that each file is
     a database. A manifest is somebody else's words.
  2. A name in the zip never becomes a path: paths are made from checked ids and keys.
  3. Each object is put in place by one rename.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from emulator.errors import EmulatorError, StateFolderError
from emulator.storage.snapshot import SNAPSHOT_ERRORS, Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emulator.storage.layout import StateLayout

__all__ = ["PortableError", "PortableObject", "pack", "place", "unpack"]

FORMAT: Final = "durable-objects"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
MANIFEST_BYTES_MAX: Final = 64 * 1024 * 1024
CONTENT_BYTES_MAX: Final = 4 * 1024**3
_MAGIC: Final = b"SQLite format 3\0"
_OBJECT_ID: Final = re.compile(r"[0-9a-f]{64}\Z")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # equal objects make equal files


class PortableError(EmulatorError):
    """The file cannot be imported; nothing of it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortableObject:
    """One object in the file. `content` is its database."""

    namespace: str
    id: str
    name: str | None
    content: bytes
    alarm_ns: int | None

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def read_object(
    file: Path, namespace: str, object_id: str, name: str | None, *, is_live: bool
) -> PortableObject:
    """What is committed in an object's file; looking makes no file. Raises: StateFolderError."""
    try:
        snapshot = Snapshot(file, is_live=is_live)
    except SNAPSHOT_ERRORS as exc:
        raise StateFolderError(str(file), f"cannot be read: {exc}.") from exc
    try:
        return PortableObject(
            namespace=namespace,
            id=object_id,
            name=name if name is not None else snapshot.name(),
            content=snapshot.content(),
            alarm_ns=snapshot.alarm_ns(),
        )
    finally:
        snapshot.close()


def pack(objects: Sequence[PortableObject]) -> bytes:
    """The portable file."""
    told = [
        {
            "namespace": found.namespace,
            "id": found.id,
            "name": found.name,
            "alarm_ns": found.alarm_ns,
            "bytes": len(found.content),
            "sha256": found.digest,
        }
        for found in objects
    ]
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for found in objects:
            archive.writestr(_entry(_path(found.namespace, found.id)), found.content)
        manifest = {"format": FORMAT, "version": VERSION, "objects": told}
        archive.writestr(_entry(MANIFEST), json.dumps(manifest, indent=1))
    return written.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _path(namespace: str, object_id: str) -> str:
    return f"objects/{namespace}/{object_id}.sqlite"


def unpack(content: bytes, layout: StateLayout) -> list[PortableObject]:
    """Every object of the file, checked. Raises: PortableError."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _objects(archive, layout)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as exc:
        raise PortableError(f"This is no file of `durable objects export`: {exc}.") from exc


def _objects(archive: zipfile.ZipFile, layout: StateLayout) -> list[PortableObject]:
    if sum(info.file_size for info in archive.infolist()) > CONTENT_BYTES_MAX:
        raise PortableError("The file has more than 4 GiB in it.")
    manifest = _manifest(archive)
    objects = [_object(archive, told, layout) for told in manifest]
    if len({(found.namespace, found.id) for found in objects}) != len(objects):
        raise PortableError("The manifest names an object twice.")
    return objects


def _manifest(archive: zipfile.ZipFile) -> list[Any]:
    text = _read(archive, MANIFEST, MANIFEST_BYTES_MAX)
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError):
        raise PortableError("The manifest is no JSON.") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise PortableError("The manifest is of another format.")
    if manifest.get("version") != VERSION:
        raise PortableError(f"The file has version {manifest.get('version')}; known is {VERSION}.")
    objects = manifest.get("objects")
    if not isinstance(objects, list):
        raise PortableError('The manifest has no array "objects".')
    return objects


def _read(archive: zipfile.ZipFile, name: str, bytes_max: int) -> bytes:
    try:
        with archive.open(name) as member:
            content = member.read(bytes_max + 1)
    except KeyError:
        raise PortableError(f"The file has no {name}.") from None
    if len(content) > bytes_max:
        raise PortableError(f"{name} is larger than it says.")
    return content


def _object(archive: zipfile.ZipFile, told: Any, layout: StateLayout) -> PortableObject:
    if not isinstance(told, dict):
        raise PortableError("The manifest has an object that is none.")
    namespace, object_id, name = told.get("namespace"), told.get("id"), told.get("name")
    alarm_ns, size = told.get("alarm_ns"), told.get("bytes")
    if not isinstance(namespace, str) or not isinstance(object_id, str):
        raise PortableError("The manifest has an object without namespace or id.")
    if not _OBJECT_ID.match(object_id):
        raise PortableError(f"{object_id!r} is no object id.")
    try:
        layout.class_folder(namespace)
    except StateFolderError as exc:
        raise PortableError(str(exc)) from None
    is_sound = (
        (name is None or isinstance(name, str))
        and (alarm_ns is None or type(alarm_ns) is int)
        and type(size) is int
        and 0 <= size <= CONTENT_BYTES_MAX
    )
    if not is_sound:
        raise PortableError(f"The manifest says nonsense about {object_id}.")
    found = PortableObject(
        namespace=namespace,
        id=object_id,
        name=name,
        content=_read(archive, _path(namespace, object_id), size or 0),
        alarm_ns=alarm_ns,
    )
    if found.digest != told.get("sha256") or not found.content.startswith(_MAGIC):
        raise PortableError(f"The database of {object_id} is damaged.")
    return found


def place(found: PortableObject, layout: StateLayout) -> None:
    """Put the object's database in place. Nobody has it open. Raises: StateFolderError."""
    layout.make_class_folder(found.namespace)
    file = layout.object_file(found.namespace, found.id)
    draft = file.with_suffix(".importing")
    try:
        with open(draft, "wb") as stream:
            stream.write(found.content)
            stream.flush()
            os.fsync(stream.fileno())
        for old in file.parent.glob(f"{found.id}.*"):
            if old != draft:
                old.unlink()
        draft.replace(file)
    except OSError as exc:
        raise StateFolderError(str(file), f"cannot be written: {exc.strerror}") from exc
