"""Request.

`_incoming` makes the runtime's own without a check; its headers are immutable and read lazily.

Source: fetch standard; spec lifecycle §3.4, python-surface §1; texts measured on workerd.
Proved by tests/web/test_request.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import JsNull, JsValue, from_js, jsnull, to_string, type_error
from emulator.core.values.callbacks import js_truthy
from emulator.web.abort import AbortSignal
from emulator.web.bodies import Body, body_init, cf_init
from emulator.web.headers import GUARD_REQUEST, Headers
from emulator.web.readable import ReadableStream
from emulator.web.sources import HostSource
from emulator.web.url import URL, parse_request_url
from emulator.web.webidl import (
    MISSING,
    field_error,
    is_object,
    member,
    refused_construction,
)

if TYPE_CHECKING:
    from emulator.web.bodies import BodySource

__all__ = ["METHODS", "Request"]

# kj/compat/http.h; CONNECT is not for fetch.
METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "PURGE", "OPTIONS", "TRACE", "COPY", "LOCK"}
    | {"MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "SEARCH", "UNLOCK", "ACL", "REPORT", "QUERY"}
    | {"MKACTIVITY", "CHECKOUT", "MERGE", "M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "BAN"}
)
_INIT: Final = "RequestInitializerDict"
_BAD_REDIRECT: Final = (
    'Invalid redirect value, must be one of "follow" or "manual" ("error" won\'t be implemented '
    'since it does not make sense at the edge; use "manual" and check the response status code).'
)
_BAD_INTEGRITY: Final = (
    "Subrequest integrity checking is not implemented. The integrity option must be either "
    "undefined or an empty string."
)


class Request(Body, js_name="Request"):
    """A request: to be sent, or received."""

    _url: str
    _method: str
    _redirect: str
    _cf: JsValue
    _cache: str | None
    _signal: AbortSignal | None
    # What `signal` shows where none was given: it is made when it is first looked at.
    _silent_signal: AbortSignal | None = None

    def __init__(self, target: JsValue = MISSING, init: JsValue = None) -> None:
        if target is MISSING:
            raise refused_construction("Request", 1, "Request or string")
        if init is not None and not isinstance(init, JsNull) and not is_object(init):
            raise refused_construction("Request", 2, f"{_INIT} or Request")
        if isinstance(target, Request):
            self._inherit(target)
            source: Request | None = target
        else:
            self._set_target(target)
            source = None
        if isinstance(init, Request):
            url = self._url
            self._inherit(init)
            self._url = url
            source = init
        elif is_object(init):
            source = self._apply(init, source)
        if source is not None:
            self._move_body(source)
        if self._source is not None and self._method in ("GET", "HEAD"):
            raise type_error("Request with a GET or HEAD method cannot have a body.")

    @classmethod
    def _incoming(
        cls,
        method: str,
        url: str,
        header_pairs: list[tuple[str, str]],
        body: AsyncIterator[bytes] | bytes | None = None,
        *,
        cf: JsValue = None,
        redirect: str = "manual",
        signal: AbortSignal | None = None,
    ) -> Request:
        """What arrived. Nothing is checked; `url` is normalised already, without a fragment."""
        self = cls.__new__(cls)
        self._url = url
        self._method = method
        self._headers = Headers._of(header_pairs, guard=GUARD_REQUEST)
        self._redirect = redirect
        self._cf = cf
        self._cache = None
        self._signal = signal
        if body is None or type(body) is bytes:
            self._source = body
        else:
            assert isinstance(body, AsyncIterator), "a body is nothing, bytes, or chunks"
            self._source = ReadableStream._of(HostSource(body), is_bytes=True)
        self._is_used = False
        return self

    def _set_target(self, target: JsValue) -> None:
        url = parse_request_url(target)
        if url is None:
            text = target.href if isinstance(target, URL) else to_string(target)
            raise type_error(f"Invalid URL: {text}")
        self._url = url
        self._method = "GET"
        self._headers = Headers()
        self._redirect = "follow"
        self._cf = None
        self._cache = None
        self._signal = None
        self._set_body(None)

    def _inherit(self, other: Request) -> None:
        """Everything of another request but its body."""
        self._url = other._url
        self._method = other._method
        self._headers = Headers(other._headers)
        self._redirect = other._redirect
        self._cf = other._cf
        self._cache = other._cache
        self._signal = other._signal
        self._set_body(None)

    def _move_body(self, source: Request) -> None:
        if source.bodyUsed:
            raise type_error("Cannot reconstruct a Request with a used body.")
        if source._has_body() and self._method in ("GET", "HEAD"):
            raise type_error("Request with a GET or HEAD method cannot have a body.")
        self._source = source._take_body()

    def _apply(self, init: JsValue, source: Request | None) -> Request | None:
        """Take the members of an init object. The answer is whose body is still to be moved."""
        self._apply_method(init)
        self._apply_policy(init)
        headers = member(init, "headers")
        if headers is not None:
            self._headers = Headers(headers)
        signal = member(init, "signal")
        if isinstance(signal, AbortSignal):
            self._signal = signal
        elif signal is not None and not isinstance(signal, JsNull):
            raise field_error("signal", _INIT, "AbortSignal")
        cf = cf_init(member(init, "cf"), _INIT)
        self._cf = self._cf if cf is None else cf
        body = member(init, "body")
        if body is None:
            return source
        extracted = body_init(body)
        self._source = extracted.source
        if extracted.content_type is not None and not self._headers.has("content-type"):
            self._headers.append("Content-Type", extracted.content_type)
        return None

    def _apply_method(self, init: JsValue) -> None:
        method = member(init, "method")
        if method is None:
            return
        text = to_string(method)
        self._method = text.upper()
        if self._method not in METHODS:
            raise type_error(f"Invalid HTTP method string: {text}")

    def _apply_policy(self, init: JsValue) -> None:
        redirect = member(init, "redirect")
        if redirect is not None:
            self._redirect = to_string(redirect).lower()
            if self._redirect not in ("follow", "manual"):
                raise type_error(_BAD_REDIRECT)
        cache = member(init, "cache")
        if cache is not None:
            self._cache = to_string(cache)
            if self._cache not in ("no-store", "no-cache"):
                raise type_error(f"Unsupported cache mode: {self._cache}")
        integrity = member(init, "integrity")
        if integrity is not None and js_truthy(integrity):
            raise type_error(_BAD_INTEGRITY)

    # --- JavaScript

    @property
    def method(self) -> str:
        return self._method

    @property
    def url(self) -> str:
        return self._url

    @property
    def headers(self) -> Headers:
        return self._headers

    @property
    def redirect(self) -> str:
        return self._redirect

    @property
    def fetcher(self) -> Any:
        return jsnull

    @property
    def signal(self) -> AbortSignal:
        if self._signal is not None:
            return self._signal
        if self._silent_signal is None:
            self._silent_signal = AbortSignal._fresh()
        return self._silent_signal

    @property
    def cf(self) -> Any:
        return from_js(self._cf)

    @property
    def integrity(self) -> str:
        return ""

    @property
    def keepalive(self) -> bool:
        return False

    @property
    def cache(self) -> str | None:
        return self._cache

    def clone(self) -> Request:
        body: BodySource = self._clone_body()
        result = Request.__new__(Request)
        result._inherit(self)
        result._headers._guard = self._headers._guard
        result._source = body
        return result
