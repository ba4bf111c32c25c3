"""The typed arrays and DataView.

Source: ECMAScript TypedArray, DataView; spec python-surface §2.2.
"""

from __future__ import annotations

import functools
import math
import struct
from typing import TYPE_CHECKING, Any, ClassVar, Final

from emulator.core.values.border import from_js, js_value
from emulator.core.values.buffers import ArrayBuffer, ArrayBufferView, buffer_bytes
from emulator.core.values.callbacks import callback, js_truthy
from emulator.core.values.coercion import to_integer, to_number
from emulator.core.values.errors import range_error, type_error
from emulator.core.values.iteration import Indexed, relative
from emulator.core.values.proxies import JsBigInt, JsValue
from emulator.core.values.text import to_string

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["TYPED_ARRAYS", "DataView", "TypedArray", "Uint8Array"]


class TypedArray(ArrayBufferView, Indexed, js_name="TypedArray"):
    """An array of numbers of one kind."""

    __slots__ = ()

    code: ClassVar[str] = "B"  # the element's struct code

    @classmethod
    def of_values(cls, values: Iterable[JsValue]) -> TypedArray:
        """A new array with these elements."""
        numbers = list(values)
        result = cls(ArrayBuffer(bytearray(len(numbers) * cls.item_bytes)))
        for i, number in enumerate(numbers):
            result._write(i * cls.item_bytes, number)
        return result

    @property
    def length(self) -> int:
        return self._length

    @property
    def BYTES_PER_ELEMENT(self) -> int:
        return self.item_bytes

    def _list(self) -> list[JsValue]:
        return list(struct.unpack(f"<{self._length}{self.code}", self.to_bytes()))

    def _own(self) -> dict[str, JsValue]:
        return {str(i): number for i, number in enumerate(self._list())}

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        return map(from_js, self._list())

    def __contains__(self, value: object) -> bool:
        return self.includes(value)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._length)
            if step != 1:
                return type(self).of_values(self._list()[index])
            return self.subarray(start, max(start, stop))
        return from_js(self._read(self._position(index)))

    def __setitem__(self, index: int, value: Any) -> None:
        self._write(self._position(index), js_value(value))

    def _position(self, index: int) -> int:
        length = self._length
        if index < 0:
            index += length
        if not 0 <= index < length:
            raise IndexError(index)
        return self._offset + index * self.item_bytes

    def _read(self, position: int) -> JsValue:
        return struct.unpack_from("<" + self.code, self._buffer._data, position)[0]

    def _write(self, position: int, value: JsValue) -> None:
        struct.pack_into("<" + self.code, self._buffer._data, position, self._coerce(value))

    def _coerce(self, value: JsValue) -> int | float:
        return _wrapped(to_integer(value), self.item_bytes, self.code)

    def subarray(self, start: int = 0, end: int | None = None) -> TypedArray:
        """A view on the same buffer."""
        length = self._length
        begin, stop = relative(start, length, 0), relative(end, length, length)
        offset = self._offset + begin * self.item_bytes
        return type(self)(self._buffer, offset, max(0, stop - begin))

    def slice(self, start: int = 0, end: int | None = None) -> TypedArray:
        """A copy."""
        return type(self)(ArrayBuffer(bytearray(self.subarray(start, end).to_bytes())))

    def set(self, source: Any, offset: int = 0) -> None:
        inside = js_value(source)
        values = inside._list() if isinstance(inside, Indexed) else list(map(js_value, source))
        if offset < 0 or offset + len(values) > self._length:
            raise range_error("offset is out of bounds")
        if type(inside) is type(self):
            at = self._offset + offset * self.item_bytes
            data = buffer_bytes(inside) or b""
            self._buffer._data[at : at + len(data)] = data
            return
        for i, value in enumerate(values):
            self._write(self._offset + (offset + i) * self.item_bytes, value)

    def fill(self, value: Any = None, start: int = 0, end: int | None = None) -> TypedArray:
        length = self._length
        inside = js_value(value)
        for i in range(relative(start, length, 0), relative(end, length, length)):
            self._write(self._position(i), inside)
        return self

    def map(self, function: Any = None, this: Any = None) -> TypedArray:
        del this
        call = callback(function)
        return self.of_values(call(x, i, self) for i, x in enumerate(self._list()))

    def filter(self, function: Any = None, this: Any = None) -> TypedArray:
        del this
        call = callback(function)
        found = [x for i, x in enumerate(self._list()) if js_truthy(call(x, i, self))]
        return self.of_values(found)

    def reverse(self) -> TypedArray:
        self.set(self.of_values(self._list()[::-1]))
        return self

    def toReversed(self) -> TypedArray:
        return self.of_values(self._list()[::-1])

    def sort(self, compare: Any = None) -> TypedArray:
        """In place and by value; NaN comes last, minus zero before zero."""
        values = self._list()
        if compare is None:
            values.sort(key=lambda x: (x != x, x, math.copysign(1, x) if x == 0 else 0))
        else:
            call = callback(compare)
            values.sort(key=functools.cmp_to_key(lambda a, b: _sign(to_number(call(a, b)))))
        self.set(self.of_values(values))
        return self

    def toSorted(self, compare: Any = None) -> TypedArray:
        return self.slice().sort(compare)

    def to_memoryview(self) -> memoryview:
        data: Any = memoryview(bytearray(self.to_bytes()))
        view: memoryview = data.cast(self.code)
        return view


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


