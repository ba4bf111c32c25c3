"""The words of the value encoding, shared by its writer and its reader.

Source: spec storage §7.3; V8's ValueSerializer, the runtime's tags of host objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from emulator.core.values.typed_arrays import TYPED_ARRAYS, DataView

if TYPE_CHECKING:
    from emulator.core.values.buffers import ArrayBufferView
    from emulator.core.values.proxies import JsProxy, JsValue

__all__ = [
    "DOM_EXCEPTION",
    "ERROR_KINDS",
    "ERROR_LETTERS",
    "HEADER",
    "NATIVE_ERROR",
    "REGEXP_FLAGS",
    "SMALL_MAX",
    "SMALL_MIN",
    "VERSION_DEFAULT",
    "VERSION_MAX",
    "VIEW_FLAGS_SINCE",
    "VIEW_TAGS",
    "CodecError",
    "HostCodec",
    "HostSink",
    "HostSource",
]

HEADER: Final = "\xff\x0f"
VERSION_DEFAULT: Final = 13  # of a blob without a header
VERSION_MAX: Final = 16
VIEW_FLAGS_SINCE: Final = 14

# V8's small integers; any other number is a double.
SMALL_MIN: Final = -(2**30)
SMALL_MAX: Final = 2**30 - 1

DOM_EXCEPTION: Final = 8
NATIVE_ERROR: Final = 10

# Kinds of error in a host object of tag NATIVE_ERROR; 0 is any other name, which then follows.
ERROR_KINDS: Final = {
    "Error": 1,
    "TypeError": 2,
    "RangeError": 3,
    "ReferenceError": 4,
    "SyntaxError": 5,
    "WasmCompileError": 6,
    "WasmLinkError": 7,
    "WasmRuntimeError": 8,
    "WasmSuspendError": 9,
    "EvalError": 10,
    "URIError": 11,
    "AggregateError": 12,
    "SuppressedError": 13,
}
# The same in V8's own form of an error, which older compatibility dates write.
ERROR_LETTERS: Final = {
    "TypeError": "T",
    "RangeError": "R",
    "ReferenceError": "F",
    "SyntaxError": "Y",
    "EvalError": "E",
    "URIError": "U",
}

REGEXP_FLAGS: Final = {"g": 1, "i": 2, "m": 4, "y": 8, "u": 16, "s": 32, "d": 128, "v": 256}

_VIEW_LETTERS: Final = {
    "Int8Array": "b",
    "Uint8Array": "B",
    "Uint8ClampedArray": "C",
    "Int16Array": "w",
    "Uint16Array": "W",
    "Int32Array": "d",
    "Uint32Array": "D",
    "Float16Array": "h",
    "Float32Array": "f",
    "Float64Array": "F",
    "BigInt64Array": "q",
    "BigUint64Array": "Q",
}
VIEW_TAGS: Final[dict[type[ArrayBufferView], str]] = {
    TYPED_ARRAYS[name]: letter for name, letter in _VIEW_LETTERS.items()
} | {DataView: "?"}


class CodecError(ValueError):
    """A blob is empty, damaged, or of a form that the platform does not read either."""


class HostSink(Protocol):
    """Where a host object writes itself. Lengths and integers are varints.

    `alive` takes the objects that are made on the way: they must outlive the writing.
    """

    alive: list[JsValue]

    def uint(self, number: int) -> None: ...
    def text(self, text: str) -> None:
        """Length and UTF-8; a lone surrogate becomes U+FFFD."""

    def data(self, data: bytes) -> None:
        """Length and bytes."""

    def value(self, value: JsValue) -> None:
        """Any value, with references to what was written before."""


class HostSource(Protocol):
    """Where a host object reads itself from; the inverse of HostSink."""

    def uint(self) -> int: ...
    def text(self) -> str: ...
    def data(self) -> bytes: ...
    def value(self) -> JsValue: ...


class HostCodec(Protocol):
    """How the platform's own classes (Headers, Blob, Request …) are written and read.

    `tag_of` answers the tag of a value it knows, None for any other, or raises the DataCloneError
    of a value that it knows and cannot write. `read` raises CodecError for a tag it does not know.
    """

    def tag_of(self, value: JsProxy) -> int | None: ...
    def write(self, value: JsProxy, sink: HostSink) -> None: ...
    def read(self, tag: int, source: HostSource) -> JsValue: ...
