"""One object's open database and its implicit transaction.

Invariants
 1. `execute` runs a statement of ours on the one internal cursor, opening the file if need be. Its
    result is read to the end before anything else runs: a statement left half read would hold a
    read lock, and no checkpoint would ever succeed.
 2. The first write of a turn opens a transaction and reports it; whoever listens must commit.
    Within an explicit transaction nothing is opened.
 3. `tables` lists internal tables known to exist. Any failure or rollback may have taken one
    away, so each empties it.
 4. After SQLite ended a transaction by itself (a full disk, INSERT OR ROLLBACK) the session stays
    dirty: further writes take effect at once and the commit fails.

spec: storage §4.2, §4.4. Proof: tests/storage/test_session.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apsw

from emulator.core.values.errors import JsException, internal_error
from emulator.storage.database import (
    Durability,
    check_file,
    create_file,
    open_database,
    remove_files,
)
from emulator.storage.errors import (
    StorageClosedError,
    commit_failure,
    is_critical,
    translate,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emulator.storage.databases import Databases

__all__ = ["Session"]


def _nobody() -> bool:
    return False


class Session:
    """The connection of one object: opened lazily, closed by the pool when idle, ended once.

    Args:
        path: the object's file.
        durability: what a commit survives.
        on_first_write: called when the implicit transaction was opened.
        reference: makes the 24 characters of an internal error.
        databases: the pool that bounds open connections; None for a session of its own.
        on_unusable: called with the error before it is raised, if the file cannot be opened.
    """

    __slots__ = (
        "_connection",
        "_databases",
        "_last_rowid",
        "_on_first_write",
        "_on_unusable",
        "execute",
        "generation",
        "had_critical_error",
        "has_settings",
        "has_users",
        "is_dirty",
        "is_ended",
        "needs_begin",
        "path",
        "reference",
        "storage_durability",
        "tables",
    )

    def __init__(
        self,
        path: Path,
        *,
        durability: Durability,
        on_first_write: Callable[[], None],
        reference: Callable[[], str],
        databases: Databases | None = None,
        on_unusable: Callable[[JsException], None] | None = None,
    ) -> None:
        self.path = path
        self.storage_durability = durability
        self.reference = reference
        self.execute: Callable[..., apsw.Cursor] = self._open_and_execute
        self.needs_begin = True
        self.is_dirty = False
        self.is_ended = False
        self.had_critical_error = False
        self.has_settings = False  # a pragma of user code changed the connection
        self.generation = 0  # of the file: +1 per delete_all
        self.tables: set[str] = set()
        self.has_users: Callable[[], bool] = _nobody  # whether cursors are in use
        self._connection: apsw.Connection | None = None
        self._databases = databases
        self._last_rowid = 0
        self._on_first_write = on_first_write
        self._on_unusable = on_unusable

    # --- the connection --------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    @property
    def exists_on_disk(self) -> bool:
        return self.path.exists()

    @property
    def connection(self) -> apsw.Connection:
        """The open connection. Raises JsException (an internal error) if it cannot be opened."""
        return self._connection or self._open()

    def create(self) -> None:
        """Make the object's file, or look whether the one that is there can be used.

        Raises JsException (an internal error).
        """
        if self._connection is not None:
            return
        try:
            if self.path.exists():
                check_file(self.path)
            create_file(self.path)
        except OSError as exc:
            raise internal_error(self.reference) from exc

    def _open(self) -> apsw.Connection:
        if self.is_ended:
            raise StorageClosedError(self.path)
        try:
            connection = open_database(self.path, self.storage_durability)
        except (apsw.Error, OSError) as exc:
            failure = internal_error(self.reference)
            failure.__cause__ = exc  # whoever is told first tells the developer why
            if self._on_unusable is not None:
                self._on_unusable(failure)
            raise failure from exc
        connection.set_last_insert_rowid(self._last_rowid)
        self._connection = connection
        self.execute = connection.cursor().execute
        if self._databases is not None:
            self._databases.opened(self)
        return connection

    def _open_and_execute(
        self, sql: str, bindings: tuple[Any, ...] | None = None, *, can_cache: bool = True
    ) -> apsw.Cursor:
        self._open()
        return self.execute(sql, bindings, can_cache=can_cache)

    @property
    def is_idle(self) -> bool:
        """Whether nobody would notice that the connection was closed and opened again."""
        return self.needs_begin and not self.has_settings and not self.has_users()

    def suspend(self) -> None:
        """Close the connection; the next statement opens it again."""
        connection, self._connection = self._connection, None
        self.execute = self._open_and_execute
        if connection is not None:
            self._last_rowid = connection.last_insert_rowid()
            if self._databases is not None:
                self._databases.closed(self)
            connection.close(force=True)

    def end(self) -> None:
        """Undo what is not committed and close for good. Idempotent."""
        if not self.is_ended:
            self.rollback()
            self.suspend()
            self.is_ended = True

    def remove(self) -> None:
        """Undo what is not committed and delete the file; the session goes on with a fresh one."""
        self.rollback()
        self.suspend()
        self.generation += 1
        self.tables.clear()
        self._last_rowid = 0
        self.has_settings = False
        try:
            remove_files(self.path, self.storage_durability)
        except OSError as exc:
            raise internal_error(self.reference) from exc
        self.create()

    @property
    def statements_run(self) -> int:
        """A number that grows with every statement on the open connection."""
        statistics = self.connection.cache_stats()
        return int(statistics["hits"]) + int(statistics["misses"])

    # --- the implicit transaction ----------------------------------------------------------

    def begin(self, *, is_reported: bool = True) -> None:
        """Open the implicit transaction (2). The caller has checked `needs_begin`."""
        assert self.needs_begin, "one implicit transaction at a time"
        try:
            self.execute("BEGIN")
        except apsw.Error as exc:
            raise self.failure(exc) from exc
        self.needs_begin = False
        self.is_dirty = True
        if is_reported:
            self._on_first_write()

    def commit(self) -> None:
        """End the implicit transaction; nothing to do without one.

        Raises CommitFailed after everything of the transaction was undone.
        """
        if not self.is_dirty:
            return
        try:
            self.execute("COMMIT")  # fails if SQLite ended the transaction before (4)
        except apsw.Error as exc:
            failed = commit_failure(exc, internal_error(self.reference))
            self.rollback()
            raise failed from exc
        self.is_dirty = False
        self.needs_begin = True

    def rollback(self) -> None:
        """Undo the open transaction, implicit or explicit, if there is one."""
        if self._connection is not None and self._connection.in_transaction:
            self.execute("ROLLBACK")
            self.rolled_back()
        self.is_dirty = False
        self.needs_begin = True
        self.had_critical_error = False

    def rolled_back(self) -> None:
        """Something was undone: what was known about the contents no longer holds (3)."""
        self.tables.clear()

    # --- internal tables -------------------------------------------------------------------

    def has_table(self, name: str) -> bool:
        """Whether an internal table exists; False is looked up each time, True is remembered."""
        if name in self.tables:
            return True
        found = self.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (name,)).get
        if found:
            self.tables.add(name)
        return bool(found)

    def make_table(self, name: str, ddl: str) -> None:
        """Create an internal table unless it exists; within the transaction of the caller."""
        if name not in self.tables:
            self.execute(ddl, can_cache=False)
            self.tables.add(name)

    # --- failures --------------------------------------------------------------------------

    def failure(self, exc: apsw.Error) -> JsException:
        """What a failed statement of ours throws: SQLite's words only for a value too big."""
        self.note(exc)
        if isinstance(exc, apsw.TooBigError):
            return translate(exc)
        return internal_error(self.reference)

    def note(self, exc: apsw.Error) -> None:
        """Remember what a failure may have done to the transaction (3), (4)."""
        self.tables.clear()
        if is_critical(exc) and not self.needs_begin and not self.connection.in_transaction:
            self.had_critical_error = True
