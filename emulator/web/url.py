"""URL and URLSearchParams, over the parser that the runtime itself uses.

Invariants:
1. `URL._parsed` is the truth; `searchParams` is made on first access and kept, and the two follow
   each other: a change of the list sets the query, a change of the query refills the list.
2. Parameters are (name, value) pairs of scalar strings, in order.

Source: WHATWG URL; texts measured on workerd. Proved by tests/web/test_url.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote_to_bytes

import ada_url

from emulator.core.values import (
    JsArray,
    JsException,
    JsIterator,
    JsObject,
    JsProxy,
    JsValue,
    PyProxy,
    error,
    illegal_parameter,
    js_value,
    jsnull,
    to_string,
    type_error,
)
from emulator.web.webidl import (
    MISSING,
    invoke_now,
    iterate,
    refused_construction,
    refused_value,
    usv_string,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "URL",
    "URLSearchParams",
    "parse_form",
    "parse_request_url",
    "serialize_form",
    "url_can_parse",
    "url_create_object_url",
    "url_parse",
    "url_revoke_object_url",
]


def _part(name: str) -> property:
    """A part of a URL that is read and set as the parser does it."""

    def get(self: URL) -> str:
        value: str = getattr(self._parsed, name)
        return value

    def put(self: URL, value: Any) -> None:
        self._set(name, value)

    return property(get, put)


class URL(JsProxy, js_name="URL"):
    """An absolute URL in its parts."""

    def __init__(self, url: JsValue = MISSING, base: JsValue = None) -> None:
        if url is MISSING:
            raise refused_construction("URL", 1, "USVString")
        try:
            self._parsed = ada_url.URL(usv_string(url), None if base is None else usv_string(base))
        except ValueError:
            raise type_error("Invalid URL string.") from None
        self._params: URLSearchParams | None = None

    @property
    def href(self) -> str:
        return self._parsed.href

    @href.setter
    def href(self, value: Any) -> None:
        try:
            self._parsed = ada_url.URL(usv_string(js_value(value)))
        except ValueError:
            raise type_error(
                "Failed to set the 'href' property on 'URL': "
                "the provided value is not of type 'valid URL string'."
            ) from None
        self._refill()

    @property
    def origin(self) -> str:
        return self._parsed.origin

    @origin.setter
    def origin(self, value: Any) -> None:
        raise type_error("Cannot assign to read only property 'origin' of object '[object URL]'")

    protocol = _part("protocol")
    username = _part("username")
    password = _part("password")
    host = _part("host")
    hostname = _part("hostname")
    port = _part("port")
    pathname = _part("pathname")
    hash = _part("hash")

    def _set(self, part: str, value: Any) -> None:
        try:
            setattr(self._parsed, part, usv_string(js_value(value)))
        except ValueError:
            return  # An impossible part leaves the URL as it was, as the standard has it.

    @property
    def search(self) -> str:
        return self._parsed.search

    @search.setter
    def search(self, value: Any) -> None:
        self._set("search", value)
        self._refill()

    @property
    def searchParams(self) -> URLSearchParams:
        if self._params is None:
            self._params = URLSearchParams._of(parse_form(self._parsed.search[1:]), self)
        return self._params

    def _refill(self) -> None:
        if self._params is not None:
            self._params._pairs = parse_form(self._parsed.search[1:])

    def toString(self) -> str:
        return self._parsed.href

    def toJSON(self) -> str:
        return self._parsed.href


def url_can_parse(url: JsValue, base: JsValue = None) -> bool:
    """`URL.canParse`."""
    return url_parse(url, base) is not jsnull


def url_parse(url: JsValue, base: JsValue = None) -> JsValue:
    """`URL.parse`: the URL, or null."""
    try:
        return URL(url, base)
    except JsException:
        return jsnull


class URLSearchParams(JsProxy, js_name="URLSearchParams"):
    """The parameters of a query or a form, in order, with repetitions."""

    def __init__(self, init: JsValue = None) -> None:
        self._url: URL | None = None
        self._pairs: list[tuple[str, str]] = [] if init is None else _initial(init)

    @classmethod
    def _of(cls, pairs: list[tuple[str, str]], url: URL | None = None) -> URLSearchParams:
        self = cls.__new__(cls)
        self._pairs = pairs
        self._url = url
        return self

    def _changed(self) -> None:
        if self._url is not None:
            self._url._parsed.search = serialize_form(self._pairs)

    @property
    def size(self) -> int:
        return len(self._pairs)

    def append(self, name: Any = MISSING, value: Any = MISSING) -> None:
        self._pairs.append((_argument("append", 1, name), _argument("append", 2, value)))
        self._changed()

    def delete(self, name: Any = MISSING, value: Any = None) -> None:
        key, only = _argument("delete", 1, name), _optional(value)
        self._pairs = [p for p in self._pairs if not _matches(p, key, only)]
        self._changed()

    def get(self, name: Any = MISSING) -> Any:
        key = _argument("get", 1, name)
        return next((value for found, value in self._pairs if found == key), jsnull)

    def getAll(self, name: Any = MISSING) -> JsArray:
        key = _argument("getAll", 1, name)
        return JsArray([value for found, value in self._pairs if found == key])

    def has(self, name: Any = MISSING, value: Any = None) -> bool:
        key, only = _argument("has", 1, name), _optional(value)
        return any(_matches(pair, key, only) for pair in self._pairs)

    def set(self, name: Any = MISSING, value: Any = MISSING) -> None:
        key, text = _argument("set", 1, name), _argument("set", 2, value)
        result: list[tuple[str, str]] = []
        is_set = False
        for pair in self._pairs:
            if pair[0] != key:
                result.append(pair)
            elif not is_set:
                is_set = True
                result.append((key, text))
        if not is_set:
            result.append((key, text))
        self._pairs = result
        self._changed()

    def sort(self) -> None:
        """Stable, by UTF-16 code units."""
        self._pairs.sort(key=lambda pair: pair[0].encode("utf-16-be"))
        self._changed()

    def toString(self) -> str:
        return serialize_form(self._pairs)

    def __iter__(self) -> Iterator[JsArray]:
        return (JsArray([name, value]) for name, value in list(self._pairs))

    def __len__(self) -> int:
        return len(self._pairs)

    def entries(self) -> JsIterator:
        return JsIterator("EntryIterator", iter(self))

    def keys(self) -> JsIterator:
        return JsIterator("KeyIterator", iter([name for name, _ in self._pairs]))

    def values(self) -> JsIterator:
        return JsIterator("ValueIterator", iter([value for _, value in self._pairs]))

    def forEach(self, callback: Any, this_arg: Any = None) -> None:
        del this_arg
        function = js_value(callback)
        for name, value in list(self._pairs):
            invoke_now(function, value, name, self)

    # --- Pyodide: item access where the JavaScript class has get, has, set and delete

    def __getitem__(self, name: Any) -> Any:
        return self.get(name)

    def __setitem__(self, name: Any, value: Any) -> None:
        self.set(name, value)

    def __delitem__(self, name: Any) -> None:
        self.delete(name)

    def __contains__(self, name: object) -> bool:
        return self.has(name)


def parse_form(text: str) -> list[tuple[str, str]]:
    """The pairs of an application/x-www-form-urlencoded text."""
    pairs = (part.partition("=") for part in text.split("&") if part)
    return [(_decoded(name), _decoded(value)) for name, _, value in pairs]


def serialize_form(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in pairs)


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")


def _encoded(text: str) -> str:
    # Python's quote never escapes "~", the form encoding always does.
    return quote(text, safe=" *").replace("~", "%7E").replace(" ", "+")


_SEQUENCE_ERROR: Final = "Invalid URL search params sequence."


def _initial(init: JsValue) -> list[tuple[str, str]]:
    if isinstance(init, URLSearchParams):
        return list(init._pairs)
    if isinstance(init, JsObject):
        return [(usv_string(k), usv_string(v)) for k, v in init._own().items()]
    if isinstance(init, PyProxy) and isinstance(init.unwrap(), dict):
        return [
            (usv_string(js_value(k)), usv_string(js_value(v))) for k, v in init.unwrap().items()
        ]
    entries = iterate(init) if isinstance(init, JsProxy) else None
    if entries is not None:
        return [_pair(entry) for entry in entries]
    return parse_form(usv_string(init).removeprefix("?"))


def _pair(entry: JsValue) -> tuple[str, str]:
    members = iterate(entry)
    if members is None:
        raise refused_value("Sequence")
    pair = [usv_string(value) for value in members]
    if len(pair) != 2:
        raise type_error(_SEQUENCE_ERROR)
    return pair[0], pair[1]


def _argument(method: str, position: int, given: Any) -> str:
    if given is MISSING:
        raise illegal_parameter(method, "URLSearchParams", position, "USVString")
    return usv_string(js_value(given))


def _optional(given: Any) -> str | None:
    return None if given is None else usv_string(js_value(given))


def _matches(pair: tuple[str, str], name: str, value: str | None) -> bool:
    return pair[0] == name and (value is None or pair[1] == value)


def url_create_object_url(blob: JsValue = None) -> JsValue:
    """`URL.createObjectURL`."""
    del blob
    raise error("URL.createObjectURL() is not implemented")


def url_revoke_object_url(url: JsValue = None) -> JsValue:
    """`URL.revokeObjectURL`."""
    del url
    raise error("URL.revokeObjectURL() is not implemented")


def parse_request_url(url: JsValue) -> str | None:
    """The normalised URL of a request, its fragment kept; None where it does not parse."""
    text = url.href if isinstance(url, URL) else to_string(url)
    try:
        return ada_url.URL(usv_string(text)).href
    except ValueError:
        return None
