"""Explicit transactions: `transactionSync`'s savepoints and `transaction`'s.

Invariants
 1. A synchronous transaction is a savepoint inside the turn's transaction; nested ones share one
    name, SQLite takes the innermost.
 2. An asynchronous transaction at depth 0 *is* the transaction: it opens when nothing is pending
    (the runtime waits for that), and its release is the commit. Deeper ones are savepoints.
 3. If SQLite or deleteAll() ended the transaction meanwhile there is nothing to release: ending
    well is then an error, undoing is not.

spec: storage §4.1, §4.3, §4.4.  Proof: tests/storage/test_transactions.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import apsw

from emulator.core.values.errors import error, internal_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.values.errors import JsException
    from emulator.storage.session import Session

__all__ = ["Transactions"]

T = TypeVar("T")

_SYNC: Final = "_cf_sync_savepoint"
_CRITICAL: Final = "Cannot commit transaction due to an earlier SQL critical error"


class Transactions:
    """The explicit transactions of one object. Methods may raise JsException."""

    __slots__ = ("_session", "depth")

    def __init__(self, session: Session) -> None:
        self._session = session
        self.depth = 0  # of asynchronous transactions

    # --- transactionSync -------------------------------------------------------------------

    def run_sync(self, body: Callable[[], T]) -> T:
        """Run `body` in a savepoint: its result, or everything undone and its exception (1)."""
        session = self._session
        if session.needs_begin:
            session.begin()
        session.execute(f"SAVEPOINT {_SYNC}")
        try:
            result = body()
        except BaseException:
            self._undo(_SYNC)
            raise
        self._release(_SYNC)
        return result

    # --- transaction -----------------------------------------------------------------------

    def begin(self) -> int:
        """Open an asynchronous transaction; the depth it was opened at, 0 for the outermost (2)."""
        session = self._session
        assert not (self.depth == 0 and session.is_dirty), "pending writes commit first"
        session.execute(f"SAVEPOINT {_name(self.depth)}")
        session.needs_begin = False
        self.depth += 1
        return self.depth - 1

    def commit(self, depth: int) -> None:
        """End the transaction opened at `depth` well; at depth 0 what it wrote is now on disk.

        Raises JsException, after undoing everything of it, if that failed.
        """
        assert depth == self.depth - 1, "the innermost transaction ends first"
        try:
            self._release(_name(depth))
        except BaseException:
            self.rollback(depth)
            raise
        self._ended(depth)

    def rollback(self, depth: int) -> None:
        """Undo the transaction opened at `depth` and end it."""
        assert depth == self.depth - 1, "the innermost transaction ends first"
        self._undo(_name(depth))
        self._ended(depth)

    def restart(self, depth: int) -> None:
        """Undo what the transaction opened at `depth` wrote so far; it goes on (`txn.rollback`)."""
        assert depth == self.depth - 1, "the innermost transaction ends first"
        self._undo(_name(depth))
        self._session.execute(f"SAVEPOINT {_name(depth)}")

    def forget(self) -> None:
        """The whole transaction was undone from outside."""
        self.depth = 0

    def _ended(self, depth: int) -> None:
        self.depth = depth
        if depth == 0:
            self._session.needs_begin = True
            self._session.had_critical_error = False

    # --- savepoints ------------------------------------------------------------------------

    def _release(self, name: str) -> None:
        session = self._session
        if session.had_critical_error:
            raise error(_CRITICAL)
        try:
            session.execute(f"RELEASE {name}")
        except apsw.Error as exc:
            raise self._internal(exc) from exc

    def _undo(self, name: str) -> None:
        session = self._session
        if not session.connection.in_transaction:
            session.rolled_back()
            return  # (3)
        try:
            session.execute(f"ROLLBACK TO {name}")
            session.execute(f"RELEASE {name}")
        except apsw.SQLError:
            # (3): deleteAll() began a new file, which does not know this savepoint.
            return
        finally:
            session.rolled_back()

    def _internal(self, exc: apsw.Error) -> JsException:
        self._session.note(exc)
        return internal_error(self._session.reference)


def _name(depth: int) -> str:
    return f"_cf_savepoint_{depth}"
