"""The two borders of every call: a Python value into JavaScript, a JavaScript value into Python.

Source: spec python-surface §2.2; Pyodide's rules of implicit conversion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.errors import JsException, error
from emulator.core.values.proxies import (
    HOLE,
    MAX_SAFE_INTEGER,
    PRIMITIVES,
    Conversion,
    JsBigInt,
    JsProxy,
    JsValue,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator, Iterator

__all__ = ["PyProxy", "from_js", "js_value"]

_AS_IS: Final = PRIMITIVES - {int}


class PyProxy(JsProxy, js_name="PyProxy"):
    """A Python object in JavaScript's hands.

    An implicit proxy (an argument that JavaScript was handed without `create_proxy`) is borrowed:
    it dies when the call returns, so a function that is kept for later never fires.
    """

    __slots__ = ("__weakref__", "_object", "is_borrowed", "is_destroyed", "is_once")

    def __init__(self, target: Any, *, is_borrowed: bool = False, is_once: bool = False) -> None:
        self._object = target
        self.is_borrowed = is_borrowed
        self.is_once = is_once
        self.is_destroyed = False

    __hash__ = None  # (V3)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PyProxy) and self._object is other._object

    @property
    def typeof(self) -> str:  # type: ignore[override]  # it depends on what is behind
        return "function" if callable(self._object) else "object"

    @property
    def js_id(self) -> int:
        return id(self._object)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.is_destroyed:
            raise self._destroyed_error()
        if self.is_once:
            self.is_destroyed = True
        return self._object(*args, **kwargs)

    def _destroyed_error(self) -> JsException:
        if self.is_once:
            return error("OnceProxy can only be called once")
        target = self._object
        return error(
            f'Object has already been destroyed\nThe object was of type "{type(target).__name__}" '
            f'and had repr "{target!r}"'
        )

    def __await__(self) -> Generator[Any, Any, Any]:
        awaitable: Awaitable[Any] = self._object
        return awaitable.__await__()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._object)

    def __getattr__(self, name: str) -> Any:
        if self.is_destroyed:
            raise self._destroyed_error()
        return getattr(self._object, name)

    def toString(self) -> str:
        return str(self._object)

    def unwrap(self) -> Any:
        return self._object

    def getBuffer(self, kind: str | None = None) -> JsProxy:
        """The memory of a Python buffer, as a typed array (a copy)."""
        from emulator.core.values.pybuffers import PyBuffer  # which stands on this module

        if self.is_destroyed:
            raise self._destroyed_error()
        return PyBuffer(self._object, kind)

    def destroy(self, message: str | None = None) -> None:
        del message
        self.is_destroyed = True

    def copy(self) -> PyProxy:
        return PyProxy(self._object)

    def _to_py(self, conversion: Conversion, depth: int) -> Any:
        del conversion, depth
        return self._object


def js_value(value: Any) -> JsValue:
    """What a Python value is as an argument of a JavaScript call.

    A number stays a number below 2**53 - 1 and is a BigInt from there on (sic: the bound itself
    is a BigInt, measured). Containers are not converted: JavaScript sees a proxy of them.
    """
    kind = type(value)
    if kind in _AS_IS:
        return value
    if kind is int:
        return value if -MAX_SAFE_INTEGER < value < MAX_SAFE_INTEGER else JsBigInt(value)
    if isinstance(value, JsProxy):
        return value
    if isinstance(value, (str, bool, int, float)):
        return _plain(value)
    return PyProxy(value, is_borrowed=True)


def _plain(value: str | int | float) -> JsValue:
    # A subclass (an enum member, numpy-like scalars) crosses as its base type.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float(value)
    return js_value(int(value))


def from_js(value: JsValue) -> Any:
    """What a JavaScript value is for Python: numbers by (V2), a proxied Python object itself."""
    kind = type(value)
    if kind is float:
        if value.is_integer() and -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            return int(value)
        return value
    if kind is int and not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        return float(value)
    if kind is PyProxy:
        return value._object
    return None if value is HOLE else value
