from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.values import (
    ArrayBuffer,
    DataView,
    JsArray,
    JsDate,
    JsException,
    JsObject,
    PyProxy,
    Uint8Array,
    jsnull,
    to_js,
)
from emulator.web.blob import Blob, File
from emulator.web.formdata import FormData
from emulator.web.readable import ReadableStream, readable_from
from emulator.web.request import Request
from emulator.web.response import Response
from emulator.web.url import URL, URLSearchParams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

USED = (
    "TypeError: Body has already been used. It can only be used once. "
    "Use tee() first if you need to read it twice."
)
NOT_BYTES = "TypeError: This ReadableStream did not return bytes."


async def refused(awaitable: Any) -> str:
    with pytest.raises(JsException) as info:
        await awaitable
    return str(info.value)


def stream_of(*chunks: bytes) -> ReadableStream:
    return readable_from(JsArray([to_js(chunk) for chunk in chunks]))


TEXT = "text/plain;charset=UTF-8"


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("é", TEXT, "é"),
        ("", TEXT, ""),
        (to_js(b"A"), None, "A"),
        (ArrayBuffer(bytearray(b"AB")), None, "AB"),
        (DataView(ArrayBuffer(bytearray(b"ABC")), 1), None, "BC"),
        (Blob(JsArray(["x"]), JsObject({"type": "a/b"})), "a/b", "x"),
        (Blob(JsArray(["x"])), None, "x"),
        (File(JsArray(["x"]), "n"), None, "x"),
        (
            URLSearchParams("a=1"),
            "application/x-www-form-urlencoded;charset=UTF-8",
            "a=1",
        ),
        (5, TEXT, "5"),
        (False, TEXT, "false"),
        (JsObject(), TEXT, "[object Object]"),
        (URL("http://x"), TEXT, "http://x/"),
        (Request("http://x"), TEXT, "[object Request]"),
        (
            JsDate(0),
            TEXT,
            "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)",
        ),
        (PyProxy(object), TEXT, str(object)),
        (jsnull, None, ""),
        (None, None, ""),
    ],
)
async def test_every_kind_of_body_is_taken(body: Any, content_type: str | None, text: str) -> None:
    made = Response(body)
    found = made.headers.get("content-type")
    assert (None if found is jsnull else found) == content_type
    assert await made.text() == text


@pytest.mark.parametrize(
    "body", [JsArray([1, 2]), PyProxy([b"a"]), PyProxy(b"abc"), PyProxy({"a": 1}), JsArray(["a"])]
)
async def test_an_iterable_is_a_stream_and_must_give_bytes(body: Any) -> None:
    assert await refused(Response(body).text()) == NOT_BYTES


async def test_an_async_generator_of_buffers_is_a_body() -> None:
    async def chunks() -> AsyncIterator[Any]:
        yield to_js(b"a")
        yield to_js(b"b")

    assert await Response(PyProxy(chunks())).text() == "ab"


async def test_a_form_is_multipart() -> None:
    form = FormData()
    form.append("a", "b")
    made = Response(form)
    kind, _, boundary = made.headers.get("content-type").partition("; boundary=")
    assert (kind, len(boundary)) == ("multipart/form-data", 32)
    assert await made.clone().text() == (
        f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--{boundary}--'
    )
    assert list((await made.formData()).get("a")) == ["b"]


async def test_the_ways_to_read() -> None:
    def made() -> Response:
        return Response("[1]")

    assert (await made().arrayBuffer()).to_bytes() == b"[1]"
    assert (await made().bytes()).constructor.name == "Uint8Array"
    assert (await made().json()).to_py() == [1]
    assert (await (await made().blob()).text(), (await made().blob()).type) == (
        "[1]",
        "text/plain;charset=UTF-8",
    )


async def test_a_byte_order_mark_is_no_text_and_bad_bytes_are_replaced() -> None:
    assert await Response("\ufeffx").text() == "x"
    assert (await Response('\ufeff{"a":1}').json()).a == 1
    bad = Response(to_js(b"\xffA\xe2\x82"))
    assert await bad.text() == "\ufffdA\ufffd"


