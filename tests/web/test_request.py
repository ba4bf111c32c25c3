from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.values import JsException, JsObject, PyProxy, jsnull
from emulator.web.abort import AbortController
from emulator.web.request import Request
from emulator.web.url import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

USED = (
    "TypeError: Body has already been used. It can only be used once. "
    "Use tee() first if you need to read it twice."
)
GET_BODY = "TypeError: Request with a GET or HEAD method cannot have a body."


def refused(call: Any) -> str:
    with pytest.raises(JsException) as info:
        call()
    return str(info.value)


def request(url: Any = "http://x", **init: Any) -> Request:
    return Request(url, JsObject(init))


def post(**init: Any) -> Request:
    return request("http://x/#q", method="POST", body="hi", headers=JsObject({"a": "b"}), **init)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://X.com:80", "http://x.com/"),
        ("http://x/y#z", "http://x/y#z"),
        ("http://u:p@x/y", "http://u:p@x/y"),
        ("  http://x/a b?c d  ", "http://x/a%20b?c%20d"),
        ("http://é.com/é?é", "http://xn--9ca.com/%C3%A9?%C3%A9"),
        ("http://x/%7Ea/../b/./c?%zz", "http://x/b/c?%zz"),
        ("ftp://x/y", "ftp://x/y"),
        (URL("http://q/#f"), "http://q/#f"),
    ],
)
def test_urls_are_normalised(given: Any, url: str) -> None:
    assert Request(given).url == url


@pytest.mark.parametrize("given", ["/rel", "", "http://", "http://a:99999", 5])
def test_a_url_that_is_not_absolute_is_refused_in_its_own_words(given: Any) -> None:
    assert refused(lambda: Request(given)) == f"TypeError: Invalid URL: {given}"


@pytest.mark.parametrize("method", ["get", "Post", "patch", "TRACE", "propfind", "PURGE", "query"])
def test_methods_are_upper_cased(method: str) -> None:
    assert request(method=method).method == method.upper()


@pytest.mark.parametrize(
    ("method", "shown"),
    [("FOO", "FOO"), ("foo", "foo"), ("", ""), ("CONNECT", "CONNECT"), (jsnull, "null"), (5, "5")],
)
def test_an_unknown_method_is_refused(method: Any, shown: str) -> None:
    text = f"TypeError: Invalid HTTP method string: {shown}"
    assert refused(lambda: request(method=method)) == text


@pytest.mark.parametrize("init", [{"body": "x"}, {"body": ""}, {"method": "HEAD", "body": "x"}])
def test_a_get_has_no_body(init: dict[str, Any]) -> None:
    assert refused(lambda: request(**init)) == GET_BODY
    assert request(body=jsnull).body is jsnull


_REDIRECT = (
    'TypeError: Invalid redirect value, must be one of "follow" or "manual" ("error" won\'t be '
    'implemented since it does not make sense at the edge; use "manual" and check the response '
    "status code)."
)


@pytest.mark.parametrize(
    ("init", "text"),
    [
        ({"redirect": "error"}, _REDIRECT),
        ({"redirect": jsnull}, _REDIRECT),
        ({"cache": "reload"}, "TypeError: Unsupported cache mode: reload"),
        (
            {"integrity": "sha"},
            "TypeError: Subrequest integrity checking is not implemented. The integrity option "
            "must be either undefined or an empty string.",
        ),
        (
            {"signal": 1},
            "TypeError: Incorrect type for the 'signal' field on 'RequestInitializerDict': "
            "the provided value is not of type 'AbortSignal'.",
        ),
        (
            {"cf": 5},
            "TypeError: Incorrect type for the 'cf' field on 'RequestInitializerDict': "
            "the provided value is not of type 'Object'.",
        ),
    ],
)
def test_options_are_checked(init: dict[str, Any], text: str) -> None:
    assert refused(lambda: request(**init)) == text


def test_the_arguments_are_checked() -> None:
    assert refused(Request) == (
        "TypeError: Failed to construct 'Request': constructor parameter 1 is not of type "
        "'Request or string'."
    )
    assert refused(lambda: Request("http://x", "POST")) == (
        "TypeError: Failed to construct 'Request': constructor parameter 2 is not of type "
        "'RequestInitializerDict or Request'."
    )
    assert Request("http://x", jsnull).method == "GET"
    assert Request("http://x", PyProxy({"method": "PUT"})).method == "PUT"


