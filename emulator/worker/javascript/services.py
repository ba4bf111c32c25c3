"""Fetchers: an object's stub that was sent to somebody, another worker, a folder of files.

Source: spec lifecycle §3, §3.4; python-surface §2.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from emulator.core.values import (
    JsObject,
    JsProxy,
    JsValue,
    error,
    illegal_parameter,
    js_value,
    to_string,
    type_error,
)
from emulator.web.promises import Settled, rejected, resolved
from emulator.web.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.web.promises import Promise

__all__ = ["Callee", "Fetcher"]

NOBODY_ACCEPTS: Final = "proxy request failed, cannot connect to the specified address"
_MISSING: Final[Any] = object()


class Callee(Protocol):
    """Where a fetcher's calls go."""

    def call(self, method: str, args: Iterable[JsValue]) -> Promise | Settled: ...
    def fetch(self, request: Request) -> Promise | Settled: ...


class Fetcher(JsProxy, js_name="Fetcher"):
    """Something that answers requests. Whatever is not its own is a method of what is behind."""

    def __init__(self, callee: Callee) -> None:
        self.__dict__["_stub"] = callee

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name[:2] == "__" or name in ("js_object", "length", "then"):
            raise AttributeError(name)
        callee: Callee = self.__dict__["_stub"]

        def method(*args: Any, **kwargs: Any) -> Any:
            if kwargs:
                args = (*args, JsObject({k: js_value(v) for k, v in kwargs.items()}))
            return callee.call(name, map(js_value, args) if args else ())

        self.__dict__[name] = method
        return method

    def fetch(self, resource: Any = _MISSING, init: Any = None, **kwargs: Any) -> Any:
        if resource is _MISSING:
            raise illegal_parameter("fetch", "Fetcher", 1, "Request or string")
        callee: Callee = self.__dict__["_stub"]
        if isinstance(resource, Request) and init is None and not kwargs:
            return callee.fetch(resource)
        options = init if not kwargs else JsObject({k: js_value(v) for k, v in kwargs.items()})
        return callee.fetch(Request(js_value(resource), js_value(options)))

    def connect(self, address: Any = _MISSING, options: Any = None) -> Socket:
        """A connection that nothing accepts: classes of Python have no connect()."""
        del options
        given = js_value(address) if address is not _MISSING else None
        if isinstance(given, JsProxy):
            members = given._own()
            given = f"{to_string(members.get('hostname'))}:{to_string(members.get('port'))}"
        if not isinstance(given, str):
            raise illegal_parameter("connect", "Fetcher", 1, "SocketAddress or string")
        if ":" not in given:
            raise type_error("Specified address is missing port.")
        return Socket()

    def _as_fetcher(self) -> Fetcher:
        """What the other side of a call is given for it."""
        return Fetcher(self.__dict__["_stub"])


class Socket(JsProxy, js_name="Socket"):
    """What `connect()` gives: it never opens."""

    @property
    def opened(self) -> Settled:
        return rejected(error(NOBODY_ACCEPTS))

    closed = opened

    def close(self) -> Settled:
        return resolved()
