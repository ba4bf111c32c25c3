"""One object's storage: the front door of this ring.

The object's runtime owns the turn: the first write calls `on_first_write`, and the runtime then
calls `commit()` when the turn ends, or `rollback()` when the object is reset. Around a commit that
changed the alarm it calls `AlarmIndex.before_commit` and `after_commit`:

    if storage.is_alarm_changed:
        index.before_commit(id, storage.pending_alarm_ns(), name)
    storage.commit()
    if alarm_was_changed:
        index.after_commit(id, alarm_ns, name)

Values are bytes here; what they mean is decided above.  spec: storage §4.
Proof: tests/storage/test_actor_sqlite.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import apsw

from emulator.core.values.errors import JsException, error
from emulator.storage.alarms import Metadata
from emulator.storage.errors import CommitFailed
from emulator.storage.kv import KvStore
from emulator.storage.session import Session
from emulator.storage.sql import SqlStore
from emulator.storage.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emulator.storage.database import Durability
    from emulator.storage.databases import Databases
    from emulator.storage.sql import SqlCursor

__all__ = ["ActorSqlite"]

T = TypeVar("T")

_COLUMNS: Final = "SELECT lower(name), type FROM pragma_table_xinfo(?)"
_NAME: Final = "SELECT name FROM __miniflare_do_name WHERE id = 1"

SQL_DISABLED: Final = (
    "SQL is not enabled for this Durable Object class. To enable it, change `new_classes` to "
    "`new_sqlite_classes` within the 'migrations' field in your wrangler.jsonc or wrangler.toml "
    "file. If using workerd directly,set `enableSql = true` in your workerd config for the class. "
    "Note that this change cannot be made after the class is already deployed to production."
)
KV_DISABLED: Final = (
    "The storage.kv (synchronous KV) API is only available for SQLite-backed Durable Objects, but "
    "this object's namespace is not declared to use SQLite. You can use the older, asyncronous "
    "interface via methods of `storage` itself (e.g. `storage.get()`). Alternatively, to enable "
    "SQLite, change `new_classes` to `new_sqlite_classes` within the 'migrations' field in your "
    "wrangler.jsonc or wrangler.toml file. If using workerd directly, set `enableSql = true` in "
    "your workerd config for the class. Note that this change cannot be made after the class is "
    "already deployed to production."
)


class ActorSqlite:
    """Keys and values, SQL, alarm and transactions of one object, in one file.

    Args:
        path: the object's file (StateLayout.object_file); its folder exists.
        durability: what a commit survives.
        on_first_write: called when a turn's transaction opens; schedule `commit()` then.
        sql_enabled: whether the class is declared to use SQLite.
        reference: makes the 24 characters of an internal error.
        databases: the pool that bounds open connections, if there is one.
        on_unusable: called with the error before it is raised, if the file cannot be opened.
    """

    __slots__ = ("_alarm", "_session", "_sql", "_transactions", "kv", "sql_enabled")

    def __init__(
        self,
        path: Path,
        *,
        durability: Durability,
        on_first_write: Callable[[], None],
        sql_enabled: bool,
        reference: Callable[[], str],
        databases: Databases | None = None,
        on_unusable: Callable[[JsException], None] | None = None,
    ) -> None:
        self.sql_enabled = sql_enabled
        self._session = Session(
            path,
            durability=durability,
            on_first_write=on_first_write,
            reference=reference,
            databases=databases,
            on_unusable=on_unusable,
        )
        self.kv = KvStore(self._session)
        self._alarm = Metadata(self._session)
        self._transactions = Transactions(self._session)
        self._sql: SqlStore | None = None

    # --- the file --------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        return self._session.path

    @property
    def exists_on_disk(self) -> bool:
        return self._session.exists_on_disk

    @property
    def is_open(self) -> bool:
        """Whether a connection is open now."""
        return self._session.is_open

    def create(self) -> None:
        """Make the file, as the platform does when it constructs the object.

        Raises JsException (an internal error), also for a file that is no database.
        """
        self._session.create()

    def find_name(self) -> str | None:
        """The object's name, if wrangler dev left one in the file. Raises JsException."""
        try:
            found = self._session.execute(_NAME).get
        except apsw.SQLError:
            return None  # nobody made the table
        except apsw.Error as exc:
            raise self._session.failure(exc) from exc
        return found if isinstance(found, str) else None

    def column_types(self, table: str) -> dict[str, str]:
        """The declared types of a table's columns, by lower-case name; none of an unknown table."""
        try:
            return dict(self._session.execute(_COLUMNS, (table,)))
        except apsw.Error:
            return {}

    def content(self) -> bytes:
        """The whole database, byte for byte; clean only. Raises JsException."""
        assert not self.is_dirty, "what is not committed is nobody's past"
        try:
            return self._session.connection.serialize("main")
        except apsw.Error as exc:
            raise self._session.failure(exc) from exc

    def release(self) -> None:
        """Close the file, for somebody else will write it; the next use opens it again."""
        self._session.rollback()
        self._session.suspend()
        self._session.tables.clear()

    def close(self) -> None:
        """Undo what is not committed and close for good. Idempotent."""
        self._session.end()
        self._transactions.forget()
        self._forget_undone()

    # --- the turn --------------------------------------------------------------------------

    @property
    def is_dirty(self) -> bool:
        """Whether the turn's transaction is open and waits for `commit()`."""
        return self._session.is_dirty

    def commit(self) -> None:
        """Commit the turn's transaction. Raises CommitFailed; everything is undone then."""
        try:
            self._session.commit()
        except CommitFailed:
            self._forget_undone()
            raise
        self._alarm.is_alarm_changed = False
        if self._sql is not None:
            self._sql.committed()

    def rollback(self) -> None:
        """Undo everything that is not committed, explicit transactions too."""
        self._session.rollback()
        self._transactions.forget()
        self._forget_undone()

    def _forget_undone(self) -> None:
        self._alarm.is_alarm_changed = False
        if self._sql is not None:
            self._sql.rolled_back()

    # --- SQL -------------------------------------------------------------------------------

    def exec(self, query: str, bindings: Sequence[float | str | bytes | None] = ()) -> SqlCursor:
        """Run SQL of user code, eagerly to the first row. Raises JsException."""
        return self._sql_store().exec(query, bindings)

    @property
    def database_size(self) -> int:
        """Bytes in use by the database. Raises JsException if the class has no SQL."""
        return self._sql_store().database_size

    def check_sync_kv(self) -> None:
        """Raises JsException unless the class may use `storage.kv`."""
        if not self.sql_enabled:
            raise error(KV_DISABLED)

    def _sql_store(self) -> SqlStore:
        if not self.sql_enabled:
            raise error(SQL_DISABLED)
        if self._sql is None:
            self._sql = SqlStore(self._session)
        return self._sql

    # --- the alarm and bookmarks -----------------------------------------------------------

    @property
    def is_alarm_changed(self) -> bool:
        """Whether the open transaction moved, set or deleted the alarm."""
        return self._alarm.is_alarm_changed

    def get_alarm_ns(self) -> int | None:
        """The alarm's time in nanoseconds, uncommitted changes included. Raises JsException."""
        return self._alarm.get_alarm_ns()

    def set_alarm_ns(self, alarm_ns: int | None) -> bool:
        """Set the alarm, or delete it with None; False if that changed nothing."""
        return self._alarm.set_alarm_ns(alarm_ns)

    def next_bookmark(self) -> str:
        """The local runtime's current bookmark, a new one each call."""
        return self._alarm.next_bookmark()

    # --- transactions ----------------------------------------------------------------------

    @property
    def transaction_depth(self) -> int:
        """How many asynchronous transactions are open."""
        return self._transactions.depth

    def transaction_sync(self, body: Callable[[], T]) -> T:
        """Run `body`; if it raises, what it wrote is undone and the exception passed on."""
        return self._transactions.run_sync(body)

    def begin_transaction(self) -> int:
        """Open an asynchronous transaction, outermost only when not dirty; returns its depth."""
        return self._transactions.begin()

    def commit_transaction(self, depth: int) -> None:
        """End it well; the outermost is on disk then. Raises JsException with all of it undone."""
        self._transactions.commit(depth)
        if depth == 0:
            self._alarm.is_alarm_changed = False

    def rollback_transaction(self, depth: int) -> None:
        """Undo it and end it."""
        self._transactions.rollback(depth)
        if depth == 0:
            self._alarm.is_alarm_changed = False

    def restart_transaction(self, depth: int) -> None:
        """Undo it so far; what is written from now on belongs to it again."""
        self._transactions.restart(depth)

    # --- everything ------------------------------------------------------------------------

    def delete_all(self, *, keep_alarm: bool) -> None:
        """Delete the file and go on with a fresh one.

        What the turn wrote before is gone, too. The turn is dirty afterwards, so that nothing
        leaves the object before the alarm index has followed in `after_commit`.
        Raises JsException.
        """
        session = self._session
        alarm_ns = self._saved_alarm_ns() if keep_alarm else None
        if self._sql is not None:
            self._sql.database_deleted()
        was_dirty = session.is_dirty
        session.remove()
        if alarm_ns is not None:
            self._alarm.restore(alarm_ns)
        # A commit that is scheduled already finds this transaction to end.
        session.begin(is_reported=not was_dirty)
        self._alarm.is_alarm_changed = True

    def _saved_alarm_ns(self) -> int | None:
        try:
            return self._alarm.get_alarm_ns()
        except JsException:
            return None  # an unreadable file is no reason to keep it
