"""`ctx.storage`, as a JavaScript object: argument rules and promises over runtime/storage.

Every promise is settled when it is made. An error rejects the promise, but for `delete()`
without arguments, which throws at once (sic, spec storage §1.3).

Source: spec storage §1, §2, §3, §6.1.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    ArrayBuffer,
    JsArray,
    JsBigInt,
    JsDate,
    JsException,
    JsIterator,
    JsObject,
    JsProxy,
    JsValue,
    PyProxy,
    buffer_bytes,
    error,
    illegal_parameter,
    js_value,
    jsnull,
    ordered,
    to_string,
    type_error,
)
from emulator.core.values.coercion import coerce_key, js_truthy, to_number
from emulator.runtime.errors import as_js_error
from emulator.runtime.gates import Breath
from emulator.runtime.instance import SETTLED_AWAITS_MAX
from emulator.runtime.storage import Transaction, unwrap_transaction
from emulator.storage.kv import KvRange
from emulator.web.promises import Settled, promise_method, rejected, resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from emulator.runtime.instance import Instance
    from emulator.runtime.storage import ObjectStorage
    from emulator.storage.sql import SqlCursor

__all__ = ["DurableObjectStorage", "DurableObjectTransaction", "SqlCursorFace", "SqlStorage"]

STORAGE: Final = "DurableObjectStorage"
TRANSACTION: Final = "DurableObjectTransaction"
UNDEFINED_VALUE: Final = "put() called with undefined value."
BAD_PUT: Final = (
    "put() may only be called with a single key-value pair and optional options as put(key, value, "
    "options) or with multiple key-value pairs and optional options as put(entries, options)"
)
NO_POINT_IN_TIME: Final = (
    "This Durable Object's storage back-end does not implement point-in-time recovery."
)
_MISSING: Final[Any] = object()


def _promise(method: Callable[..., JsValue]) -> Callable[..., Settled]:
    """A storage operation as a promise that is settled when it is made."""

    @functools.wraps(method)
    def call(self: _KeyValue, *args: Any, **kwargs: Any) -> Settled:
        try:
            value = method(self, *args, **kwargs)
        except JsException as exc:
            return rejected(exc)
        instance = self._instance
        instance.settled_awaits += 1
        if instance.settled_awaits > SETTLED_AWAITS_MAX:
            return _Breathing(instance, value)
        return resolved(value)

    return call


class _Breathing(Settled, py_name="PyodideFuture"):
    """A settled promise that lets the loop breathe when it is awaited."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Instance, value: JsValue) -> None:
        super().__init__(value)
        self._owner = owner

    def __await__(self) -> Generator[Any, Any, Any]:
        yield from Breath(self._owner).__await__()
        return self._value


