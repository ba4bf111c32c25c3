from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.core.values import JsArray, JsException, JsMap, JsObject, PyProxy, jsnull
from emulator.web.url import (
    URL,
    URLSearchParams,
    url_can_parse,
    url_create_object_url,
    url_parse,
    url_revoke_object_url,
)


def refused(call: Any) -> str:
    with pytest.raises(JsException) as info:
        call()
    return str(info.value)


def pairs(params: URLSearchParams) -> list[list[str]]:
    return [list(pair) for pair in params]


def test_a_url_has_its_parts() -> None:
    url = URL("https://u:p@Ex.com:8080/a/b?x=1&y#f")
    parts = [
        "href",
        "origin",
        "protocol",
        "username",
        "password",
        "host",
        "hostname",
        "port",
        "pathname",
        "search",
        "hash",
    ]
    assert [getattr(url, part) for part in parts] == [
        "https://u:p@ex.com:8080/a/b?x=1&y#f",
        "https://ex.com:8080",
        "https:",
        "u",
        "p",
        "ex.com:8080",
        "ex.com",
        "8080",
        "/a/b",
        "?x=1&y",
        "#f",
    ]
    assert str(url) == url.toString() == url.toJSON() == url.href


def test_a_base_is_resolved() -> None:
    assert URL("../b?c#d", "http://u:p@H:81/x/y/z").href == "http://u:p@h:81/x/b?c#d"
    assert URL("a", URL("http://q/w")).href == "http://q/a"
    assert URL("http://a", None).href == "http://a/"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: URL("x"), "Invalid URL string."),
        pytest.param(lambda: URL("/a", "x"), "Invalid URL string.", id="base"),
        pytest.param(lambda: URL("a", jsnull), "Invalid URL string.", id="null base"),
        (
            URL,
            "Failed to construct 'URL': constructor parameter 1 is not of type 'USVString'.",
        ),
        (
            lambda: setattr(URL("http://a"), "href", "zz"),
            "Failed to set the 'href' property on 'URL': "
            "the provided value is not of type 'valid URL string'.",
        ),
        (
            lambda: setattr(URL("http://a"), "origin", "zz"),
            "Cannot assign to read only property 'origin' of object '[object URL]'",
        ),
        (
            lambda: URLSearchParams().get(),
            "Failed to execute 'get' on 'URLSearchParams': parameter 1 is not of type 'USVString'.",
        ),
        (lambda: URLSearchParams(JsArray([JsArray(["a"])])), "Invalid URL search params sequence."),
        (
            lambda: URLSearchParams(JsArray(["ab"])),
            "Incorrect type: the provided value is not of type 'Sequence'.",
        ),
    ],
)
def test_refusals_have_the_platforms_words(call: Any, text: str) -> None:
    assert refused(call) == f"TypeError: {text}"


def test_object_urls_do_not_exist() -> None:
    assert refused(url_create_object_url) == "Error: URL.createObjectURL() is not implemented"
    assert refused(url_revoke_object_url) == "Error: URL.revokeObjectURL() is not implemented"


def test_setters_ignore_what_cannot_be() -> None:
    url = URL("http://a/b")
    url.protocol = "https"
    url.host = "q.com:99"
    url.port = "x"
    assert url.href == "https://q.com:99/b"
    url.port = ""
    url.pathname = "x y"
    url.hostname = "bad host"
    url.protocol = "nope:"
    url.port = 81
    url.hash = "z"
    url.username = "me"
    assert url.href == "https://me@q.com:81/x%20y#z"


def test_search_params_and_url_follow_each_other() -> None:
    url = URL("http://a/b?x=1")
    params = url.searchParams
    assert url.searchParams is params
    params.append("y", "a b")
    assert url.href == "http://a/b?x=1&y=a+b"
    url.search = "?m=1&m=2"
    assert pairs(params) == [["m", "1"], ["m", "2"]]
    params.delete("m")
    assert url.href == "http://a/b"
    params.set("q", "é&=")
    assert url.href == "http://a/b?q=%C3%A9%26%3D"
    url.href = "http://z/?k=2"
    assert pairs(params) == [["k", "2"]]


def test_can_parse_and_parse() -> None:
    assert [url_can_parse("x"), url_can_parse("http://x"), url_can_parse("x", "http://y")] == [
        False,
        True,
        True,
    ]
    assert url_parse("x") is jsnull
    assert url_parse("http://x").href == "http://x/"


def test_lone_surrogates_become_the_replacement_character() -> None:
    assert URL("http://a/\ud800").href == "http://a/%EF%BF%BD"


@pytest.mark.parametrize(
    ("init", "text"),
    [
        ("?a=1&b=%20+c&d", "a=1&b=++c&d="),
        (JsObject({"a": 1, "b": JsArray([1, 2])}), "a=1&b=1%2C2"),
        (PyProxy({"a": 1}), "a=1"),
        (JsArray([JsArray(["x", "y"]), JsArray(["x", "z"])]), "x=y&x=z"),
        (PyProxy([("x", "y")]), "x=y"),
        (JsMap([("k", "v")]), "k=v"),
        (URLSearchParams("a=1"), "a=1"),
        (None, ""),
        (jsnull, "null="),
        (5, "5="),
    ],
)
def test_every_kind_of_init_is_taken(init: Any, text: str) -> None:
    assert URLSearchParams(init).toString() == text


def test_the_methods_of_search_params() -> None:
    params = URLSearchParams("a=1&b=2&a=3")
    assert (params.get("a"), params.get("z"), list(params.getAll("a"))) == ("1", jsnull, ["1", "3"])
    assert (params.has("a", "3"), params.has("a", "9"), params.has("a", None)) == (
        True,
        False,
        True,
    )
    params.sort()
    assert str(params) == "a=1&a=3&b=2"
    params.delete("a", "1")
    params.set("b", "9")
    params.set("n", jsnull)
    assert str(params) == "a=3&b=9&n=null"
    assert list(params.keys()) == ["a", "b", "n"]
    assert list(params.values()) == ["3", "9", "null"]
    assert (params.size, len(params), bool(URLSearchParams())) == (3, 3, False)


def test_serialising_escapes_all_but_the_form_set() -> None:
    params = URLSearchParams(JsArray([JsArray(["a b*-._~!()'é", "\ud800+&=%#/"])]))
    assert str(params) == "a+b*-._%7E%21%28%29%27%C3%A9=%EF%BF%BD%2B%26%3D%25%23%2F"


def test_sorting_is_by_utf_16_units() -> None:
    params = URLSearchParams("\uffff=1&😀=2&a=3&a=0")
    params.sort()
    assert str(params) == "a=3&a=0&%F0%9F%98%80=2&%EF%BF%BF=1"


def test_params_have_item_access_in_python() -> None:
    params = URLSearchParams("a=1")
    params["b"] = "2"
    del params["a"]
    assert (params["b"], "a" in params) == ("2", False)
    assert json.dumps(dict(pairs(params))) == '{"b": "2"}'
