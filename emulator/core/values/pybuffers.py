"""PyBuffer: what `create_proxy(buffer).getBuffer()` gives.

Source: Pyodide's PyBufferView.
"""

from __future__ import annotations

from typing import Any, Final

from emulator.core.values.arrays import JsArray
from emulator.core.values.buffers import ArrayBuffer
from emulator.core.values.errors import error
from emulator.core.values.proxies import JsProxy
from emulator.core.values.typed_arrays import TYPED_ARRAYS, DataView, TypedArray

__all__ = ["PyBuffer"]

# Pyodide's names of views, and the formats of Python buffers.
_VIEWS: Final = {
    "i8": "Int8Array",
    "u8": "Uint8Array",
    "u8clamped": "Uint8ClampedArray",
    "i16": "Int16Array",
    "u16": "Uint16Array",
    "i32": "Int32Array",
    "u32": "Uint32Array",
    "i64": "BigInt64Array",
    "u64": "BigUint64Array",
    "f32": "Float32Array",
    "f64": "Float64Array",
}
_FORMATS: Final = {
    "b": "i8",
    "B": "u8",
    "c": "u8",
    "?": "u8",
    "h": "i16",
    "H": "u16",
    "i": "i32",
    "I": "u32",
    "l": "i64",
    "L": "u64",
    "q": "i64",
    "Q": "u64",
    "f": "f32",
    "d": "f64",
}


class PyBuffer(JsProxy, js_name="PyBufferView"):
    """The bytes of a Python buffer, copied when it is made, until `release()`."""

    __slots__ = ("__weakref__", "_data", "_view")

    def __init__(self, target: Any, kind: str | None = None) -> None:
        """Raises: JsException (Error) for a view that Pyodide does not know."""
        self._view = view = memoryview(target)
        name = kind or _FORMATS.get(view.format.lstrip("@<="))
        data = ArrayBuffer(bytearray(view))
        if name == "dataview":
            self._data: TypedArray | DataView | None = DataView(data)
        elif name in _VIEWS:
            self._data = TYPED_ARRAYS[_VIEWS[name]](data)
        else:
            raise error(f"Unknown type {name if kind else view.format}")

    @property
    def data(self) -> TypedArray | DataView:
        if self._data is None:
            raise error("PyBufferView has already been released")
        return self._data

    @property
    def readonly(self) -> bool:
        return self._view.readonly

    @property
    def format(self) -> str:
        return self._view.format

    @property
    def itemsize(self) -> int:
        return self._view.itemsize

    @property
    def nbytes(self) -> int:
        return self._view.nbytes

    @property
    def ndim(self) -> int:
        return self._view.ndim

    @property
    def offset(self) -> int:
        return 0

    @property
    def shape(self) -> JsArray:
        return JsArray(list(self._view.shape or ()))

    @property
    def strides(self) -> JsArray:
        return JsArray(list(self._view.strides or ()))

    @property
    def c_contiguous(self) -> bool:
        return self._view.c_contiguous

    @property
    def f_contiguous(self) -> bool:
        return self._view.f_contiguous

    def release(self) -> None:
        self._data = None
        self._view.release()
