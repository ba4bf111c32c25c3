"""`ctx.storage` of one instance, in JavaScript values: keys and values, SQL, transactions, alarm.

Everything here is synchronous but transactions and `sync`: the platform's promises are settled
when they are made. What makes them promises, and what coerces arguments, is the face user code
sees (worker/javascript/storage).

Source: spec storage §1, §2, §3, §4, §5, §6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.alarms import NO_HANDLER, check_alarm_time
from emulator.core.values import JsException, JsMap, JsValue, error, internal_error, type_error
from emulator.core.values.codec import CodecError, dumps, loads
from emulator.runtime.transactions import (
    DELETE_ALL_IN_TRANSACTION,
    Transaction,
    failed_transaction,
)
from emulator.web.host_codec import WEB_HOST
from emulator.web.promises import Promise, Settled, resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.core.clock import Millis
    from emulator.runtime.instance import Instance
    from emulator.storage.history import History
    from emulator.storage.kv import KvRange
    from emulator.storage.sql import SqlCursor
    from emulator.storage.sql_cursor import SqlValue

__all__ = [
    "NO_POINT_IN_TIME",
    "ObjectStorage",
    "checked_alarm_ms",
    "is_internal",
]

NS_PER_MS: Final = 1_000_000
INTERNAL: Final = "internal error; reference = "
NO_POINT_IN_TIME: Final = (
    "This Durable Object's storage back-end does not implement point-in-time recovery."
)


def is_internal(exc: JsException) -> bool:
    """Whether the platform itself failed, which it tells by a reference alone."""
    return exc.message.startswith(INTERNAL)


class ObjectStorage:
    """The storage of one instance. It refuses to work once the instance is dead."""

    __slots__ = ("_has_native_errors", "_instance", "sqlite")

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._has_native_errors = instance.container.namespace.worker.has_native_errors
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
        return None if blob is None else self.decode(blob)

    def get_many(self, keys: Sequence[str]) -> JsMap:
        self.check_alive()
        return JsMap((k, self.decode(v)) for k, v in self.sqlite.kv.get_many(keys))

    def put(self, key: str, value: JsValue, *, is_unconfirmed: bool = False) -> None:
        instance = self._instance
        if instance.is_dead:
            self.check_alive()
        blob = self.encode(value)
        if is_unconfirmed:
            self._write_unconfirmed(self.sqlite.kv.put, key, blob)
            return
        try:
            self.sqlite.kv.put(key, blob)
        except JsException as exc:
            self._write_failed(exc)
            raise
        if instance.has_unconfirmed_only:
            instance.confirm_writes()

    def put_many(
        self, entries: Sequence[tuple[str, JsValue]], *, is_unconfirmed: bool = False
    ) -> None:
        """All or nothing."""
        blobs = [(key, self.encode(value)) for key, value in entries]
        self._write(is_unconfirmed, self.sqlite.kv.put_many, blobs)

    def delete(self, key: str, *, is_unconfirmed: bool = False) -> bool:
        return self._write(is_unconfirmed, self.sqlite.kv.delete, key)

    def delete_many(self, keys: Sequence[str], *, is_unconfirmed: bool = False) -> int:
        return self._write(is_unconfirmed, self.sqlite.kv.delete_many, keys)

    def list(self, wanted: KvRange) -> JsMap:
        self.check_alive()
        return JsMap((k, self.decode(v)) for k, v in self.sqlite.kv.list(wanted))

    def check_sync_kv(self) -> None:
        """Raises: JsException, if the class has no `storage.kv`."""
        self.sqlite.check_sync_kv()

    def delete_all(self) -> None:
        """Begin with a fresh file; older compatibility dates keep the alarm (spec §4.6)."""
        self.check_alive()
        if self.sqlite.transaction_depth:
            raise error(DELETE_ALL_IN_TRANSACTION)
        keeps_alarm = self._instance.container.namespace.keeps_alarm_on_delete_all
        self.sqlite.delete_all(keep_alarm=keeps_alarm)
        self._instance.container.delete_facets()
        self._instance.confirm_writes()
        if not keeps_alarm:
            self._instance.container.running_alarm_ns = None

    def encode(self, value: JsValue) -> bytes:
        """The bytes to keep. Raises: JsException, a DataCloneError."""
        return dumps(value, native_errors=self._has_native_errors, host=WEB_HOST)

    def decode(self, blob: bytes) -> JsValue:
        try:
            return loads(blob, host=WEB_HOST)
        except CodecError as exc:
            raise internal_error(self._instance.host.reference) from exc

    def _write[**P, T](
        self,
        is_unconfirmed: bool,
        operation: Callable[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        self.check_alive()
        if is_unconfirmed:
            return self._write_unconfirmed(operation, *args, **kwargs)
        try:
            result = operation(*args, **kwargs)
        except JsException as exc:
            self._write_failed(exc)
            raise
        if self._instance.has_unconfirmed_only:
            self._instance.confirm_writes()
        return result

    def _write_unconfirmed[**P, T](
        self, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        instance = self._instance
        instance.is_confirming = False
        try:
            return operation(*args, **kwargs)
        except JsException as exc:
            self._write_failed(exc)
            raise
        finally:
            instance.is_confirming = True

    def _write_failed(self, exc: JsException) -> None:
        """A write that failed for a reason of its own resets the object; a refused one does not."""
        if is_internal(exc):
            self._instance.container.report(exc)
            self._instance.break_(exc)

    # --- SQL -------------------------------------------------------------------------------

    def exec(self, query: str, bindings: Sequence[SqlValue]) -> SqlCursor:
        instance = self._instance
        if instance.is_dead:
            self.check_alive()
        cursor = self.sqlite.exec(query, bindings)
        if instance.has_unconfirmed_only and not cursor.is_readonly:
            instance.confirm_writes()
        return cursor

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

    def set_alarm(self, time_ms: float, *, is_unconfirmed: bool = False) -> Millis:
        """Set the alarm. Raises: JsException for a bad time or a class without alarm()."""
        self.check_alive()
        due_ms = checked_alarm_ms(self._instance, time_ms)
        self._write(is_unconfirmed, self.sqlite.set_alarm_ns, due_ms * NS_PER_MS)
        self._instance.container.running_alarm_ns = None
        return due_ms

    def delete_alarm(self, *, is_unconfirmed: bool = False) -> None:
        self._write(is_unconfirmed, self.sqlite.set_alarm_ns, None)
        self._instance.container.running_alarm_ns = None

    # --- transactions ----------------------------------------------------------------------

    def transaction_sync[T](self, body: Callable[[], T]) -> T:
        """Run `body`; what it wrote is undone if it raises."""
        self.check_alive()
        running_alarm_ns = self._instance.container.running_alarm_ns
        try:
            result = self.sqlite.transaction_sync(body)
        except BaseException:
            self.restore_running_alarm(running_alarm_ns)
            raise
        return result

    def transaction(self, body: Callable[[Transaction], Any]) -> Promise:
        """Run `body` in a transaction of its own, alone (spec storage §4.3)."""
        self.check_alive()
        return self._instance.block_concurrency_while(lambda: self._transaction(body))

    async def _transaction(self, body: Callable[[Transaction], Any]) -> Any:
        sqlite, instance = self.sqlite, self._instance
        if sqlite.is_dirty and not sqlite.transaction_depth:
            instance.commit()  # what was written around the call is outside
            if instance.is_dead:
                return None
        depth = sqlite.begin_transaction()
        transaction = Transaction(self, depth, instance.container.running_alarm_ns)
        try:
            value = body(transaction)
            if hasattr(value, "__await__"):
                value = await value
        except Exception as exc:
            transaction.end()
            if not instance.is_dead:
                sqlite.rollback_transaction(depth)
                transaction.restore_alarm()
            return failed_transaction(exc)
        transaction.end()
        if not instance.is_dead:
            instance.container.commit_transaction(depth)
        return value

    def restore_running_alarm(self, alarm_ns: int | None) -> None:
        """What was done to the alarm whose handler runs is undone."""
        container = self._instance.container
        if alarm_ns is not None and container.namespace.alarms.is_running(container.id):
            container.running_alarm_ns = alarm_ns

    def sync(self) -> Promise | Settled:
        """Resolves when everything written so far is committed. Opens the input gate."""
        self.check_alive()
        instance = self._instance
        if not instance.is_output_held and not self.sqlite.is_dirty:
            return resolved()
        promise = Promise(loop=instance.loop)
        instance.commit_waiters.append(promise)
        return promise

    # --- points in time --------------------------------------------------------------------

    async def current_bookmark(self) -> str:
        """A bookmark of what is stored now."""
        self.check_alive()
        container = self._instance.container
        if container.history is None:
            return self.sqlite.next_bookmark()
        await self.sync()
        return container.history.bookmark(container.version_now(container.history))

    def bookmark_for_time(self, time_ms: float) -> str:
        """A bookmark of what was stored then. Raises: JsException, if nothing of it is kept."""
        return self._history().bookmark_for_time(time_ms)

    def restore_at_next_start(self, bookmark: str) -> str:
        """Restore what `bookmark` says before the next start; the bookmark that undoes it.

        Raises: JsException, if nothing of the past is kept, or nothing of that point in time.
        """
        return self._history().ask_for_restore(bookmark)

    def _history(self) -> History:
        self.check_alive()
        history = self._instance.container.history
        if history is None:
            raise error(NO_POINT_IN_TIME)
        return history


def checked_alarm_ms(instance: Instance, time_ms: float) -> Millis:
    """When an alarm set for `time_ms` is due. Raises: JsException (TypeError)."""
    due_ms = check_alarm_time(time_ms, instance.host.clock.now_ms())
    # In the constructor nobody knows yet (sic, spec §6.1).
    if instance.user is not None and not instance.user.has("alarm"):
        raise type_error(NO_HANDLER)
    return due_ms