def test_the_defaults() -> None:
    made = Request("http://x")
    assert (made.redirect, made.fetcher, made.cf, made.integrity) == ("follow", jsnull, None, "")
    assert (made.keepalive, made.cache, made.body, made.bodyUsed) == (False, None, jsnull, False)
    assert made.signal is made.signal
    assert made.signal.aborted is False
    assert not hasattr(made, "credentials")
    assert request(redirect="Follow", cache="no-store").cache == "no-store"


def test_a_string_body_brings_its_content_type() -> None:
    assert post().headers.get("content-type") == "text/plain;charset=UTF-8"
    own = request(method="POST", body="x", headers=JsObject({"content-type": "a/b"}))
    assert own.headers.get("content-type") == "a/b"


async def test_a_request_of_a_request_takes_the_body() -> None:
    first = post(cf=JsObject({"a": 1}), redirect="manual")
    second = Request(first)
    assert (second.method, second.url, second.redirect, second.cf.a) == (
        "POST",
        "http://x/#q",
        "manual",
        1,
    )
    assert (first.bodyUsed, second.bodyUsed) == (True, False)
    assert await second.text() == "hi"


async def test_init_headers_replace_those_of_the_request() -> None:
    second = Request(post(), JsObject({"method": "PUT", "headers": JsObject({"c": "d"})}))
    assert [list(pair) for pair in second.headers] == [["c", "d"]]
    assert (second.method, await second.text()) == ("PUT", "hi")


async def test_a_request_as_init_gives_all_but_its_url() -> None:
    source = post(redirect="manual")
    made = Request("http://z", source)
    assert (made.url, made.method, made.redirect, await made.text()) == (
        "http://z/",
        "POST",
        "manual",
        "hi",
    )
    assert source.bodyUsed


def test_a_body_in_init_leaves_the_other_alone() -> None:
    first = post()
    assert Request(first, JsObject({"body": jsnull})).body is jsnull
    assert Request(first, JsObject({"body": "yo"})).bodyUsed is False
    assert first.bodyUsed is False
    assert refused(lambda: Request(first, JsObject({"method": "GET"}))) == GET_BODY


async def test_a_used_request_needs_a_new_body() -> None:
    first = post()
    await first.text()
    assert refused(lambda: Request(first)) == (
        "TypeError: Cannot reconstruct a Request with a used body."
    )
    assert await Request(first, JsObject({"body": "n"})).text() == "n"


async def test_a_clone_has_its_own_body() -> None:
    first = post()
    second = first.clone()
    assert (await first.text(), await second.text(), second.url) == ("hi", "hi", "http://x/#q")


async def test_a_used_or_locked_request_cannot_be_cloned() -> None:
    used = post()
    await used.text()
    locked = post()
    locked.body.getReader()
    text = "TypeError: This ReadableStream is currently locked to a reader,"
    assert refused(used.clone) == refused(locked.clone) == text


def test_what_arrived_is_immutable_and_manual() -> None:
    arrived = Request._incoming("GET", "http://a/b", [("Host", "a")])
    assert (arrived.redirect, arrived.body, arrived.headers.get("host")) == ("manual", jsnull, "a")
    text = "TypeError: Can't modify immutable headers."
    assert refused(lambda: arrived.headers.set("a", "b")) == text
    assert refused(lambda: arrived.clone().headers.set("a", "b")) == text
    Request(arrived).headers.set("a", "b")


async def test_a_streamed_arrival_is_read_and_moved() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for part in (b"ab", b"", b"cd"):
            yield part

    arrived = Request._incoming("POST", "http://a/", [], chunks())
    moved = Request("http://b", arrived)
    assert arrived.bodyUsed
    assert [chunk.to_bytes() async for chunk in moved.body] == [b"ab", b"cd"]


async def test_a_second_read_is_refused() -> None:
    made = post()
    assert await made.text() == "hi"
    with pytest.raises(JsException) as info:
        await made.json()
    assert str(info.value) == USED


async def test_no_body_reads_as_empty_again_and_again() -> None:
    made = Request("http://x")
    assert (await made.text(), made.bodyUsed, await made.text()) == ("", False, "")


def test_the_signal_of_init_is_the_requests() -> None:
    controller = AbortController()
    made = request(signal=controller.signal)
    controller.abort()
    assert made.signal.aborted
    assert request(signal=jsnull).signal.aborted is False
