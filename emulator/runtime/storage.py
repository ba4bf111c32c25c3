"""`ctx.storage` of one instance, in JavaScript values: keys and values, SQL, transactions, alarm.

Everything here is synchronous: the platform's promises are settled when they are made. What makes
them promises, and what coerces arguments, is the face user code sees (worker/javascript/storage).

Source: spec storage §1, §2, §3, §4, §6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.alarms import NO_HANDLER, check_alarm_time
from emulator.core.values import JsMap, JsValue, error, internal_error, type_error
from emulator.core.values.codec import CodecError, dumps, loads
from emulator.storage.errors import CommitFailed
from emulator.web.promises import Promise, Settled, resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from emulator.core.clock import Millis
    from emulator.runtime.instance import Instance
    from emulator.storage.kv import KvRange
    from emulator.storage.sql import SqlCursor

__all__ = ["ObjectStorage", "Transaction", "unwrap_transaction"]

NS_PER_MS: Final = 1_000_000
DELETE_ALL_IN_TRANSACTION: Final = "Cannot call deleteAll() within a transaction"


class ObjectStorage:
    """The storage of one instance. It refuses to work once the instance is dead."""

    __slots__ = ("_instance", "sqlite")

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.sqlite = instance.container.sqlite

    @property
    def instance(self) -> Instance:
        return self._instance

    def check_alive(self) -> None:
        """Raises: JsException, the error that broke the instance."""
        instance = self._instance
        if instance.is_dead:
            raise instance.broken or error("The execution context is no longer running.")

    # --- keys and values -------------------------------------------------------------------

    def get(self, key: str) -> JsValue:
        """The value, or undefined."""
        if self._instance.is_dead:
            self.check_alive()
        blob = self.sqlite.kv.get(key)
        return None if blob is None else self._decode(blob)

    def get_many(self, keys: Iterable[str]) -> JsMap:
        self.check_alive()
        return JsMap((k, self._decode(v)) for k, v in self.sqlite.kv.get_many(keys))

    def put(self, key: str, value: JsValue) -> None:
        if self._instance.is_dead:
            self.check_alive()
        self.sqlite.kv.put(key, dumps(value))

    def put_many(self, entries: Sequence[tuple[str, JsValue]]) -> None:
        """All or nothing."""
        self.check_alive()
        self.sqlite.kv.put_many([(key, dumps(value)) for key, value in entries])

    def delete(self, key: str) -> bool:
        self.check_alive()
        return self.sqlite.kv.delete(key)

    def delete_many(self, keys: Iterable[str]) -> int:
        self.check_alive()
        return self.sqlite.kv.delete_many(keys)

    def list(self, wanted: KvRange) -> JsMap:
        self.check_alive()
        return JsMap((k, self._decode(v)) for k, v in self.sqlite.kv.list(wanted))

    def delete_all(self, *, keep_alarm: bool) -> None:
        self.check_alive()
        if self.sqlite.transaction_depth:
            raise error(DELETE_ALL_IN_TRANSACTION)
        self.sqlite.delete_all(keep_alarm=keep_alarm)
        if not keep_alarm:
            self._instance.container.running_alarm_ns = None

    def decode(self, blob: bytes) -> JsValue:
        return self._decode(blob)

    def _decode(self, blob: bytes) -> JsValue:
        try:
            return loads(blob)
        except CodecError as exc:
            raise internal_error(self._instance.host.reference) from exc

    # --- SQL -------------------------------------------------------------------------------

    def exec(self, query: str, bindings: Sequence[float | str | bytes | None]) -> SqlCursor:
        if self._instance.is_dead:
            self.check_alive()
        return self.sqlite.exec(query, bindings)

    @property
    def database_size(self) -> int:
        self.check_alive()
        return self.sqlite.database_size

    # --- alarm -----------------------------------------------------------------------------

    def get_alarm(self) -> int | None:
        """When the alarm is due, in ms; None while its handler runs and has set no other."""
        self.check_alive()
        if self._instance.container.running_alarm_ns is not None:
            return None
        alarm_ns = self.sqlite.get_alarm_ns()
        return None if alarm_ns is None else alarm_ns // NS_PER_MS

    def set_alarm(self, time_ms: float) -> Millis:
        """Set the alarm. Raises: JsException for a bad time or a class without alarm()."""
        self.check_alive()
        instance = self._instance
        if instance.user is not None and not instance.user.has("alarm"):
            raise type_error(NO_HANDLER)
        due_ms = check_alarm_time(time_ms, instance.host.clock.now_ms())
        self.sqlite.set_alarm_ns(due_ms * NS_PER_MS)
        instance.container.running_alarm_ns = None
        return due_ms

    def delete_alarm(self) -> None:
        self.check_alive()
        self.sqlite.set_alarm_ns(None)
        self._instance.container.running_alarm_ns = None

    # --- transactions ----------------------------------------------------------------------

    def transaction_sync[T](self, body: Callable[[], T]) -> T:
        self.check_alive()
        return self.sqlite.transaction_sync(body)

    def transaction(self, body: Callable[[Transaction], Any]) -> Promise:
        """Run `body` in a transaction of its own, alone (spec storage §4.3)."""
        return self._instance.block_concurrency_while(lambda: self._transaction(body))

    async def _transaction(self, body: Callable[[Transaction], Any]) -> _Failed | JsValue:
        sqlite, instance = self.sqlite, self._instance
        if sqlite.is_dirty and not sqlite.transaction_depth:
            instance.commit()
        depth = sqlite.begin_transaction()
        transaction = Transaction(self, depth)
        try:
            value = body(transaction)
            if hasattr(value, "__await__"):
                value = await value
        except Exception as exc:
            if not instance.is_dead:
                transaction.end()
                sqlite.rollback_transaction(depth)
            return _Failed(exc)
        transaction.end()
        try:
            sqlite.commit_transaction(depth)
        except CommitFailed as exc:
            raise exc.error from exc
        return value

    def sync(self) -> Promise | Settled:
        """Resolves when everything written so far is committed. Opens the input gate."""
        self.check_alive()
        instance = self._instance
        if not instance.is_output_held and not self.sqlite.is_dirty:
            return resolved()
        promise = Promise(loop=instance.loop)
        instance.emit(_settle, promise)
        return promise


class _Failed:
    """A transaction that was rolled back: its error goes to the caller, the object lives on."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


