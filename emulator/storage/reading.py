"""Queries of people who look: they run on a copy, can write nothing, and end in bounded time.

The copy lives in memory (snapshot.py). What a statement may do is an allow-list, so that it cannot
attach, vacuum into or load a file either.

Proof: tests/storage/test_reading.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import apsw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.storage.snapshot import Snapshot

__all__ = ["Column", "QueryError", "Reader", "Rows", "Table"]

STEPS_MAX: Final = 200  # of STEP_OPS virtual machine operations: about a second
STEP_OPS: Final = 200_000
RESULT_BYTES_MAX: Final = 16 * 1024 * 1024
_READING: Final = frozenset(
    {apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_RECURSIVE, apsw.SQLITE_FUNCTION}
)
_PRAGMAS: Final = frozenset(
    (
        *("foreign_key_check", "foreign_key_list", "function_list", "index_info", "index_list"),
        *("index_xinfo", "integrity_check", "quick_check", "table_info", "table_list"),
        *("table_xinfo", "page_count", "page_size", "freelist_count", "user_version"),
    )
)
_FORBIDDEN_FUNCTIONS: Final = frozenset({"load_extension", "fts3_tokenizer"})
_TABLES: Final = (
    "SELECT name, type, sql FROM sqlite_schema WHERE type IN ('table', 'view')"
    " AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name"
)
_COLUMNS: Final = 'SELECT name, type, "notnull", pk, dflt_value, hidden FROM pragma_table_xinfo(?)'
_INTERNAL: Final = ("_cf_", "__miniflare_")


class QueryError(Exception):
    """SQLite refused or failed; the text is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What a query gave. `is_truncated`: there was more than was asked for."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    is_truncated: bool = False
    rows_written: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column as it was declared; `pk` is its place in the primary key from 1, or 0."""

    name: str
    type: str
    is_not_null: bool
    pk: int
    default: str | None
    is_hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table or view. `row_count` is None where counting failed."""

    name: str
    kind: str  # table, view, virtual
    sql: str
    row_count: int | None
    is_internal: bool
    columns: list[Column]


class Reader:
    """Answers queries on a snapshot; the snapshot stays its owner's."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._connection = snapshot.connection
        self._steps = 0

    def query(
        self, sql: str, params: Sequence[Any] = (), *, rows_max: int = 10_000, explain: bool = False
    ) -> Rows:
        """Run one statement that reads. Raises: QueryError."""
        connection = self._connection
        connection.authorizer = _allow
        connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
        connection.set_progress_handler(self._is_too_long, STEP_OPS)
        self._steps = 0
        try:
            return self._run(f"EXPLAIN QUERY PLAN {sql}" if explain else sql, params, rows_max)
        except (apsw.Error, TypeError, UnicodeError, ValueError) as exc:
            raise QueryError(_words(exc)) from exc
        finally:
            connection.set_progress_handler(None)
            connection.authorizer = None

    def _run(self, sql: str, params: Sequence[Any], rows_max: int) -> Rows:
        cursor = self._connection.cursor()
        columns: list[str] = []

        def starting(cursor: apsw.Cursor, text: str, bindings: object) -> bool:
            del text, bindings
            if not cursor.is_readonly:
                raise QueryError("attempt to write: this only reads")
            columns[:] = [column[0] for column in cursor.description]
            return True

        cursor.exec_trace = starting
        rows: list[tuple[Any, ...]] = []
        size = 0
        try:
            for row in cursor.execute(sql, tuple(params)):
                if len(rows) >= rows_max or size > RESULT_BYTES_MAX:
                    return Rows(columns=columns, rows=rows, is_truncated=True)
                rows.append(row)
                size += sum(len(v) if isinstance(v, (str, bytes)) else 8 for v in row)
        finally:
            cursor.close(force=True)
        return Rows(columns=columns, rows=rows)

    def _is_too_long(self) -> bool:
        self._steps += 1
        return self._steps > STEPS_MAX

    def tables(self) -> list[Table]:
        """Every table and view, the runtime's own too. Raises: QueryError."""
        found = self.query(_TABLES).rows
        return [self._table(str(name), str(kind), str(sql or "")) for name, kind, sql in found]

    def _table(self, name: str, kind: str, sql: str) -> Table:
        quoted = name.replace('"', '""')
        row_count: int | None = None
        try:
            counted = f'SELECT count(*) FROM "{quoted}"'  # noqa: S608  # a quoted name
            row_count = int(self.query(counted).rows[0][0])
        except QueryError:
            row_count = None
        is_virtual = kind == "table" and sql[:14].upper() == "CREATE VIRTUAL"
        return Table(
            name=name,
            kind="virtual" if is_virtual else kind,
            sql=sql,
            row_count=row_count,
            is_internal=name.lower().startswith(_INTERNAL),
            columns=[
                Column(
                    name=str(column),
                    type=str(declared),
                    is_not_null=bool(not_null),
                    pk=int(pk),
                    default=None if default is None else str(default),
                    is_hidden=bool(hidden),
                )
                for column, declared, not_null, pk, default, hidden in self.query(
                    _COLUMNS, (name,)
                ).rows
            ],
        )


def _allow(
    action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
) -> int:
    del database, trigger
    if action == apsw.SQLITE_FUNCTION:
        is_allowed = (second or "").lower() not in _FORBIDDEN_FUNCTIONS
    elif action == apsw.SQLITE_PRAGMA:
        is_allowed = (first or "").lower() in _PRAGMAS
    else:
        is_allowed = action in _READING
    return apsw.SQLITE_OK if is_allowed else apsw.SQLITE_DENY


def _words(exc: Exception) -> str:
    if isinstance(exc, apsw.InterruptError):
        return "the query was ended, for it took too long"
    if isinstance(exc, apsw.AuthError):
        return f"{exc}: this only reads"
    return str(exc)
