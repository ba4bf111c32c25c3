"""SQL as text: where statements end, and which strings SQLite can keep.

spec: storage §3.2 (multiple statements), §3.3 (strings), §3.6 (length).
Proof: tests/storage/test_sql_text.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import apsw

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "SQL_BYTES_MAX",
    "Statements",
    "read_as_bytes",
    "split_statements",
    "storable_text",
]

SQL_BYTES_MAX: Final = 100_000  # the first length that is refused
_NOTHING: Final = re.compile(r"(?:[\s;]|--[^\n]*(?:\n|\Z)|/\*(?:(?!\*/).)*(?:\*/|\Z))*", re.DOTALL)
_SPACE: Final = " \t\n\r\f"
_CACHED_TEXTS_MAX: Final = 512
_CACHED_CHARACTERS_MAX: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """The statements of one call: those before the last, the last (None: what follows the last
    semicolon is no statement, or there is nothing at all), and the size of the whole in bytes."""

    leading: tuple[str, ...]
    last: str | None
    utf8_bytes: int


def split_statements(query: str) -> Statements:
    """Find the ends of statements, as SQLite's own tokenizer sees them."""
    if len(query) > _CACHED_CHARACTERS_MAX:
        return _split(query)
    return _split_cached(query)


def _split(query: str) -> Statements:
    size = len(query.encode("utf-8", "surrogatepass"))
    pieces: list[str] = []
    begin = 0
    end = query.find(";")
    while end != -1:
        piece = query[begin : end + 1]
        # A semicolon alone belongs to the statement after it.
        if apsw.complete(storable_text(piece)) and not _NOTHING.fullmatch(piece):
            pieces.append(piece)
            begin = end + 1
        end = query.find(";", end + 1)
    rest = query[begin:]
    if rest.strip(_SPACE) or not pieces:
        last = None if _NOTHING.fullmatch(rest) else rest
    else:
        last = pieces.pop()
    return Statements(leading=tuple(pieces), last=last, utf8_bytes=size)


_split_cached = lru_cache(maxsize=_CACHED_TEXTS_MAX)(_split)


def storable_text(text: str) -> str:
    """Text that SQLite can take: half of a surrogate pair becomes what reading it would give.

    DIFFERS: the platform stores such a half as three bytes that are not UTF-8 and reads them back
    as three U+FFFD; here they are stored as three U+FFFD.
    """
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def read_as_bytes(
    connection: apsw.Connection,
    query: str,
    bindings: Sequence[Any],
    column_count: int,
    position: int,
) -> apsw.Cursor:
    """The rows of a SELECT from number `position` (from 0) on, TEXT that is not UTF-8 included.

    Each byte that is not UTF-8 becomes U+FFFD. Raises apsw.Error, also for a statement that is not
    a query (RETURNING, PRAGMA): its rows cannot be computed twice.
    """
    names = ", ".join(f"c{n}" for n in range(column_count))
    values = ", ".join(
        f"CASE typeof(c{n}) WHEN 'text' THEN CAST(c{n} AS BLOB) ELSE c{n} END, typeof(c{n})"
        for n in range(column_count)
    )
    inner = query.rstrip(_SPACE).removesuffix(";")
    cursor = connection.cursor()
    cursor.row_trace = _decode_row
    again = f"WITH q({names}) AS ({inner}\n) SELECT {values} FROM q"  # noqa: S608  # wraps user code's own SQL
    return cursor.execute(f"{again} LIMIT -1 OFFSET {position}", bindings)


def _decode_row(cursor: apsw.Cursor, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of (value, type) pairs as the values alone."""
    del cursor
    return tuple(
        value.decode("utf-8", "replace") if kind == "text" else value
        for value, kind in zip(row[::2], row[1::2], strict=True)
    )
