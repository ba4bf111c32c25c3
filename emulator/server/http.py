"""HTTP: an aiohttp request becomes a JavaScript Request, a JavaScript Response an aiohttp one.

Source: spec websockets §1.4, §1.5; lifecycle §3.4, §8.
"""

from __future__ import annotations

import asyncio
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from emulator.core.events import RequestServed
from emulator.core.sockets import Disconnect
from emulator.core.values import JsException, type_error
from emulator.server.websocket import handshake_refusal, serve_web_socket
from emulator.web.request import Request
from emulator.web.url import parse_request_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from emulator.runtime.websocket import WebSocketEnd
    from emulator.runtime.worker import Worker

__all__ = ["HttpHandler"]

NO_UPGRADE: Final = (
    "Worker tried to return a WebSocket in a response to a request which did not contain the "
    'header "Upgrade: websocket".'
)
# What the server itself decides about a response.
_OWN_HEADERS: Final = frozenset({"connection", "transfer-encoding", "keep-alive", "upgrade"})
_READ_AT_ONCE_BYTES_MAX: Final = 1 << 20
# A URL that normalising would leave as it is: no default port, no dots, nothing to encode.
_PLAIN_URL: Final = re.compile(
    r"https?://[a-z0-9.-]+(?::(?!80/|443/)[1-9]\d*)?/(?:[\w~/-]|\.(?![./]))*(?:\?[\w.~/:@!$&()*+,;=%-]*)?\Z",
    re.ASCII,
).match


class HttpHandler:
    """Called by aiohttp with every request."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._host = worker.host
        self._sockets: set[WebSocketEnd] = set()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        started = time.perf_counter()
        sent = await self._answer(request, started)
        if sent.status != HTTPStatus.SWITCHING_PROTOCOLS:
            self._record(request, sent, started)
        return sent

    async def _answer(self, request: web.BaseRequest, started: float) -> web.StreamResponse:
        try:
            response = await self._worker.fetch(await _incoming(request))
            socket = response._web_socket
            if socket is not None:
                return await self._upgrade(request, response, socket._end, started)
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._worker.report(exc)
            return web.Response(status=500, text="Internal Server Error")
        return await _outgoing(request, response)

    async def _upgrade(
        self, request: web.BaseRequest, response: Any, end: WebSocketEnd, started: float
    ) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").strip().lower() != "websocket":
            end.from_wire(Disconnect())
            raise type_error(NO_UPGRADE)
        refusal = handshake_refusal(request)
        if refusal is not None:
            end.from_wire(Disconnect())
            return refusal
        self._sockets.add(end)
        try:
            return await serve_web_socket(
                request,
                response._header_pairs(),
                end,
                on_open=lambda sent: self._record(request, sent, started),
            )
        finally:
            self._sockets.discard(end)

    def _record(
        self, request: web.BaseRequest, sent: web.StreamResponse, started: float
    ) -> None:
        listener = self._host.listener
        if listener is None:
            return
        listener(
            RequestServed(
                time_ms=self._host.clock.now_ms(),
                method=request.method,
                path=request.path_qs,
                status=sent.status,
                reason=sent.reason or _phrase(sent.status),
                duration_ms=(time.perf_counter() - started) * 1000,
            )
        )

    def close(self) -> None:
        """End every WebSocket connection: the server stops."""
        for end in list(self._sockets):
            if end.wire is not None:
                end.wire.abort()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


async def _incoming(request: web.BaseRequest) -> Request:
    """The JavaScript Request. A small body of known length is read at once, others stream."""
    body: bytes | AsyncIterator[bytes] | None = None
    if request.body_exists:
        length = request.content_length
        if length is not None and length <= _READ_AT_ONCE_BYTES_MAX:
            body = await request.content.read(-1)
        else:
            body = request.content.iter_any()
    return Request._incoming(request.method, _url(request), list(request.headers.items()), body)


def _url(request: web.BaseRequest) -> str:
    """The URL as the platform hands it over: normalised, without its fragment."""
    url = f"{request.scheme}://{request.host}{request.raw_path.partition('#')[0]}"
    return url if _PLAIN_URL(url) else parse_request_url(url) or url


async def _outgoing(request: web.BaseRequest, response: Any) -> web.StreamResponse:
    pairs = [(k, v) for k, v in response._header_pairs() if k not in _OWN_HEADERS]
    status, reason = response._status, response.statusText or None
    source = response._body_source()
    if source is None or isinstance(source, bytes):
        plain = web.Response(status=status, reason=reason, body=source or b"")
        _set_headers(plain, pairs)
        return plain
    stream = web.StreamResponse(status=status, reason=reason)
    _set_headers(stream, pairs)
    await stream.prepare(request)
    try:
        async for chunk in source:
            await stream.write(chunk)
    except (ConnectionError, asyncio.CancelledError):
        raise
    except JsException:
        # The head is gone already: all that is left is to cut the body short.
        if request.transport is not None:
            request.transport.abort()
        raise
    await stream.write_eof()
    return stream


def _set_headers(sent: web.StreamResponse, pairs: list[tuple[str, str]]) -> None:
    # aiohttp's own default would name a content type where the worker named none.
    sent.headers.pop("Content-Type", None)
    for key, value in pairs:
        sent.headers.add(key, value)


