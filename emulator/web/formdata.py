"""FormData: the fields of a form, and their two encodings.

Source: XMLHttpRequest standard, RFC 7578; texts and quirks measured on workerd.
Proved by tests/web/test_formdata.py.
"""

from __future__ import annotations

import re
from email.message import Message
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    JsArray,
    JsIterator,
    JsProxy,
    JsValue,
    illegal_parameter,
    js_value,
    jsnull,
    to_string,
    type_error,
)
from emulator.web.blob import Blob, File
from emulator.web.url import parse_form
from emulator.web.webidl import MISSING, invoke_now, lossy_text, utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FormData", "content_type_of", "encode_multipart", "parse_form_data"]

type FormValue = str | Blob


class FormData(JsProxy, js_name="FormData"):
    """Named values, in order, with repetitions. A value is a string or a File."""

    def __init__(self, unused: JsValue = None) -> None:
        del unused  # Accepted and ignored, as measured.
        self._entries: list[tuple[str, FormValue]] = []

    def append(self, name: Any = MISSING, value: Any = MISSING, filename: Any = None) -> None:
        self._entries.append(_entry("append", name, value, filename))

    def set(self, name: Any = MISSING, value: Any = MISSING, filename: Any = None) -> None:
        entry = _entry("set", name, value, filename)
        places = [i for i, known in enumerate(self._entries) if known[0] == entry[0]]
        kept = [known for known in self._entries if known[0] != entry[0]]
        kept.insert(places[0] if places else len(kept), entry)
        self._entries = kept

    def delete(self, name: Any = MISSING) -> None:
        key = _string("delete", 1, name)
        self._entries = [entry for entry in self._entries if entry[0] != key]

    def get(self, name: Any = MISSING) -> Any:
        key = _string("get", 1, name)
        return next((value for found, value in self._entries if found == key), jsnull)

    def getAll(self, name: Any = MISSING) -> JsArray:
        key = _string("getAll", 1, name)
        return JsArray([value for found, value in self._entries if found == key])

    def has(self, name: Any = MISSING) -> bool:
        key = _string("has", 1, name)
        return any(found == key for found, _ in self._entries)

    def __iter__(self) -> Iterator[JsArray]:
        return (JsArray([name, value]) for name, value in list(self._entries))

    def entries(self) -> JsIterator:
        return JsIterator("EntryIterator", iter(self))

    def keys(self) -> JsIterator:
        return JsIterator("KeyIterator", iter([name for name, _ in self._entries]))

    def values(self) -> JsIterator:
        return JsIterator("ValueIterator", iter([value for _, value in self._entries]))

    def forEach(self, callback: Any, this_arg: Any = None) -> None:
        del this_arg
        function = js_value(callback)
        for name, value in list(self._entries):
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


def _string(method: str, position: int, given: Any, expected: str = "string") -> str:
    if given is MISSING:
        raise illegal_parameter(method, "FormData", position, expected)
    return lossy_text(to_string(js_value(given)))


def _entry(method: str, name: Any, value: Any, filename: Any) -> tuple[str, FormValue]:
    key = _string(method, 1, name)
    inside = value if value is MISSING else js_value(value)
    if not isinstance(inside, Blob):
        return key, _string(method, 2, inside, "File or Blob or string")
    if filename is not None:
        title = to_string(js_value(filename))
    elif isinstance(inside, File):
        return key, inside
    else:
        # The platform names a bare blob after its field, not "blob" (measured).
        title = key
    modified_ms = inside._modified_ms if isinstance(inside, File) else 0
    return key, File._named(inside._data, title, inside._type, modified_ms)


# --- multipart/form-data, written


def encode_multipart(form: FormData, boundary: str) -> bytes:
    """The form as a multipart body. `boundary` is 32 hexadecimal digits."""
    parts: list[bytes] = []
    for name, value in form._entries:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_escaped(name)}"'
        if isinstance(value, Blob):
            title = value._name if isinstance(value, File) else name
            kind = value._type or "application/octet-stream"
            head += f'; filename="{_escaped(title)}"\r\nContent-Type: {kind}'
        data = value._data if isinstance(value, Blob) else utf8(value)
        parts += [utf8(head), b"\r\n\r\n", data, b"\r\n"]
    parts.append(f"--{boundary}--".encode())
    return b"".join(parts)


