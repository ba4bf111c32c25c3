"""HTTP: an aiohttp request becomes a JavaScript Request, a JavaScript Response an aiohttp one.

Source: spec websockets §1.4, §1.5; lifecycle §3.4, §8.
"""

from __future__ import annotations

import asyncio
import functools
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp import hdrs, web
from aiohttp.streams import EMPTY_PAYLOAD

from emulator.core.events import RequestServed, SocketEnded
from emulator.core.sockets import NO_UPGRADE, Disconnect
from emulator.core.values import JsException, type_error
from emulator.runtime.errors import describe
from emulator.runtime.worker import Invocation
from emulator.server.direct import Begun, HeadWriter, request_url
from emulator.server.handshake import handshake_refusal
from emulator.web.request import Request
from emulator.web.response import status_phrase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import StreamReader
    from aiohttp.http_parser import RawRequestMessage

    from emulator.runtime.websocket import WebSocketEnd
    from emulator.runtime.worker import Worker
    from emulator.server.bad_requests import Connection
    from emulator.server.websocket import WebSocketEdge

__all__ = ["ErrorPage", "HttpHandler"]

type ErrorPage = Callable[[str, str, str], str | None]
"""Makes the page about an uncaught error of its text, the request's method and its URL."""

# What the server itself decides about a response.
_OWN_HEADERS: Final = frozenset({"connection", "transfer-encoding", "keep-alive", "upgrade"})
_READ_AT_ONCE_BYTES_MAX: Final = 1 << 20
_CLIENT_GONE: Final = 499  # nginx's; nobody gets to see it but the developer
RESERVED: Final = "/cdn-cgi/"  # the platform's own paths
CONTROL: Final = "/cdn-cgi/local/"  # of those, the explorer and its API
BAD_URL: Final = "Bad Request: the path and the Host header make no URL.\n"


class ControlDoor(Protocol):
    """Answers what is below CONTROL (control_door.py)."""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse: ...
    def close(self) -> None: ...


class HttpHandler:
    """Called by aiohttp with every request."""

    def __init__(self, worker: Worker, web_sockets: WebSocketEdge) -> None:
        self._worker = worker
        self._host = worker.host
        self._web_sockets = web_sockets
        self._heads = HeadWriter(worker.host.clock)
        self.error_page: ErrorPage | None = None
        self.control: ControlDoor | None = None

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.control is not None and request.raw_path.startswith(CONTROL):
            return await self.control.answer(request)
        connection: Any = request.protocol
        begun: Begun | None = connection.begun
        connection.begun = None
        if begun is None:
            invocation = Invocation(self._worker, time.perf_counter())
        else:
            invocation = begun.invocation
        sent = await self._answer(request, invocation, begun)
        if sent.status != HTTPStatus.SWITCHING_PROTOCOLS:
            self._record(request, sent, invocation)
        return sent

    def begin(
        self, connection: Connection, message: RawRequestMessage, payload: StreamReader
    ) -> bytes | None:
        """Have the worker answer a request that has just been parsed, its body with it.

        Returns: the answer, or None if aiohttp's task is to write it, perhaps when there is one.
        """
        method, target = message.method, message.path
        host = message.headers.get(hdrs.HOST)
        if host is None or method == hdrs.METH_HEAD or not _is_for_worker(target):
            return None
        url = request_url(f"http://{host}", target)
        if url is None:
            return None
        invocation = Invocation(self._worker, time.perf_counter())
        body = None if payload is EMPTY_PAYLOAD else payload.read_nowait()
        outcome: Any = None
        response: Any = None
        answer: bytes | None = None
        failure: BaseException | None = None
        try:
            incoming = Request._incoming(method, url, list(message.headers.items()), body)
            outcome = self._worker.begin(incoming, None, invocation)
            response = _response_now(outcome)
            if response is not None:
                answer = self._heads.write(response)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            failure = exc
        if answer is None:
            connection.begun = Begun(outcome, failure, invocation)
        elif self._host.listener is not None:
            status = response._status
            reason = response._status_text or status_phrase(status)
            self._tell(method, target, status, reason, invocation)
        return answer

    async def _answer(
        self, request: web.BaseRequest, invocation: Invocation, begun: Begun | None
    ) -> web.StreamResponse:
        try:
            if begun is not None:
                response = await begun.response()
            else:
                url = request_url(f"{request.scheme}://{request.host}", request.raw_path)
                if url is None:
                    return web.Response(status=HTTPStatus.BAD_REQUEST, text=BAD_URL)
                try:
                    body = await _body(request)
                except ConnectionError:
                    return web.Response(status=_CLIENT_GONE, reason="Client Closed Request")
                pairs = list(request.headers.items())
                incoming = Request._incoming(request.method, url, pairs, body)
                response = await self._worker.fetch(incoming, None, invocation)
            socket = response._web_socket
            if socket is not None:
                return await self._upgrade(request, response, socket._end, invocation)
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._worker.report(exc)
            return self._failed(request, exc)
        return await _outgoing(request, response, self._worker.report)

    def _failed(self, request: web.BaseRequest, exc: BaseException) -> web.Response:
        """What the platform answers; for a browser a page, if somebody makes one."""
        if self.error_page is not None and "text/html" in request.headers.get(hdrs.ACCEPT, ""):
            text, trace = describe(exc)
            url = f"http://{request.host}{request.raw_path}"
            page = self.error_page(trace or text, request.method, url)
            if page is not None:
                headers = {
                    "Cache-Control": "no-store",
                    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
                    "X-Content-Type-Options": "nosniff",
                }
                return web.Response(
                    status=500, text=page, content_type="text/html", headers=headers
                )
        return web.Response(status=500, text="Internal Server Error")

    async def _upgrade(
        self, request: web.BaseRequest, response: Any, end: WebSocketEnd, invocation: Invocation
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
            on_open=lambda sent: self._record(request, sent, invocation),
            # Not a closure: it would keep the whole request as long as the connection lives.
            on_end=functools.partial(
                self._ended, request.path_qs, invocation.object, invocation.started_s
            ),
        )

    def _ended(self, path: str, name: str | None, started_s: float, code: int | None) -> None:
        if self._host.listener is not None:
            self._host.listener(
                SocketEnded(
                    time_ms=self._host.clock.now_ms(),
                    path=path,
                    object=name,
                    code=code,
                    duration_ms=(time.perf_counter() - started_s) * 1000,
                )
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

    def _record(
        self, request: web.BaseRequest, sent: web.StreamResponse, invocation: Invocation
    ) -> None:
        if self._host.listener is not None:
            reason = sent.reason or status_phrase(sent.status)
            self._tell(request.method, request.path_qs, sent.status, reason, invocation)

    def _tell(
        self, method: str, path: str, status: int, reason: str, invocation: Invocation
    ) -> None:
        assert self._host.listener is not None, "there is somebody to tell"
        self._host.listener(
            RequestServed(
                time_ms=self._host.clock.now_ms(),
                method=method,
                path=path,
                status=status,
                reason=reason,
                duration_ms=(time.perf_counter() - invocation.started_s) * 1000,
                object=invocation.object,
            )
        )


def _is_for_worker(target: str) -> bool:
    """Whether it is a plain path, and none of those that are not, or may not be, the worker's."""
    return target[:1] == "/" and not target.startswith(RESERVED) and "#" not in target


def _response_now(outcome: Any) -> Any:
    """The response, if there is one already."""
    if not isinstance(outcome, asyncio.Task):
        return outcome
    if not outcome.done() or outcome.cancelled() or outcome.exception() is not None:
        return None
    return outcome.result()


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