def _wrapped(whole: int, item_bytes: int, code: str) -> int:
    """The lowest bits of an integer, read as the element is."""
    bits = 8 * item_bytes
    whole &= (1 << bits) - 1
    if code.islower() and whole >> (bits - 1):
        whole -= 1 << bits
    return whole


class _FloatArray(TypedArray):
    __slots__ = ()

    def _coerce(self, value: JsValue) -> float:
        number = to_number(value)
        try:
            struct.pack("<" + self.code, number)
        except OverflowError:
            return math.copysign(math.inf, number)
        return number


class _BigIntArray(TypedArray):
    __slots__ = ()

    def _list(self) -> list[JsValue]:
        return list(map(JsBigInt, super()._list()))

    def _read(self, position: int) -> JsValue:
        return JsBigInt(super()._read(position))

    def _coerce(self, value: JsValue) -> int:
        if not isinstance(value, (JsBigInt, bool)):
            raise type_error(f"Cannot convert {to_string(value)} to a BigInt")
        return _wrapped(int(value), 8, self.code)


class Uint8Array(TypedArray, js_name="Uint8Array"):
    __slots__ = ()

    def _read(self, position: int) -> JsValue:
        return self._buffer._data[position]

    def _list(self) -> list[JsValue]:
        return list(self.to_bytes())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.to_bytes())


class _Uint8ClampedArray(TypedArray, js_name="Uint8ClampedArray"):
    __slots__ = ()

    def _coerce(self, value: JsValue) -> int:
        number = to_number(value)
        # round() rounds halves to even, as the platform does here.
        return 0 if number != number else max(0, min(255, round(max(-1.0, min(256.0, number)))))


def _array_class(name: str, code: str, base: type[TypedArray]) -> type[TypedArray]:
    cls: type[TypedArray] = type(name, (base,), {"__slots__": ()}, js_name=name)
    cls.code = code
    cls.item_bytes = struct.calcsize("<" + code)
    return cls


_KINDS: Final = (
    ("Int8Array", "b", TypedArray),
    ("Int16Array", "h", TypedArray),
    ("Uint16Array", "H", TypedArray),
    ("Int32Array", "i", TypedArray),
    ("Uint32Array", "I", TypedArray),
    ("Float16Array", "e", _FloatArray),
    ("Float32Array", "f", _FloatArray),
    ("Float64Array", "d", _FloatArray),
    ("BigInt64Array", "q", _BigIntArray),
    ("BigUint64Array", "Q", _BigIntArray),
)

TYPED_ARRAYS: Final[dict[str, type[TypedArray]]] = {
    "Uint8Array": Uint8Array,
    "Uint8ClampedArray": _Uint8ClampedArray,
} | {name: _array_class(name, code, base) for name, code, base in _KINDS}


class DataView(ArrayBufferView, js_name="DataView"):
    """Read and write numbers of any kind; big-endian unless told otherwise.

    `getInt8` … `setBigUint64` are made from the typed arrays below.
    """

    __slots__ = ()

    def _span(self, offset: int, size: int) -> slice:
        if offset < 0 or offset + size > self._length:
            raise range_error("Offset is outside the bounds of the DataView")
        return slice(self._offset + offset, self._offset + offset + size)

    def _get(self, kind: type[TypedArray], offset: int, little: bool) -> Any:
        data = self._buffer._data[self._span(offset, kind.item_bytes)]
        return kind(ArrayBuffer(data if little else data[::-1]))[0]

    def _set(self, kind: type[TypedArray], offset: int, value: Any, little: bool) -> None:
        span = self._span(offset, kind.item_bytes)
        data = kind.of_values([js_value(value)]).to_bytes()
        self._buffer._data[span] = data if little else data[::-1]


def _add_accessors(suffix: str, kind: type[TypedArray]) -> None:
    def get(self: DataView, offset: int = 0, little: Any = False) -> Any:
        return self._get(kind, offset, bool(little))

    def put(self: DataView, offset: int = 0, value: Any = None, little: Any = False) -> None:
        self._set(kind, offset, value, bool(little))

    setattr(DataView, f"get{suffix}", get)
    setattr(DataView, f"set{suffix}", put)


for _name, _kind in TYPED_ARRAYS.items():
    if _name != "Uint8ClampedArray":
        _add_accessors(_name.removesuffix("Array"), _kind)
