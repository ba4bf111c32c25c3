"""Promises of calls: what the result has can be called before it is there.

`stub.counter().increment(2)` sends the second call along with the first; it runs when the first
has its result. From Python only the raw stub gives such promises, since the SDK awaits for itself.
A name that a future has (`result`, `cancel`, `done`, ...) is the future's.

Source: spec lifecycle §6.1, §6.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.rpc import PATH_MAX, not_implemented
from emulator.core.values import JsException, JsObject, JsProxy, type_error
from emulator.web.promises import Promise, Settled

if TYPE_CHECKING:
    from collections.abc import Generator

    from emulator.core.values import JsValue

__all__ = ["RpcPromise", "RpcSettled", "find_member", "not_callable"]

# What the boundary and asyncio look for on anything; no method of an object that is called so.
_NOT_MEMBERS: Final = frozenset({"constructor", "js_object", "length", "to_py", "typeof", "unwrap"})


class _Pipelined:
    """What is asked of a promise that is not a future's own is asked of its result."""

    __slots__ = ()

    def __getattr__(self, name: str) -> RpcProperty:
        if name[:1] == "_" or name in _NOT_MEMBERS:
            raise AttributeError(name)
        return RpcProperty(self, (name,))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        del kwargs
        return RpcProperty(self, ())(*args)


class RpcPromise(_Pipelined, Promise):
    """The result of a call that is under way."""


class RpcSettled(_Pipelined, Settled, js_name="RpcPromise", py_name="PyodideFuture"):
    """The result of a call that is over."""

    __slots__ = ()

    __getattr__ = _Pipelined.__getattr__


for _class in (RpcPromise, RpcSettled):
    _class.__name__ = _class.__qualname__ = "PyodideFuture"
    _class.__module__ = "pyodide.webloop"


class RpcProperty(JsProxy, js_name="RpcProperty"):
    """A property of a result: it can be awaited, called, and asked for its own properties."""

    __slots__ = ("_parent", "_path")

    typeof = "function"

    def __init__(self, parent: Any, path: tuple[str, ...]) -> None:
        if len(path) > PATH_MAX:
            raise type_error(f"RPC pipelined property path is too deep (max {PATH_MAX}).")
        self._parent = parent
        self._path = path

    def __getattr__(self, name: str) -> RpcProperty:
        if name[:1] == "_" or name in _NOT_MEMBERS:
            raise AttributeError(name)
        return RpcProperty(self._parent, (*self._path, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from emulator.runtime.rpc import call_result  # which gives these promises

        del kwargs
        return call_result(self._parent, self._path, args)

    def __await__(self) -> Generator[Any, Any, Any]:
        value = yield from self._parent.__await__()
        return find_member(value, self._path)

    def then(self, on_fulfilled: Any = None, on_rejected: Any = None) -> Promise:
        return self._promise().then(on_fulfilled, on_rejected)

    def catch(self, on_rejected: Any) -> Promise:
        return self._promise().catch(on_rejected)

    def finally_(self, on_finally: Any) -> Promise:
        return self._promise().finally_(on_finally)

    def _promise(self) -> Promise | Settled:
        from emulator.web.promises import promise_of

        async def value() -> Any:
            return await self

        return promise_of(value())


def find_member(value: JsValue, path: tuple[str, ...]) -> JsValue:
    """What a path through a result leads to: own members of plain objects, methods of stubs.

    Raises:
        JsException: TypeError, if it leads nowhere.
    """
    for name in path:
        if isinstance(value, JsObject) and name in value._members:
            value = value._members[name]
        elif hasattr(value, "_as_fetcher"):
            value = getattr(value, name)
        else:
            raise not_implemented(name)
    return value


def not_callable(path: tuple[str, ...]) -> JsException:
    """The error for a call of a result that cannot be called."""
    name = path[-1] if path else "(this)"
    return type_error(f'"{name}" is not a function.', remote=True)
