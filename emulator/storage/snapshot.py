"""A copy of one object's database at one moment, to be looked at without disturbing anybody.

What is read is what is committed. The object's file is opened by this library alone (guard.py says
why), as a reader, and the copy lives in memory: nothing that is done to it reaches the object.

Source: spec storage §7.1, §7.2. Proof: tests/storage/test_snapshot.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import apsw

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Snapshot"]

_KV: Final = "SELECT CAST(key AS BLOB), value FROM _cf_KV ORDER BY key"
_ALARM: Final = "SELECT value FROM _cf_METADATA WHERE key = 1"
_TABLES: Final = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 4) <> '_cf_'"
    " AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name"
)
_SIZE: Final = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
_VERSIONS_AT: Final = slice(18, 20)  # of the header: which journal mode, for writing and reading
_NO_WAL: Final = b"\x01\x01"


class Snapshot:
    """The contents of a database. An object without a file has an empty one."""

    def __init__(self, path: Path) -> None:
        """Raises: apsw.Error for a file that is no database."""
        self._copy = apsw.Connection(":memory:")
        if path.exists():
            content = bytearray(_read(path))
            if content:
                content[_VERSIONS_AT] = _NO_WAL  # memory has no WAL
                self._copy.deserialize("main", bytes(content))

    def _has(self, table: str) -> bool:
        found = self._copy.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,))
        return found.get is not None

    def key_values(self) -> dict[str, bytes]:
        """The encoded values by key, in the order of the keys."""
        if not self._has("_cf_KV"):
            return {}
        return {
            bytes(key).decode("utf-8", "replace"): bytes(value)
            for key, value in self._copy.execute(_KV)
            if isinstance(key, bytes) and isinstance(value, bytes)
        }

    def alarm_ns(self) -> int | None:
        if not self._has("_cf_METADATA"):
            return None
        found = self._copy.execute(_ALARM).get
        return found if isinstance(found, int) else None

    def tables(self) -> list[str]:
        """The names of the object's own tables."""
        return [str(name) for (name,) in self._copy.execute(_TABLES)]

    def execute(self, query: str, *bindings: Any) -> list[dict[str, Any]]:
        """The rows of a query, by column. Raises: apsw.Error."""
        cursor = self._copy.cursor()
        cursor.row_trace = _by_name
        rows: list[Any] = cursor.execute(query, bindings).fetchall()
        return rows

    @property
    def size_bytes(self) -> int:
        found = self._copy.execute(_SIZE).get
        return found if isinstance(found, int) else 0

    def close(self) -> None:
        self._copy.close()


def _by_name(cursor: apsw.Cursor, row: tuple[Any, ...]) -> Any:
    return {column[0]: value for column, value in zip(cursor.get_description(), row, strict=True)}


def _read(path: Path) -> bytes:
    source = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        source.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # is it a database?
        return source.serialize("main") or b""
    finally:
        source.close()