def unwrap_transaction(value: Any) -> Any:
    """The value of a transaction. Raises what its body raised."""
    if isinstance(value, _Failed):
        raise value.error
    return value


class Transaction:
    """`txn`: the operations of one asynchronous transaction."""

    __slots__ = ("_storage", "depth", "has_ended", "is_rolled_back")

    def __init__(self, storage: ObjectStorage, depth: int) -> None:
        self._storage = storage
        self.depth = depth
        self.has_ended = False
        self.is_rolled_back = False

    @property
    def instance(self) -> Instance:
        return self._storage.instance

    def end(self) -> None:
        self.has_ended = True

    def checked(self, operation: str) -> ObjectStorage:
        """The storage, for `operation` inside this transaction.

        Raises:
            JsException: the transaction was rolled back or has committed.
        """
        if self.is_rolled_back:
            raise error(f"Cannot {operation}() on rolled back transaction")
        if self.has_ended:
            raise error(
                f"Cannot call {operation}() on transaction that has already committed: "
                "did you move `txn` outside of the closure?"
            )
        return self._storage

    def rollback(self) -> None:
        """Undo what was written so far. Idempotent.

        Raises:
            JsException: the transaction has committed, or a nested one is running.
        """
        if self.is_rolled_back:
            return
        storage = self.checked("rollback")
        if storage.sqlite.transaction_depth > self.depth + 1:
            raise error("Cannot roll back an outer transaction while a nested transaction is still running.")
        storage.sqlite.restart_transaction(self.depth)
        self.is_rolled_back = True


def _settle(promise: Promise) -> None:
    if not promise.done():
        promise.set_result(None)



