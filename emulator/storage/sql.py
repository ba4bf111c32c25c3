"""`sql.exec`: user code's statements, run eagerly to their first row.

Invariants
 1. User code's statements are prepared with a flag of their own. The statement cache keys on it,
    so the authorizer is asked about them even where we run the same text ourselves.
 2. A statement that is not read-only opens the turn's transaction before its first step but after
    it was prepared: one that cannot be prepared leaves nothing pending.
 3. An APSW cursor is used again only after its statement came to its end.
 4. A cursor that user code dropped before its end holds its table (DROP TABLE is refused) and, if
    it writes, breaks the commit: JavaScript's collector comes late. So unfinished cursors are kept
    here: writing ones to the end of the transaction, reading ones until the turn was committed,
    the pool wants the connection, or `HELD_MAX` others came.

spec: storage §3.  Proof: tests/storage/test_sql.py.
"""

from __future__ import annotations

import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import apsw

from emulator.core.values.errors import error
from emulator.storage.authorizer import Authorizer
from emulator.storage.errors import translate
from emulator.storage.limited_changes import without_limit
from emulator.storage.sql_cursor import SqlCursor
from emulator.storage.sql_text import (
    SQL_BYTES_MAX,
    read_as_bytes,
    split_statements,
    storable_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.core.values.errors import JsException
    from emulator.storage.session import Session
    from emulator.storage.sql_cursor import SqlRow, SqlValue

__all__ = ["SqlCursor", "SqlStore"]

_NO_STATEMENT: Final = "SQL code did not contain a statement."
_WRONG_BINDINGS: Final = "Wrong number of parameter bindings for SQL query."
_EARLY_BINDINGS: Final = (
    "When executing multiple SQL statements in a single call, only the last statement can have "
    "parameters."
)
_TOO_LONG: Final = "statement too long: SQLITE_TOOBIG"
_DATABASE_DELETED: Final = "SQLite query was canceled because the database was deleted."

HELD_MAX: Final = 16
_USER_FLAGS: Final = apsw.SQLITE_PREPARE_PERSISTENT  # (1)


class SqlStore:
    """The SQL of one object."""

    __slots__ = (
        "_authorized",
        "_authorizer",
        "_changes_before",
        "_description",
        "_held",
        "_is_readonly",
        "_live",
        "_session",
        "_spare",
        "_writing",
    )

    def __init__(self, session: Session) -> None:
        self._session = session
        self._authorizer = Authorizer()
        self._authorized: apsw.Connection | None = None  # the connection that asks it
        self._live: weakref.WeakSet[SqlCursor] = weakref.WeakSet()  # not at their end
        self._held: deque[SqlCursor] = deque(maxlen=HELD_MAX)  # of those, readers (4)
        self._writing: set[SqlCursor] = set()  # and writers (4)
        self._spare: apsw.Cursor | None = None
        # Of the statement that is starting, left by `_starting`:
        self._changes_before = 0
        self._description: tuple[Any, ...] = ()
        self._is_readonly = True
        session.has_users = self._has_live_cursors

    def _has_live_cursors(self) -> bool:
        self._held.clear()
        return len(self._live) > 0

    @property
    def database_size(self) -> int:
        """Bytes of the pages in use. Raises JsException."""
        execute = self._session.execute
        try:
            pages = execute("PRAGMA page_count").get
            free = self._session.execute("PRAGMA freelist_count").get
            return int((pages - free) * self._session.execute("PRAGMA page_size").get)
        except apsw.Error as exc:
            raise self._session.failure(exc) from exc

    def exec(self, query: str, bindings: Sequence[SqlValue]) -> SqlCursor:
        """Run all statements but the last to their end, the last to its first row."""
        statements = split_statements(query)
        if statements.utf8_bytes >= SQL_BYTES_MAX:
            raise error(_TOO_LONG)
        for text in statements.leading:
            self._drain(*self._start(text, (), _EARLY_BINDINGS))
        if statements.last is None:
            raise error(_NO_STATEMENT)
        return self._open(statements.last, bindings)

    def database_deleted(self) -> None:
        """The file is about to go: cursors in use learn it at their next step."""
        self._spare = None
        self._authorized = None
        for cursor in list(self._live):
            cursor.cancel(_DATABASE_DELETED)
        self._live.clear()
        self.rolled_back()

    def committed(self) -> None:
        """The turn's transaction was committed (4)."""
        self._held.clear()

    def rolled_back(self) -> None:
        """Everything uncommitted was undone (4)."""
        self._held.clear()
        self._writing.clear()

    # --- running -----------------------------------------------------------------------------

    def _open(self, text: str, bindings: Sequence[SqlValue]) -> SqlCursor:
        try:
            apsw_cursor, first_row = self._start(text, bindings, _WRONG_BINDINGS)
        except UnicodeEncodeError:
            return self._open(
                storable_text(text),
                [storable_text(v) if isinstance(v, str) else v for v in bindings],
            )
        cursor = SqlCursor(self, self._session, text, bindings)
        cursor.opened(apsw_cursor, first_row, self._description)
        if not self._is_readonly:
            cursor.wrote(self._changes_before)
        if first_row is None:
            self._spare = apsw_cursor
        else:
            self._live.add(cursor)
            if self._is_readonly:
                self._held.append(cursor)
            else:
                self._writing.add(cursor)
        return cursor

    def _start(
        self, text: str, bindings: Sequence[SqlValue], wrong_bindings: str
    ) -> tuple[apsw.Cursor, SqlRow | None]:
        cursor = self._new_cursor()
        authorizer = self._authorizer
        authorizer.sql = text
        authorizer.is_user_code = True
        try:
            cursor.execute(text, bindings, prepare_flags=_USER_FLAGS)
            return cursor, next(cursor, None)
        except apsw.BindingsError as exc:
            raise error(wrong_bindings) from exc
        except apsw.Error as exc:
            rewritten = _rewritten(exc, text)
            if rewritten is None:
                raise self.failure(exc) from exc
            return self._start(rewritten, bindings, wrong_bindings)
        except UnicodeDecodeError:
            return self.read_again(text, bindings, self._description, 0)
        finally:
            authorizer.is_user_code = False
            if authorizer.has_changed_settings:
                self._session.has_settings = True

    def _new_cursor(self) -> apsw.Cursor:
        connection = self._session.connection
        if connection is not self._authorized:
            connection.authorizer = self._authorizer
            self._authorized = connection
            self._spare = None
        cursor, self._spare = self._spare, None
        if cursor is None:
            cursor = connection.cursor()
            cursor.exec_trace = self._starting
        return cursor

    def _starting(self, cursor: apsw.Cursor, sql: str, bindings: object) -> bool:
        """Called by APSW when a statement was prepared and bound, before its first step (2)."""
        del sql, bindings
        self._description = cursor.description
        self._is_readonly = cursor.is_readonly
        if not self._is_readonly:
            session = self._session
            if session.needs_begin:
                self._authorizer.is_user_code = False
                session.begin()
                self._authorizer.is_user_code = True
            self._changes_before = session.connection.total_changes()
        return True

    def _drain(self, cursor: apsw.Cursor, first_row: SqlRow | None) -> None:
        if first_row is not None:
            try:
                deque(cursor, maxlen=0)
            except apsw.Error as exc:
                raise self.failure(exc) from exc
        self._spare = cursor

    # --- for the cursors -----------------------------------------------------------------------

    def finished(self, cursor: SqlCursor, apsw_cursor: apsw.Cursor) -> None:
        """A cursor has come to its end, and its APSW cursor with it (3)."""
        self._live.discard(cursor)
        self._writing.discard(cursor)
        if self._spare is None and apsw_cursor.exec_trace is not None:
            self._spare = apsw_cursor

    def failure(self, exc: apsw.Error) -> JsException:
        """What user code gets for a failed statement."""
        self._session.note(exc)
        refusal, self._authorizer.refusal = self._authorizer.refusal, None
        return translate(exc) if refusal is None else error(refusal)

    def read_again(
        self,
        text: str,
        bindings: Sequence[SqlValue],
        description: tuple[Any, ...],
        position: int,
    ) -> tuple[apsw.Cursor, SqlRow | None]:
        """Run a query again from row `position`, for one of its TEXTs is not UTF-8."""
        try:
            cursor = read_as_bytes(
                self._session.connection, text, bindings, len(description), position
            )
            return cursor, next(cursor, None)
        except apsw.Error as exc:
            raise self._session.failure(exc) from exc


def _rewritten(exc: apsw.Error, text: str) -> str | None:
    """A statement that fails for its LIMIT only, in words that SQLite takes."""
    if isinstance(exc, apsw.SQLError) and str(exc).endswith(": syntax error"):
        return without_limit(text, getattr(exc, "error_offset", 0))
    return None
