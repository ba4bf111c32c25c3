"""Asynchronous transactions: `txn`, what its operations are, and how it ends.

Source: spec storage §4.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from emulator.core.values import JsMap, JsValue, error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.core.clock import Millis
    from emulator.runtime.instance import Instance
    from emulator.runtime.storage import ObjectStorage
    from emulator.storage.kv import KvRange

__all__ = [
    "DELETE_ALL_IN_TRANSACTION",
    "KeyValues",
    "Transaction",
    "failed_transaction",
    "unwrap_transaction",
]

DELETE_ALL_IN_TRANSACTION: Final = "Cannot call deleteAll() within a transaction"
OUTER_ROLLBACK: Final = (
    "Cannot roll back an outer transaction while a nested transaction is still running."
)


class KeyValues(Protocol):
    """The operations that storage and a transaction share. Each may raise a JsException.

    is_unconfirmed: the write does not hold back what leaves the object (spec storage §1.5).
    """

    def get(self, key: str) -> JsValue: ...
    def get_many(self, keys: Sequence[str]) -> JsMap: ...
    def put(self, key: str, value: JsValue, *, is_unconfirmed: bool = False) -> None: ...
    def put_many(
        self, entries: Sequence[tuple[str, JsValue]], *, is_unconfirmed: bool = False
    ) -> None: ...
    def delete(self, key: str, *, is_unconfirmed: bool = False) -> bool: ...
    def delete_many(self, keys: Sequence[str], *, is_unconfirmed: bool = False) -> int: ...
    def list(self, wanted: KvRange) -> JsMap: ...
    def get_alarm(self) -> int | None: ...
    def set_alarm(self, time_ms: float, *, is_unconfirmed: bool = False) -> Millis: ...
    def delete_alarm(self, *, is_unconfirmed: bool = False) -> None: ...


class _Failed:
    """A transaction that was rolled back: its error goes to the caller, the object lives on."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


def failed_transaction(error: Exception) -> _Failed:
    """What a section returns for a transaction whose body raised `error`."""
    return _Failed(error)


def unwrap_transaction(value: Any) -> Any:
    """The value of a transaction. Raises what its body raised."""
    if isinstance(value, _Failed):
        raise value.error
    return value


class Transaction:
    """`txn`: the operations of one asynchronous transaction.

    Args:
        depth: of the transaction, 0 for the outermost.
        running_alarm_ns: the alarm whose handler ran when it began, if one did.
    """

    __slots__ = ("_running_alarm_ns", "_storage", "depth", "has_ended", "is_rolled_back")

    def __init__(self, storage: ObjectStorage, depth: int, running_alarm_ns: int | None) -> None:
        self._storage = storage
        self._running_alarm_ns = running_alarm_ns
        self.depth = depth
        self.has_ended = False
        self.is_rolled_back = False

    @property
    def instance(self) -> Instance:
        return self._storage.instance

    def end(self) -> None:
        self.has_ended = True

    def checked(self, operation: str) -> KeyValues:
        """The storage, for `operation` inside this transaction.

        Raises:
            JsException: the transaction was rolled back or has committed.
        """
        self._check(operation)
        return self._storage

    def _check(self, operation: str) -> None:
        if self.is_rolled_back:
            raise error(f"Cannot {operation}() on rolled back transaction")
        if self.has_ended:
            raise error(
                f"Cannot call {operation}() on transaction that has already committed: "
                "did you move `txn` outside of the closure?"
            )

    def refuse_delete_all(self) -> NoReturn:
        """Raises: JsException, always."""
        raise error(DELETE_ALL_IN_TRANSACTION)

    def rollback(self) -> None:
        """Undo what was written so far. Idempotent.

        Raises:
            JsException: the transaction has committed, or a nested one is running.
        """
        if self.is_rolled_back:
            return
        self._check("rollback")
        self._undo()
        self.is_rolled_back = True

    def _undo(self) -> None:
        sqlite = self._storage.sqlite
        if sqlite.transaction_depth > self.depth + 1:
            raise error(OUTER_ROLLBACK)
        sqlite.restart_transaction(self.depth)
        self.restore_alarm()

    def restore_alarm(self) -> None:
        """The alarm is as it was when the transaction began."""
        self._storage.restore_running_alarm(self._running_alarm_ns)
