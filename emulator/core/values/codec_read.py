"""The reader of the value encoding: V8's bytes into a JavaScript value.

Invariants:

  R1  An object is in `refs` before its members are read, as in the writer (E3).
  R2  A position may pass the end only in a slice; whoever looks there next raises IndexError, and
      `read_blob` looks last.

Source: spec storage §7.3, performance §5. Proved by tests/core/values/test_codec.py.
"""

from __future__ import annotations

from typing import Any, Final

from emulator.core.values.arrays import ARRAY_ITEMS_MAX, JsArray
from emulator.core.values.codec_read_objects import (
    read_boxed,
    read_buffer,
    read_date,
    read_host,
    read_plain_error,
    read_reference,
    read_regexp,
    read_resizable,
    read_text_inside,
)
from emulator.core.values.codec_reader import (
    UNPACK,
    Read,
    Reader,
    constant,
    read_bigint,
    read_double,
    read_latin,
    read_small,
    read_unsigned,
    read_utf8,
    read_wide,
    varint_at,
)
from emulator.core.values.codec_tags import VERSION_DEFAULT, VERSION_MAX, CodecError, HostCodec
from emulator.core.values.maps import JsMap, JsSet, map_key
from emulator.core.values.objects import JsObject, set_members
from emulator.core.values.proxies import HOLE, JsBigInt, JsValue, jsnull
from emulator.core.values.text import to_string

__all__ = ["read_blob"]

_HEAD: Final = 255
_STRING: Final = ord('"')
_SMALL: Final = ord("I")
_new: Final = object.__new__


def read_blob(blob: bytes, host: HostCodec | None) -> JsValue:
    """The first value of `blob`.

    Raises:
        CodecError: the blob is empty or of an unknown form, or breaks a rule of the encoding.
        IndexError, KeyError, ValueError, TypeError, OverflowError, struct.error: it is damaged.
    """
    if not blob:
        raise CodecError("the value is empty")
    value: JsValue
    version, p = VERSION_DEFAULT, 0
    if blob[0] == _HEAD:
        version, p = varint_at(blob, 1)
        if version > VERSION_MAX:
            raise CodecError(f"version {version} of the value encoding is unknown")
    if blob[p] == _STRING and blob[p + 1] < 128:
        end = p + 2 + blob[p + 1]
        value = str(blob[p + 2 : end], "latin-1")
    elif blob[p] == _SMALL and blob[p + 1] < 128:
        number, end = blob[p + 1], p + 2
        value = -(number + 1 >> 1) if number & 1 else number >> 1
    else:
        reader = Reader(blob, version, host, _read)
        value, end = _read(blob, reader.s, p, reader)
    if end > len(blob):
        raise CodecError("the value is cut off")
    return value


def _read(b: bytes, s: str, p: int, r: Reader) -> tuple[Any, int]:
    """The value at `p`, whose tag is not yet behind us."""
    tag = s[p]
    while tag == "\0":
        p += 1
        tag = s[p]
    return _READERS[tag](b, s, p + 1, r)


# The scalars are read inside the loops of the two functions below: a call for each would double
# their time (spec: performance §5).
def _read_object(  # noqa: C901, PLR0912
    b: bytes, s: str, p: int, r: Reader
) -> tuple[JsObject, int]:
    members: dict[str, JsValue] = {}
    result = _new(JsObject)
    set_members(result, members)
    r.refs.append(result)
    while True:
        if s[p] == '"' and b[p + 1] < 128:
            q = p + 2 + b[p + 1]
            key = s[p + 2 : q]
        elif s[p] == "{":
            break
        else:
            key, q = _read_key(b, s, p, r)
        tag = s[q]
        p = q + 1
        if tag == '"':
            size = b[p]
            p += 1
            if size > 127:
                size, p = varint_at(b, p - 1)
            q = p + size
            members[key] = s[p:q]
            p = q
        elif tag == "I":
            number = b[p]
            p += 1
            if number > 127:
                number, p = varint_at(b, p - 1)
            members[key] = -(number + 1 >> 1) if number & 1 else number >> 1
        elif tag == "N":
            (members[key],) = UNPACK(b, p)
            p += 8
        elif tag == "o":
            members[key], p = _read_object(b, s, p, r)
        else:
            members[key], p = _read(b, s, q, r)
    count, p = varint_at(b, p + 1)
    if count != len(members):
        raise CodecError("an object has not the number of properties that it says")
    return result, p


