"""What `sql.exec` returns: the rows of one statement, one of them ahead.

A cursor looks one row ahead: the step that hands out a row already computes the next, so the
failure of row two surfaces when row one is asked for, and row one is lost.

DIFFERS: after such a failure the cursor is at its end; the platform's starts the query again.

spec: storage §3.5.  Proof: tests/storage/test_sql.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import apsw

from emulator.core.values.errors import error
from emulator.storage import row_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.storage.session import Session
    from emulator.storage.sql import SqlStore

__all__ = ["SqlCursor", "SqlRow", "SqlValue"]

type SqlValue = float | str | bytes | None
type SqlRow = tuple[SqlValue, ...]

_NO_RESULTS: Final = "Expected exactly one result from SQL query, but got no results."
_MANY_RESULTS: Final = "Expected exactly one result from SQL query, but got multiple results."


class SqlCursor:
    """The rows of one statement, each an SQLite value per column: int, float, str, bytes, None.

    Attributes:
        text, bindings, is_readonly: the statement, for the row counters.
        rows_fetched: rows computed so far, the one ahead included.
        changes: rows that the statement inserted, updated or deleted so far.
    """

    __slots__ = (
        "__weakref__",
        "_ahead",
        "_canceled",
        "_cursor",
        "_description",
        "_session",
        "_store",
        "bindings",
        "changes",
        "is_readonly",
        "rows_fetched",
        "text",
    )

    def __init__(
        self, store: SqlStore, session: Session, text: str, bindings: Sequence[SqlValue]
    ) -> None:
        self._store = store
        self._session = session
        self._cursor: apsw.Cursor | None = None
        self._ahead: SqlRow | None = None
        self._canceled: str | None = None
        self._description: tuple[Any, ...] = ()
        self.is_readonly = True
        self.text = text
        self.bindings = bindings
        self.rows_fetched = 0
        self.changes = 0

    # --- for user code ---------------------------------------------------------------------

    @property
    def column_names(self) -> tuple[str, ...]:
        """Duplicates kept; empty for a statement without rows."""
        return tuple(column[0] for column in self._description)

    @property
    def is_finished(self) -> bool:
        return self._ahead is None

    def next_row(self) -> SqlRow | None:
        """The next row, None at the end and ever after. Raises JsException."""
        row = self._ahead
        if row is None:
            self._check_canceled()
            return None
        self._ahead = self._step()
        return row

    def rows(self) -> list[SqlRow]:
        """All rows that are left. Raises JsException."""
        if self.is_readonly and self._ahead is not None:
            return self._rest()
        found = []
        while (row := self.next_row()) is not None:
            found.append(row)
        return found

    def one(self) -> SqlRow:
        """The only row. Raises JsException if there is none or another.

        The statement with other rows is not reset, as on the platform: it still holds its table.
        """
        row = self.next_row()
        if row is None:
            raise error(_NO_RESULTS)
        if self._ahead is not None:
            self._ahead = None
            raise error(_MANY_RESULTS)
        return row

    @property
    def rows_read(self) -> int:
        """Approximate: see `row_counts`. Raises JsException if the database was deleted."""
        self._check_canceled()
        return row_counts.rows_read(self._session, self)

    @property
    def rows_written(self) -> int:
        """Approximate: see `row_counts`. Raises JsException if the database was deleted."""
        self._check_canceled()
        return 0 if self.is_readonly else row_counts.rows_written(self._session, self)

    # --- for the store -----------------------------------------------------------------------

    def opened(
        self, cursor: apsw.Cursor, first_row: SqlRow | None, description: tuple[Any, ...]
    ) -> None:
        """The statement ran to its first row."""
        self._description = description
        if first_row is not None:
            self._cursor = cursor
            self._ahead = first_row
            self.rows_fetched = 1

    def wrote(self, changes_before: int) -> None:
        """The statement is not read-only; the connection's count of changes was this before."""
        self.is_readonly = False
        self.changes += self._session.connection.total_changes() - changes_before

    def cancel(self, message: str) -> None:
        """End the cursor from outside; its user is told why."""
        self._cursor = None
        self._ahead = None
        self._canceled = message

    def _check_canceled(self) -> None:
        if self._canceled is not None:
            raise error(self._canceled)

    def _rest(self) -> list[SqlRow]:
        """All rows that are left of a read-only statement, in one go."""
        cursor, first = self._cursor, self._ahead
        assert cursor is not None, "a cursor with a row ahead has a statement"
        assert first is not None, "a row is ahead"
        self._ahead = None
        handed_out = self.rows_fetched - 1
        found: list[Any] = [first]
        try:
            found.extend(cursor)
        except apsw.Error as exc:
            self._end()
            raise self._store.failure(exc) from exc
        except UnicodeDecodeError:
            position = handed_out + len(found)
            again, row = self._store.read_again(
                self.text, self.bindings, self._description, position
            )
            found += [row, *again]
        self.rows_fetched = handed_out + len(found)
        self._end()
        return found

    def _step(self) -> SqlRow | None:
        cursor = self._cursor
        assert cursor is not None, "a cursor with a row ahead has a statement"
        self._ahead = None
        row: SqlRow | None
        try:
            if self.is_readonly:
                row = next(cursor, None)
            else:
                changes_before = self._session.connection.total_changes()
                row = next(cursor, None)
                self.wrote(changes_before)
        except apsw.Error as exc:
            self._end()
            raise self._store.failure(exc) from exc
        except UnicodeDecodeError:
            self._cursor, row = self._store.read_again(
                self.text, self.bindings, self._description, self.rows_fetched
            )
        if row is None:
            self._end()
        else:
            self.rows_fetched += 1
        return row

    def _end(self) -> None:
        cursor, self._cursor = self._cursor, None
        assert cursor is not None, "a cursor ends once"
        self._store.finished(self, cursor)
