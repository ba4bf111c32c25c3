"""`new WebSocket(url)`: an outgoing connection, and the events of its opening.

Source: spec websockets §1.1, §1.2, §6; order, states and texts measured on workerd.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import ada_url

from emulator.core.sockets import FAILED_TO_CONNECT, ReadyState
from emulator.core.values import (
    JsArray,
    JsException,
    JsValue,
    dom_exception,
    error,
    jsnull,
    to_string,
    type_error,
)
from emulator.errors import EmulatorError
from emulator.runtime.errors import as_js_error
from emulator.runtime.websocket import Holder, WebSocketEnd, web_socket_pair
from emulator.web.events import CloseEvent, ErrorEvent, Event
from emulator.web.request import Request
from emulator.web.webidl import MISSING, refused_construction
from emulator.worker.javascript.socket_events import SocketEvents, has_flag
from emulator.worker.javascript.websocket import WebSocket

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.runtime.host import Host
    from emulator.web.response import Response

__all__ = ["web_socket_maker"]

LOST: Final = "Network connection lost."
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z").match
_HTTP: Final = {"ws:": "http:", "wss:": "https:"}


def web_socket_maker(host: Callable[[], Host]) -> Callable[..., WebSocket]:
    """The constructor of `WebSocket`."""

    def construct(url: JsValue = MISSING, protocols: JsValue = None) -> WebSocket:
        if url is MISSING:
            raise refused_construction("WebSocket", 1, "string")
        text = to_string(url)
        request = _request(text, protocols)
        opening = Opening(host(), text, request)
        return WebSocket(opening.end)

    return construct


class Opening:
    """How far the connection of one `new WebSocket()` is. Its end points here for good."""

    def __init__(self, host: Host, url: str, request: Request) -> None:
        self.url = url
        self.protocol: JsValue = ""
        self.extensions = ""
        self.ready_state = ReadyState.CONNECTING
        self._host = host
        self._request = request
        self._task: asyncio.Task[None] | None = None
        self.end, far = web_socket_pair()
        far.holder = Holder.RESPONSE  # nobody else may have the other end
        self.end.opening = self
        events = self._events = SocketEvents(self.end, WebSocket)
        events.listen(replies=has_flag("auto reply"))
        self.end.events = events
        self.end.listener = events.receive
        self._keeper = keeper = events.keeper
        if keeper is None:
            self._start()
        else:
            keeper.keep_socket(self.end)
            keeper.emit(self._start)

    def cancel(self) -> None:
        """close() was called while connecting: there will be no connection."""
        if self._task is not None:
            self._task.cancel()
        self._fail(error(LOST))

    def _start(self) -> None:
        if self.ready_state is ReadyState.CONNECTING:
            self._task = self._host.spawn(self._connect(), name=f"web socket {self.url}")

    async def _connect(self) -> None:
        fetcher = self._host.fetcher
        try:
            if fetcher is None:
                raise NoNetworkError(self.url)
            response = await fetcher(self._request)
        except Exception as exc:
            failure = as_js_error(exc)
            self._fail(error(LOST) if failure.message == LOST else failure)
            return
        if response._web_socket is None:
            self._fail(_no_upgrade(response))
        else:
            self._open(response)

    def _open(self, response: Response) -> None:
        fetched: WebSocketEnd = response._web_socket._end
        if self.ready_state is not ReadyState.CONNECTING:
            fetched.drop()
            return
        headers = response._headers
        chosen = headers._find("sec-websocket-protocol")
        self.protocol = jsnull if chosen is None else chosen
        self.extensions = headers._find("sec-websocket-extensions") or ""
        self.ready_state = ReadyState.OPEN
        self._events.tell(Event._of("open"))
        self.end.join(fetched, self._keeper)

    def _fail(self, failure: JsException) -> None:
        if self.ready_state is not ReadyState.CONNECTING:
            return
        self.ready_state = ReadyState.CLOSED
        self.end.is_failed = self.end.is_over = True
        self.end.holder = Holder.CODE
        self._events.tell(ErrorEvent._of("error", message=f"Uncaught {failure}", error=failure))
        self._events.tell(
            CloseEvent._of("close", code=1006, reason=FAILED_TO_CONNECT, wasClean=False)
        )
        if self._keeper is not None:
            self._keeper.forget_socket(self.end)


class NoNetworkError(EmulatorError):
    """An outgoing socket was asked for in an emulator that connects to nobody."""

    def __init__(self, url: str) -> None:
        super().__init__(f"new WebSocket({url!r}): this emulator was made without a fetcher.")


def _no_upgrade(response: Response) -> JsException:
    return type_error(
        "Failed to establish the WebSocket connection: expected server to reply with HTTP status "
        f"code 101 (switching protocols), but received {response._status} instead."
    )


def _request(url: str, protocols: JsValue) -> Request:
    """The upgrade to ask for. Raises: JsException (SyntaxError, a DOMException)."""
    try:
        parsed = ada_url.URL(url)
    except ValueError:
        raise _refused("The url is invalid.") from None
    scheme = _HTTP.get(parsed.protocol)
    if scheme is None:
        raise _refused("The url scheme must be ws or wss.")
    if parsed.hash:
        raise _refused("The url fragment must be empty.")
    headers = [("Upgrade", "websocket")]
    names = _protocols(protocols)
    if names:
        headers.append(("Sec-WebSocket-Protocol", ", ".join(names)))
    address = scheme + parsed.href.partition(":")[2]
    return Request._incoming("GET", address, headers, redirect="manual")


def _protocols(protocols: JsValue) -> list[str]:
    if protocols is None:
        return []
    if not isinstance(protocols, JsArray):
        name = to_string(protocols)
        if not _TOKEN(name):
            raise _refused("The protocol header token is invalid.")
        return [name]
    names = [to_string(item) for item in protocols._items]
    if len(set(names)) < len(names):
        raise _refused("The protocols header cannot have repeating values.")
    if not all(map(_TOKEN, names)):
        raise _refused("One of the protocol header tokens is invalid.")
    return names


def _refused(problem: str) -> JsException:
    return dom_exception("SyntaxError", f"WebSocket Constructor: {problem}")
