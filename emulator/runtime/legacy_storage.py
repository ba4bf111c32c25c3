"""The storage of a class under `new_classes` as production has it: keys and values only.

The files are the same as ever; what differs is what an object may do: no SQL, limits on keys and
values, and a transaction that holds the operations on `txn` alone, so that others inside it are
outside. `dev.legacy_kv` chooses it; local development by itself has no such engine.

Source: spec storage §0, §1.7, §3.9, §5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from emulator.core.limits import check_legacy_count, check_legacy_key, check_legacy_value
from emulator.core.values import JsMap, JsValue, error
from emulator.runtime.storage import NO_POINT_IN_TIME, ObjectStorage, checked_alarm_ms
from emulator.runtime.transactions import Transaction, failed_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.core.clock import Millis
    from emulator.runtime.transactions import KeyValues
    from emulator.storage.kv import KvRange

__all__ = ["LegacyStorage"]

NO_SQL: Final = (
    "This Durable Object is not backed by SQLite storage, so the SQL API is not available. SQL can "
    "be enabled on a new Durable Object class by using the `new_sqlite_classes` instead of "
    "`new_classes` under `[[migrations]]` in your wrangler.toml, but an already-deployed class "
    "cannot be converted to SQLite (except by deleting the existing data)."
)
NO_SYNC_KV: Final = (
    "The storage.kv (synchronous KV) API is only available for SQLite-backed Durable Objects, but "
    "this object's namespace is not declared to use SQLite. You can use the older, asyncronous "
    "interface via methods of `storage` itself (e.g. `storage.get()`). SQLite can be enabled on a "
    "new Durable Object class by using the `new_sqlite_classes` instead of `new_classes` under "
    "`migrations` in your wrangler.jsonc or wrangler.toml, but an already-deployed class cannot be "
    "converted to SQLite (except by deleting the existing data)."
)
NO_SYNC_TRANSACTION: Final = "Durable Object is not backed by SQL."

# The order of the keys, as in the files (storage/kv.py).
type _Changes = dict[str, bytes | None]


class LegacyStorage(ObjectStorage):
    """Keys and values with production's limits, and nothing else."""

    __slots__ = ()

    def get(self, key: str) -> JsValue:
        check_legacy_key(key)
        return super().get(key)

    def get_many(self, keys: Sequence[str]) -> JsMap:
        check_legacy_count(keys)
        return super().get_many(keys)

    def put(self, key: str, value: JsValue, *, is_unconfirmed: bool = False) -> None:
        check_legacy_key(key)
        super().put(key, value, is_unconfirmed=is_unconfirmed)

    def put_many(
        self, entries: Sequence[tuple[str, JsValue]], *, is_unconfirmed: bool = False
    ) -> None:
        check_legacy_count(entries)
        for key, _ in entries:
            check_legacy_key(key)
        super().put_many(entries, is_unconfirmed=is_unconfirmed)

    def delete(self, key: str, *, is_unconfirmed: bool = False) -> bool:
        check_legacy_key(key)
        return super().delete(key, is_unconfirmed=is_unconfirmed)

    def encode(self, value: JsValue) -> bytes:
        blob = super().encode(value)
        check_legacy_value(blob)
        return blob

    def check_sync_kv(self) -> NoReturn:
        raise error(NO_SYNC_KV)

    def exec(self, query: str, bindings: Sequence[Any]) -> NoReturn:
        del query, bindings
        raise error(NO_SQL)

    @property
    def database_size(self) -> int:
        raise error(NO_SQL)

    def transaction_sync(self, body: Callable[[], Any]) -> NoReturn:
        del body
        raise error(NO_SYNC_TRANSACTION)

    async def current_bookmark(self) -> str:
        raise error(NO_POINT_IN_TIME)

    def bookmark_for_time(self, time_ms: float) -> str:
        del time_ms
        raise error(NO_POINT_IN_TIME)

    def restore_at_next_start(self, bookmark: str) -> str:
        del bookmark
        raise error(NO_POINT_IN_TIME)

    async def _transaction(self, body: Callable[[Transaction], Any]) -> Any:
        transaction = _LegacyTransaction(self)
        try:
            value = body(transaction)
            if hasattr(value, "__await__"):
                value = await value
        except Exception as exc:
            transaction.end()
            return failed_transaction(exc)
        transaction.end()
        if not transaction.is_rolled_back:
            transaction.changes.apply()
        return value


