"""Keeps Python's own `sqlite3` away from the files of an open state folder.

Two SQLite libraries on one file in one process break each other's locks: POSIX drops every lock of
the process on a file when any descriptor of it is closed. A peek with `sqlite3` has deleted a WAL
and 51 acknowledged rows with it. So while a folder is open, `sqlite3.connect` on a path inside it
is refused, with a message that names the way that works.

Python's audit hooks cannot be removed: one is installed, at the first `open()`, and asks the
folders that are open. That list and the flag are the only module state of this ring.

design §3.  Proof: tests/storage/test_guard.py.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from emulator.errors import StateFolderError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FolderGuard"]

_HINT: Final = (
    "Two SQLite libraries in one process break each other's locks on a file. Read an object's data "
    "with durable.storage(stub), or from another process."
)


class FolderGuard:
    """Guards one state folder between `open()` and `close()`.

    Args:
        root: the state folder.
        exceptions: files inside it that are not objects' databases (the emulator's notebook).
    """

    def __init__(self, root: Path, *, exceptions: Iterable[Path] = ()) -> None:
        self.root = _real(root)
        self.exceptions = frozenset(_real(path) for path in exceptions)

    def open(self) -> None:
        """Begin to refuse. Idempotent."""
        _hook.install()
        if self not in _hook.open_guards:
            _hook.open_guards.append(self)

    def close(self) -> None:
        """Stop refusing. Idempotent."""
        if self in _hook.open_guards:
            _hook.open_guards.remove(self)

    def check(self, database: object) -> None:
        """Raises StateFolderError if `database`, as given to `sqlite3.connect`, is guarded."""
        path = _path_of(database)
        if path is None:
            return
        real = _real(path)
        if real not in self.exceptions and real.is_relative_to(self.root):
            problem = "sqlite3.connect was refused, for the folder is open here."
            raise StateFolderError(str(path), problem, hint=_HINT)


class _Hook:
    """The one audit hook of the process."""

    def __init__(self) -> None:
        self.open_guards: list[FolderGuard] = []
        self._is_installed = False

    def install(self) -> None:
        if not self._is_installed:
            self._is_installed = True
            sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "sqlite3.connect" and arguments:
            for guard in self.open_guards:
                guard.check(arguments[0])


_hook: Final = _Hook()


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _path_of(database: object) -> Path | None:
    """The file that `sqlite3.connect` would open; None for one in memory or without a name."""
    if not isinstance(database, (str, bytes, os.PathLike)):
        return None
    name = os.fsdecode(database)
    if name.startswith("file:"):
        name = unquote(urlsplit(name).path)
    if name in ("", ":memory:"):
        return None
    return Path(name)