def _read_key(b: bytes, s: str, p: int, r: Reader) -> tuple[str, int]:
    key, p = _read(b, s, p, r)
    if not isinstance(key, (str, int, float)) or isinstance(key, (bool, JsBigInt)):
        raise CodecError("a property name is neither a string nor a number")
    return to_string(key), p


def _read_dense(b: bytes, s: str, p: int, r: Reader) -> tuple[JsArray, int]:
    length, p = varint_at(b, p)
    items: list[JsValue] = []
    result = JsArray(items)
    r.refs.append(result)
    add = items.append
    for _ in range(length):
        tag = s[p]
        if tag == "o":
            x, p = _read_object(b, s, p + 1, r)
            add(x)
        elif tag == '"' and b[p + 1] < 128:
            q = p + 2 + b[p + 1]
            add(s[p + 2 : q])
            p = q
        elif tag == "I":
            number = b[p + 1]
            p += 2
            if number > 127:
                number, p = varint_at(b, p - 1)
            add(-(number + 1 >> 1) if number & 1 else number >> 1)
        else:
            x, p = _read(b, s, p, r)
            add(x)
    p = _skip_properties(b, s, p, r, "$")
    written, p = varint_at(b, p)
    if written != length:
        raise CodecError("an array has not the length that it says")
    return result, p


def _skip_properties(b: bytes, s: str, p: int, r: Reader, end: str) -> int:
    """Pass over named properties of an array, which the value model does not keep."""
    count = 0
    while s[p] != end:
        _, p = _read_key(b, s, p, r)
        _, p = _read(b, s, p, r)
        count += 1
    written, p = varint_at(b, p + 1)
    if written != count:
        raise CodecError("an array has not the number of properties that it says")
    return p


def _read_sparse(b: bytes, s: str, p: int, r: Reader) -> tuple[JsArray, int]:
    length, p = varint_at(b, p)
    if length > ARRAY_ITEMS_MAX:
        raise CodecError(f"an array of {length} elements is too long")
    items: list[JsValue] = [HOLE] * length
    result = JsArray(items)
    r.refs.append(result)
    while s[p] != "@":
        key, p = _read(b, s, p, r)
        x, p = _read(b, s, p, r)
        if isinstance(key, (int, float)) and 0 <= key < length:
            items[int(key)] = x
    _, p = varint_at(b, p + 1)
    written, p = varint_at(b, p)
    if written != length:
        raise CodecError("an array has not the length that it says")
    return result, p


def _read_map(b: bytes, s: str, p: int, r: Reader) -> tuple[JsMap, int]:
    result = JsMap()
    r.refs.append(result)
    count = 0
    while s[p] != ":":
        key, p = _read(b, s, p, r)
        x, p = _read(b, s, p, r)
        result._entries[map_key(key)] = (key, x)
        count += 2
    written, p = varint_at(b, p + 1)
    if written != count:
        raise CodecError("a Map has not the size that it says")
    return result, p


def _read_set(b: bytes, s: str, p: int, r: Reader) -> tuple[JsSet, int]:
    result = JsSet()
    r.refs.append(result)
    count = 0
    while s[p] != ",":
        x, p = _read(b, s, p, r)
        result._values.setdefault(map_key(x), x)
        count += 1
    written, p = varint_at(b, p + 1)
    if written != count:
        raise CodecError("a Set has not the size that it says")
    return result, p


def _read_nothing_but_count(b: bytes, s: str, p: int, r: Reader) -> tuple[JsValue, int]:
    _, p = varint_at(b, p)
    return _read(b, s, p, r)


_READERS: Final[dict[str, Read]] = {
    "0": constant(jsnull),
    "_": constant(None),
    "T": constant(True),
    "F": constant(False),
    "-": constant(HOLE),
    "I": read_small,
    "U": read_unsigned,
    "N": read_double,
    "Z": read_bigint,
    '"': read_latin,
    "c": read_wide,
    "S": read_utf8,
    "^": read_reference,
    "o": _read_object,
    "A": _read_dense,
    "a": _read_sparse,
    ";": _read_map,
    "'": _read_set,
    "D": read_date,
    "R": read_regexp,
    "B": read_buffer,
    "~": read_resizable,
    "y": read_boxed(constant(True)),
    "x": read_boxed(constant(False)),
    "n": read_boxed(read_double),
    "s": read_boxed(read_text_inside),
    "z": read_boxed(read_bigint),
    "r": read_plain_error,
    "\\": read_host,
    "?": _read_nothing_but_count,
}
