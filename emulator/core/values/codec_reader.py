"""One blob being read, and the scalars in it.

A blob is looked at twice at once: `b` is its bytes, `s` the same as Latin-1 text, of which a string
is a slice. Every reader is called with the position behind its tag and returns the position
behind its value.

Source: spec storage §7.3.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.codec_tags import CodecError, HostCodec
from emulator.core.values.proxies import HOLE, JsBigInt, JsValue

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "UNPACK",
    "Read",
    "Reader",
    "constant",
    "read_bigint",
    "read_double",
    "read_latin",
    "read_small",
    "read_unsigned",
    "read_utf8",
    "read_wide",
    "varint_at",
]

UNPACK: Final = struct.Struct("<d").unpack_from


type Read = Callable[[bytes, str, int, Reader], tuple[Any, int]]
"""A reader of one kind of value: the blob as bytes and as text, the position behind the tag."""


class Reader:
    """One blob being read. Also the HostSource that host objects read themselves from."""

    __slots__ = ("_p", "_read", "b", "host", "refs", "s", "version")

    def __init__(self, b: bytes, version: int, host: HostCodec | None, read: Read) -> None:
        self.b = b
        self.s = str(b, "latin-1")
        self.version = version
        self.host = host
        self.refs: list[JsValue] = []
        self._read = read
        self._p = 0

    def uint(self) -> int:
        number, self._p = varint_at(self.b, self._p)
        return number

    def data(self) -> bytes:
        data, self._p = self.take(self._p)
        return data

    def text(self) -> str:
        return self.data().decode("utf-8", "replace")

    def value(self) -> JsValue:
        value, self._p = self.read(self._p)
        return value

    def read(self, p: int) -> tuple[Any, int]:
        """The value at `p`, tag included."""
        return self._read(self.b, self.s, p, self)

    def take(self, p: int, size: int | None = None) -> tuple[bytes, int]:
        """The bytes at `p`, as many as `size` or the varint there says."""
        if size is None:
            size, p = varint_at(self.b, p)
        end = p + size
        if end > len(self.b):
            raise CodecError("the value is cut off")
        return self.b[p:end], end

    def read_host(self, tag: int, p: int) -> tuple[JsValue, int]:
        if self.host is None:
            raise CodecError(f"host objects of tag {tag} are not known here")
        self._p = p
        value = self.host.read(tag, self)
        return value, self._p

    def reference(self, index: int) -> JsValue:
        value = self.refs[index]
        if value is HOLE:
            raise CodecError("a reference to a value that is not complete")
        return value


def varint_at(b: bytes, p: int) -> tuple[int, int]:
    number = b[p]
    p += 1
    if number > 127:
        number &= 127
        shift = 7
        while True:
            digit = b[p]
            p += 1
            number |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                break
    return number, p


def read_latin(b: bytes, s: str, p: int, r: Reader) -> tuple[str, int]:
    size, p = varint_at(b, p)
    return s[p : p + size], p + size


def read_wide(b: bytes, s: str, p: int, r: Reader) -> tuple[str, int]:
    data, p = r.take(p)
    return data.decode("utf-16-le", "surrogatepass"), p


def read_utf8(b: bytes, s: str, p: int, r: Reader) -> tuple[str, int]:
    data, p = r.take(p)
    return data.decode("utf-8", "replace"), p


def read_small(b: bytes, s: str, p: int, r: Reader) -> tuple[int, int]:
    number, p = varint_at(b, p)
    return (-(number + 1 >> 1) if number & 1 else number >> 1), p


def read_unsigned(b: bytes, s: str, p: int, r: Reader) -> tuple[int, int]:
    return varint_at(b, p)


def read_double(b: bytes, s: str, p: int, r: Reader) -> tuple[float, int]:
    return UNPACK(b, p)[0], p + 8


def read_bigint(b: bytes, s: str, p: int, r: Reader) -> tuple[JsBigInt, int]:
    head, p = varint_at(b, p)
    data, p = r.take(p, head >> 1)
    number = int.from_bytes(data, "little")
    return JsBigInt(-number if head & 1 else number), p


def constant(value: JsValue) -> Read:
    return lambda b, s, p, r: (value, p)