def _escaped(text: str) -> str:
    # A carriage return stays as it is (sic, measured).
    return text.replace("\n", "%0A").replace('"', "%22")


# --- read

_UNKNOWN: Final = (
    "Unrecognized Content-Type header value. FormData can only parse the following MIME types: "
    "multipart/form-data, application/x-www-form-urlencoded"
)
_NO_BOUNDARY: Final = (
    "No boundary string in Content-Type header. The multipart/form-data MIME type requires a "
    "boundary parameter, e.g. 'Content-Type: multipart/form-data; boundary=\"abcd\"'. "
    "See RFC 7578, section 4."
)


def content_type_of(header: str) -> tuple[str, dict[str, str]]:
    """A Content-Type as its lower-case essence and its parameters by lower-case name."""
    message = Message()
    message["content-type"] = header
    essence, *pairs = message.get_params([(header.strip().lower(), "")], unquote=True)
    return essence[0].strip().lower(), {name.lower(): value for name, value in pairs}


def parse_form_data(body: bytes, content_type: str | None) -> FormData:
    """Decode a form.

    Raises:
        JsException: a TypeError that says what is wrong with the header or the body.
    """
    if content_type is None:
        raise type_error("Parsing a Body as FormData requires a Content-Type header.")
    essence, parameters = content_type_of(content_type)
    form = FormData()
    if essence == "multipart/form-data":
        boundary = parameters.get("boundary")
        if not boundary:
            raise type_error(_NO_BOUNDARY)
        form._entries = _parse_multipart(body, boundary.encode())
    elif essence == "application/x-www-form-urlencoded":
        if parameters.get("charset", "utf-8").lower() != "utf-8":
            raise type_error("Non-utf-8 application/x-www-form-urlencoded body.")
        form._entries = list(parse_form(body.decode("utf-8", "replace")))
    else:
        raise type_error(_UNKNOWN)
    return form


_HEAD_END: Final = re.compile(rb"\r?\n\r?\n").search
_LINE: Final = re.compile(r"\r?\n")
_PARAMETER: Final = re.compile(
    r';\s*(?P<name>[A-Za-z0-9_-]+)\s*=\s*"(?P<value>(?:[^"\\]|\\.)*)"', re.DOTALL
)


def _parse_multipart(body: bytes, boundary: bytes) -> list[tuple[str, FormValue]]:
    mark = b"--" + boundary
    start = body.find(mark)
    if start < 0:
        raise type_error("No initial boundary string (or you have a truncated message).")
    position = start + len(mark)
    entries: list[tuple[str, FormValue]] = []
    split = re.compile(rb"\r?\n" + re.escape(mark)).search
    while body[position : position + 2] != b"--":
        head_end = _HEAD_END(body, position)
        if head_end is None:
            raise type_error("No multipart message header termination found.")
        # An empty body begins where its head ends, so the search may use the head's last line end.
        end = split(body, head_end.end())
        if end is None:
            raise type_error("No subsequent boundary string after multipart message.")
        head = body[position : head_end.start()].decode("utf-8", "replace")
        entries.append(_part(head, body[head_end.end() : end.start()]))
        position = end.end()
    return entries


def _part(head: str, data: bytes) -> tuple[str, FormValue]:
    headers = {
        name.strip().lower(): value.strip()
        for name, separator, value in (line.partition(":") for line in _LINE.split(head))
        if separator
    }
    disposition = headers.get("content-disposition", "")
    if not disposition.lower().startswith("form-data"):
        raise type_error("No valid Content-Disposition header found in FormData part.")
    parameters = {
        found["name"].lower(): re.sub(r"\\(.)", r"\1", found["value"])
        for found in _PARAMETER.finditer(disposition)
    }
    name = parameters.get("name")
    if name is None:
        raise type_error("Content-Disposition header in FormData part is missing a name.")
    filename = parameters.get("filename")
    if filename is None:
        return name, data.decode("utf-8", "replace")
    return name, File._named(data, filename, headers.get("content-type", ""))
