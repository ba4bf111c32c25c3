"""What is no HTTP request: a short answer that says why, one line for the developer, no traceback.

The answer reaches a client that is still sending, too: its direction of the connection is read to
the end, for a moment, instead of being reset under the answer.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod, HttpProcessingError, LineTooLong

from emulator.server.takeover import answer_directly, is_supported

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.server.direct import Begun
    from emulator.server.takeover import DirectAnswer

__all__ = ["HEAD_LINE_BYTES_MAX", "Connection", "PlainServer"]

HEAD_LINE_BYTES_MAX: Final = 65_536
_LINGER_S: Final = 1.0
TOO_LONG: Final = (
    "The head of the request is too large: neither its first line, with the URL, nor a header may "
    f"be longer than {HEAD_LINE_BYTES_MAX} bytes."
)
NO_HTTP: Final = "This port speaks HTTP/1.1 (http:// and ws://), and this is no request of it"

type Refused = Callable[[str, HTTPStatus], None]


class PlainServer(web.Server):
    """aiohttp's low-level server, but for how it answers what it cannot read.

    Args:
        on_refused: told of each refused request: who sent it, and the answer's status.
        on_parsed: sees a request before aiohttp's task does, and may answer it.
    """

    def __init__(
        self,
        handler: Any,
        *,
        on_refused: Refused,
        on_parsed: DirectAnswer | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            handler,
            max_line_size=HEAD_LINE_BYTES_MAX,
            max_field_size=HEAD_LINE_BYTES_MAX,
            **options,
        )
        self.on_refused = on_refused
        self.on_parsed = on_parsed if is_supported() else None

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)


class Connection(web.RequestHandler):
    """One client. `begun` is the request that aiohttp's task is to end, if it was started before."""

    __slots__ = ("_gone", "_on_refused", "begun")

    def __init__(self, server: PlainServer, **options: Any) -> None:
        super().__init__(server, **options)
        self._on_refused = server.on_refused
        self._gone: asyncio.Event | None = None
        self.begun: Begun | None = None
        if server.on_parsed is not None:
            answer_directly(self, server.on_parsed)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._gone is not None:
            self._gone.set()
        if self.begun is not None:
            self.begun.abandon()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """aiohttp asks for the answer to a request that it cannot read, or whose handler raised."""
        if isinstance(exc, ConnectionError):
            raise exc  # the client is gone: nobody to answer, nothing to tell
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        self.close()  # what still comes is not looked at
        self._gone = asyncio.Event()
        code, text = _explain(exc)
        self._on_refused(request.remote or "an unknown address", code)
        answer = _LingeringResponse(self._gone, status=code, text=f"{text}\n")
        answer.force_close()
        return answer


class _LingeringResponse(web.Response):
    """After it was written, the connection stays half open until the client has ended its half."""

    def __init__(self, gone: asyncio.Event, **options: Any) -> None:
        super().__init__(**options)
        self._gone = gone

    async def write_eof(self, data: bytes = b"") -> None:
        request: Any = self._req
        await super().write_eof(data)
        transport = request.transport
        if transport is None or not transport.can_write_eof():
            return
        transport.write_eof()
        try:
            async with asyncio.timeout(_LINGER_S):
                await self._gone.wait()
        except TimeoutError:
            return


def _explain(exc: HttpProcessingError) -> tuple[HTTPStatus, str]:
    if isinstance(exc, LineTooLong):
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, TOO_LONG
    reason = exc.message.strip().split("\n")[0].rstrip(":.")  # the lines below quote what came
    if isinstance(exc, BadHttpMethod) or "PRI" in reason:  # HTTP/2 begins so
        return HTTPStatus.BAD_REQUEST, f"{NO_HTTP}. ({reason}.)"
    if "Too many headers" in reason:
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"{reason}."
    return HTTPStatus.BAD_REQUEST, f"Bad Request: {reason}."
