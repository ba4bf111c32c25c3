"""Between the two ends of a fetch inside the process: what arrives of a request and of a response.

Source: spec lifecycle §3.4, websockets §1.4, §6. Proved by tests/web/test_fetching.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ada_url

from emulator.core.values import JsValue, type_error
from emulator.web.request import Request
from emulator.web.response import Response, status_phrase

if TYPE_CHECKING:
    from emulator.web.bodies import BodySource

__all__ = ["arriving_request", "arriving_response", "fetch_url"]

_SCHEMES: Final = ("http:", "https:")
_PLAIN: Final = ("http://", "https://")
_NOT_A_RESPONSE: Final = "Incorrect type for Promise: the Promise did not resolve to 'Response'."
_ERROR_RESPONSE: Final = (
    "Return value from serve handler must not be an error response (like Response.error())"
)
_NO_UPGRADE: Final = (
    "Worker tried to return a WebSocket in a response to a request which did not contain the "
    'header "Upgrade: websocket".'
)


def fetch_url(url: str) -> str:
    """The URL that the other side sees: without fragment, user name and password.

    Raises:
        JsException: a TypeError for a scheme that is not HTTP.
    """
    if url.startswith(_PLAIN) and "#" not in url and "@" not in url:
        return url
    parsed = ada_url.URL(url)
    if parsed.protocol not in _SCHEMES:
        raise type_error(f"Fetch API cannot load: {url}")
    if "#" in url:
        parsed.hash = ""
    if "@" in url:
        parsed.username = ""
        parsed.password = ""
    return parsed.href


def arriving_request(sent: Request) -> Request:
    """What the handler is given for a request that was sent; the body moves over."""
    url = fetch_url(sent._url)
    pairs = list(sent._headers._header_pairs())
    source = None if sent._source is None else sent._take_body()
    if type(source) is bytes and not sent._headers.has("content-length"):
        pairs.append(("content-length", str(len(source))))
    arrived = Request._incoming(sent._method, url, pairs, cf=sent._cf)
    arrived._source = source
    return arrived


def arriving_response(returned: JsValue, request: Request) -> Response:
    """What the caller is given for the response that the handler of `request` returned.

    Raises:
        JsException: a TypeError for a value that cannot be sent as the answer.
    """
    if not isinstance(returned, Response):
        raise type_error(_NOT_A_RESPONSE)
    if returned._type == "error":
        raise type_error(_ERROR_RESPONSE)
    if returned._web_socket is not None:
        upgrade = request._headers._find("upgrade")
        if upgrade is None or upgrade.lower() != "websocket":
            raise type_error(_NO_UPGRADE)
    source: BodySource = None if returned._source is None else returned._take_body()
    arrived = Response._fetched(
        returned._status,
        returned._status_text or status_phrase(returned._status),
        list(returned._headers._header_pairs()),
        url=request._url,
        web_socket=returned._web_socket,
    )
    arrived._source = source
    return arrived
