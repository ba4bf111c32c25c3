"""`Date` and the classes of errors."""

from __future__ import annotations

import math
from typing import Any

import pytest

from emulator.core.values import JsException, to_js


def test_dates(js: Any) -> None:
    assert js.Date.new(1000).getTime() == 1000
    assert js.Date.new("2026-01-02").getTime() == js.Date.UTC(2026, 0, 2)
    assert js.Date.new(2026, 0, 2, 3).getTime() == js.Date.UTC(2026, 0, 2, 3)
    assert js.Date.new(js.Date.new(5)).getTime() == 5
    assert js.Date.parse("1970-01-01T00:00:01Z") == 1000
    assert math.isnan(js.Date.parse("no date"))
    assert math.isnan(js.Date.UTC())
    assert math.isnan(js.Date.UTC(math.inf))
    assert js.Date.UTC(70, 0) == 0
    assert js.Date().startswith("Thu Jan 01 2026 00:00:00 GMT+0000")


def test_errors_with_causes(js: Any) -> None:
    made = js.TypeError.new("bad", to_js({"cause": {"code": 7}}))
    assert isinstance(made, JsException)
    assert (made.name, made.message, str(made)) == ("TypeError", "bad", "TypeError: bad")
    assert made.cause.code == 7
    assert js.Error("plain").message == "plain"
    assert js.Error.new().message == ""
    assert js.Error.isError(made)
    assert js.Error.captureStackTrace(made) is None
    assert not js.Error.isError(js.Object.new())
    with pytest.raises(JsException, match="RangeError: far"):
        raise js.RangeError.new("far")


def test_aggregate_errors(js: Any) -> None:
    made = js.AggregateError.new([js.Error.new("a")], "all")
    assert made.message == "all"
    assert [error.message for error in made.errors] == ["a"]


def test_dom_exceptions(js: Any) -> None:
    made = js.DOMException.new("gone", "AbortError")
    assert (made.name, made.message, made.code) == ("AbortError", "gone", 20)
    assert js.DOMException.new("x").name == "Error"
    options = to_js({"name": "DataCloneError", "cause": "why"})
    assert (js.DOMException.new("x", options).code, js.DOMException.new("x", options).cause) == (
        25,
        "why",
    )
