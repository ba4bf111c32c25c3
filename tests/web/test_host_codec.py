"""The platform's own classes in storage and calls, against recordings of the runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.values import DomException, JsArray, JsException, JsObject, js_value, jsnull
from emulator.core.values.clone import structured_clone
from emulator.core.values.codec import CodecError, dumps, loads
from emulator.web.abort import AbortController, AbortSignal
from emulator.web.blob import Blob, File
from emulator.web.formdata import FormData
from emulator.web.headers import Headers
from emulator.web.host_codec import WEB_HOST, carried, clone_web_object
from emulator.web.promises import Promise, resolved
from emulator.web.readable import ReadableStream
from emulator.web.request import Request
from emulator.web.response import Response, response_error, response_redirect
from emulator.web.transform import TransformStream
from emulator.web.url import URL
from emulator.web.writable import WritableStream

if TYPE_CHECKING:
    from collections.abc import Callable

_CORE = Path(__file__).parents[1] / "core" / "values" / "recorded.json"
_MORE = Path(__file__).with_name("recorded_hosts.json")
RECORDED: dict[str, str] = {
    **{
        name: blob
        for name, blob in json.loads(_CORE.read_text(encoding="utf-8"))["blobs"].items()
        if name.startswith(("headers", "blob", "request", "response"))
    },
    **json.loads(_MORE.read_text(encoding="utf-8"))["blobs"],
}
# What the classes do not keep: see the module's docstring.
_NOT_KEPT = {"r_enc", "s_enc", "t_empty"}
# A request or response that is read has headers of its own, without a guard.
_OWN_HEADERS = {"s_redirect", "s_same", "x_reqh", "g_fetched"}
STREAM = "ReadableStream can only be serialized for RPC."


def obj(**members: Any) -> JsObject:
    return JsObject({key: js_value(value) for key, value in members.items()})


def pairs(*entries: tuple[str, str]) -> Headers:
    headers = Headers()
    for name, value in entries:
        headers.append(name, value)
    return headers


def request(url: str = "http://a/b", **init: Any) -> Request:
    return Request(url, obj(**init))


def response(body: Any = jsnull, **init: Any) -> Response:
    return Response(body, obj(**init))


def hexed(value: Any) -> str:
    return dumps(value, host=WEB_HOST).hex()


def read(blob: str) -> Any:
    return loads(bytes.fromhex(blob), host=WEB_HOST)


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(JsException) as caught:
        action()
    return f"{caught.value.name}: {caught.value.message}"


def same_response() -> JsArray:
    made = response()
    return JsArray([made, made, made.headers, made])


def headers_and_request() -> JsArray:
    made = Request("http://a/b")
    return JsArray([made.headers, made, made.headers])


def cf_and_request() -> JsArray:
    inside = JsObject()
    cf = JsObject({"o": inside})
    return JsArray([inside, Request("http://a/b", JsObject({"cf": cf})), cf])


def twice() -> JsObject:
    headers, blob = Headers(obj(a="b")), Blob(JsArray(["x"]))
    return obj(h=headers, b=blob, h2=headers, b2=blob, n=Blob(JsArray(["x"])))


def touched() -> Request:
    made = Request("http://a/b")
    assert made.signal is made.signal
    return made


BUILT: dict[str, Callable[[], Any]] = {
    "h_order": lambda: pairs(
        *(("X-B", "1"), ("Accept", "2"), ("x-a", "3"), ("X-b", "4"), ("accept", "5")),
        *(("Set-Cookie", "c"), ("Set-Cookie", "d")),
    ),
    "h_wide": lambda: Headers(obj(**{"x-a": "hé", "x-b": "日"})),
    "h_empty": lambda: Headers(obj(**{"": "v", "x": ""})),
    "many": lambda: pairs(
        *((f"z-{i}", str(i)) for i in range(20, 0, -1)),
        *((name, name) for name in ("via", "accept", "X", "etag")),
    ),
    "g_fetchedh": lambda: Response._fetched(200, "", [("a", "b")]).headers,
    "g_redirecth": lambda: response_redirect("http://a/b").headers,
    "g_clonedh": lambda: response_redirect("http://a/b").clone().headers,
    "g_errh": lambda: response_error().headers,
    "g_newresp": lambda: Headers(response_redirect("http://a/b").headers),
    "r_plain": lambda: Request("http://a/b"),
    "r_signaltouched": touched,
    "r_redirect": lambda: request(redirect="manual"),
    "r_cf": lambda: request(cf=JsObject({"a": 1})),
    "r_cache": lambda: request(cache="no-store"),
    "r_frag": lambda: request("http://u:p@a/b?q=1#h", method="delete", headers=obj(a="b")),
    "r_usv": lambda: Request("http://a/日"),
    "s_plain": Response,
    "s_text": lambda: response(status=404, statusText="é x"),
    "s_cf": lambda: response(cf=JsObject({"a": 1})),
    "s_err": response_error,
    "s_redirect": lambda: response_redirect("http://a/b"),
    "s_204": lambda: response(status=204),
    "s_same": same_response,
    "t_ok": lambda: response(statusText="OK"),
    "g_fetched": lambda: Response._fetched(204, "No Content", [("a", "b")]),
    "b_slice": lambda: Blob(JsArray(["abcdef"]), obj(type="T/x")).slice(1, 3, "a/B"),
    "b_wide": lambda: Blob(JsArray(["日"]), obj(type="日")),
    "x_back": cf_and_request,
    "x_reqh": headers_and_request,
    "twice": twice,
}


@pytest.mark.parametrize("name", BUILT)
def test_an_object_is_written_as_the_runtime_writes_it(name: str) -> None:
    assert hexed(BUILT[name]()) == RECORDED[name]


@pytest.mark.parametrize("name", sorted(RECORDED.keys() - _NOT_KEPT - _OWN_HEADERS))
def test_a_recorded_object_survives_reading_and_writing(name: str) -> None:
    assert hexed(read(RECORDED[name])) == RECORDED[name]


@pytest.mark.parametrize("name", sorted(_NOT_KEPT))
def test_a_member_that_is_not_kept_is_passed_over(name: str) -> None:
    assert isinstance(read(RECORDED[name]), Request | Response)


def test_every_common_header_is_written_as_its_number() -> None:
    headers = read(RECORDED["common"])
    assert len(headers._pairs) == 47
    assert all(name.lower() == value for name, value in headers._pairs)
    reverse = Headers._of(headers._pairs[::-1])
    assert hexed(reverse) == RECORDED["common"]


@pytest.mark.parametrize("guard", range(4))
def test_headers_stay_as_immutable_as_they_were(guard: int) -> None:
    blob = f"ff0f5c040{guard}010001610162"
    headers = read(blob)
    assert hexed(headers) == blob
    if guard == 3:
        headers.append("c", "d")
    else:
        assert refused(lambda: headers.append("c", "d")) == (
            "TypeError: Can't modify immutable headers."
        )


def test_what_arrived_can_be_stored_and_is_read_mutable() -> None:
    arrived = Request._incoming("GET", "http://a/", [("A", "b")], cf=JsObject({"x": 1}))
    assert dumps(arrived.headers, host=WEB_HOST)[4] == 1
    found = loads(dumps(arrived, host=WEB_HOST), host=WEB_HOST)
    assert (found.redirect, found.cf.x, found.url) == ("manual", 1, "http://a/")
    found.headers.append("c", "d")


def test_an_error_response_is_read_as_one() -> None:
    found = read(RECORDED["s_err"])
    assert (found.status, found.type) == (0, "error")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: request(method="POST", body="x"), STREAM),
        (lambda: Response("x"), STREAM),
        (lambda: Response(""), STREAM),
        (lambda: Response._fetched(200, "", [], b"x").clone(), STREAM),
        (ReadableStream, STREAM),
        (WritableStream, "WritableStream can only be serialized for RPC."),
        (lambda: AbortController().signal, "AbortSignal serialization is not enabled."),
        (lambda: request(signal=AbortSignal._fresh()), "AbortSignal serialization is not enabled."),
        (lambda: File(JsArray(["x"]), "n"), 'Could not serialize object of type "File". '),
        (TransformStream, 'Could not serialize object of type "TransformStream". '),
        (lambda: URL("http://a"), 'Could not serialize object of type "URL". '),
        (FormData, 'Could not serialize object of type "FormData". '),
        (resolved, "#<Promise> could not be cloned."),
    ],
    ids=[
        *("request", "response", "empty body", "fetched", "readable", "writable", "signal"),
        *("request with signal", "file", "transform", "url", "form data", "promise"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_the_runtimes_words(
    make: Callable[[], Any], text: str
) -> None:
    expected = f"DataCloneError: {text}"
    if text.endswith(" "):
        expected += "This type does not support serialization."
    assert refused(lambda: dumps(JsArray([make()]), host=WEB_HOST)) == expected
    assert refused(lambda: structured_clone(make(), host=clone_web_object)) == expected


async def test_a_pending_promise_is_refused_by_its_name() -> None:
    promise = js_value(Promise())
    with pytest.raises(DomException, match=r"#<Promise> could not be cloned\."):
        dumps(promise, host=WEB_HOST)
    with pytest.raises(DomException, match=r"#<Promise> could not be cloned\."):
        structured_clone(promise, host=clone_web_object)


@pytest.mark.parametrize(
    "blob",
    [
        "5c040401000161 0162",  # a guard that nobody has
        "5c040301300176",  # a common header beyond the last
        "5c04030100036120620162",  # a name with a space in it
        "5c0403050001610162",  # fewer headers than it says
        "5c09",  # a tag of nobody
        "5c0503613a625f",  # a request without members
        "5c0501616f7b00",  # a URL that is none
        "5c06306f220673746174757349027b01",  # a status that is none
    ],
)
def test_a_damaged_object_is_an_error_of_the_codec(blob: str) -> None:
    with pytest.raises(CodecError):
        read("ff0f" + blob.replace(" ", ""))


def test_structured_clone_copies_what_can_be_stored() -> None:
    made = request(method="PUT", headers=obj(a="b"), cf=JsObject({"a": 1}))
    copy = structured_clone(made, host=clone_web_object)
    assert copy is not made
    assert hexed(copy) == hexed(made)
    assert structured_clone(made.headers, host=clone_web_object) is not made.headers


# --- what calls carry


def test_a_call_carries_a_request_whole_and_its_body_moves() -> None:
    signature = {"method": "PUT", "redirect": "manual", "cache": "no-store"}
    made = request("http://u:p@a/b?q#h", **signature, headers=obj(a="b"), cf=obj(a=1), body="hi")
    found = carried(made)
    assert (found.url, found.method, found.redirect, found.cache) == (
        *("http://u:p@a/b?q#h", "PUT"),
        *("manual", "no-store"),
    )
    assert found.cf is not made.cf
    assert found.headers.get("a") == "b"
    assert made.bodyUsed
    assert not found.bodyUsed
    assert found.text().result() == "hi"


def test_a_call_carries_a_response_but_not_its_url() -> None:
    made = Response._fetched(404, "No", [("a", "b")], b"hi", url="http://a/")
    found = carried(made)
    assert (found.status, found.statusText, found.url) == (404, "No", "")
    found.headers.append("c", "d")
    assert made.bodyUsed
    assert found.text().result() == "hi"
    assert carried(response_error()).type == "error"


def test_a_call_copies_headers_with_their_guard_and_blobs() -> None:
    headers = response_redirect("http://a/b").headers
    assert hexed(carried(headers)) == RECORDED["g_redirecth"]
    blob = Blob(JsArray(["x"]))
    assert carried(blob) is not blob
    assert refused(lambda: carried(File(JsArray(["x"]), "n"))).endswith(
        "not support serialization."
    )


def test_a_call_takes_no_body_that_is_used_or_locked() -> None:
    locked = "TypeError: The ReadableStream has been locked to a reader."
    used = Response("x")
    used.text()
    read_from = Response("x")
    read_from.body.getReader()
    stream = Blob(JsArray(["x"])).stream()
    assert carried(stream) is stream
    stream.getReader()
    for value in (used, read_from, stream):
        assert refused(lambda value=value: carried(value)) == locked  # type: ignore[misc]


def test_a_call_carries_no_signal() -> None:
    made = request(signal=AbortSignal._fresh())
    assert refused(lambda: carried(made)) == (
        "DataCloneError: AbortSignal serialization is not enabled."
    )