class _LegacyTransaction(Transaction):
    """`txn`: what it changes is kept apart until it ends well."""

    __slots__ = ("changes",)

    def __init__(self, storage: LegacyStorage) -> None:
        super().__init__(storage, 0, None)
        self.changes = _Overlay(storage)

    def checked(self, operation: str) -> KeyValues:
        self._check(operation)
        return self.changes

    def _undo(self) -> None:
        """Nothing was written yet."""


class _Overlay:
    """The storage as it is with the changes of one transaction."""

    __slots__ = ("_alarm_ms", "_changes", "_is_alarm_changed", "_storage")

    def __init__(self, storage: LegacyStorage) -> None:
        self._storage = storage
        self._changes: _Changes = {}
        self._is_alarm_changed = False
        self._alarm_ms: Millis | None = None

    def get(self, key: str) -> JsValue:
        check_legacy_key(key)
        if key not in self._changes:
            return self._storage.get(key)
        blob = self._changes[key]
        return None if blob is None else self._storage.decode(blob)

    def get_many(self, keys: Sequence[str]) -> JsMap:
        check_legacy_count(keys)
        found = ((key, self.get(key)) for key in sorted(set(keys)))
        return JsMap((key, value) for key, value in found if value is not None)

    def put(self, key: str, value: JsValue, *, is_unconfirmed: bool = False) -> None:
        del is_unconfirmed
        check_legacy_key(key)
        self._changes[key] = self._storage.encode(value)

    def put_many(
        self, entries: Sequence[tuple[str, JsValue]], *, is_unconfirmed: bool = False
    ) -> None:
        del is_unconfirmed
        check_legacy_count(entries)
        for key, _ in entries:
            check_legacy_key(key)
        self._changes |= {key: self._storage.encode(value) for key, value in entries}

    def delete(self, key: str, *, is_unconfirmed: bool = False) -> bool:
        del is_unconfirmed
        existed = self.get(key) is not None
        self._changes[key] = None
        return existed

    def delete_many(self, keys: Sequence[str], *, is_unconfirmed: bool = False) -> int:
        return sum(self.delete(key, is_unconfirmed=is_unconfirmed) for key in keys)

    def list(self, wanted: KvRange) -> JsMap:
        blobs = dict(self._storage.sqlite.kv.list(wanted.without_limit()))
        inside = {key: blob for key, blob in self._changes.items() if wanted.has(key)}
        blobs = {key: blob for key, blob in blobs.items() if key not in inside}
        blobs |= {key: blob for key, blob in inside.items() if blob is not None}
        keys = sorted(blobs, reverse=wanted.is_reverse)[: wanted.limit]
        return JsMap((key, self._storage.decode(blobs[key])) for key in keys)

    def get_alarm(self) -> int | None:
        return self._alarm_ms if self._is_alarm_changed else self._storage.get_alarm()

    def set_alarm(self, time_ms: float, *, is_unconfirmed: bool = False) -> Millis:
        del is_unconfirmed
        self._alarm_ms = checked_alarm_ms(self._storage.instance, time_ms)
        self._is_alarm_changed = True
        return self._alarm_ms

    def delete_alarm(self, *, is_unconfirmed: bool = False) -> None:
        del is_unconfirmed
        self._alarm_ms = None
        self._is_alarm_changed = True

    def apply(self) -> None:
        """The transaction ended well: write what it changed, in one go."""
        kv = self._storage.sqlite.kv
        for key, blob in self._changes.items():
            if blob is None:
                kv.delete(key)
            else:
                kv.put(key, blob)
        if not self._is_alarm_changed:
            return
        if self._alarm_ms is None:
            self._storage.delete_alarm()
        else:
            self._storage.set_alarm(self._alarm_ms)
