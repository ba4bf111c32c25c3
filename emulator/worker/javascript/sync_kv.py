"""`ctx.storage.kv`, the synchronous face of the keys and values, and the options of every list().

Source: spec storage §1.4, §2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    JsArray,
    JsIterator,
    JsObject,
    JsProxy,
    JsValue,
    coerce_key,
    illegal_parameter,
    js_truthy,
    js_value,
    list_limit,
    options,
    type_error,
)
from emulator.storage.kv import KvRange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.runtime.storage import ObjectStorage
    from emulator.storage.kv import KvIterator

__all__ = ["MISSING", "SyncKvStorage", "list_range"]

OWNER: Final = "SyncKvStorage"
TWO_STARTS: Final = "list() cannot be called with both start and startAfter values."
MISSING: Final[Any] = object()
"""Stands for an argument that was not given, which is not the same as undefined."""


class SyncKvStorage(JsProxy, js_name=OWNER):
    """`ctx.storage.kv`."""

    __slots__ = ("__weakref__", "_storage")

    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage

    def get(self, key: Any = MISSING, *_: Any, **kwargs: Any) -> JsValue:
        name = _key("get", key, kwargs)
        return self._checked().get(name)

    def put(self, key: Any = MISSING, value: Any = MISSING, *_: Any, **kwargs: Any) -> None:
        if kwargs and value is MISSING and key is not MISSING:
            value, kwargs = _object(kwargs), {}
        name = _key("put", key, kwargs)
        if value is MISSING:
            raise illegal_parameter("put", OWNER, 2, "Value")
        self._checked().put(name, js_value(value))

    def delete(self, key: Any = MISSING, *_: Any, **kwargs: Any) -> bool:
        name = _key("delete", key, kwargs)
        return self._checked().delete(name)

    def list(self, given: Any = None, *_: Any, **kwargs: Any) -> JsIterator:
        members = options(
            given, kwargs, method="list", owner=OWNER, position=1, type_name="ListOptions"
        )
        storage = self._checked()
        rows = storage.sqlite.kv.iterate(list_range(members))
        return JsIterator("ListIterator", _Pairs(storage, rows))

    def _checked(self) -> ObjectStorage:
        self._storage.check_alive()
        self._storage.check_sync_kv()
        return self._storage


class _Pairs:
    """The entries of a list, read as they are asked for. One that failed fails again."""

    __slots__ = ("_rows", "_storage")

    def __init__(self, storage: ObjectStorage, rows: KvIterator) -> None:
        self._storage = storage
        self._rows = rows

    def __iter__(self) -> _Pairs:
        return self

    def __next__(self) -> JsArray:
        self._storage.check_alive()
        row = self._rows.next()
        if row is None:
            raise StopIteration
        return JsArray([row[0], self._storage.decode(row[1])])


def _key(method: str, key: Any, kwargs: dict[str, Any]) -> str:
    if type(key) is str:
        return key
    if key is MISSING:
        if not kwargs:
            raise illegal_parameter(method, OWNER, 1, "string")
        key = _object(kwargs)
    return coerce_key(js_value(key))


def _object(kwargs: dict[str, Any]) -> JsObject:
    """Keyword arguments are one object behind the others (spec python-surface §2.5)."""
    return JsObject({name: js_value(value) for name, value in kwargs.items()})


def list_range(given: Mapping[str, JsValue]) -> KvRange:
    """The range that list options name (spec storage §1.4).

    Raises:
        JsException: TypeError for contradicting starts or a limit that is not positive.
    """
    start, start_after = given.get("start"), given.get("startAfter")
    if start is not None and start_after is not None:
        raise type_error(TWO_STARTS)
    return KvRange.of(
        start=_text(start),
        start_after=_text(start_after),
        end=_text(given.get("end")),
        prefix=_text(given.get("prefix")),
        limit=list_limit(given.get("limit")),
        reverse=js_truthy(given.get("reverse")),
    )


def _text(value: JsValue) -> str | None:
    return None if value is None else coerce_key(value)
