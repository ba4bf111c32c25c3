"""The module `js`: every global name that a Python Worker can import from it.

Source: spec python-surface §2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.values import (
    TYPED_ARRAYS,
    ArrayBuffer,
    DataView,
    JsArray,
    JsClass,
    JsDate,
    JsException,
    JsFunction,
    JsMap,
    JsObject,
    JsProxy,
    JsSet,
    JsValue,
    js_value,
    jsnull,
    parse_date,
    to_string,
    type_error,
)
from emulator.core.values.clone import structured_clone
from emulator.core.values.coercion import to_number
from emulator.core.values.json import parse, stringify
from emulator.web.promises import rejected, resolved
from emulator.worker.javascript.console import console
from emulator.worker.javascript.durable_objects import WebSocketRequestResponsePair
from emulator.worker.javascript.timers import timer_globals
from emulator.worker.javascript.web import web_globals
from emulator.worker.javascript.websocket import WebSocket, WebSocketPair

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from emulator.runtime.host import Host

__all__ = ["build_js"]


def build_js(host: Callable[[], Host]) -> Callable[[ModuleType], None]:
    """What fills the module `js`; `host` gives the surroundings of the code that runs."""

    def fill(module: ModuleType) -> None:
        names: dict[str, Any] = {
            **_language(host),
            **web_globals(host),
            **timer_globals(),
            "console": console(host),
            "WebSocket": JsClass("WebSocket", _no_outgoing_sockets),
            "WebSocketPair": JsClass("WebSocketPair", WebSocketPair),
            "WebSocketRequestResponsePair": JsClass(
                "WebSocketRequestResponsePair", WebSocketRequestResponsePair
            ),
        }
        names["globalThis"] = names["self"] = module
        for name in ("CONNECTING", "OPEN", "CLOSING", "CLOSED"):
            setattr(names["WebSocket"], name, getattr(WebSocket, name))
        vars(module).update(names)

    return fill


def _no_outgoing_sockets(*args: JsValue) -> JsValue:
    del args
    raise type_error("The emulator does not offer outgoing WebSockets (new WebSocket()) yet.")


def _language(host: Callable[[], Host]) -> dict[str, Any]:
    arrays = {
        name: JsClass(name, _typed_array(array), BYTES_PER_ELEMENT=array.item_bytes)
        for name, array in TYPED_ARRAYS.items()
    }
    return {
        **arrays,
        "ArrayBuffer": JsClass("ArrayBuffer", lambda n=0: ArrayBuffer(bytearray(int(n)))),
        "DataView": JsClass("DataView", DataView),
        "Object": _object_class(),
        "Array": JsClass(
            "Array",
            _array,
            from_=JsFunction("from", lambda source: JsArray(list(map(js_value, source)))),
            isArray=JsFunction("isArray", lambda value=None: isinstance(value, JsArray)),
            of=JsFunction("of", lambda *items: JsArray(list(items))),
        ),
        "Map": JsClass("Map", _map),
        "Set": JsClass("Set", lambda values=None: JsSet(map(js_value, values or ()))),
        "Date": _date_class(host),
        "Error": _error_class("Error"),
        **{
            name: _error_class(name)
            for name in ("TypeError", "RangeError", "SyntaxError", "ReferenceError", "EvalError")
        },
        "JSON": JsObject(
            {"parse": JsFunction("parse", parse), "stringify": JsFunction("stringify", stringify)}
        ),
        "Math": _math(host),
        "Promise": JsClass(
            "Promise",
            _no_promise_constructor,
            resolve=JsFunction("resolve", lambda value=None: resolved(value)),
            reject=JsFunction("reject", lambda reason=None: rejected(reason)),
        ),
        "structuredClone": JsFunction("structuredClone", structured_clone),
        "String": JsClass("String", lambda value="": to_string(value)),
        "Number": JsClass("Number", lambda value=0: to_number(value)),
        "undefined": None,
    }


def _no_promise_constructor(*args: JsValue) -> JsValue:
    del args
    raise type_error("The emulator does not offer new Promise(executor) yet.")


def _object_class() -> JsClass:
    def from_entries(entries: JsValue) -> JsObject:
        return JsObject({to_string(js_value(k)): js_value(v) for k, v in entries})

    function = JsFunction("fromEntries", from_entries)
    function.is_from_entries = True  # type: ignore[attr-defined]  # to_js has a short cut for it
    tag = JsFunction("toString", lambda value=None: JsProxy.toString(value))
    return JsClass(
        "Object",
        lambda: JsObject(),
        fromEntries=function,
        keys=JsFunction("keys", lambda target: JsArray(list(target._own()))),
        values=JsFunction("values", lambda target: JsArray(list(target._own().values()))),
        entries=JsFunction(
            "entries", lambda target: JsArray([JsArray([k, v]) for k, v in target._own().items()])
        ),
        assign=JsFunction("assign", _assign),
        prototype=JsObject({"toString": JsObject({"call": tag})}),
    )


def _assign(target: JsObject, *sources: JsValue) -> JsObject:
    for source in sources:
        if isinstance(source, JsProxy):
            target._members.update(source._own())
    return target


def _array(*items: JsValue) -> JsArray:
    if len(items) == 1 and type(items[0]) in (int, float):
        return JsArray([None] * int(items[0]))
    return JsArray(list(items))


def _map(entries: JsValue = None) -> JsMap:
    if entries is None or entries is jsnull:
        return JsMap()
    return JsMap((js_value(k), js_value(v)) for k, v in entries)


def _typed_array(array: type[Any]) -> Callable[..., JsValue]:
    def construct(source: JsValue = 0, offset: int = 0, length: int | None = None) -> JsValue:
        if isinstance(source, ArrayBuffer):
            return array(source, int(offset), None if length is None else int(length))
        if type(source) in (int, float):
            return array(ArrayBuffer(bytearray(int(source) * array.item_bytes)))
        values = list(source) if source is not None else []
        made = array(ArrayBuffer(bytearray(len(values) * array.item_bytes)))
        made.set(values)
        return made

    return construct


def _date_class(host: Callable[[], Host]) -> JsClass:
    def construct(value: JsValue = None, *parts: JsValue) -> JsDate:
        del parts
        if value is None:
            return JsDate(host().clock.now_ms())
        if isinstance(value, JsDate):
            return JsDate(value._ms)
        return JsDate(parse_date(value) if isinstance(value, str) else to_number(value))

    return JsClass(
        "Date",
        construct,
        now=JsFunction("now", lambda: host().clock.now_ms()),
        parse=JsFunction("parse", lambda text: parse_date(to_string(text))),
    )


def _error_class(name: str) -> JsClass:
    def construct(message: JsValue = None, options: JsValue = None) -> JsException:
        made = JsException(name, "" if message is None else to_string(message))
        if isinstance(options, JsObject) and "cause" in options._members:
            made.cause = options._members["cause"]  # type: ignore[attr-defined]
        return made

    return JsClass(name, construct)


def _math(host: Callable[[], Host]) -> JsObject:
    import math

    plain: dict[str, Callable[..., JsValue]] = {
        "random": lambda: host().random.random(),
        "floor": lambda x: float(math.floor(x)),
        "ceil": lambda x: float(math.ceil(x)),
        "round": lambda x: float(math.floor(x + 0.5)),
        "trunc": lambda x: float(math.trunc(x)),
        "abs": abs,
        "max": lambda *xs: max(xs, default=-math.inf),
        "min": lambda *xs: min(xs, default=math.inf),
        "sqrt": lambda x: math.sqrt(x) if x >= 0 else math.nan,
        "pow": lambda x, y: float(x) ** y,
    }
    members: dict[str, JsValue] = {n: JsFunction(n, f) for n, f in plain.items()}
    return JsObject(members | {"PI": math.pi, "E": math.e})


