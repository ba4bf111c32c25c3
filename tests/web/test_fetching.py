from __future__ import annotations

from typing import Any

import pytest

from emulator.core.values import JsException, JsObject, JsProxy, jsnull
from emulator.web.fetching import arriving_request, arriving_response, fetch_url
from emulator.web.request import Request
from emulator.web.response import Response, response_error


class Socket(JsProxy, js_name="WebSocket"):
    """Stands for a WebSocket, which this ring does not know."""


def refused(call: Any) -> str:
    with pytest.raises(JsException) as info:
        call()
    return str(info.value)


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("http://u:p@x/y?q#f", "http://x/y?q"),
        ("https://x/a@b", "https://x/a@b"),
        ("http://x/", "http://x/"),
    ],
)
def test_fragment_and_credentials_stay_at_home(sent: str, seen: str) -> None:
    assert fetch_url(sent) == seen


@pytest.mark.parametrize("url", ["ftp://x/y", "ws://x/", "data:x"])
def test_only_http_is_fetched(url: str) -> None:
    assert refused(lambda: arriving_request(Request(url))) == (
        f"TypeError: Fetch API cannot load: {url}"
    )


async def test_a_request_arrives_with_what_its_sender_set() -> None:
    sent = Request("http://x/#f", JsObject({"method": "post", "body": "hi"}))
    arrived = arriving_request(sent)
    assert (arrived.url, arrived.method, arrived.redirect) == ("http://x/", "POST", "manual")
    assert [list(pair) for pair in arrived.headers] == [
        ["content-length", "2"],
        ["content-type", "text/plain;charset=UTF-8"],
    ]
    assert (sent.bodyUsed, await arrived.text()) == (True, "hi")


async def test_a_response_arrives_with_its_url_and_immutable() -> None:
    returned = Response("ok", JsObject({"headers": JsObject({"a": "b"})}))
    arrived = arriving_response(returned, Request("http://x/y"))
    assert (arrived.url, arrived.statusText, await arrived.text()) == ("http://x/y", "OK", "ok")
    assert returned.bodyUsed
    assert refused(lambda: arrived.headers.set("a", "c")) == (
        "TypeError: Can't modify immutable headers."
    )
    odd = Response(None, JsObject({"status": 299, "statusText": ""}))
    assert arriving_response(odd, Request("http://x")).statusText == ""


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (None, "Incorrect type for Promise: the Promise did not resolve to 'Response'."),
        (
            response_error(),
            "Return value from serve handler must not be an error response (like Response.error())",
        ),
        (
            Response(None, JsObject({"status": 101, "webSocket": Socket()})),
            "Worker tried to return a WebSocket in a response to a request which did not contain "
            'the header "Upgrade: websocket".',
        ),
    ],
    ids=["nothing", "error", "upgrade"],
)
def test_what_is_no_answer_is_refused(returned: Any, text: str) -> None:
    assert refused(lambda: arriving_response(returned, Request("http://x"))) == f"TypeError: {text}"


def test_an_upgrade_arrives_with_its_socket() -> None:
    socket = Socket()
    request = Request("http://x", JsObject({"headers": JsObject({"Upgrade": "WebSocket"})}))
    returned = Response(None, JsObject({"status": 101, "webSocket": socket}))
    arrived = arriving_response(returned, request)
    assert (arrived.status, arrived.webSocket is socket, arrived.body) == (101, True, jsnull)


async def test_a_used_body_cannot_be_sent_again() -> None:
    returned = Response("x")
    await returned.text()
    assert refused(lambda: arriving_response(returned, Request("http://x"))).startswith(
        "TypeError: Body has already been used."
    )
