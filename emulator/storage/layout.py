"""Where things are in a state folder: the same places as the platform's local tools.

    <root>/<unique key>/<64 hex>.sqlite     one object
    <root>/<unique key>/metadata.sqlite     the class's alarms

A unique key is `<worker name>-<ClassName>`; a class that was renamed or transferred keeps the one that
it had first (`emulator.core.config.lifecycle`). An id becomes a path only as 64 lower-case hex
digits; a unique key only as one plain path segment.  spec: storage §7.1.
"""

from __future__ import annotations

import re
from shutil import rmtree
from typing import TYPE_CHECKING, Final

from emulator.errors import StateFolderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["StateLayout"]

_OBJECT_ID: Final = re.compile(r"[0-9a-f]{64}")
_SUFFIX: Final = ".sqlite"
_NAME_BYTES_MAX: Final = 255  # of one path segment on every file system in use


class StateLayout:
    """The paths of one state folder. Creates nothing but class folders, and those when asked."""

    __slots__ = ("root",)

    def __init__(self, root: Path) -> None:
        self.root = root

    def class_folder(self, unique_key: str) -> Path:
        """Raises StateFolderError for a key that is not one plain path segment."""
        if unique_key in ("", ".", "..") or any(c in unique_key for c in "/\\\0"):
            raise StateFolderError(repr(unique_key), "not usable as the name of a class folder")
        if len(unique_key.encode("utf-8", "surrogatepass")) > _NAME_BYTES_MAX:
            raise StateFolderError(repr(unique_key), "too long for the name of a class folder")
        return self.root / unique_key

    def object_file(self, unique_key: str, object_id: str) -> Path:
        """Raises StateFolderError unless the id is 64 lower-case hex digits."""
        if not _OBJECT_ID.fullmatch(object_id):
            raise StateFolderError(repr(object_id), "not an object id (64 lower-case hex digits)")
        return self.class_folder(unique_key) / (object_id + _SUFFIX)

    def metadata_file(self, unique_key: str) -> Path:
        return self.class_folder(unique_key) / ("metadata" + _SUFFIX)

    def make_class_folder(self, unique_key: str) -> Path:
        """The class folder, made if missing. Raises StateFolderError if it cannot be made."""
        folder = self.class_folder(unique_key)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise StateFolderError(str(folder), f"cannot be made: {exc.strerror}") from exc
        return folder

    def remove_object(self, unique_key: str, object_id: str) -> None:
        """Delete an object's closed database and its past. Raises StateFolderError."""
        path = self.object_file(unique_key, object_id)
        try:
            for file in path.parent.glob(f"{object_id}.*"):
                file.unlink()
        except OSError as exc:
            raise StateFolderError(str(path), f"cannot be deleted: {exc.strerror}") from exc

    def remove_class(self, unique_key: str) -> None:
        """Delete a class folder with all its closed databases. Raises StateFolderError."""
        folder = self.class_folder(unique_key)
        try:
            rmtree(folder)
        except FileNotFoundError:
            return  # done before
        except OSError as exc:
            raise StateFolderError(str(folder), f"cannot be deleted: {exc.strerror}") from exc

    def unique_keys(self) -> list[str]:
        """The classes that have a folder, sorted."""
        if not self.root.is_dir():
            return []
        return sorted(entry.name for entry in self.root.iterdir() if entry.is_dir())

    def has_objects(self, unique_key: str) -> bool:
        """Whether a class folder has an object's file."""
        return next(self.object_ids(unique_key), None) is not None

    def object_ids(self, unique_key: str) -> Iterator[str]:
        """The ids that have a file, in no order; the folder may change meanwhile."""
        folder = self.class_folder(unique_key)
        if not folder.is_dir():
            return
        for entry in folder.iterdir():
            if entry.suffix == _SUFFIX and _OBJECT_ID.fullmatch(entry.stem):
                yield entry.stem
