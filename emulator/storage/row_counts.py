"""`rowsRead` and `rowsWritten`, as near as an unpatched SQLite allows.

The platform counts inside its own build of SQLite: one per seek, rewind or step that finds a row,
one per row and per index entry written. We know the rows a statement returned, the rows it changed
and, from EXPLAIN, how it goes about it; the counts are computed from those when they are asked
for, so that statements nobody asks about cost nothing.

DIFFERS: exact for the cases listed in spec storage §3.10; joins, triggers, min() and scans ended
by a LIMIT behind a filter are estimates. Tables are counted when the count is asked for.

Proof: tests/storage/test_row_counts.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, cast

import apsw

if TYPE_CHECKING:
    from emulator.storage.session import Session
    from emulator.storage.sql import SqlCursor

__all__ = ["rows_read", "rows_written"]

_EXPLAIN: Final = re.compile(r"\s*explain\b", re.IGNORECASE)
_INSERT: Final = re.compile(r"\s*(insert|replace)\b", re.IGNORECASE)
_CREATE_TABLE: Final = re.compile(r"\s*create\s+(virtual\s+)?table\b", re.IGNORECASE)
_CREATE_INDEX: Final = re.compile(
    r"\s*create\s+(?:unique\s+)?index\b.*?\bon\s+[\"`\[]?(\w+)", re.IGNORECASE | re.DOTALL
)
_SEEKS: Final = frozenset({"NotExists", "SeekGE", "SeekGT", "SeekLE", "SeekLT", "SeekRowid"})
_COLLECTS: Final = frozenset({"AggStep", "Sort", "SorterInsert"})
_BOUNDS: Final = frozenset({"IdxGE", "IdxGT", "IdxLE", "IdxLT"})


@dataclass(frozen=True, slots=True)
class _Instruction:
    name: str
    cursor: int
    root: int  # page of the table or index that the cursor is open on; 0 for a temporary one


def rows_written(session: Session, cursor: SqlCursor) -> int:
    """Changed rows, each with the index entries that were written for it."""
    if _CREATE_TABLE.match(cursor.text):
        return 2
    if created := _CREATE_INDEX.match(cursor.text):
        return 1 + _table_size(session, created[1])
    program = _program(session, cursor)
    targets = {
        step.cursor for step in program if step.name in ("Insert", "IdxInsert") and step.root
    }
    # An autoincrement table also writes its sequence, through a cursor number used before.
    sequences = any(step.name == "MemMax" for step in program)
    return cursor.changes * (max(1, len(targets)) + sequences)


def rows_read(session: Session, cursor: SqlCursor) -> int:
    """Rows that the statement looked at so far."""
    text = cursor.text
    created = None if cursor.is_readonly else _CREATE_INDEX.match(text)
    if created:
        return 2 + 2 * _table_size(session, created[1])
    if _EXPLAIN.match(text) or _CREATE_TABLE.match(text):
        return 0 if cursor.is_readonly else 1
    program = _program(session, cursor)
    names = {step.name for step in program}
    if "Clear" in names:
        return 0  # a whole table is emptied without looking at it
    if "MemMax" in names:
        return 1  # the autoincrement sequence
    read = sum(_size(session, step.root) for step in program if step.name == "Count")
    if any(step.name == "AggStep" and after.name == "Goto" for step, after in pairwise(program)):
        return read + 1  # min() or max() of an ordered column stops at the first row
    if "SorterInsert" in names:
        read += cursor.rows_fetched
    return read + _walked(session, cursor, names, program)


def _walked(
    session: Session, cursor: SqlCursor, names: set[str], program: list[_Instruction]
) -> int:
    """Rows that loops and seeks of the program looked at; a loop in a loop multiplies."""
    looped = {step.cursor for step in program if step.name in ("Next", "Prev") and step.root}
    nesting: list[int] = []
    read = 0
    for step in program:
        if not step.root:
            continue
        if step.name in ("Rewind", "Last") and step.cursor in looped:
            size = _scanned(session, cursor, names, step)
            nesting.append(size * (nesting[-1] if nesting else 1))
            read += nesting[-1]
        elif step.name in ("Next", "Prev") and nesting:
            nesting.pop()
        elif step.name in _SEEKS and step.cursor in looped:
            read += _searched(cursor, names)
        elif step.name in _SEEKS and not _INSERT.match(cursor.text):
            read += cursor.rows_fetched if nesting else 1
    return read


def _scanned(session: Session, cursor: SqlCursor, names: set[str], step: _Instruction) -> int:
    is_limited = "DecrJumpZero" in names or "IfNotZero" in names
    if names & _COLLECTS:
        # Keeping the first few of an order looks at the kept ones again for each row.
        return _size(session, step.root) * (2 if is_limited and "Sort" in names else 1)
    if cursor.is_finished and not is_limited:
        removed = cursor.changes if "Insert" not in names else 0
        return _size(session, step.root) + removed
    return cursor.rows_fetched


def _searched(cursor: SqlCursor, names: set[str]) -> int:
    if not cursor.is_readonly:
        return cursor.changes + 1 if cursor.changes else 0
    # The step past the last hit, and the table's row behind each entry of an index.
    past = cursor.is_finished and cursor.rows_fetched > 0 and bool(names & _BOUNDS)
    return cursor.rows_fetched * (2 if "DeferredSeek" in names else 1) + past


def _program(session: Session, cursor: SqlCursor) -> list[_Instruction]:
    """The statement's instructions; none if it can no longer be prepared or told of."""
    try:
        rows = session.execute(
            cursor.text, tuple(None for _ in cursor.bindings), explain=1
        ).fetchall()
    except (apsw.Error, UnicodeError):
        return []
    roots: dict[int, int] = {}
    program = []
    for _, name, first, second, *_ in cast("list[tuple[Any, ...]]", rows):
        if name in ("OpenRead", "OpenWrite"):
            roots[first] = second
        program.append(_Instruction(name, first, roots.get(first, 0)))
    return program


def _size(session: Session, root: int) -> int:
    """Rows of the table or index on a root page."""
    table = session.execute("SELECT tbl_name FROM sqlite_schema WHERE rootpage = ?", (root,)).get
    return _table_size(session, str(table or "sqlite_schema"))


def _table_size(session: Session, table: str) -> int:
    quoted = table.replace('"', '""')
    query = f'SELECT count(*) FROM "{quoted}"'  # noqa: S608  # a name cannot be bound
    return int(session.execute(query).get)
