"""Where a redirect leads: the request that follows a response.

Source: spec lifecycle §3.4; the Fetch standard, HTTP-redirect fetch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ada_url

from emulator.core.values import type_error
from emulator.web.request import Request

if TYPE_CHECKING:
    from emulator.web.response import Response

__all__ = ["REDIRECTS_MAX", "next_request"]

REDIRECTS_MAX: Final = 20
TOO_MANY: Final = (
    "Too many redirects. request.redirect mode is 'follow', but the response keeps redirecting."
)
_STATUSES: Final = frozenset({301, 302, 303, 307, 308})
_BODY_HEADERS: Final = frozenset({"content-type", "content-length", "content-encoding"})


def next_request(
    request: Request, response: Response, body: bytes | None, hops: int
) -> Request | None:
    """The request to make after `response`, or None if it is the answer.

    Args:
        body: what `request` carried, if it can be sent again.
        hops: how many redirects were followed already.

    Raises:
        JsException: a TypeError, after twenty of them.
    """
    if request._redirect != "follow" or response._status not in _STATUSES:
        return None
    location = response._headers._find("location")
    if location is None:
        return None
    try:
        url = ada_url.URL(location, base=request._url).href
    except ValueError:
        raise type_error(f"Invalid URL: {location}") from None
    if hops >= REDIRECTS_MAX:
        raise type_error(TOO_MANY)
    method, pairs = request._method, list(request._headers._header_pairs())
    if response._status == 303 or (response._status in (301, 302) and method == "POST"):
        if method != "HEAD":
            method = "GET"
        body = None
        pairs = [pair for pair in pairs if pair[0].lower() not in _BODY_HEADERS]
    followed = Request._incoming(method, url, pairs, body, cf=request._cf, redirect="follow")
    followed._signal = request._signal
    return followed
