"""`ctx.storage`, as a JavaScript object: argument rules and promises over runtime/storage.

Every promise is settled when it is made. An error rejects the promise, but for `delete()`
without arguments, which throws at once (sic, spec storage §1.3).

Source: spec storage §0, §1, §4.3, §5, §6.1.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    HOLE,
    JsArray,
    JsDate,
    JsException,
    JsObject,
    JsProxy,
    JsSymbol,
    JsValue,
    PyProxy,
    coerce_key,
    illegal_parameter,
    is_function,
    js_truthy,
    js_value,
    jsnull,
    options,
    type_error,
)
from emulator.runtime.errors import as_js_error
from emulator.runtime.gates import Breath
from emulator.runtime.instance import SETTLED_AWAITS_MAX
from emulator.runtime.transactions import unwrap_transaction
from emulator.web.promises import Settled, promise_method, rejected, resolved
from emulator.worker.javascript.sql import SqlStorage
from emulator.worker.javascript.sync_kv import MISSING, SyncKvStorage, list_range

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from emulator.runtime.instance import Instance
    from emulator.runtime.storage import ObjectStorage
    from emulator.runtime.transactions import KeyValues, Transaction

__all__ = ["DurableObjectStorage", "DurableObjectTransaction"]

STORAGE: Final = "DurableObjectStorage"
TRANSACTION: Final = "DurableObjectTransaction"
UNDEFINED_VALUE: Final = "put() called with undefined value."
BAD_PUT: Final = (
    "put() may only be called with a single key-value pair and optional options as put(key, value, "
    "options) or with multiple key-value pairs and optional options as put(entries, options)"
)

_DONE: Final = resolved()


def _promise(method: Callable[..., JsValue]) -> Callable[..., Settled]:
    """A storage operation as a promise that is settled when it is made.

    Keyword arguments are one object behind the other arguments.
    """

    @functools.wraps(method)
    def call(self: _KeyValue, *args: Any, **kwargs: Any) -> Settled:
        try:
            if kwargs:
                args = (*args, JsObject({k: js_value(v) for k, v in kwargs.items()}))
            value = method(self, *args)
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

    def _storage_for(self, operation: str) -> KeyValues:
        raise NotImplementedError

    @_promise
    def get(self, key: Any = MISSING, options: Any = None, *_: Any) -> JsValue:
        if type(key) is not str:
            key = self._key("get", key)
        if options is not None:
            self._options("get", 2, "GetOptions", options)
        storage = self._storage_for("get")
        return storage.get_many(key) if type(key) is list else storage.get(key)

    def put(self, *args: Any, **kwargs: Any) -> Settled:
        return self._put(*args, **kwargs)

    @_promise
    def _put(self, key: Any = MISSING, value: Any = None, options: Any = None, *_: Any) -> JsValue:
        if type(key) is not str:
            if key is MISSING:
                raise illegal_parameter("put", self.js_name, 1, "string or object")
            key = js_value(key)
            # Sic: an Array is a key, as its text.
            if isinstance(key, JsProxy) and not isinstance(key, (JsArray, JsSymbol)):
                return self._put_entries(key, js_value(value))
            key = coerce_key(key)
        inside = js_value(value)
        if options is not None:
            unconfirmed = _is_unconfirmed(self._options("put", 3, "PutOptions", options))
        else:
            unconfirmed = False
        if inside is None:
            raise type_error(UNDEFINED_VALUE)
        self._storage_for("put").put(key, inside, is_unconfirmed=unconfirmed)
        return None

    def _put_entries(self, entries: JsProxy, second: JsValue) -> None:
        if second is not None and second is not jsnull and not isinstance(second, JsProxy):
            raise type_error(BAD_PUT)
        given = self._options("put", 2, "PutOptions", second)
        members = [(key, x) for key, x in entries._own().items() if x is not None]
        self._storage_for("put").put_many(members, is_unconfirmed=_is_unconfirmed(given))

    def delete(self, *args: Any, **kwargs: Any) -> Settled:
        if not args and not kwargs:
            raise illegal_parameter("delete", self.js_name, 1, "string or Array")
        return self._delete(*args, **kwargs)

    @_promise
    def _delete(self, key: Any, options: Any = None, *_: Any) -> JsValue:
        keys = self._key("delete", key)
        unconfirmed = _is_unconfirmed(self._options("delete", 2, "PutOptions", options))
        storage = self._storage_for("delete")
        if isinstance(keys, list):
            return storage.delete_many(keys, is_unconfirmed=unconfirmed)
        return storage.delete(keys, is_unconfirmed=unconfirmed)

    @_promise
    def list(self, options: Any = None, *_: Any) -> JsValue:
        wanted = list_range(self._options("list", 1, "ListOptions", options))
        return self._storage_for("list").list(wanted)

    @_promise
    def getAlarm(self, options: Any = None, *_: Any) -> JsValue:
        self._options("getAlarm", 1, "GetAlarmOptions", options)
        due_ms = self._storage_for("getAlarm").get_alarm()
        return jsnull if due_ms is None else due_ms

    @_promise
    def setAlarm(self, time: Any = None, options: Any = None, *_: Any) -> JsValue:
        time_ms = _time_ms(js_value(time))
        if time_ms is None:
            raise illegal_parameter("setAlarm", self.js_name, 1, "date")
        given = self._options("setAlarm", 2, "SetAlarmOptions", options)
        self._storage_for("setAlarm").set_alarm(time_ms, is_unconfirmed=_is_unconfirmed(given))
        return None

    @_promise
    def deleteAlarm(self, options: Any = None, *_: Any) -> JsValue:
        given = self._options("deleteAlarm", 1, "SetAlarmOptions", options)
        self._storage_for("deleteAlarm").delete_alarm(is_unconfirmed=_is_unconfirmed(given))
        return None

    def _key(self, method: str, key: Any) -> Any:
        """A key or, from an Array and only from one, a list of keys."""
        if key is MISSING:
            raise illegal_parameter(method, self.js_name, 1, "string or Array")
        inside = js_value(key)
        if isinstance(inside, JsArray):
            return [coerce_key(None if k is HOLE else k) for k in inside._items]
        return coerce_key(inside)

    def _options(
        self, method: str, position: int, type_name: str, given: Any
    ) -> Mapping[str, JsValue]:
        return options(
            given, {}, method=method, owner=self.js_name, position=position, type_name=type_name
        )


def _is_unconfirmed(given: Mapping[str, JsValue]) -> bool:
    return js_truthy(given.get("allowUnconfirmed"))


def _time_ms(value: JsValue) -> float | None:
    """The milliseconds of a `kj::Date` argument: a Date or a number, nothing else."""
    if isinstance(value, JsDate):
        return float(value._ms)
    return float(value) if type(value) in (int, float) else None


class DurableObjectStorage(_KeyValue, js_name=STORAGE):
    """The raw `ctx.storage`."""

    primary = None  # of a replica; there are none here

    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage
        self._instance = storage.instance
        self.sql = SqlStorage(storage)
        self.kv = SyncKvStorage(storage)

    def _storage_for(self, operation: str) -> KeyValues:
        del operation
        return self._storage

    def put(self, *args: Any, **kwargs: Any) -> Settled:
        if kwargs or len(args) != 2:
            return self._put(*args, **kwargs)
        key, value = args
        if type(key) is not str or value is None:
            return self._put(key, value)
        # The hot path: the same, without the frames of the other one.
        try:
            self._storage.put(key, js_value(value))
        except JsException as exc:
            return rejected(exc)
        instance = self._instance
        instance.settled_awaits += 1
        if instance.settled_awaits > SETTLED_AWAITS_MAX:
            return _Breathing(instance, None)
        return _DONE

    @_promise
    def deleteAll(self, options: Any = None, *_: Any) -> JsValue:
        self._options("deleteAll", 1, "PutOptions", options)
        self._storage.delete_all()
        return None

    def sync(self, *_: Any, **_kwargs: Any) -> Any:
        try:
            return self._storage.sync()
        except JsException as exc:
            return rejected(exc)

    def transactionSync(self, callback: Any = None, *_: Any) -> Any:
        return self._storage.transaction_sync(self._function("transactionSync", callback))

    def transaction(self, callback: Any = None, options: Any = None, *_: Any, **kwargs: Any) -> Any:
        try:
            target = self._function("transaction", callback)
            self._options("transaction", 2, "TransactionOptions", kwargs or options)
        except JsException as exc:
            return rejected(exc)
        return self._transaction(target)

    def _function(self, method: str, callback: Any) -> Callable[..., Any]:
        inside = js_value(callback)
        if not is_function(inside):
            raise illegal_parameter(method, STORAGE, 1, "function")
        target: Callable[..., Any] = inside.unwrap() if isinstance(inside, PyProxy) else inside
        return target

    @promise_method
    async def _transaction(self, callback: Callable[[Any], Any]) -> JsValue:
        async def body(transaction: Transaction) -> Any:
            try:
                result = callback(DurableObjectTransaction(transaction))
                return await result if hasattr(result, "__await__") else result
            except Exception as exc:
                raise as_js_error(exc) from exc

        return unwrap_transaction(await self._storage.transaction(body))

    @promise_method
    async def getCurrentBookmark(self, *_: Any) -> JsValue:
        return await self._storage.current_bookmark()

    @_promise
    def getBookmarkForTime(self, time: Any = None, *_: Any) -> JsValue:
        time_ms = _time_ms(js_value(time))
        if time_ms is None:
            raise illegal_parameter("getBookmarkForTime", STORAGE, 1, "date")
        return self._storage.bookmark_for_time(time_ms)

    @_promise
    def onNextSessionRestoreBookmark(self, bookmark: Any = MISSING, *_: Any) -> JsValue:
        if bookmark is MISSING:
            raise illegal_parameter("onNextSessionRestoreBookmark", STORAGE, 1, "string")
        return self._storage.restore_at_next_start(coerce_key(js_value(bookmark)))


class DurableObjectTransaction(_KeyValue, js_name=TRANSACTION):
    """`txn` of an asynchronous transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._instance = transaction.instance

    def _storage_for(self, operation: str) -> KeyValues:
        return self._transaction.checked(operation)

    def rollback(self, *_: Any) -> None:
        self._transaction.rollback()

    @_promise
    def deleteAll(self, options: Any = None, *_: Any) -> JsValue:
        self._options("deleteAll", 1, "PutOptions", options)
        self._transaction.refuse_delete_all()
