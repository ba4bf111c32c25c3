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
from emulator.core.sockets import NO_UPGRADE, Disconnect
from emulator.core.values import JsException, type_error
from emulator.server.handshake import handshake_refusal
from emulator.web.request import Request
from emulator.web.url import parse_request_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from emulator.runtime.websocket import WebSocketEnd
    from emulator.runtime.worker import Worker
    from emulator.server.websocket import WebSocketEdge

__all__ = ["HttpHandler"]

# What the server itself decides about a response.
_OWN_HEADERS: Final = frozenset({"connection", "transfer-encoding", "keep-alive", "upgrade"})
_READ_AT_ONCE_BYTES_MAX: Final = 1 << 20
_CLIENT_GONE: Final = 499  # nginx's; nobody gets to see it but the developer
BAD_URL: Final = "Bad Request: the path and the Host header make no URL.\n"
# A URL that normalising would leave as it is: no default port, no dots, nothing to encode.
_PLAIN_URL: Final = re.compile(
    r"https?://[a-z0-9.-]+(?::(?!80/|443/)[1-9]\d*)?/(?:[\w~/-]|\.(?![./]))*(?:\?[\w.~/:@!$&()*+,;=%-]*)?\Z",
    re.ASCII,
).match


class HttpHandler:
    """Called by aiohttp with every request."""

    def __init__(self, worker: Worker, web_sockets: WebSocketEdge) -> None:
        self._worker = worker
        self._host = worker.host
        self._web_sockets = web_sockets

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        started = time.perf_counter()
        sent = await self._answer(request, started)
        if sent.status != HTTPStatus.SWITCHING_PROTOCOLS:
            self._record(request, sent, started)
        return sent

    async def _answer(self, request: web.BaseRequest, started: float) -> web.StreamResponse:
        url = _url(request)
        if url is None:
            return web.Response(status=HTTPStatus.BAD_REQUEST, text=BAD_URL)
        try:
            body = await _body(request)
        except ConnectionError:
            return web.Response(status=_CLIENT_GONE, reason="Client Closed Request")
        try:
            incoming = Request._incoming(request.method, url, list(request.headers.items()), body)
            response = await self._worker.fetch(incoming)
            socket = response._web_socket
            if socket is not None:
                return await self._upgrade(request, response, socket._end, started)
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._worker.report(exc)
            return web.Response(status=500, text="Internal Server Error")
        return await _outgoing(request, response, self._worker.report)

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
        return await self._web_sockets.upgrade(
            request,
            response._header_pairs(),
            end,
            on_open=lambda sent: self._record(request, sent, started),
        )

    def refused(self, sender: str, status: HTTPStatus) -> None:
        """What came was no HTTP request, and was answered so."""
        if self._host.listener is not None:
            self._host.listener(
                RequestServed(
                    time_ms=self._host.clock.now_ms(),
                    method="(no request)",
                    path=f"from {sender}",
                    status=status,
                    reason=status.phrase,
                    duration_ms=0.0,
                )
            )

    def _record(self, request: web.BaseRequest, sent: web.StreamResponse, started: float) -> None:
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


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


async def _body(request: web.BaseRequest) -> bytes | AsyncIterator[bytes] | None:
    """The body. A small one of known length is read at once, others stream.

    Raises:
        ConnectionError: the client went before it had sent all of it.
    """
    if not request.body_exists:
        return None
    length = request.content_length
    if length is not None and length <= _READ_AT_ONCE_BYTES_MAX:
        return await request.content.read(-1)
    return request.content.iter_any()


def _url(request: web.BaseRequest) -> str | None:
    """The URL as the platform hands it over: normalised, without its fragment; None for none."""
    target = request.raw_path.partition("#")[0]
    # A client of a proxy sends the whole URL.
    is_whole = target.startswith(("http://", "https://"))
    url = target if is_whole else f"{request.scheme}://{request.host}{target}"
    return url if _PLAIN_URL(url) else parse_request_url(url)


async def _outgoing(
    request: web.BaseRequest, response: Any, on_failure: Callable[[JsException], None]
) -> web.StreamResponse:
    pairs = [(k, v) for k, v in response._header_pairs() if k.lower() not in _OWN_HEADERS]
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
    except JsException as exc:
        # The head is gone already: all that is left is to cut the body short.
        on_failure(exc)
        if request.transport is not None:
            request.transport.abort()
        return stream
    await stream.write_eof()
    return stream


def _set_headers(sent: web.StreamResponse, pairs: list[tuple[str, str]]) -> None:
    # aiohttp's own default would name a content type where the worker named none.
    sent.headers.pop("Content-Type", None)
    for key, value in pairs:
        sent.headers.add(key, value)
