"""ArrayBuffer and what a view of one is.

A buffer owns a `bytearray`; a view is a window on a buffer. Pyodide gives them `to_bytes()`,
`to_memoryview()` and `to_py()`; none supports Python's buffer protocol.

Source: spec python-surface §2.2, storage §7.3; ECMAScript ArrayBuffer.
"""

from __future__ import annotations

from typing import Any, ClassVar

from emulator.core.values.errors import range_error, type_error
from emulator.core.values.iteration import relative
from emulator.core.values.proxies import Conversion, JsProxy, JsValue

__all__ = ["ArrayBuffer", "ArrayBufferView", "buffer_bytes"]


class ArrayBuffer(JsProxy, js_name="ArrayBuffer"):
    """Bytes. `max_byte_length` is set for a resizable buffer.

    Raises:
        JsException: RangeError, if the buffer is longer than it may become.
    """

    __slots__ = ("__weakref__", "_data", "detached", "max_byte_length")

    def __init__(self, data: bytearray, max_byte_length: int | None = None) -> None:
        if max_byte_length is not None and max_byte_length < len(data):
            raise range_error("Invalid array buffer max length")
        self._data = data
        self.max_byte_length = max_byte_length
        self.detached = False

    @property
    def byteLength(self) -> int:
        return len(self._data)

    @property
    def resizable(self) -> bool:
        return self.max_byte_length is not None

    @property
    def maxByteLength(self) -> int:
        return len(self._data) if self.max_byte_length is None else self.max_byte_length

    def __bool__(self) -> bool:
        return bool(self._data)  # Pyodide: an empty buffer is false

    def slice(self, start: int = 0, end: int | None = None) -> ArrayBuffer:
        self._check_attached("slice")
        size = len(self._data)
        return ArrayBuffer(self._data[relative(start, size, 0) : relative(end, size, size)])

    def resize(self, size: int) -> None:
        """Make a resizable buffer `size` bytes long; new bytes are zero."""
        self._check_attached("resize")
        if self.max_byte_length is None:
            raise type_error(
                "Method ArrayBuffer.prototype.resize called on incompatible receiver #<ArrayBuffer>"
            )
        if not 0 <= size <= self.max_byte_length:
            raise range_error("ArrayBuffer.prototype.resize: Invalid length parameter")
        self._data[size:] = bytes(max(0, size - len(self._data)))

    def transfer(self, size: int | None = None) -> ArrayBuffer:
        """Move the bytes into a new buffer; this one is detached and empty from then on."""
        moved = ArrayBuffer(self._data, self.max_byte_length)
        return self._detach(moved, size)

    def transferToFixedLength(self, size: int | None = None) -> ArrayBuffer:
        return self._detach(ArrayBuffer(self._data), size)

    def _detach(self, moved: ArrayBuffer, size: int | None) -> ArrayBuffer:
        self._check_attached("transfer")
        if size is not None:
            moved._data = (self._data + bytearray(max(0, size - len(self._data))))[:size]
        self._data = bytearray()
        self.max_byte_length = None
        self.detached = True
        return moved

    def _check_attached(self, method: str) -> None:
        if self.detached:
            raise type_error(
                f"Cannot perform ArrayBuffer.prototype.{method} on a detached ArrayBuffer"
            )

    def to_bytes(self) -> bytes:
        return bytes(self._data)

    def to_memoryview(self) -> memoryview:
        return memoryview(bytearray(self._data))

    def to_string(self, encoding: str = "utf-8") -> str:
        return self._data.decode(encoding)

    def assign(self, source: Any) -> None:
        """Pyodide: copy a Python buffer of the same size into this one."""
        self._data[:] = _same_size(source, len(self._data))

    def assign_to(self, target: Any) -> None:
        """Pyodide: copy the bytes into a writable Python buffer of the same size."""
        memoryview(target).cast("B")[:] = self._data

    def _to_py(self, conversion: Conversion, depth: int) -> Any:
        del conversion, depth
        return self.to_memoryview()


def _same_size(source: Any, size: int) -> bytes:
    data = bytes(memoryview(source).cast("B"))
    if len(data) != size:
        raise ValueError(f"cannot assign a buffer of {len(data)} bytes to one of {size}")
    return data


class ArrayBufferView(JsProxy):
    """A window of `length` elements at `byte_offset` of a buffer.

    Without a length it reaches to the end; on a resizable buffer it then follows the end.

    Raises:
        JsException: RangeError, if the window does not fit the buffer or its elements.
    """

    __slots__ = ("__weakref__", "_buffer", "_fixed", "_offset")

    item_bytes: ClassVar[int] = 1

    def __init__(
        self, buffer: ArrayBuffer, byte_offset: int = 0, length: int | None = None
    ) -> None:
        size = len(buffer._data)
        item = self.item_bytes
        if byte_offset % item:
            raise range_error(f"start offset of {self.js_name} should be a multiple of {item}")
        if not 0 <= byte_offset <= size:
            raise range_error(f"Start offset {byte_offset} is outside the bounds of the buffer")
        if length is None and buffer.max_byte_length is None:
            if size % item:
                raise range_error(f"byte length of {self.js_name} should be a multiple of {item}")
            length = (size - byte_offset) // item
        if length is not None and not 0 <= byte_offset + length * item <= size:
            raise range_error(f"Invalid typed array length: {length}")
        self._buffer = buffer
        self._offset = byte_offset
        self._fixed = length

    @property
    def is_length_tracking(self) -> bool:
        """Whether the view ends where its resizable buffer ends."""
        return self._fixed is None

    @property
    def is_out_of_bounds(self) -> bool:
        """Whether the buffer has become too short for the view."""
        needed = self._offset + (self._fixed or 0) * self.item_bytes
        return needed > len(self._buffer._data)

    @property
    def _length(self) -> int:
        if self._fixed is None:
            return max(0, len(self._buffer._data) - self._offset) // self.item_bytes
        return 0 if self.is_out_of_bounds else self._fixed

    @property
    def buffer(self) -> ArrayBuffer:
        return self._buffer

    @property
    def byteOffset(self) -> int:
        return 0 if self.is_out_of_bounds else self._offset

    @property
    def byteLength(self) -> int:
        return self._length * self.item_bytes

    def __bool__(self) -> bool:
        return bool(self._length)

    def to_bytes(self) -> bytes:
        return bytes(self._buffer._data[self._offset : self._offset + self.byteLength])

    def to_memoryview(self) -> memoryview:
        return memoryview(bytearray(self.to_bytes()))

    def to_string(self, encoding: str = "utf-8") -> str:
        return self.to_bytes().decode(encoding)

    def assign(self, source: Any) -> None:
        """Pyodide: copy a Python buffer of the same size into the view."""
        size = self.byteLength
        self._buffer._data[self._offset : self._offset + size] = _same_size(source, size)

    def assign_to(self, target: Any) -> None:
        """Pyodide: copy the bytes into a writable Python buffer of the same size."""
        memoryview(target).cast("B")[:] = self.to_bytes()

    def _to_py(self, conversion: Conversion, depth: int) -> Any:
        del conversion, depth
        return self.to_memoryview()


def buffer_bytes(value: JsValue) -> bytes | None:
    """The bytes of an ArrayBuffer or view (its window only), None for anything else."""
    if isinstance(value, (ArrayBuffer, ArrayBufferView)):
        return value.to_bytes()
    return None
