"""`ctx.storage.sql` and its cursors, as JavaScript objects.

Source: spec storage §3.1, §3.3, §3.4, §3.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from emulator.core.compat import SQL_BOOLEAN, SQL_OBJECT, SQL_RAW_BYTES, warn
from emulator.core.values import (
    ArrayBuffer,
    JsArray,
    JsBigInt,
    JsClass,
    JsIterator,
    JsObject,
    JsProxy,
    JsSymbol,
    JsValue,
    buffer_bytes,
    coerce_key,
    illegal_parameter,
    js_value,
    jsnull,
    ordered,
    to_string,
    type_error,
)
from emulator.worker.javascript.sql_traps import IntegerTraps
from emulator.worker.javascript.sync_kv import MISSING

if TYPE_CHECKING:
    from emulator.runtime.storage import ObjectStorage
    from emulator.storage.sql import SqlCursor
    from emulator.storage.sql_cursor import SqlValue

__all__ = ["SqlCursorFace", "SqlStorage"]

OWNER: Final = "SqlStorage"
_BOUND_AS_IS: Final = frozenset({str, type(None)})
_INTEGER_MAX: Final = 2**53


class SqlStorage(JsProxy, js_name=OWNER):
    """`ctx.storage.sql`. It is there for every class; its calls refuse where SQL is not enabled."""

    __slots__ = ("__weakref__", "_storage", "_traps")

    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage
        self._traps = IntegerTraps(storage.sqlite.column_types)

    def exec(self, query: Any = MISSING, *bindings: Any, **kwargs: Any) -> SqlCursorFace:
        if type(query) is not str:
            if query is MISSING:
                raise illegal_parameter("exec", OWNER, 1, "String")
            query = coerce_key(js_value(query))
        if kwargs:
            bindings = (*bindings, JsObject({k: js_value(v) for k, v in kwargs.items()}))
        if not bindings:
            return SqlCursorFace(self._storage.exec(query, ()))
        if int in map(type, bindings):
            self._traps.check(query, bindings)
        return SqlCursorFace(self._storage.exec(query, [_bound(value) for value in bindings]))

    @property
    def databaseSize(self) -> int:
        return self._storage.database_size

    @property
    def Cursor(self) -> JsClass:
        return JsClass("Cursor", _illegal_constructor)

    @property
    def Statement(self) -> JsClass:
        return JsClass("Statement", _illegal_constructor)


def _illegal_constructor(*_: JsValue) -> NoReturn:
    raise type_error("Illegal constructor")


def _bound(value: Any) -> SqlValue:
    """What a value is bound as: every number is REAL, a boolean is text (spec storage §3.3).

    Raises:
        JsException: TypeError for a BigInt or a symbol.
    """
    kind = type(value)
    if kind in _BOUND_AS_IS:
        found: str | None = value
        return found
    inside = js_value(value)
    kind = type(inside)
    if kind is bool:
        text = "true" if inside else "false"
        warn(SQL_BOOLEAN, f"{inside} is bound as the text {text!r}.")
        return text
    if kind is int or kind is float:
        return None if inside != inside else float(inside)
    if inside is jsnull:
        return None
    if isinstance(inside, JsBigInt):
        raise type_error("Cannot convert a BigInt value to a number")
    if isinstance(inside, JsSymbol):
        raise type_error("Cannot convert a Symbol value to a string")
    data = buffer_bytes(inside)
    if data is not None:
        return data
    text = to_string(inside)
    if isinstance(value, (bytes, bytearray, memoryview)):
        warn(SQL_RAW_BYTES, f"Python bytes are bound as the text {text!r}.")
    elif not isinstance(inside, str):
        warn(SQL_OBJECT, f"{type(value).__name__} is bound as the text {text!r}.")
    return text


def _column(value: Any) -> JsValue:
    """A value of a row: numbers are doubles, a BLOB is an ArrayBuffer (spec storage §3.4)."""
    kind = type(value)
    if kind is str or kind is float:
        return value
    if kind is int:
        return value if -_INTEGER_MAX < value < _INTEGER_MAX else float(value)
    if value is None:
        return jsnull
    return ArrayBuffer(bytearray(value))


class SqlCursorFace(JsProxy, js_name="Cursor"):
    """A cursor over the rows of a query. Its iterators share one position."""

    __slots__ = ("__weakref__", "_cursor", "_names")

    def __init__(self, cursor: SqlCursor) -> None:
        self._cursor = cursor
        self._names: tuple[str, ...] | None = None

    def _row(self, values: tuple[SqlValue, ...]) -> JsObject:
        names = self._names
        if names is None:
            names = self._names = self._cursor.column_names
        members = dict(zip(names, map(_column, values), strict=True))
        members.pop("__proto__", None)  # sic: assigned, not defined, on the platform
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
        row = self._row
        return JsArray([row(values) for values in self._cursor.rows()])

    def raw(self) -> JsIterator:
        return JsIterator("RawIterator", _RawRows(self._cursor))


class _RawRows:
    """The rows as Arrays. One that failed can be asked again, as the cursor can."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: SqlCursor) -> None:
        self._cursor = cursor

    def __iter__(self) -> _RawRows:
        return self

    def __next__(self) -> JsArray:
        row = self._cursor.next_row()
        if row is None:
            raise StopIteration
        return JsArray([_column(value) for value in row])
