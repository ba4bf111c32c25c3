"""Response.

`_fetched` makes what the runtime received; its headers are immutable.

Source: fetch standard; spec websockets §1.4, §6, python-surface §1; texts measured on workerd.
Proved by tests/web/test_response.py.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Final

from emulator.core.values import (
    JsNull,
    JsProxy,
    JsValue,
    from_js,
    jsnull,
    range_error,
    to_string,
    type_error,
)
from emulator.core.values.json import stringify
from emulator.web.bodies import TEXT_TYPE, Body, body_init, cf_init
from emulator.web.headers import GUARD_IMMUTABLE, GUARD_NONE, GUARD_RESPONSE, Headers
from emulator.web.readable import ReadableStream
from emulator.web.sources import HostSource
from emulator.web.url import parse_request_url
from emulator.web.webidl import (
    field_error,
    is_object,
    lossy_text,
    member,
    refused_construction,
    to_number,
    utf8,
)

__all__ = [
    "NULL_BODY_STATUSES",
    "Response",
    "response_error",
    "response_json",
    "response_redirect",
    "status_phrase",
]

NULL_BODY_STATUSES: Final = frozenset({101, 204, 205, 304})
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_STATUS_TEXT: Final = re.compile(r"[^\0-\x08\x0a-\x1f\x7f]*\Z").match
_INIT: Final = "InitializerDict"


class Response(Body, js_name="Response"):
    """A response: to be sent, or received. `_web_socket` is the socket of an upgrade."""

    def __init__(self, body: JsValue = None, init: JsValue = None) -> None:
        self._url = ""
        self._is_redirected = False
        self._type = "default"
        if init is None:
            self._status = 200
            self._status_text = ""
            self._web_socket: JsValue = None
            self._cf: JsValue = None
            if type(body) is str:  # the usual one, straight on
                self._headers = Headers._of([("Content-Type", TEXT_TYPE)])
                self._set_body(utf8(body))
                return
            self._headers = Headers()
        else:
            self._apply(init)
        extracted = body_init(body)
        if self._status in NULL_BODY_STATUSES and extracted.source is not None:
            if extracted.source != b"":
                raise type_error(
                    "Response with null body status (101, 204, 205, or 304) cannot have a body."
                )
            self._set_body(None)
        else:
            self._set_body(extracted.source)
        if extracted.content_type is not None and self._headers._find("content-type") is None:
            self._headers.append("Content-Type", extracted.content_type)

    def _apply(self, init: JsValue) -> None:
        if not isinstance(init, JsNull) and not is_object(init):
            raise refused_construction("Response", 2, f"{_INIT} or Response")
        self._status = _status(member(init, "status"))
        self._status_text = _status_text(member(init, "statusText"))
        self._set_web_socket(member(init, "webSocket"))
        headers = member(init, "headers")
        self._headers = Headers(headers)
        self._cf = cf_init(member(init, "cf"), _INIT)
        _check_encoding(member(init, "encodeBody"))
        self._check_status()

    @classmethod
    def _fetched(
        cls,
        status: int,
        status_text: str,
        header_pairs: list[tuple[str, str]],
        body: AsyncIterator[bytes] | bytes | ReadableStream | None = None,
        *,
        url: str = "",
        is_redirected: bool = False,
        web_socket: JsValue = None,
        guard: int = GUARD_RESPONSE,
    ) -> Response:
        """What was received. Nothing is checked, and no list is copied."""
        self = cls.__new__(cls)
        self._status = status
        self._status_text = status_text
        self._headers = Headers._of(header_pairs, guard=guard)
        self._web_socket = web_socket
        self._cf = None
        self._url = url
        self._is_redirected = is_redirected
        self._type = "default"
        if body is not None and type(body) is not bytes and isinstance(body, AsyncIterator):
            body = ReadableStream._of(HostSource(body), is_bytes=True)
        self._set_body(body)
        return self

    def _set_web_socket(self, socket: JsValue) -> None:
        if socket is None or isinstance(socket, JsNull):
            self._web_socket = None
        elif isinstance(socket, JsProxy) and socket.js_name == "WebSocket":
            self._web_socket = socket
        else:
            raise field_error("webSocket", _INIT, "WebSocket")

    def _check_status(self) -> None:
        if self._web_socket is not None:
            if self._status != 101:
                raise range_error("Responses with a WebSocket must have status code 101.")
        elif not 200 <= self._status <= 599:
            raise range_error(
                "Responses may only be constructed with status codes in the range 200 to 599, "
                "inclusive."
            )

    def _header_pairs(self) -> list[tuple[str, str]]:
        """The headers for the wire, as they were set."""
        return self._headers._header_pairs()

    # --- JavaScript

    @property
    def status(self) -> int:
        return self._status

    @property
    def statusText(self) -> str:
        return self._status_text

    @property
    def ok(self) -> bool:
        return 200 <= self._status <= 299

    @property
    def headers(self) -> Headers:
        return self._headers

    @property
    def redirected(self) -> bool:
        return self._is_redirected

    @property
    def url(self) -> str:
        return self._url

    @property
    def type(self) -> str:
        return self._type

    @property
    def webSocket(self) -> Any:
        return jsnull if self._web_socket is None else self._web_socket

    @property
    def cf(self) -> Any:
        return from_js(self._cf)

    def clone(self) -> Response:
        if self._web_socket is not None:
            raise type_error("Cannot clone a response to a WebSocket handshake.")
        body = self._clone_body()
        result = Response._fetched(
            self._status,
            self._status_text,
            list(self._headers._pairs),
            body,
            url=self._url,
            is_redirected=self._is_redirected,
            guard=self._headers._guard,
        )
        result._cf, result._type = self._cf, self._type
        return result


def response_json(data: JsValue = None, init: JsValue = None) -> Response:
    """`Response.json`."""
    response = Response(stringify(data) or "undefined", init)
    headers = member(init, "headers")
    if headers is None or not Headers(headers).has("content-type"):
        response._headers.set("Content-Type", "application/json")
    return response


def response_redirect(url: JsValue = None, status: JsValue = None) -> Response:
    """`Response.redirect`; `url` must be absolute."""
    location = parse_request_url(url)
    if location is None:
        raise type_error(f"Unable to parse URL: {to_string(url)}")
    code = 302 if status is None else _status(status)
    if code not in _REDIRECTS:
        raise range_error(
            f"{code} is not a redirect status code. It must be one of: 301, 302, 303, 307, or 308."
        )
    return Response._fetched(code, "", [("Location", location)], guard=GUARD_IMMUTABLE)


def response_error() -> Response:
    """`Response.error`: what stands for a network failure."""
    response = Response._fetched(0, "", [], guard=GUARD_NONE)
    response._type = "error"
    return response


@functools.cache
def _phrases() -> dict[int, str]:
    return {int(status): status.phrase for status in HTTPStatus}


def status_phrase(status: int) -> str:
    """The standard's words for a status, empty for one it does not know."""
    return _phrases().get(status, "")


def _status(value: JsValue) -> int:
    if value is None:
        return 200
    if type(value) is int:
        number: float = value
    else:
        number = to_number(value)
        if not math.isfinite(number):
            return 0
    if not -(2**31) <= number < 2**31:
        raise type_error(
            "Value out of range. Must be between -2147483648 and 2147483647 (inclusive)."
        )
    return int(number)


def _status_text(value: JsValue) -> str:
    if value is None:
        return ""
    text = lossy_text(to_string(value))
    if _STATUS_TEXT(text) is None:
        raise type_error("Invalid statusText")
    return text


def _check_encoding(value: JsValue) -> None:
    if value is not None and to_string(value) not in ("automatic", "manual"):
        raise type_error(f"encodeBody: unexpected value: {to_string(value)}")
