"""Symbols, and primitives in boxes: `Object(5)`.

Source: ECMAScript; spec storage §1.2, §7.3.
"""

from __future__ import annotations

from typing import Any, Final

from emulator.core.values.proxies import Constructor, Conversion, JsBigInt, JsProxy, JsValue

__all__ = ["JsBoxed", "JsSymbol"]


class JsSymbol(JsProxy, js_name="Symbol"):
    """A symbol, known by its identity; `description` is what `Symbol(description)` was given."""

    __slots__ = ("__weakref__", "description")

    typeof = "symbol"

    def __init__(self, description: str | None = None) -> None:
        self.description = description

    def toString(self) -> str:
        return f"Symbol({self.description or ''})"


class JsBoxed(JsProxy):
    """A Boolean, Number, String or BigInt object: a primitive with an identity."""

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: JsValue) -> None:
        self._value = value

    @property
    def constructor(self) -> Any:
        return _CONSTRUCTORS[type(self._value)]

    def toString(self) -> str:
        from emulator.core.values.text import to_string

        return to_string(self._value)

    def valueOf(self) -> JsValue:
        from emulator.core.values.border import from_js

        return from_js(self._value)

    def _to_py(self, conversion: Conversion, depth: int) -> Any:
        del depth
        return conversion.unknown(self)


_CONSTRUCTORS: Final[dict[type, Constructor]] = {
    bool: Constructor("Boolean"),
    int: Constructor("Number"),
    float: Constructor("Number"),
    str: Constructor("String"),
    JsBigInt: Constructor("BigInt"),
}
