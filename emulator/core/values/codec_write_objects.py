"""The writers of everything but plain objects and arrays: one function a class.

Source: spec storage §7.3; V8's ValueSerializer, the runtime's form of errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.values.border import js_value
from emulator.core.values.codec_numbers import bigint, double, varint
from emulator.core.values.codec_tags import (
    DOM_EXCEPTION,
    ERROR_KINDS,
    ERROR_LETTERS,
    NATIVE_ERROR,
    REGEXP_FLAGS,
    VIEW_TAGS,
)
from emulator.core.values.errors import data_clone_error
from emulator.core.values.objects import JsObject
from emulator.core.values.proxies import JsBigInt
from emulator.core.values.text import to_string

if TYPE_CHECKING:
    from emulator.core.values.boxed import JsBoxed
    from emulator.core.values.buffers import ArrayBuffer, ArrayBufferView
    from emulator.core.values.codec_write import Writer
    from emulator.core.values.dates import JsDate
    from emulator.core.values.errors import DomException, JsException
    from emulator.core.values.maps import JsMap, JsSet
    from emulator.core.values.regexps import JsRegExp

__all__ = [
    "write_boxed",
    "write_buffer",
    "write_date",
    "write_dom_exception",
    "write_error",
    "write_map",
    "write_regexp",
    "write_set",
    "write_view",
]


def write_map(value: JsMap, w: Writer) -> None:
    if w.is_known(value):
        return
    w.out(";")
    for key, x in value._entries.values():
        w.value(key)
        w.value(x)
    w.out(":" + varint(2 * len(value._entries)))


def write_set(value: JsSet, w: Writer) -> None:
    if w.is_known(value):
        return
    w.out("'")
    for x in value._values.values():
        w.value(x)
    w.out("," + varint(len(value._values)))


def write_date(value: JsDate, w: Writer) -> None:
    if not w.is_known(value):
        w.out("D" + double(value._ms)[1:])


def write_regexp(value: JsRegExp, w: Writer) -> None:
    if w.is_known(value):
        return
    w.out("R")
    w.string(value.source)
    w.uint(sum(REGEXP_FLAGS[flag] for flag in value.flags))


def write_buffer(value: ArrayBuffer, w: Writer) -> None:
    if value.detached:
        raise data_clone_error("An ArrayBuffer is detached and could not be cloned.")
    if w.is_known(value):
        return
    size = varint(len(value._data))
    if value.max_byte_length is not None:
        w.out("~" + size + varint(value.max_byte_length))
    else:
        w.out("B" + size)
    w.out(str(value._data, "latin-1"))


def write_view(value: ArrayBufferView, w: Writer) -> None:
    if id(value) not in w.ids:
        write_buffer(value._buffer, w)
    if w.is_known(value):
        return
    if value.is_out_of_bounds:
        raise data_clone_error(f"#<{value.js_name}> could not be cloned.")
    is_tracking = value.is_length_tracking
    size = 0 if is_tracking else value.byteLength
    w.out("V" + VIEW_TAGS[type(value)] + varint(value.byteOffset) + varint(size))
    w.uint(is_tracking | value._buffer.resizable << 1)


def write_boxed(value: JsBoxed, w: Writer) -> None:
    if w.is_known(value):
        return
    inside = value._value
    if isinstance(inside, bool):
        w.out("y" if inside else "x")
    elif isinstance(inside, JsBigInt):
        w.out("z" + bigint(inside))
    elif isinstance(inside, str):
        w.out("s")
        w.string(inside)
    else:
        w.out("n" + double(float(inside))[1:])


def write_error(value: JsException, w: Writer) -> None:
    if w.is_known(value):
        return
    if not w.native_errors:
        _write_plain_error(value, w)
        return
    kind = ERROR_KINDS.get(to_string(value.name), 0)
    w.out("\\" + varint(NATIVE_ERROR) + varint(kind))
    if not kind:
        w.value(js_value(value.name))
    w.value(js_value(value.message))
    properties = {name: js_value(x) for name, x in value.own_properties().items()}
    stack = value.__dict__.get("stack")
    w.alive.append(JsObject({"stack": stack} | properties if stack is not None else properties))
    w.value(w.alive[-1])


def _write_plain_error(value: JsException, w: Writer) -> None:
    """V8's own form: class, message, stack and cause; other properties are lost."""
    w.out("r" + ERROR_LETTERS.get(to_string(value.name), ""))
    if value.message:
        w.out("m")
        w.string(to_string(value.message))
    stack = value.__dict__.get("stack")
    if isinstance(stack, str):
        w.out("s")
        w.string(stack)
    if "cause" in value.__dict__:
        w.out("c")
        w.value(js_value(value.__dict__["cause"]))
    w.out(".")


def write_dom_exception(value: DomException, w: Writer) -> None:
    if w.is_known(value):
        return
    w.out("\\" + varint(DOM_EXCEPTION))
    w.text(value.name)
    w.text(value.message)
    w.text(to_string(value.__dict__.get("stack", "")))
