from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.values import JsException, JsObject, JsProxy, jsnull
from emulator.web.response import Response, response_error, response_json, response_redirect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RANGE = (
    "RangeError: Responses may only be constructed with status codes in the range 200 to 599, "
    "inclusive."
)
NULL_BODY = "TypeError: Response with null body status (101, 204, 205, or 304) cannot have a body."


class Socket(JsProxy, js_name="WebSocket"):
    """Stands for a WebSocket, which this ring does not know."""


def refused(call: Any) -> str:
    with pytest.raises(JsException) as info:
        call()
    return str(info.value)


def response(body: Any = None, **init: Any) -> Response:
    return Response(body, JsObject(init))


@pytest.mark.parametrize("status", [99, 100, 101, 103, 199, 600, -1, float("nan"), jsnull])
def test_a_status_outside_200_to_599_is_refused(status: Any) -> None:
    assert refused(lambda: response(status=status)) == RANGE


@pytest.mark.parametrize(
    ("given", "status"), [(200, 200), (304.7, 304), ("201", 201), (599, 599), (None, 200)]
)
def test_a_status_is_an_integer(given: Any, status: int) -> None:
    assert response(status=given).status == status


def test_a_status_beyond_32_bits_is_a_type_error() -> None:
    assert refused(lambda: response(status=1e10)) == (
        "TypeError: Value out of range. Must be between -2147483648 and 2147483647 (inclusive)."
    )


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_null_body_status_takes_no_body_but_an_empty_string(status: int) -> None:
    assert refused(lambda: response("x", status=status)) == NULL_BODY
    assert response("", status=status).body is jsnull


def test_the_defaults() -> None:
    made = Response("x")
    assert (made.status, made.statusText, made.ok, made.redirected) == (200, "", True, False)
    assert (made.url, made.type, made.webSocket, made.cf) == ("", "default", jsnull, None)
    assert not hasattr(made, "encodeBody")
    assert [list(p) for p in made.headers] == [["content-type", "text/plain;charset=UTF-8"]]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: response(statusText="a\nb"), "TypeError: Invalid statusText"),
        (lambda: response(encodeBody="foo"), "TypeError: encodeBody: unexpected value: foo"),
        (
            lambda: Response("x", "y"),
            "TypeError: Failed to construct 'Response': constructor parameter 2 is not of type "
            "'InitializerDict or Response'.",
        ),
        (
            lambda: response(status=101, webSocket=JsObject()),
            "TypeError: Incorrect type for the 'webSocket' field on 'InitializerDict': "
            "the provided value is not of type 'WebSocket'.",
        ),
        (lambda: response(status=101, webSocket=jsnull), RANGE),
        (
            lambda: response(webSocket=Socket()),
            "RangeError: Responses with a WebSocket must have status code 101.",
        ),
        (lambda: response("x", status=101, webSocket=Socket()), NULL_BODY),
        (
            lambda: response(status=101, webSocket=Socket()).clone(),
            "TypeError: Cannot clone a response to a WebSocket handshake.",
        ),
    ],
)
def test_refusals_have_the_platforms_words(call: Any, text: str) -> None:
    assert refused(call) == text


def test_an_upgrade_keeps_its_socket_also_as_an_init() -> None:
    socket = Socket()
    made = response("", status=101, webSocket=socket, headers=JsObject({"a": "1"}))
    again = Response(None, made)
    assert (again.status, again.webSocket is socket, again.headers.get("a")) == (101, True, "1")


def test_a_response_as_init_gives_status_and_headers() -> None:
    first = response("x", status=404, statusText="NF", headers=JsObject({"a": "1"}))
    second = Response(first.body, first)
    assert (second.status, second.statusText, second.headers.get("a")) == (404, "NF", "1")
    assert first.bodyUsed is False


async def test_clones_are_read_apart() -> None:
    first = response("hé", status=201, headers=JsObject({"a": "1"}))
    second = first.clone()
    second.headers.set("a", "2")
    assert (await first.text(), await second.text()) == ("hé", "hé")
    assert (first.headers.get("a"), second.status) == ("1", 201)


def test_what_was_fetched_is_immutable() -> None:
    fetched = Response._fetched(200, "OK", [("A", "1")], b"x", url="http://x/y")
    assert (fetched.url, fetched.statusText) == ("http://x/y", "OK")
    text = "TypeError: Can't modify immutable headers."
    assert refused(lambda: fetched.headers.set("a", "2")) == text
    assert refused(lambda: fetched.clone().headers.set("a", "2")) == text
    Response(fetched.body, fetched).headers.set("a", "2")


async def test_json_brings_its_content_type_unless_there_is_one() -> None:
    assert await response_json(JsObject({"a": jsnull})).text() == '{"a":null}'
    assert response_json(1).headers.get("content-type") == "application/json"
    own = JsObject({"headers": JsObject({"content-type": "x/y"})})
    assert response_json(1, own).headers.get("content-type") == "x/y"
    empty = JsObject({"status": 204})
    assert refused(lambda: response_json(1, empty)) == NULL_BODY


def test_redirects_are_absolute_and_immutable() -> None:
    made = response_redirect("http://x/a b#f", 301)
    assert (made.status, made.headers.get("location"), made.body) == (
        301,
        "http://x/a%20b#f",
        jsnull,
    )
    assert response_redirect("http://x").status == 302
    assert refused(lambda: made.headers.set("a", "b")) == (
        "TypeError: Can't modify immutable headers."
    )
    assert refused(lambda: response_redirect("/x")) == "TypeError: Unable to parse URL: /x"
    assert refused(lambda: response_redirect("http://x", 200)) == (
        "RangeError: 200 is not a redirect status code. "
        "It must be one of: 301, 302, 303, 307, or 308."
    )


def test_the_error_response() -> None:
    made = response_error()
    assert (made.status, made.type, made.ok, made.body) == (0, "error", False, jsnull)
    assert made.clone().type == "error"


async def test_the_server_takes_bytes_or_chunks_once() -> None:
    whole = Response("x")
    assert whole._body_source() == b"x"
    assert refused(whole._body_source).startswith("TypeError: Body has already been used.")
    assert Response(None)._body_source() is None

    async def chunks() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    streamed = Response._fetched(200, "", [], chunks())
    source = streamed._body_source()
    assert source is not None
    assert not isinstance(source, bytes)
    assert [chunk async for chunk in source] == [b"a", b"b"]


def test_the_header_pairs_are_the_wires() -> None:
    made = response("x", headers=JsObject({"X-A": "1"}))
    assert made._header_pairs() == [
        ("X-A", "1"),
        ("Content-Type", "text/plain;charset=UTF-8"),
    ]