class _KeyValue(JsProxy):
    """The operations that storage and a transaction share."""

    __slots__ = ()

    _instance: Instance

    def _storage_for(self, operation: str) -> ObjectStorage:
        raise NotImplementedError

    @_promise
    def get(self, key: Any = _MISSING, options: Any = None, **kwargs: Any) -> JsValue:
        storage = self._storage_for("get")
        if type(key) is not str:
            if key is _MISSING:
                raise illegal_parameter("get", self.js_name, 1, "string or Array")
            key = js_value(key)
        if options is not None:
            self._options("get", 2, "GetOptions", options, kwargs)
        if isinstance(key, JsArray):
            return storage.get_many([coerce_key(k) for k in key._items])
        return storage.get(key if type(key) is str else coerce_key(key))

    @_promise
    def put(
        self, key: Any = _MISSING, value: Any = None, options: Any = None, **kwargs: Any
    ) -> JsValue:
        storage = self._storage_for("put")
        if type(key) is not str:
            if key is _MISSING:
                raise illegal_parameter("put", self.js_name, 1, "string or object")
            key = js_value(key)
            if isinstance(key, JsProxy):
                return self._put_entries(storage, key, js_value(value))
        inside = js_value(value)
        if inside is None:
            raise type_error(UNDEFINED_VALUE)
        if options is not None:
            self._options("put", 3, "PutOptions", options, kwargs)
        storage.put(key if type(key) is str else coerce_key(key), inside)
        return None

    def _put_entries(self, storage: ObjectStorage, entries: JsProxy, options: JsValue) -> None:
        if options is not None and options is not jsnull and not isinstance(options, JsProxy):
            raise type_error(BAD_PUT)
        members = entries._own()
        storage.put_many([(k, v) for k, v in members.items() if v is not None])

    def delete(self, key: Any = _MISSING, options: Any = None, **kwargs: Any) -> Settled:
        if key is _MISSING:
            raise illegal_parameter("delete", self.js_name, 1, "string or Array")
        return self._delete(js_value(key), options, kwargs)

    @_promise
    def _delete(self, key: JsValue, options: Any, kwargs: dict[str, Any]) -> JsValue:
        storage = self._storage_for("delete")
        self._options("delete", 2, "PutOptions", options, kwargs)
        if isinstance(key, JsArray):
            return storage.delete_many([coerce_key(k) for k in key._items])
        return storage.delete(coerce_key(key))

    @_promise
    def list(self, options: Any = None, **kwargs: Any) -> JsValue:
        storage = self._storage_for("list")
        given = self._options("list", 1, "ListOptions", options, kwargs)
        return storage.list(list_range(given))

    @_promise
    def getAlarm(self, options: Any = None, **kwargs: Any) -> JsValue:
        storage = self._storage_for("getAlarm")
        self._options("getAlarm", 1, "GetAlarmOptions", options, kwargs)
        due_ms = storage.get_alarm()
        return jsnull if due_ms is None else due_ms

    @_promise
    def setAlarm(self, time: Any = None, options: Any = None, **kwargs: Any) -> JsValue:
        storage = self._storage_for("setAlarm")
        inside = js_value(time)
        if isinstance(inside, JsDate):
            time_ms = float(inside._ms)
        elif type(inside) in (int, float):
            time_ms = float(inside)
        else:
            raise illegal_parameter("setAlarm", self.js_name, 1, "date")
        self._options("setAlarm", 2, "SetAlarmOptions", options, kwargs)
        storage.set_alarm(time_ms)
        return None

    @_promise
    def deleteAlarm(self, options: Any = None, **kwargs: Any) -> JsValue:
        storage = self._storage_for("deleteAlarm")
        self._options("deleteAlarm", 1, "SetAlarmOptions", options, kwargs)
        storage.delete_alarm()
        return None

    def _options(
        self, method: str, position: int, kind: str, options: Any, kwargs: dict[str, Any]
    ) -> dict[str, JsValue]:
        """The members of an options argument; keyword arguments are one, too."""
        given = js_value(options)
        members: dict[str, JsValue] = {k: js_value(v) for k, v in kwargs.items()}
        if isinstance(given, PyProxy):
            if isinstance(given._object, dict):
                members |= {str(k): js_value(v) for k, v in given._object.items()}
        elif isinstance(given, JsArray):
            members["reverse"] = True  # sic: `[].reverse` is truthy (spec §1.2)
        elif isinstance(given, JsProxy):
            members |= given._own()
        elif given is not None and given is not jsnull:
            raise illegal_parameter(method, self.js_name, position, kind)
        return members


