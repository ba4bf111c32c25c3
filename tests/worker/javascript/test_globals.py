"""The names of `js`: those that are there, those that are refused, those that nobody has."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from emulator.core.values import JsException
from emulator.errors import EmulatorError
from emulator.worker.javascript.absent import ABSENT

# spec: python-surface §2.1, the language, and the fetch family.
NAMES = (
    *("Object", "Array", "Map", "Set", "WeakMap", "WeakSet", "WeakRef", "Promise", "Symbol"),
    *("Math", "JSON", "Date", "Number", "String", "Boolean", "BigInt", "RegExp", "Reflect"),
    *("Iterator", "FinalizationRegistry", "ArrayBuffer", "DataView", "Uint8Array", "Float64Array"),
    *("Int8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array"),
    *("Float16Array", "Float32Array", "BigInt64Array", "BigUint64Array"),
    *("Error", "TypeError", "RangeError", "SyntaxError", "ReferenceError", "EvalError"),
    *("URIError", "AggregateError", "DOMException"),
    *("parseInt", "parseFloat", "isNaN", "isFinite", "NaN", "Infinity", "undefined", "globalThis"),
    *("encodeURIComponent", "decodeURIComponent", "encodeURI", "decodeURI", "escape", "unescape"),
    *("Headers", "Request", "Response", "FormData", "Blob", "File", "URL", "URLSearchParams"),
    *("ReadableStream", "WritableStream", "TransformStream", "IdentityTransformStream"),
    *("FixedLengthStream", "ReadableStreamDefaultReader", "WritableStreamDefaultWriter"),
    *("CountQueuingStrategy", "ByteLengthQueuingStrategy", "CompressionStream"),
    *("DecompressionStream", "TextEncoder", "TextDecoder", "TextEncoderStream"),
    *("TextDecoderStream", "AbortController", "AbortSignal", "Event", "EventTarget"),
    *("CustomEvent", "MessageEvent", "CloseEvent", "ErrorEvent", "Crypto", "CryptoKey"),
    *("WebSocket", "WebSocketPair", "WebSocketRequestResponsePair", "self"),
    *("fetch", "setTimeout", "setInterval", "clearTimeout", "clearInterval", "queueMicrotask"),
    *("scheduler", "structuredClone", "reportError", "atob", "btoa", "performance", "console"),
    *("crypto", "navigator", "Cloudflare"),
)


# Every name of the platform's global scope (recorded on the runtime, date 2026-11-01).
PLATFORM = [
    "AbortController",
    "AbortSignal",
    "AggregateError",
    "Array",
    "ArrayBuffer",
    "AsyncDisposableStack",
    "Atomics",
    "BigInt",
    "BigInt64Array",
    "BigUint64Array",
    "Blob",
    "Body",
    "Boolean",
    "Buffer",
    "ByteLengthQueuingStrategy",
    "Cache",
    "CacheStorage",
    "CloseEvent",
    "Cloudflare",
    "CompressionStream",
    "CountQueuingStrategy",
    "Crypto",
    "CryptoKey",
    "CustomEvent",
    "DOMException",
    "DataView",
    "Date",
    "DecompressionStream",
    "DisposableStack",
    "Error",
    "ErrorEvent",
    "EvalError",
    "Event",
    "EventSource",
    "EventTarget",
    "ExtendableEvent",
    "FetchEvent",
    "File",
    "FinalizationRegistry",
    "FixedLengthStream",
    "Float16Array",
    "Float32Array",
    "Float64Array",
    "FormData",
    "Function",
    "HTMLRewriter",
    "Headers",
    "IdentityTransformStream",
    "Infinity",
    "Int16Array",
    "Int32Array",
    "Int8Array",
    "Intl",
    "Iterator",
    "JSON",
    "Map",
    "Math",
    "MessageChannel",
    "MessageEvent",
    "MessagePort",
    "NaN",
    "Navigator",
    "Number",
    "Object",
    "Performance",
    "PerformanceEntry",
    "PerformanceMark",
    "PerformanceMeasure",
    "PerformanceObserver",
    "PerformanceObserverEntryList",
    "PerformanceResourceTiming",
    "Promise",
    "PromiseRejectionEvent",
    "Proxy",
    "RangeError",
    "ReadableByteStreamController",
    "ReadableStream",
    "ReadableStreamBYOBReader",
    "ReadableStreamBYOBRequest",
    "ReadableStreamDefaultController",
    "ReadableStreamDefaultReader",
    "ReferenceError",
    "Reflect",
    "RegExp",
    "Request",
    "Response",
    "ScheduledEvent",
    "ServiceWorkerGlobalScope",
    "Set",
    "SharedArrayBuffer",
    "String",
    "SubtleCrypto",
    "SuppressedError",
    "Symbol",
    "SyntaxError",
    "TailEvent",
    "TextDecoder",
    "TextDecoderStream",
    "TextEncoder",
    "TextEncoderStream",
    "TraceEvent",
    "TransformStream",
    "TransformStreamDefaultController",
    "TypeError",
    "URIError",
    "URL",
    "URLPattern",
    "URLSearchParams",
    "Uint16Array",
    "Uint32Array",
    "Uint8Array",
    "Uint8ClampedArray",
    "WeakMap",
    "WeakRef",
    "WeakSet",
    "WebAssembly",
    "WebSocket",
    "WebSocketPair",
    "WebSocketRequestResponsePair",
    "WorkerGlobalScope",
    "WritableStream",
    "WritableStreamDefaultController",
    "WritableStreamDefaultWriter",
    "addEventListener",
    "atob",
    "btoa",
    "caches",
    "clearImmediate",
    "clearInterval",
    "clearTimeout",
    "console",
    "crypto",
    "decodeURI",
    "decodeURIComponent",
    "dispatchEvent",
    "encodeURI",
    "encodeURIComponent",
    "escape",
    "eval",
    "fetch",
    "global",
    "globalThis",
    "isFinite",
    "isNaN",
    "navigator",
    "origin",
    "parseFloat",
    "parseInt",
    "performance",
    "process",
    "queueMicrotask",
    "removeEventListener",
    "reportError",
    "scheduler",
    "self",
    "setImmediate",
    "setInterval",
    "setTimeout",
    "structuredClone",
    "undefined",
    "unescape",
]


@pytest.mark.parametrize("name", PLATFORM)
def test_every_name_of_the_platform_is_offered_or_refused_by_name(js: Any, name: str) -> None:
    assert hasattr(js, name) is (name not in ABSENT)


def test_nothing_is_refused_that_the_platform_lacks() -> None:
    assert set(ABSENT) <= set(PLATFORM)


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_there(js: Any, name: str) -> None:
    assert hasattr(js, name)


def test_a_name_that_nobody_has_is_missing_with_its_name_only(js: Any) -> None:
    with pytest.raises(AttributeError) as caught:
        _ = js.nosuch
    assert str(caught.value) == "nosuch"


@pytest.mark.parametrize("name", ABSENT)
def test_a_name_that_only_the_platform_has_says_so(js: Any, name: str) -> None:
    assert not hasattr(js, name)
    with pytest.raises(EmulatorError, match=f"js.{name}, but the emulator does not offer it"):
        getattr(js, name)


def test_an_import_of_such_a_name_says_so_too(js: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "js", js)
    with pytest.raises(ImportError, match="the emulator does not offer it: belongs to another"):
        exec("from js import caches")
    with pytest.raises(ImportError, match="cannot import name 'nosuch' from 'js'"):
        exec("from js import nosuch")


def test_a_class_shows_as_a_native_function(js: Any) -> None:
    assert repr(js.Map) == "function Map() { [native code] }"
    assert (js.Map.typeof, js.Map.constructor.name, js.Map.name) == ("function", "Function", "Map")
    assert repr(js.fetch) == "function fetch() { [native code] }"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Map", "TypeError: Constructor Map requires 'new'"),
        ("Uint8Array", "TypeError: Constructor Uint8Array requires 'new'"),
        ("Promise", "TypeError: Promise constructor cannot be invoked without 'new'"),
        ("Headers", "TypeError: Failed to construct 'Headers': Please use the 'new' operator, "),
        ("Crypto", "TypeError: Illegal constructor"),
    ],
)
def test_a_class_that_wants_new_cannot_be_called(js: Any, name: str, words: str) -> None:
    with pytest.raises(JsException) as caught:
        getattr(js, name)()
    assert str(caught.value).startswith(words)


def test_surplus_arguments_are_dropped(js: Any) -> None:
    assert js.Headers.new(None, 1, 2).get("a") is not None
    assert js.TextEncoder.new("utf-8", 1).encode("a").to_bytes() == b"a"
    assert js.parseInt("12", 10, "surplus") == 12


def test_keywords_are_the_trailing_options_object(js: Any) -> None:
    assert js.Response.new("x", status=202).status == 202


def test_statics_are_there(js: Any) -> None:
    assert js.Response.json(js.Object.fromEntries([["a", 1]])).status == 200
    assert js.Response.redirect("http://a/", 301).status == 301
    assert js.URL.canParse("http://a/")
    assert not js.URL.canParse("/rel")
    assert js.AbortSignal.abort().aborted
    assert js.ReadableStream.from_(js.Array.of("a")).constructor.name == "ReadableStream"
    assert getattr(js.ReadableStream, "from") is js.ReadableStream.from_
    assert (js.WebSocket.OPEN, js.WebSocket.READY_STATE_CLOSED) == (1, 3)


def test_the_worker_is_known_by_its_flags_and_agent(js: Any) -> None:
    assert js.navigator.userAgent == "Cloudflare-Workers"
    assert js.Cloudflare.compatibilityFlags.python_workers is True
    assert js.globalThis is js


def test_report_error_reaches_the_developer(js: Any, surroundings: Any) -> None:
    js.reportError(js.TypeError.new("oh"))
    (reported,) = surroundings.reported
    assert str(reported) == "TypeError: oh"


def test_base64(js: Any) -> None:
    assert js.btoa("hi") == "aGk="
    assert js.atob("aGk=") == "hi"


def test_crypto_is_the_emulators_dice(js: Any) -> None:
    first = js.crypto.randomUUID()
    assert first != js.crypto.randomUUID()
    assert first[14] == "4"
    view = js.Uint8Array.new(4)
    assert js.crypto.getRandomValues(view) is view
    assert any(view.to_bytes())


def test_the_clock_is_the_emulators(js: Any) -> None:
    assert js.Date.now() == 1_767_225_600_123
    assert js.Date.new().getTime() == 1_767_225_600_123
    assert js.performance.now() == 1_767_225_600_123
    assert js.performance.timeOrigin == 0
    assert js.File.new(js.Array.new(), "a").lastModified == 1_767_225_600_123
