"""How the platform's own classes are written into the value encoding, and read from it.

Headers, a Blob, and a Request or Response without a body can be stored. A body is a stream, which
only a call can carry; everything else of the platform is refused by the name of its type.

What the classes here do not keep is not written either: `encodeBody`, `encodeResponseBody`, and
whether an empty `statusText` was given.

A call carries more: `carried` moves bodies and streams over, and copies the rest.

Source: spec storage §1.3, §7.3, lifecycle §6.3; the table of headers and the members were recorded on the runtime.
Proved by tests/web/test_host_codec.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    JsException,
    JsObject,
    JsProxy,
    JsValue,
    data_clone_error,
    jsnull,
    type_error,
)
from emulator.core.values.clone import structured_clone
from emulator.core.values.codec import CodecError, dumps, loads
from emulator.core.values.refusals import clone_refusal
from emulator.web.blob import Blob
from emulator.web.headers import GUARD_NONE, Headers, is_header_name
from emulator.web.readable import ReadableStream
from emulator.web.request import Request
from emulator.web.response import Response, response_error
from emulator.web.writable import WritableStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.values.codec import HostSink, HostSource

__all__ = ["WEB_HOST", "WebHostCodec", "carried", "clone_web_object"]

HEADERS: Final = 4
REQUEST: Final = 5
RESPONSE: Final = 6
BLOB: Final = 15

_LOCKED: Final = "The ReadableStream has been locked to a reader."
_STREAM: Final = "ReadableStream can only be serialized for RPC."

# Headers that are written as a number, which counts from 1; 0 precedes the name of any other.
_COMMON: Final = (
    *("Accept-Charset", "Accept-Encoding", "Accept-Language", "Accept-Ranges", "Accept"),
    *("Access-Control-Allow-Origin", "Age", "Allow", "Authorization", "Cache-Control"),
    *("Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length"),
    *("Content-Location", "Content-Range", "Content-Type", "Cookie", "Date", "ETag", "Expect"),
    *("Expires", "From", "Host", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range"),
    *("If-Unmodified-Since", "Last-Modified", "Link", "Location", "Max-Forwards"),
    *("Proxy-Authenticate", "Proxy-Authorization", "Range", "Referer", "Refresh", "Retry-After"),
    *("Server", "Set-Cookie", "Strict-Transport-Security", "Transfer-Encoding", "User-Agent"),
    *("Vary", "Via", "WWW-Authenticate"),
)
_COMMON_IDS: Final = {name.lower(): number for number, name in enumerate(_COMMON, 1)}
_UNCOMMON: Final = len(_COMMON) + 1


def _write_headers(headers: Headers, sink: HostSink) -> None:
    """The common ones by number, then the others as they came; one name for all its values."""
    groups: dict[str, tuple[str, list[str]]] = {}
    for name, value in headers._pairs:
        groups.setdefault(name.lower(), (name, []))[1].append(value)
    sink.uint(headers._guard)
    sink.uint(len(headers._pairs))
    for key in sorted(groups, key=lambda key: _COMMON_IDS.get(key, _UNCOMMON)):
        name, values = groups[key]
        number = _COMMON_IDS.get(key, 0)
        for value in values:
            sink.uint(number)
            if not number:
                sink.text(name)
            sink.text(value)


def _read_headers(source: HostSource) -> Headers:
    guard = source.uint()
    if guard > GUARD_NONE:
        raise CodecError(f"headers cannot have the guard {guard}")
    pairs = []
    for _ in range(source.uint()):
        number = source.uint()
        if number > len(_COMMON):
            raise CodecError(f"there is no common header {number}")
        name = _COMMON[number - 1] if number else source.text()
        if not is_header_name(name):
            raise CodecError(f"{name!r} is not the name of a header")
        pairs.append((name, source.text()))
    return Headers._of(pairs, guard=guard)


def _write_request(request: Request, sink: HostSink) -> None:
    _check_bodiless(request)
    sink.text(request._url)
    _write_members(
        sink,
        method=None if request._method == "GET" else request._method,
        headers=request._headers,
        body=jsnull,
        redirect=None if request._redirect == "follow" else request._redirect,
        fetcher=None,
        cf=request._cf,
        cache=request._cache,
        integrity=None,
        signal=request._signal,
        encodeResponseBody=None,
    )


def _read_request(source: HostSource) -> Request:
    url = source.text()
    init = _read_members(source)
    try:
        return Request(url, init)
    except JsException as exc:
        raise CodecError(f"damaged request: {exc}") from exc


def _write_response(response: Response, sink: HostSink) -> None:
    _check_bodiless(response)
    sink.value(jsnull)
    _write_members(
        sink,
        status=None if response._status == 200 else response._status,
        statusText=response._status_text or None,
        headers=response._headers,
        cf=response._cf,
        webSocket=response._web_socket,
        encodeBody=None,
    )


def _read_response(source: HostSource) -> Response:
    body = source.value()
    init = _read_members(source)
    if init._members.get("status") == 0:
        return response_error()
    try:
        return Response(body, init)
    except JsException as exc:
        raise CodecError(f"damaged response: {exc}") from exc


def _check_bodiless(value: Request | Response) -> None:
    if value._has_body():
        raise data_clone_error(_STREAM)


def _write_members(sink: HostSink, **members: JsValue) -> None:
    # An object like any other: it takes a reference id, so it must live as long as the writer.
    init = JsObject(members)
    sink.alive.append(init)
    sink.value(init)


def _read_members(source: HostSource) -> JsObject:
    init = source.value()
    if not isinstance(init, JsObject):
        raise CodecError("a request or response has no members")
    return init


def _write_blob(blob: Blob, sink: HostSink) -> None:
    sink.text(blob._type)
    sink.data(blob._data)


def _read_blob(source: HostSource) -> Blob:
    content_type = source.text()
    return Blob._of(source.data(), content_type)


# By the class itself: a File is a Blob that cannot be stored.
_TAGS: Final[dict[type, int]] = {
    Headers: HEADERS,
    Request: REQUEST,
    Response: RESPONSE,
    Blob: BLOB,
}
_WRITERS: Final[dict[type, Callable[[Any, HostSink], None]]] = {
    Headers: _write_headers,
    Request: _write_request,
    Response: _write_response,
    Blob: _write_blob,
}
_READERS: Final[dict[int, Callable[[HostSource], JsValue]]] = {
    HEADERS: _read_headers,
    REQUEST: _read_request,
    RESPONSE: _read_response,
    BLOB: _read_blob,
}


class WebHostCodec:
    """The HostCodec of storage, attachments and `structuredClone`."""

    __slots__ = ()

    def tag_of(self, value: JsProxy) -> int | None:
        return _TAGS.get(type(value))

    def write(self, value: JsProxy, sink: HostSink) -> None:
        """Raises: JsException, a DataCloneError for a body or a member that cannot be kept."""
        _WRITERS[type(value)](value, sink)

    def read(self, tag: int, source: HostSource) -> JsValue:
        """Raises: CodecError for an unknown tag, or what no such object can be made of."""
        reader = _READERS.get(tag)
        if reader is None:
            raise CodecError(f"host objects of tag {tag} are not known")
        return reader(source)


WEB_HOST: Final = WebHostCodec()


def clone_web_object(value: JsProxy) -> JsValue:
    """What `structuredClone` makes of an object of the platform: the `host` of the copier.

    Raises:
        JsException: a DataCloneError for what cannot be stored.
    """
    if WEB_HOST.tag_of(value) is None:
        raise clone_refusal(value)
    return loads(dumps(value, host=WEB_HOST), host=WEB_HOST)


def carried(value: JsProxy) -> JsValue:
    """What the other side of a call is given for an object of the platform.

    Raises:
        JsException: a TypeError for a stream or body that is locked or used, a DataCloneError
            for a class that no call carries.
    """
    match value:
        case Request():
            return _carried_request(value)
        case Response():
            return _carried_response(value)
        case Headers():
            return Headers._of(list(value._pairs), guard=value._guard)
        case ReadableStream():
            if value.locked:
                raise type_error(_LOCKED)
            return value
        case WritableStream():
            return value
        case Blob() if type(value) is Blob:
            return Blob._of(value._data, value._type)
        case _:
            raise clone_refusal(value)


def _carried_request(value: Request) -> Request:
    if value._signal is not None:
        raise clone_refusal(value._signal)
    _check_unread(value)
    result = Request.__new__(Request)
    result._inherit(value)
    result._cf = structured_clone(value._cf)
    result._set_body(value._take_body())
    return result


def _carried_response(value: Response) -> Response:
    if isinstance(value._web_socket, JsProxy):
        raise clone_refusal(value._web_socket)
    _check_unread(value)
    pairs = list(value._headers._pairs)
    result = Response._fetched(value._status, value._status_text, pairs, guard=GUARD_NONE)
    result._type = value._type
    result._cf = structured_clone(value._cf)
    result._set_body(value._take_body())
    return result


def _check_unread(value: Request | Response) -> None:
    source = value._source
    if value.bodyUsed or (isinstance(source, ReadableStream) and source.locked):
        raise type_error(_LOCKED)
