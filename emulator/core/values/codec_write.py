"""The writer of the value encoding: a JavaScript value into the bytes that V8 would write.

The output is a list of texts, one character a byte, joined and encoded once: strings go in as they
are, without a call each. A string that does not fit in Latin-1 goes in as it is too; its join
fails to encode, and `_assemble` then writes it as UTF-16, where its padding is known (E2).

Invariants:

  E1  A text that may be wide is a part of its own, and the part before it ends with its head: the
      tag and the length that it has if it is not wide.
  E2  UTF-16 data lies at an even offset of the whole blob.
  E3  An object takes its reference id when it is first met, a view's buffer before the view.

Source: spec storage §7.3, performance §5. Proved by tests/core/values/test_codec.py.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.arrays import JsArray
from emulator.core.values.boxed import JsBoxed
from emulator.core.values.buffers import ArrayBuffer, ArrayBufferView
from emulator.core.values.codec_numbers import (
    SMALLS,
    bigint,
    double,
    floating,
    integer,
    is_small,
    varint,
)
from emulator.core.values.codec_tags import HEADER, SMALL_MAX, SMALL_MIN, HostCodec
from emulator.core.values.codec_write_objects import (
    write_boxed,
    write_buffer,
    write_date,
    write_dom_exception,
    write_error,
    write_map,
    write_regexp,
    write_set,
    write_view,
)
from emulator.core.values.dates import JsDate
from emulator.core.values.errors import DomException, JsException
from emulator.core.values.maps import JsMap, JsSet
from emulator.core.values.objects import JsObject, ObjectMap, ordered
from emulator.core.values.proxies import HOLE, JsBigInt, JsNull, JsProxy, JsValue
from emulator.core.values.refusals import clone_refusal
from emulator.core.values.regexps import JsRegExp
from emulator.core.values.text import is_array_index

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Writer", "write_scalar"]

_SHAPE_KEYS_MAX: Final = 16
_SHAPE_KEY_CHARS_MAX: Final = 64
_HEADS: Final = tuple('"' + varint(size) for size in range(1024))
_HEADED: Final = len(_HEADS)


class _UnusualKeysError(Exception):
    """The keys of an object have to be written one by one."""


@functools.lru_cache(1024)
def _shape(*keys: str) -> tuple[str, ...]:
    """The written forms of an object's keys. Objects of one shape share them.

    Raises:
        _UnusualKeysError: there is an index, a wide key, or too much text to remember.
    """
    if len(keys) > _SHAPE_KEYS_MAX or not all(
        key.isascii() and len(key) <= _SHAPE_KEY_CHARS_MAX and not is_array_index(key)
        for key in keys
    ):
        raise _UnusualKeysError
    return tuple('"' + varint(len(key)) + key for key in keys)


class Writer:
    """One blob being written. Also the HostSink that host objects write themselves into."""

    __slots__ = ("_parts", "alive", "host", "ids", "native_errors", "out")

    def __init__(self, host: HostCodec | None, native_errors: bool) -> None:
        self._parts: list[str] = [HEADER]
        self.out = self._parts.append
        self.ids: dict[int, int] = {}
        # Objects made on the way: their ids must not be given again by the interpreter.
        self.alive: list[JsValue] = []
        self.host = host
        self.native_errors = native_errors

    def value(self, value: JsValue) -> None:
        _WRITERS.get(type(value), _write_other)(value, self)

    def uint(self, number: int) -> None:
        self.out(varint(number))

    def text(self, text: str) -> None:
        self.data(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode())

    def data(self, data: bytes) -> None:
        self.out(varint(len(data)))
        self.out(str(data, "latin-1"))

    def string(self, text: str) -> None:
        self.out(_head(len(text)))
        self.out(text)

    def finish(self) -> bytes:
        try:
            return "".join(self._parts).encode("latin-1")
        except UnicodeEncodeError:
            return _assemble(self._parts)

    def is_known(self, value: JsProxy) -> bool:
        """Write a reference if the object was written before, or give it its id (E3)."""
        known = self.ids.get(id(value))
        if known is None:
            self.ids[id(value)] = len(self.ids)
            return False
        self.out("^" + varint(known))
        return True


def _head(size: int) -> str:
    return _HEADS[size] if size < _HEADED else '"' + varint(size)


def _assemble(parts: list[str]) -> bytes:
    """Join parts of which some are wide (E2)."""
    size = 0
    for i, part in enumerate(parts):
        if part.isascii() or len(part.encode("latin-1", "ignore")) == len(part):
            size += len(part)
            continue
        head = _head(len(part))
        parts[i - 1] = parts[i - 1][: -len(head)]
        size -= len(head)
        data = str(part.encode("utf-16-le", "surrogatepass"), "latin-1")
        head = "c" + varint(len(data))
        pad = "\0" if (size + len(head)) % 2 else ""
        parts[i] = pad + head + data
        size += len(parts[i])
    return "".join(parts).encode("latin-1")


# The scalars are written inside the loops of the two functions below: a call for each would
# double their time (spec: performance §5).
def _write_object(value: JsObject, w: Writer) -> None:
    ids = w.ids
    identity = id(value)
    if identity in ids:
        w.out("^" + varint(ids[identity]))
        return
    ids[identity] = len(ids)
    members = value._members
    try:
        keys = _shape(*members)
    except _UnusualKeysError:
        _write_members(members, w)
        return
    out = w.out
    out("o")
    for key, x in zip(keys, members.values()):  # noqa: B905  # they are of one length
        kind = type(x)
        if kind is str:
            size = len(x)
            out(key + (_HEADS[size] if size < _HEADED else '"' + varint(size)))
            out(x)
        elif kind is int:
            out(key + (SMALLS.get(x) or integer(x)))
        elif kind is JsObject:
            out(key)
            _write_object(x, w)
        elif kind is bool:
            out(key + ("T" if x else "F"))
        elif kind is float:
            out(key + floating(x))
        elif kind is JsArray:
            out(key)
            _write_array(x, w)
        else:
            out(key)
            _WRITERS.get(kind, _write_other)(x, w)
    out("{" + varint(len(members)))


def _write_members(members: dict[str, JsValue], w: Writer) -> None:
    w.out("o")
    for key, x in ordered(members).items():
        if is_array_index(key):
            w.out(integer(int(key)))
        else:
            w.string(key)
        w.value(x)
    w.out("{" + varint(len(members)))


def _write_array(value: JsArray, w: Writer) -> None:
    if w.is_known(value):
        return
    items = value._items
    kinds = set(map(type, items))
    size = varint(len(items))
    out = w.out
    if _HOLE_KIND in kinds:
        _write_sparse(items, w)
        return
    out("A" + size)
    if kinds and kinds <= _NUMBERS:
        out(_numbers(items))
    else:
        _write_items(items, w)
    out("$\0" + size)


def _write_items(items: list[JsValue], w: Writer) -> None:
    out = w.out
    for x in items:
        kind = type(x)
        if kind is str:
            size = len(x)
            out(_HEADS[size] if size < _HEADED else '"' + varint(size))
            out(x)
        elif kind is JsObject:
            _write_object(x, w)
        elif kind is int:
            out(SMALLS.get(x) or integer(x))
        elif kind is float:
            out(floating(x))
        elif kind is JsArray:
            _write_array(x, w)
        else:
            _WRITERS.get(kind, _write_other)(x, w)


_NUMBERS: Final = {int, float}
_HOLE_KIND: Final = type(HOLE)


def _numbers(items: list[int | float]) -> str:
    """An array of numbers: one that is not small makes doubles of all, as V8 keeps them."""
    if (
        min(items) >= SMALL_MIN
        and max(items) <= SMALL_MAX
        and all(is_small(x) for x in items if type(x) is float)
    ):
        return "".join([integer(int(x)) for x in items])
    return "".join([double(float(x)) for x in items])


def _write_sparse(items: list[JsValue], w: Writer) -> None:
    size = varint(len(items))
    w.out("a" + size)
    count = 0
    for index, x in enumerate(items):
        if x is not HOLE:
            w.out(integer(index))
            w.value(x)
            count += 1
    w.out("@" + varint(count) + size)


def _write_other(value: JsValue, w: Writer) -> None:
    """A subclass, a view, a host object; anything else is refused."""
    if isinstance(value, ArrayBufferView):
        write_view(value, w)
        return
    host = w.host
    if host is not None and isinstance(value, JsProxy):
        tag = host.tag_of(value)
        if tag is not None:
            if not w.is_known(value):
                w.out("\\" + varint(tag))
                host.write(value, w)
            return
    for kind, write in _BASES.items():
        if isinstance(value, kind):
            write(value, w)
            return
    raise clone_refusal(value)


_BASES: Final[dict[type, Callable[[Any, Writer], None]]] = {
    DomException: write_dom_exception,
    JsException: write_error,
    JsBigInt: lambda value, w: w.out("Z" + bigint(value)),
    JsNull: lambda value, w: w.out("0"),
    JsObject: _write_object,
    JsArray: _write_array,
}

_WRITERS: Final[dict[type, Callable[[Any, Writer], None]]] = {
    str: lambda value, w: w.string(value),
    int: lambda value, w: w.out(integer(value)),
    float: lambda value, w: w.out(floating(value)),
    bool: lambda value, w: w.out("T" if value else "F"),
    type(None): lambda value, w: w.out("_"),
    _HOLE_KIND: lambda value, w: w.out("_"),
    JsMap: write_map,
    JsSet: write_set,
    JsDate: write_date,
    JsRegExp: write_regexp,
    ArrayBuffer: write_buffer,
    JsBoxed: write_boxed,
    ObjectMap: lambda value, w: _write_object(value._object, w),
    **_BASES,
}


def write_scalar(value: JsValue) -> bytes | None:
    """The blob of a short string or a small number without a Writer, None for anything else."""
    kind = type(value)
    if kind is int:
        text = SMALLS.get(value) or integer(value)
    elif kind is str and len(value) < _HEADED:
        text = _HEADS[len(value)] + value
    else:
        return None
    try:
        return (HEADER + text).encode("latin-1")
    except UnicodeEncodeError:
        return None
