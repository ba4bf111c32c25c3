"""The fetch family and its kin, as `js` offers them: the classes of the web ring.

Source: spec python-surface §2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from emulator.core.compat import IMPORT_TIME, warn
from emulator.core.values import JsValue, type_error
from emulator.web.abort import (
    AbortController,
    AbortSignal,
    abort_signal_abort,
    abort_signal_any,
    abort_signal_timeout,
)
from emulator.web.blob import Blob, File
from emulator.web.bodies import Body
from emulator.web.compression import CompressionStream, DecompressionStream
from emulator.web.crypto import Crypto, CryptoKey, SubtleCrypto
from emulator.web.encoding import (
    TextDecoder,
    TextDecoderStream,
    TextEncoder,
    TextEncoderStream,
    atob,
    btoa,
)
from emulator.web.events import (
    CloseEvent,
    CustomEvent,
    ErrorEvent,
    Event,
    EventTarget,
    MessageEvent,
)
from emulator.web.formdata import FormData
from emulator.web.headers import Headers
from emulator.web.readable import ReadableStream, readable_from
from emulator.web.readers import ReadableStreamBYOBReader, ReadableStreamDefaultReader
from emulator.web.request import Request
from emulator.web.response import (
    Response,
    response_error,
    response_json,
    response_redirect,
)
from emulator.web.sinks import WritableStreamDefaultController
from emulator.web.sources import ReadableByteStreamController, ReadableStreamDefaultController
from emulator.web.strategies import ByteLengthQueuingStrategy, CountQueuingStrategy
from emulator.web.transform import (
    FixedLengthStream,
    IdentityTransformStream,
    TransformStream,
    TransformStreamDefaultController,
)
from emulator.web.url import (
    URL,
    URLSearchParams,
    url_can_parse,
    url_create_object_url,
    url_parse,
    url_revoke_object_url,
)
from emulator.web.writable import WritableStream, WritableStreamDefaultWriter
from emulator.worker.javascript.builders import functions, js_class
from emulator.worker.javascript.timers import after_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.host import Host

__all__ = ["web_globals"]

# The classes that are made as they are: the constructor takes JavaScript values.
_CONSTRUCTIBLE = (
    *(Headers, Request, URLSearchParams, FormData, Blob),
    *(WritableStream, TransformStream, IdentityTransformStream, FixedLengthStream),
    *(ReadableStreamDefaultReader, ReadableStreamBYOBReader, WritableStreamDefaultWriter),
    *(CountQueuingStrategy, ByteLengthQueuingStrategy),
    *(TextEncoder, TextDecoder, TextEncoderStream, TextDecoderStream),
    *(CompressionStream, DecompressionStream, AbortController),
    *(Event, CustomEvent, MessageEvent, CloseEvent, ErrorEvent, EventTarget),
)
# The classes whose instances only the platform makes, and those of which only the name is here.
_NAMES_ONLY = ("Navigator", "Performance", "ReadableStreamBYOBRequest")
_ILLEGAL = (
    *(Body, WritableStreamDefaultController),
    *(Crypto, CryptoKey, SubtleCrypto),
    *(ReadableByteStreamController, ReadableStreamDefaultController),
    TransformStreamDefaultController,
)


def web_globals(host: Callable[[], Host]) -> dict[str, Any]:
    names: dict[str, Any] = {c.js_name: js_class(c.js_name, c) for c in _CONSTRUCTIBLE}
    for name in (*(c.js_name for c in _ILLEGAL), *_NAMES_ONLY):
        names[name] = js_class(name, _illegal, plain=_illegal)
    names["Response"] = js_class(
        "Response",
        Response,
        {"json": response_json, "redirect": response_redirect, "error": response_error},
    )
    names["URL"] = js_class(
        "URL",
        URL,
        {
            "canParse": url_can_parse,
            "parse": url_parse,
            "createObjectURL": url_create_object_url,
            "revokeObjectURL": url_revoke_object_url,
        },
    )
    names["ReadableStream"] = js_class("ReadableStream", ReadableStream, {"from": readable_from})
    names["AbortSignal"] = js_class(
        "AbortSignal",
        AbortSignal,
        {
            "abort": abort_signal_abort,
            "any": abort_signal_any,
            "timeout": lambda *delay_ms: abort_signal_timeout(*delay_ms[:1], set_timer=after_ms),
        },
    )
    names["File"] = js_class("File", _file_maker(host))
    names["crypto"] = Crypto(_entropy(host))
    return names | functions({"atob": atob, "btoa": btoa})


def _illegal(*_: JsValue) -> NoReturn:
    raise type_error("Illegal constructor")


def _file_maker(host: Callable[[], Host]) -> Callable[..., File]:
    return lambda *args: File(*args[:3], now_ms=host().clock.now_ms())


def _entropy(host: Callable[[], Host]) -> Callable[[int], bytes]:
    def entropy(count: int) -> bytes:
        here = host()
        if here.is_importing:
            warn(IMPORT_TIME, "There is no entropy while a worker is imported.")
        return here.random.randbytes(count)

    return entropy
