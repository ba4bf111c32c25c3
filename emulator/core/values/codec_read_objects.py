"""The readers of everything but plain objects, arrays, Maps and Sets.

Source: spec storage §7.3; V8's ValueDeserializer, the runtime's form of errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.values.boxed import JsBoxed
from emulator.core.values.buffers import ArrayBuffer, ArrayBufferView
from emulator.core.values.codec_reader import UNPACK, Read, Reader, varint_at
from emulator.core.values.codec_tags import (
    DOM_EXCEPTION,
    ERROR_KINDS,
    ERROR_LETTERS,
    NATIVE_ERROR,
    REGEXP_FLAGS,
    VIEW_FLAGS_SINCE,
    VIEW_TAGS,
    CodecError,
)
from emulator.core.values.dates import JsDate
from emulator.core.values.errors import DomException, JsException
from emulator.core.values.objects import JsObject
from emulator.core.values.proxies import HOLE
from emulator.core.values.regexps import JsRegExp
from emulator.core.values.text import to_string

if TYPE_CHECKING:
    from emulator.core.values.proxies import JsValue

__all__ = [
    "read_boxed",
    "read_buffer",
    "read_date",
    "read_host",
    "read_plain_error",
    "read_reference",
    "read_regexp",
    "read_resizable",
    "read_text_inside",
]

_ERROR_NAMES: Final = {letter: name for name, letter in ERROR_LETTERS.items()}
_ERROR_KINDS: Final = {kind: name for name, kind in ERROR_KINDS.items()}
_VIEWS: Final[dict[str, type[ArrayBufferView]]] = {tag: kind for kind, tag in VIEW_TAGS.items()}


def read_date(b: bytes, s: str, p: int, r: Reader) -> tuple[JsDate, int]:
    result = JsDate(UNPACK(b, p)[0])
    r.refs.append(result)
    return result, p + 8


def read_regexp(b: bytes, s: str, p: int, r: Reader) -> tuple[JsRegExp, int]:
    place = len(r.refs)
    r.refs.append(HOLE)
    source, p = r.read(p)
    bits, p = varint_at(b, p)
    if not isinstance(source, str) or bits >= 512:
        raise CodecError("a regular expression is damaged")
    flags = "".join(sorted(flag for flag, bit in REGEXP_FLAGS.items() if bits & bit))
    r.refs[place] = JsRegExp(source, flags)
    return r.refs[place], p


def read_reference(b: bytes, s: str, p: int, r: Reader) -> tuple[JsValue, int]:
    index, p = varint_at(b, p)
    value = r.reference(index)
    return _with_view(value, b, s, p, r) if type(value) is ArrayBuffer else (value, p)


def read_buffer(b: bytes, s: str, p: int, r: Reader) -> tuple[JsValue, int]:
    data, p = r.take(p)
    result = ArrayBuffer(bytearray(data))
    r.refs.append(result)
    return _with_view(result, b, s, p, r)


def read_resizable(b: bytes, s: str, p: int, r: Reader) -> tuple[JsValue, int]:
    size, p = varint_at(b, p)
    size_max, p = varint_at(b, p)
    if size_max < size:
        raise CodecError("a resizable buffer is longer than it may be")
    data, p = r.take(p, size)
    result = ArrayBuffer(bytearray(data), size_max)
    r.refs.append(result)
    return _with_view(result, b, s, p, r)


def _with_view(buffer: ArrayBuffer, b: bytes, s: str, p: int, r: Reader) -> tuple[JsValue, int]:
    """The buffer, or the view on it that follows: a view takes the value before it."""
    q = p
    while s[q : q + 1] == "\0":
        q += 1
    if s[q : q + 1] != "V":
        return buffer, p
    kind = _VIEWS[s[q + 1]]
    offset, p = varint_at(b, q + 2)
    size, p = varint_at(b, p)
    flags = 0
    if r.version >= VIEW_FLAGS_SINCE:
        flags, p = varint_at(b, p)
    is_resizable = buffer.max_byte_length is not None
    if offset + size > len(buffer._data) or offset % kind.item_bytes or size % kind.item_bytes:
        raise CodecError("a view is not inside its buffer")
    if flags > 3 or (flags >> 1 & 1) != is_resizable or (flags & 1 and not is_resizable):
        raise CodecError("a view does not fit its buffer")
    view = kind(buffer, offset, None if flags & 1 else size // kind.item_bytes)
    r.refs.append(view)
    return view, p


def read_boxed(read: Read) -> Read:
    """The reader of a box, from the reader of what is inside."""

    def boxed(b: bytes, s: str, p: int, r: Reader) -> tuple[JsValue, int]:
        place = len(r.refs)
        r.refs.append(HOLE)
        inside, p = read(b, s, p, r)
        r.refs[place] = JsBoxed(inside)
        return r.refs[place], p

    return boxed


def read_plain_error(b: bytes, s: str, p: int, r: Reader) -> tuple[JsException, int]:
    result = JsException("Error")
    r.refs.append(result)
    while True:
        tag = s[p]
        p += 1
        if tag == ".":
            return result, p
        if tag == "m":
            result.message, p = read_text_inside(b, s, p, r)
        elif tag == "s":
            result.stack, p = read_text_inside(b, s, p, r)
        elif tag == "c":
            result.__dict__["cause"], p = r.read(p)
        else:
            result.name = _ERROR_NAMES[tag]


def read_host(b: bytes, s: str, p: int, r: Reader) -> tuple[JsValue, int]:
    tag, p = varint_at(b, p)
    place = len(r.refs)
    r.refs.append(HOLE)
    if tag == NATIVE_ERROR:
        value, p = _read_native_error(b, s, p, r)
    elif tag == DOM_EXCEPTION:
        value, p = _read_dom_exception(p, r)
    else:
        value, p = r.read_host(tag, p)
    r.refs[place] = value
    return value, p


def _read_dom_exception(p: int, r: Reader) -> tuple[DomException, int]:
    name, p = r.take(p)
    message, p = r.take(p)
    stack, p = r.take(p)
    result = DomException(name.decode("utf-8", "replace"), message.decode("utf-8", "replace"))
    result.stack = stack.decode("utf-8", "replace")
    return result, p


def _read_native_error(b: bytes, s: str, p: int, r: Reader) -> tuple[JsException, int]:
    kind, p = varint_at(b, p)
    name: JsValue = _ERROR_KINDS.get(kind, "Error")
    if not kind:
        name, p = r.read(p)
    message, p = read_text_inside(b, s, p, r)
    properties, p = r.read(p)
    result = JsException(name if isinstance(name, str) else to_string(name), message)
    if isinstance(properties, JsObject):
        result.__dict__.update(properties._members)
    return result, p


def read_text_inside(b: bytes, s: str, p: int, r: Reader) -> tuple[str, int]:
    text, p = r.read(p)
    if not isinstance(text, str):
        raise CodecError("a text was expected")
    return text, p
