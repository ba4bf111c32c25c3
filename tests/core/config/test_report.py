from __future__ import annotations

from datetime import date, datetime

import pytest

from emulator.core.config.report import did_you_mean, js_json, js_typeof


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "undefined"),
        ("é", '"é"'),
        ({"a": [1, True, 1.0, 1.5]}, '{"a":[1,true,1,1.5]}'),
        ([float("nan"), float("-inf")], "[null,null]"),
        (date(2026, 11, 1), '"2026-11-01"'),
        ([datetime(2026, 11, 1, 2, 3)], '["2026-11-01T02:03:00"]'),  # noqa: DTZ001 - a local time
    ],
)
def test_values_are_shown_as_javascript_would(value: object, text: str) -> None:
    assert js_json(value) == text


def test_a_boolean_is_no_number() -> None:
    assert [js_typeof(v) for v in (True, 1, 1.5, "", [], {})] == [
        "boolean",
        "number",
        "number",
        "string",
        "object",
        "object",
    ]


def test_only_a_near_name_is_suggested() -> None:
    assert did_you_mean("clas", ["class_name", "name"]) is None
    assert did_you_mean("bindngs", ["bindings"]) == 'Did you mean "bindings" instead of "bindngs"?'
