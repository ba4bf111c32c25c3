"""The files of an object's facets: `<id>.facets` is the index, `<id>.<n>.sqlite` is facet n.

Source: spec lifecycle §1.6, storage §7.1. Proof: tests/storage/test_facets.py.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from emulator.core.facets import MAGIC, Entry, decode_index, encode_entry
from emulator.errors import StateFolderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FacetFiles"]


class FacetFiles:
    """Where the facets of one root object are. Reads its index when it is first needed."""

    __slots__ = ("_entries", "_root")

    def __init__(self, root: Path) -> None:
        self._root = root
        self._entries: list[Entry] | None = None

    @property
    def index(self) -> Path:
        return self._root.with_suffix(".facets")

    def path(self, number: int) -> Path:
        return self._root.with_suffix(f".{number}.sqlite")

    def entries(self) -> list[Entry]:
        """Every facet that ever had a file; facet n is the n-th."""
        if self._entries is None:
            try:
                self._entries = decode_index(self.index.read_bytes())
            except FileNotFoundError:
                self._entries = []
        return self._entries

    def find(self, parent: int, name: str) -> int | None:
        """The number of a facet, if it ever had one."""
        try:
            return self.entries().index(Entry(parent, name)) + 1
        except ValueError:
            return None

    def number(self, parent: int, name: str) -> int:
        """The number of a facet, given now if it had none. Raises: StateFolderError."""
        found = self.find(parent, name)
        if found is not None:
            return found
        entries = self.entries()
        entry = Entry(parent, name)
        try:
            with open(self.index, "ab") as file:
                file.write((b"" if file.tell() else MAGIC) + encode_entry(entry))
        except OSError as exc:
            raise StateFolderError(str(self.index), f"cannot be written: {exc.strerror}") from exc
        entries.append(entry)
        return len(entries)

    def children(self, parent: int) -> Iterator[tuple[int, str]]:
        """The number and name of every facet directly under `parent`."""
        for position, entry in enumerate(list(self.entries())):
            if entry.parent == parent:
                yield position + 1, entry.name

    def remove(self, number: int) -> None:
        """Delete the closed file of a facet, and those of the facets inside it."""
        self.remove_children(number)
        path = self.path(number)
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def remove_children(self, number: int) -> None:
        for child, _ in self.children(number):
            self.remove(child)

    def copy(self, source: int, target: int) -> None:
        """Put copies of a facet and of the facets inside it in place of another's. All are closed."""
        self.remove(target)
        if self.path(source).exists():
            shutil.copyfile(self.path(source), self.path(target))
        for child, name in self.children(source):
            self.copy(child, self.number(target, name))
