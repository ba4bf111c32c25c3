"""`String`, `Symbol`, `RegExp`, and the URI functions of the global scope."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.core.values import JsException, to_js


def test_string(js: Any) -> None:
    assert js.String(5) == "5"
    assert js.String(1e21) == "1e+21"
    assert js.String(None) == "undefined"
    assert js.String() == ""
    assert js.String(js.Symbol("a")) == "Symbol(a)"
    assert js.String.new("a").constructor.name == "String"
    assert js.String.fromCharCode(65, 0xD83D, 0xDE00) == "A😀"
    assert js.String.fromCodePoint(0x1F600) == "😀"
    with pytest.raises(JsException, match="Invalid code point -1"):
        js.String.fromCodePoint(-1)
    assert js.String.raw(to_js({"raw": ["a", "b"]}), 1, 2) == "a1b"


def test_symbols(js: Any) -> None:
    symbol = js.Symbol("a")
    assert symbol.description == "a"
    assert symbol != js.Symbol("a")
    assert js.Symbol.for_("k") == js.Symbol.for_("k")
    assert js.Symbol.keyFor(js.Symbol.for_("k")) == "k"
    assert js.Symbol.keyFor(symbol) is None
    assert js.Symbol.asyncIterator.toString() == "Symbol(Symbol.asyncIterator)"
    with pytest.raises(JsException, match="Symbol is not a constructor"):
        js.Symbol.new()


def test_regexps(js: Any) -> None:
    made = js.RegExp.new("a+", "gi")
    assert made.toString() == "/a+/gi"
    assert made.test("xAA")
    assert js.RegExp(made).flags == "gi"
    assert js.RegExp(made, "m").flags == "m"
    assert js.RegExp.new().source == "(?:)"
    assert js.RegExp.escape("a.b") == r"a\.b"


@pytest.mark.parametrize(
    ("function", "text", "result"),
    [
        ("encodeURIComponent", "a b&ü/'", "a%20b%26%C3%BC%2F'"),
        ("encodeURI", "http://a/b c?d=é#f", "http://a/b%20c?d=%C3%A9#f"),
        ("decodeURIComponent", "a%20b%26%C3%BC", "a b&ü"),
        ("decodeURI", "a%2Fb%20c", "a%2Fb c"),
        ("escape", "a ü€", "a%20%FC%u20AC"),
        ("unescape", "a%20%FC%u20AC%", "a ü€%"),
    ],
)
def test_uri_functions(js: Any, function: str, text: str, result: str) -> None:
    assert getattr(js, function)(text) == result


@pytest.mark.parametrize("text", ["%", "%zz", "%FF"])
def test_malformed_uris(js: Any, text: str) -> None:
    with pytest.raises(JsException) as caught:
        js.decodeURIComponent(text)
    assert str(caught.value) == "URIError: URI malformed"


def test_a_lone_surrogate_is_no_uri(js: Any) -> None:
    with pytest.raises(JsException, match="URI malformed"):
        js.encodeURIComponent("\ud800")