class DurableObjectStorage(_KeyValue, js_name=STORAGE):
    """The raw `ctx.storage`."""

    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage
        self._instance = storage.instance
        self.sql = SqlStorage(storage)
        self.kv = SyncKvStorage(storage)
        self.primary = None

    def _storage_for(self, operation: str) -> ObjectStorage:
        del operation
        return self._storage

    @_promise
    def deleteAll(self, options: Any = None, **kwargs: Any) -> JsValue:
        self._options("deleteAll", 1, "PutOptions", options, kwargs)
        config = self._storage.instance.container.namespace.worker.config
        self._storage.delete_all(keep_alarm=config.compatibility_date < "2026-02-24")
        return None

    def sync(self) -> Any:
        return self._storage.sync()

    def transactionSync(self, callback: Any = None) -> Any:
        target = callback._object if isinstance(callback, PyProxy) else callback
        if not callable(target):
            raise illegal_parameter("transactionSync", STORAGE, 1, "function")
        return self._storage.transaction_sync(target)

    def transaction(self, callback: Any = None, options: Any = None, **kwargs: Any) -> Any:
        target = callback._object if isinstance(callback, PyProxy) else callback
        if not callable(target):
            return rejected(illegal_parameter("transaction", STORAGE, 1, "function"))
        try:
            self._options("transaction", 2, "TransactionOptions", options, kwargs)
        except JsException as exc:
            return rejected(exc)
        return self._transaction(target)

    @promise_method
    async def _transaction(self, callback: Callable[[Any], Any]) -> JsValue:
        async def body(transaction: Transaction) -> Any:
            try:
                result = callback(DurableObjectTransaction(transaction))
                return await result if hasattr(result, "__await__") else result
            except Exception as exc:
                raise as_js_error(exc) from exc

        return unwrap_transaction(await self._storage.transaction(body))

    @_promise
    def getCurrentBookmark(self) -> JsValue:
        self._storage.check_alive()
        return self._storage.sqlite.next_bookmark()

    @_promise
    def getBookmarkForTime(self, time: Any = None) -> JsValue:
        if not isinstance(js_value(time), (int, float, JsDate)):
            raise illegal_parameter("getBookmarkForTime", STORAGE, 1, "date")
        raise error(NO_POINT_IN_TIME)

    @_promise
    def onNextSessionRestoreBookmark(self, bookmark: Any = _MISSING) -> JsValue:
        if bookmark is _MISSING:
            raise illegal_parameter("onNextSessionRestoreBookmark", STORAGE, 1, "string")
        raise error(NO_POINT_IN_TIME)


