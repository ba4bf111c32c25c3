from __future__ import annotations

from typing import Any

import pytest

from emulator.core.values import JsArray, JsException, JsMap, JsObject, PyProxy, jsnull
from emulator.web.headers import GUARD_IMMUTABLE, Headers


def refused(call: Any) -> str:
    with pytest.raises(JsException) as info:
        call()
    return str(info.value)


def pairs(headers: Headers) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers]


def array(*entries: tuple[Any, ...]) -> JsArray:
    return JsArray([JsArray(list(entry)) for entry in entries])


def test_names_are_shown_in_lower_case_sorted_and_combined() -> None:
    headers = Headers(array(("B", "1"), ("a", "2"), ("b", "3"), ("c", "")))
    assert pairs(headers) == [("a", "2"), ("b", "1, 3"), ("c", "")]


def test_set_cookie_is_never_combined_in_iteration() -> None:
    headers = Headers()
    headers.append("Set-Cookie", "x=1")
    headers.append("set-cookie", "y=2")
    assert pairs(headers) == [("set-cookie", "x=1"), ("set-cookie", "y=2")]
    assert headers.get("set-cookie") == "x=1, y=2"
    assert list(headers.getSetCookie()) == list(headers.getAll("SET-COOKIE")) == ["x=1", "y=2"]


def test_a_missing_header_is_null() -> None:
    assert Headers().get("zz") is jsnull
    assert Headers()["zz"] is jsnull


def test_set_replaces_every_value_whatever_its_case() -> None:
    headers = Headers(array(("Set-Cookie", "1"), ("set-cookie", "2")))
    headers.set("SET-COOKIE", "3")
    assert pairs(headers) == [("set-cookie", "3")]


def test_delete_and_has_ignore_case() -> None:
    headers = Headers(JsObject({"A": "1"}))
    assert headers.has("a")
    assert "A" in headers
    headers.delete("a")
    assert not headers.has("A")


@pytest.mark.parametrize(
    "init",
    [
        JsObject({"a": "b"}),
        JsMap([("a", "b")]),
        array(("a", "b")),
        PyProxy({"a": "b"}),
        PyProxy({"a": "b"}.items()),
        PyProxy([("a", "b")]),
        Headers(JsObject({"a": "b"})),
    ],
)
def test_every_kind_of_init_is_taken(init: Any) -> None:
    assert pairs(Headers(init)) == [("a", "b")]


def test_a_copy_is_independent_and_mutable() -> None:
    original = Headers._of([("A", "1")], guard=GUARD_IMMUTABLE)
    copy = Headers(original)
    copy.set("a", "2")
    assert (original.get("a"), copy.get("a")) == ("1", "2")


def test_values_are_stringified_trimmed_and_made_of_scalars() -> None:
    headers = Headers(JsObject({"n": 1, "u": None, "z": jsnull, "t": " \t x y \r\n "}))
    assert [headers.get(k) for k in "nuzt"] == ["1", "undefined", "null", "x y"]
    headers.set("lone", "x\ud800y")
    assert headers.get("lone") == "x\ufffd\ufffd\ufffdy"
    headers.set("latin", "é☃")
    assert headers.get("latin") == "é☃"


_INIT = (
    "TypeError: Failed to construct 'Headers': constructor parameter 1 is not of type "
    "'Headers or Sequence or object'."
)


@pytest.mark.parametrize("init", [jsnull, "abc", 1])
def test_an_init_that_is_no_object_is_refused(init: Any) -> None:
    assert refused(lambda: Headers(init)) == _INIT


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Headers(JsObject({"a b": "c"})), "Invalid header name."),
        (lambda: Headers(JsObject({"a": "c\nd"})), "Invalid header value."),
        pytest.param(lambda: Headers(JsObject({"a": "c\0d"})), "Invalid header value.", id="nul"),
        pytest.param(lambda: Headers().get("a b"), "Invalid header name.", id="get"),
        pytest.param(lambda: Headers().delete("a b"), "Invalid header name.", id="delete"),
        (
            lambda: Headers().get(),
            "Failed to execute 'get' on 'Headers': parameter 1 is not of type 'string'.",
        ),
        (
            lambda: Headers().set("a"),
            "Failed to execute 'set' on 'Headers': parameter 2 is not of type 'string'.",
        ),
        (
            lambda: Headers().getAll("a"),
            'getAll() can only be used with the header name "Set-Cookie".',
        ),
        (
            lambda: Headers(array(("a",))),
            "To initialize a Headers object from a sequence, each inner sequence must have "
            "exactly two elements.",
        ),
        (
            lambda: Headers(JsArray(["ab"])),
            "Incorrect type: the provided value is not of type 'Sequence'.",
        ),
    ],
)
def test_refusals_have_the_platforms_words(call: Any, text: str) -> None:
    assert refused(call) == f"TypeError: {text}"


def test_the_empty_name_is_accepted_but_never_found() -> None:
    headers = Headers(JsObject({"": "x"}))
    assert headers.has("") is False


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.set("a", "b"),
        lambda h: h.append("a", "b"),
        lambda h: h.delete("a"),
        lambda h: h.__setitem__("a", "b"),
        lambda h: h.__delitem__("a"),
    ],
    ids=["set", "append", "delete", "item", "del item"],
)
def test_immutable_headers_refuse_every_change(change: Any) -> None:
    headers = Headers._of([("A", "1")], guard=GUARD_IMMUTABLE)
    assert refused(lambda: change(headers)) == "TypeError: Can't modify immutable headers."


def test_iterators_are_snapshots_with_the_platforms_tags() -> None:
    headers = Headers(JsObject({"a": "1", "b": "2"}))
    seen = []
    for name, _ in headers:
        seen.append(name)
        headers.delete("b")
    assert seen == ["a", "b"]
    assert str(headers.entries()) == "[object EntryIterator]"
    assert str(headers.keys()) == "[object KeyIterator]"
    assert list(headers.keys()) == ["a"]
    assert list(headers.values()) == ["1"]


def test_for_each_gives_value_name_and_headers() -> None:
    headers = Headers(JsObject({"b": "1", "a": "2"}))
    seen: list[Any] = []
    headers.forEach(lambda value, name, owner: seen.append((value, name, owner is headers)))
    assert seen == [("2", "a", True), ("1", "b", True)]


def test_the_wire_keeps_the_case_and_the_order() -> None:
    headers = Headers(array(("X-B", "1"), ("x-a", "2")))
    assert headers._header_pairs() == [("X-B", "1"), ("x-a", "2")]


def test_a_missing_attribute_says_its_bare_name() -> None:
    with pytest.raises(AttributeError, match=r"\Anosuch\Z"):
        _ = Headers().nosuch
    assert Headers().constructor.name == "Headers"
    assert str(Headers()) == "[object Headers]"
