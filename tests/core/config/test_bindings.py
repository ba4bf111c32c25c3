"""Rows 4 to 11 and 15 of spec: peers §5."""

from __future__ import annotations

import tomllib

import pytest

from emulator.core.config.bindings import check_unique_names, parse_bindings, parse_vars
from emulator.core.config.model import Binding
from emulator.core.config.report import Report


def problems(text: str) -> list[str]:
    report = Report("wrangler.toml", text)
    raw = tomllib.loads(text)
    parse_bindings(raw.get("durable_objects"), report)
    parse_vars(raw.get("vars"), report)
    check_unique_names(raw, report)
    return [item.problem for item in report.errors]


def test_no_bindings_is_none() -> None:
    assert parse_bindings(None, Report("w", "")) == ()
    assert parse_vars(None, Report("w", "")) == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '[[durable_objects]]\nname = "A"\nclass_name = "A"',
            'The field "durable_objects" should be an object but got '
            '[{"name":"A","class_name":"A"}].',
        ),
        (
            "[durable_objects]",
            'The field "durable_objects" is missing the required "bindings" property.',
        ),
        (
            '[durable_objects.bindings]\nname = "A"',
            'The field "durable_objects.bindings" should be an array but got {"name":"A"}.',
        ),
        (
            "durable_objects.bindings = [1]",
            'Expected "durable_objects.bindings[0]" to be an object but got 1',
        ),
        ('vars = "x"', 'The field "vars" should be an object but got "x".'),
        (
            "[vars]\nD = 2025-12-19",
            'The field "vars.D" is a TOML date, which is not supported. Please use a string '
            'instead, e.g. D = "2025-12-19".',
        ),
    ],
)
def test_a_wrong_shape_is_one_message(text: str, problem: str) -> None:
    assert problems(text) == [problem]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"class_name": "A"}, ['binding should have a string "name" field.']),
        ({"name": "A", "class_name": 1}, ['binding should have a string "class_name" field.']),
        (
            {"name": "A", "class_name": "A", "script_name": 1},
            ['the field "script_name", when present, should be a string.'],
        ),
        (
            {"name": "A", "class_name": "A", "script_name": "s", "environment": 1},
            ['the field "environment", when present, should be a string.'],
        ),
        (
            {"name": "A", "class_name": "A", "environment": "e"},
            ['binding should have a "script_name" field if "environment" is present.'],
        ),
        (
            {"name": "A", "class_name": "A", "remote": "yes"},
            [
                '"durable_objects.bindings[0]" should, optionally, have a boolean "remote" field '
                'but got {"name":"A","class_name":"A","remote":"yes"}.'
            ],
        ),
    ],
)
def test_a_wrong_binding_is_told_under_its_value(
    fields: dict[str, object], expected: list[str]
) -> None:
    report = Report("wrangler.toml", "")
    assert parse_bindings({"bindings": [fields]}, report) == ()
    assert [item.problem for item in report.errors] == expected
    assert all(
        str(item.context).startswith('"durable_objects.bindings[0]": {') for item in report.errors
    )


def test_an_unknown_field_of_a_binding_is_a_warning_at_its_line() -> None:
    text = '[[durable_objects.bindings]]\nname = "A"\nclass_name = "A"\nscript_nam = "x"\n'
    report = Report("wrangler.toml", text)
    bindings = parse_bindings(tomllib.loads(text)["durable_objects"], report)
    assert bindings == (Binding(name="A", class_name="A"),)
    (warning,) = report.warnings
    assert warning.context == (
        '"durable_objects.bindings[0]": {"name":"A","class_name":"A","script_nam":"x"}'
    )
    assert warning.problem == (
        'Unexpected fields found in durable_objects.bindings[0] field: "script_nam"'
    )
    assert warning.hint == 'Did you mean "script_name" instead of "script_nam"?'
    assert warning.place == "wrangler.toml:4:1"


UNIQUE = (
    "Bindings must have unique names, so that they can all be referenced in the worker.\n"
    "Please change your bindings to have unique names."
)


def test_a_name_given_twice_is_an_error() -> None:
    binding = '[[durable_objects.bindings]]\nname = "A"\nclass_name = "A"\n'
    assert problems(binding * 2) == ["A assigned to multiple Durable Object bindings.", UNIQUE]


def test_names_clash_across_kinds() -> None:
    binding = '[[durable_objects.bindings]]\nname = "A"\nclass_name = "A"\n'
    assert problems(f"{binding}[vars]\nA = 1\n") == [
        "A assigned to Durable Object and Environment Variable bindings.",
        UNIQUE,
    ]
    three = f'{binding}[[kv_namespaces]]\nbinding = "A"\n[vars]\nA = 1\n'
    assert problems(three) == [
        "A assigned to Durable Object, KV Namespace, and Environment Variable bindings.",
        UNIQUE,
    ]
