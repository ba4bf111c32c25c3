"""fetch() out of the emulator, by aiohttp's client.

Redirects are followed here and not by aiohttp, so that each step is the platform's: at most 20,
303 and a POST's 301 and 302 become GET, credentials do not leave their origin. Nothing is sent that
user code did not ask for: no Accept, no User-Agent, no credentials of the URL.

Source: fetch standard (HTTP-redirect fetch); rules and texts measured on workerd.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from emulator.core.values import JsException, error, internal_error, type_error
from emulator.server.outgoing_sockets import asks_for_upgrade, open_web_socket
from emulator.web.response import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from emulator.core.values import JsValue
    from emulator.runtime.websocket import WebSocketEnd
    from emulator.web.request import Request

__all__ = ["OutgoingClient"]

LOST: Final = "Network connection lost."
TOO_MANY: Final = "Too many redirects."
ONE_TIME_BODY: Final = (
    "A request with a one-time-use body (it was initialized from a stream, not a buffer) "
    "encountered a redirect requiring the body to be retransmitted. To avoid this error in the "
    "future, construct this request from a buffer-like body initializer."
)
_REDIRECTS_MAX: Final = 20
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_READ_BYTES: Final = 1 << 16
# The client's own, or of one connection.
_NOT_SENT: Final = frozenset(
    {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "upgrade"}
)
# Already undone when the body is read, or of one connection.
_NOT_RECEIVED: Final = frozenset({"connection", "keep-alive", "transfer-encoding"})
_NOT_ACROSS_ORIGINS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})


class _Exchange:
    """One request as it stands between two redirects."""

    def __init__(self, request: Request) -> None:
        self.method = request._method
        self.url = request._url.partition("#")[0]
        self.headers = [
            (k, v) for k, v in request._headers._header_pairs() if k.lower() not in _NOT_SENT
        ]
        source = request._body_source()
        self.body: Any = source
        self.can_repeat = source is None or isinstance(source, bytes)

    def follow(self, status: int, location: str) -> None:
        """Become the request that a redirect asks for.

        Raises:
            JsException: TypeError, if the body would have to be sent again and cannot be.
        """
        target = urljoin(self.url, location)
        becomes_get = status == 303 or (status in (301, 302) and self.method == "POST")
        if becomes_get and self.method != "HEAD":
            self.method, self.body, self.can_repeat = "GET", None, True
        elif not self.can_repeat:
            raise type_error(ONE_TIME_BODY)
        if urlsplit(target)[:2] != urlsplit(self.url)[:2]:
            self.headers = [(k, v) for k, v in self.headers if k.lower() not in _NOT_ACROSS_ORIGINS]
        self.url = target


class OutgoingClient:
    """Sends requests of user code to the network."""

    def __init__(
        self,
        face: Callable[[WebSocketEnd], JsValue],
        spawn: Callable[..., asyncio.Task[Any]],
        reference: Callable[[], str],
    ) -> None:
        """Args:
        face: makes the socket that user code sees.
        spawn: runs what outlives a call: the reader of a socket.
        reference: makes the 24 characters of an internal error.
        """
        self._reference = reference
        self._face = face
        self._spawn = spawn
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=30),
            auto_decompress=True,
            raise_for_status=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            trust_env=False,
        )

    async def close(self) -> None:
        await self._session.close()

    async def fetch(self, request: Request) -> Response:
        """The response to `request`; its body streams.

        Raises:
            JsException: no server answers, or redirects without end.
        """
        if asks_for_upgrade(request):
            return await open_web_socket(self._session, request, self._face, self._spawn)
        exchange = _Exchange(request)
        seen: list[str] = []
        while len(seen) <= _REDIRECTS_MAX:
            received = await self._send(exchange)
            location = received.headers.get("Location")
            is_redirect = received.status in _REDIRECTS and location is not None
            if not is_redirect or request.redirect == "manual":
                return _response(exchange, received, is_redirected=bool(seen))
            received.release()
            seen.append(exchange.url)
            exchange.follow(received.status, location or "")
        raise type_error(TOO_MANY + ", ".join(seen))

    async def _send(self, exchange: _Exchange) -> aiohttp.ClientResponse:
        url = URL(exchange.url, encoded=True)
        if url.scheme not in ("http", "https"):
            raise internal_error(self._reference)
        try:
            return await self._session.request(
                exchange.method,
                url.with_user(None),
                headers=exchange.headers,
                data=exchange.body,
                allow_redirects=False,
            )
        except aiohttp.ClientConnectorDNSError as exc:
            raise internal_error(self._reference) from exc
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            if isinstance(exc.__cause__, JsException):
                raise exc.__cause__ from None  # the body's own error
            raise error(LOST, retryable=True) from exc


def _response(
    exchange: _Exchange, received: aiohttp.ClientResponse, *, is_redirected: bool
) -> Response:
    pairs = [(k, v) for k, v in received.headers.items() if k.lower() not in _NOT_RECEIVED]
    has_body = exchange.method != "HEAD" and received.status not in (204, 205, 304)
    return Response._fetched(
        received.status,
        received.reason or "",
        pairs,
        _chunks(received) if has_body else None,
        url=exchange.url,
        is_redirected=is_redirected,
    )


async def _chunks(received: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body as it comes. Whoever stops early closes the connection."""
    try:
        async for chunk in received.content.iter_chunked(_READ_BYTES):
            yield chunk
    except (aiohttp.ClientError, OSError, TimeoutError) as exc:
        raise error(LOST, retryable=True) from exc
    except asyncio.CancelledError:
        received.close()
        raise
    finally:
        received.release()