class DurableObjectTransaction(_KeyValue, js_name=TRANSACTION):
    """`txn` of an asynchronous transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._instance = transaction.instance

    def _storage_for(self, operation: str) -> ObjectStorage:
        return self._transaction.checked(operation)

    def rollback(self) -> None:
        self._transaction.rollback()

    @_promise
    def deleteAll(self, options: Any = None, **kwargs: Any) -> JsValue:
        del options, kwargs
        self._storage_for("deleteAll")
        raise error("Cannot call deleteAll() within a transaction")


class SyncKvStorage(JsProxy, js_name="SyncKvStorage"):
    """`ctx.storage.kv`: the synchronous face of the same keys and values."""

    __slots__ = ("__weakref__", "_storage")

    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage

    def get(self, key: Any = _MISSING) -> JsValue:
        return self._checked().get(self._key("get", key))

    def put(self, key: Any = _MISSING, value: Any = _MISSING) -> None:
        name = self._key("put", key)
        if value is _MISSING:
            raise illegal_parameter("put", self.js_name, 2, "Value")
        self._checked().put(name, js_value(value))

    def delete(self, key: Any = _MISSING) -> bool:
        return self._checked().delete(self._key("delete", key))

    def list(self, options: Any = None, **kwargs: Any) -> JsIterator:
        storage = self._checked()
        given = _list_options(self.js_name, options, kwargs)
        rows = storage.sqlite.kv.iterate(list_range(given))

        def pairs() -> Iterator[JsArray]:
            while (row := rows.next()) is not None:
                yield JsArray([row[0], storage.decode(row[1])])

        return JsIterator("ListIterator", pairs())

    def _checked(self) -> ObjectStorage:
        self._storage.check_alive()
        self._storage.sqlite.check_sync_kv()
        return self._storage

    def _key(self, method: str, key: Any) -> str:
        if key is _MISSING:
            raise illegal_parameter(method, self.js_name, 1, "string")
        return key if type(key) is str else coerce_key(js_value(key))


def _list_options(owner: str, options: Any, kwargs: dict[str, Any]) -> dict[str, JsValue]:
    given = js_value(options)
    members = {k: js_value(v) for k, v in kwargs.items()}
    if isinstance(given, PyProxy) and isinstance(given._object, dict):
        return members | {str(k): js_value(v) for k, v in given._object.items()}
    if isinstance(given, JsProxy):
        return members | given._own()
    if given is not None and given is not jsnull:
        raise illegal_parameter("list", owner, 1, "ListOptions")
    return members


def list_range(given: dict[str, JsValue]) -> KvRange:
    """The range that list options name (spec storage §1.4).

    Raises:
        JsException: TypeError for contradicting starts or a limit that is not positive.
    """
    start, start_after = given.get("start"), given.get("startAfter")
    if start is not None and start_after is not None:
        raise type_error("list() cannot be called with both start and startAfter values.")
    return KvRange.of(
        start=_text(start),
        start_after=_text(start_after),
        end=_text(given.get("end")),
        prefix=_text(given.get("prefix")),
        limit=_limit(given["limit"]) if given.get("limit") is not None else None,
        reverse=js_truthy(given.get("reverse")),
    )


def _text(value: JsValue) -> str | None:
    return None if value is None else coerce_key(value)


def _limit(value: JsValue) -> int:
    if value is jsnull:
        raise type_error("List limit must be positive.")
    number = to_number(value)
    if number > 2**31 - 1 and math.isfinite(number):
        raise type_error(
            "Value out of range. Must be between -2147483648 and 2147483647 (inclusive)."
        )
    if not math.isfinite(number) or math.trunc(number) <= 0:
        raise type_error("List limit must be positive.")
    return math.trunc(number)


class SqlStorage(JsProxy, js_name="SqlStorage"):
    """`ctx.storage.sql`."""

    __slots__ = ("__weakref__", "_storage")

    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage

    def exec(self, query: Any = _MISSING, *bindings: Any) -> SqlCursorFace:
        if type(query) is not str:
            if query is _MISSING:
                raise illegal_parameter("exec", self.js_name, 1, "String")
            query = coerce_key(js_value(query))
        values = [_binding(value) for value in bindings] if bindings else ()
        return SqlCursorFace(self._storage.exec(query, values))

    @property
    def databaseSize(self) -> int:
        return self._storage.database_size


_BOUND_AS_IS: Final = frozenset({str, type(None)})


def _binding(value: Any) -> float | str | bytes | None:
    """What a value is bound as: every number is REAL, a boolean is text (spec storage §3.3)."""
    kind = type(value)
    if kind in _BOUND_AS_IS:
        found: str | None = value
        return found
    inside = js_value(value)
    kind = type(inside)
    if kind is bool:
        return "true" if inside else "false"
    if kind is int or kind is float:
        return None if inside != inside else float(inside)
    if inside is jsnull:
        return None
    if isinstance(inside, JsBigInt):
        raise type_error("Cannot convert a BigInt value to a number")
    data = buffer_bytes(inside)
    return to_string(inside) if data is None else data


def _column(value: Any) -> JsValue:
    kind = type(value)
    if kind is str or kind is float:
        return value
    if kind is int:
        return value if -(2**53) < value < 2**53 else float(value)
    if value is None:
        return jsnull
    return ArrayBuffer(bytearray(value))


class SqlCursorFace(JsProxy, js_name="Cursor"):
    """A cursor over the rows of a query. Its iterators share one position."""

    __slots__ = ("__weakref__", "_cursor", "_names")

    def __init__(self, cursor: SqlCursor) -> None:
        self._cursor = cursor
        self._names: list[str] | None = None

    def _row(self, values: tuple[Any, ...]) -> JsObject:
        names = self._names
        if names is None:
            names = self._names = list(self._cursor.column_names)
        members = dict(zip(names, map(_column, values), strict=True))
        return JsObject(ordered(members))

    @property
    def columnNames(self) -> JsArray:
        return JsArray(list(self._cursor.column_names))

    @property
    def rowsRead(self) -> int:
        return self._cursor.rows_read

    @property
    def rowsWritten(self) -> int:
        return self._cursor.rows_written

    def __iter__(self) -> SqlCursorFace:
        return self

    def __next__(self) -> JsObject:
        row = self._cursor.next_row()
        if row is None:
            raise StopIteration
        return self._row(row)

    def next(self) -> JsObject:
        row = self._cursor.next_row()
        if row is None:
            return JsObject({"done": True, "value": None})
        return JsObject({"done": False, "value": self._row(row)})

    def one(self) -> JsObject:
        return self._row(self._cursor.one())

    def toArray(self) -> JsArray:
        return JsArray(list(self))

    def raw(self) -> JsIterator:
        def rows() -> Iterator[JsArray]:
            while (row := self._cursor.next_row()) is not None:
                yield JsArray([_column(value) for value in row])

        return JsIterator("RawIterator", rows())