async def test_json_of_nothing_is_a_syntax_error() -> None:
    text = "SyntaxError: Unexpected end of JSON input"
    assert await refused(Response("").json()) == await refused(Response(None).json()) == text


async def test_a_body_is_read_once() -> None:
    made = Response("x")
    await made.text()
    assert made.bodyUsed
    assert await refused(made.arrayBuffer()) == USED


def test_reading_a_whole_body_does_not_wait() -> None:
    assert Response("x").text().done()
    assert Response("x").text().result() == "x"


async def test_a_locked_body_cannot_be_read() -> None:
    made = Response("x")
    made.body.getReader()
    assert made.bodyUsed is False
    assert await refused(made.text()) == (
        "TypeError: This ReadableStream is currently locked to a reader."
    )


async def test_reading_the_stream_uses_the_body() -> None:
    made = Response("hi")
    reader = made.body.getReader()
    first = await reader.read()
    assert (first.value.to_bytes(), first.done) == (b"hi", False)
    reader.releaseLock()
    assert made.bodyUsed
    assert await refused(made.text()) == USED


async def test_the_body_is_the_same_stream_each_time() -> None:
    made = Response("abc")
    assert made.body is made.body
    assert [chunk.to_bytes() async for chunk in made.body] == [b"abc"]


async def test_a_used_or_locked_stream_is_no_body() -> None:
    used = Response("x")
    await used.text()
    locked = Response("x")
    locked.body.getReader()
    with pytest.raises(JsException) as info:
        Response(used.body)
    assert str(info.value) == (
        "TypeError: This ReadableStream is disturbed (has already been read from), "
        "and cannot be used as a body."
    )
    with pytest.raises(JsException) as info:
        Response(locked.body)
    assert str(info.value) == (
        "TypeError: This ReadableStream is locked to a reader, and cannot be used as a body."
    )


async def test_a_stream_that_is_passed_on_is_one_body() -> None:
    first = Response("abc")
    second = Response(first.body)
    assert (first.bodyUsed, await second.text(), first.bodyUsed) == (False, "abc", True)


async def test_a_cloned_stream_is_read_twice() -> None:
    made = Response(stream_of(b"a", b"b"))
    clone = made.clone()
    assert (await made.text(), await clone.text()) == ("ab", "ab")


async def test_a_failing_stream_fails_the_read() -> None:
    def start(controller: Any) -> None:
        controller.error(JsException("Error", "bo"))

    assert await refused(Response(ReadableStream(PyProxy({"start": start}))).text()) == "Error: bo"


async def test_a_cancelled_body_is_used() -> None:
    made = Response("abc")
    await made.body.cancel("x")
    assert made.bodyUsed


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        (
            "text/html",
            "x",
            "Unrecognized Content-Type header value. FormData can only parse the following MIME "
            "types: multipart/form-data, application/x-www-form-urlencoded",
        ),
        (
            "multipart/form-data",
            "x",
            "No boundary string in Content-Type header. The multipart/form-data MIME type "
            "requires a boundary parameter, e.g. 'Content-Type: multipart/form-data; "
            'boundary="abcd"\'. See RFC 7578, section 4.',
        ),
        (
            "application/x-www-form-urlencoded; charset=latin1",
            "a=1",
            "Non-utf-8 application/x-www-form-urlencoded body.",
        ),
    ],
)
async def test_a_form_needs_its_content_type(content_type: str, body: str, text: str) -> None:
    headers = JsObject({"content-type": content_type})
    made = Response(body, JsObject({"headers": headers}))
    assert await refused(made.formData()) == f"TypeError: {text}"


async def test_a_form_without_a_content_type_is_refused() -> None:
    assert await refused(Response(None).formData()) == (
        "TypeError: Parsing a Body as FormData requires a Content-Type header."
    )


async def test_the_blob_of_a_body_has_its_normalised_type() -> None:
    headers = JsObject({"content-type": "Text/Plain; A=B"})
    blob = await Response("x", JsObject({"headers": headers})).blob()
    assert (blob.type, blob.size) == ("text/plain;a=B", 1)


async def test_a_subarray_gives_its_window_only() -> None:
    view = Uint8Array(ArrayBuffer(bytearray(b"abcdef")), 2, 2)
    assert await Response(view).text() == "cd"
