"""Wrangler's words (spec: peers §5, the numbers are that table's), and our additions."""

from __future__ import annotations

import json
import tomllib

import pytest

from emulator.core.config import (
    COMPATIBILITY_DATE_DEFAULT,
    Binding,
    Config,
    Create,
    DevOptions,
    Migration,
    parse_config,
)
from emulator.errors import ConfigError, Diagnostic

HEAD = """\
name = "durable-objects"
main = "objects/worker.py"
compatibility_date = "2026-11-01"
compatibility_flags = ["python_workers"]
"""
WHOLE = (
    HEAD
    + """
[[durable_objects.bindings]]
name = "A"
class_name = "A"

[[durable_objects.bindings]]
name = "X"
class_name = "Ext"
script_name = "other"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["A"]

[vars]
GREETING = "hi"
NUM = 3
TREE = { a = [1, 2] }

[dev]
ip = "0.0.0.0"
port = 9000
"""
)


def parse(text: str, *, path: str = "wrangler.toml") -> Config:
    return parse_config(tomllib.loads(text), path=path, text=text)


def errors(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return [item.problem for item in caught.value.diagnostics]


def warnings(text: str) -> list[str]:
    return [item.problem for item in parse(text).warnings]


def test_a_right_file_becomes_a_config() -> None:
    config = parse(WHOLE, path="/project/wrangler.toml")
    assert config == Config(
        path="/project/wrangler.toml",
        name="durable-objects",
        main="objects/worker.py",
        compatibility_date="2026-11-01",
        compatibility_flags=("python_workers",),
        bindings=(
            Binding(name="A", class_name="A"),
            Binding(name="X", class_name="Ext", script_name="other"),
        ),
        classes={"A": "sqlite"},
        migrations=(Migration("v1", (Create("A"),)),),
        vars={"GREETING": "hi", "NUM": 3, "TREE": {"a": [1, 2]}},
        dev=DevOptions(ip="0.0.0.0", port=9000),
        warnings=(),
    )
    assert config.local_bindings == (Binding(name="A", class_name="A"),)
    assert config.storage_of("A") == "sqlite"
    assert config.storage_of("Undeclared") == "legacy-kv"


def test_what_is_left_out_has_defaults() -> None:
    config = parse('main = "w.py"\ncompatibility_flags = ["python_workers"]\n')
    assert (config.name, config.dev) == ("worker", DevOptions(ip="localhost", port=8787))
    assert config.compatibility_date == COMPATIBILITY_DATE_DEFAULT
    assert [w.problem.split(".")[0] for w in config.warnings] == [
        "No compatibility_date was specified"
    ]


def test_all_mistakes_of_a_file_are_told_at_once_with_their_places() -> None:
    text = HEAD.replace("durable-objects", "My Worker") + '\nfoo = 1\n[dev]\nport = "8787"\n'
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert caught.value.diagnostics == (
        Diagnostic(
            path="wrangler.toml",
            problem='Expected "name" to be of type string, alphanumeric and lowercase with dashes '
            'only but got "My Worker".',
            key="name",
            line=1,
            column=1,
        ),
        Diagnostic(
            path="wrangler.toml",
            problem='Expected "dev.port" to be of type number but got "8787".',
            key="dev.port",
            line=8,
            column=1,
        ),
    )
    assert str(caught.value) == (
        "Processing wrangler.toml configuration:\n"
        '    - wrangler.toml:1:1: Expected "name" to be of type string, alphanumeric and lowercase '
        'with dashes only but got "My Worker".\n'
        '    - wrangler.toml:8:1: Expected "dev.port" to be of type number but got "8787".'
    )
    first = caught.value
    assert (first.key, first.line, first.column, first.hint) == ("name", 1, 1, None)
    assert first.problem.startswith('Expected "name"')


def test_unknown_fields_are_warned_of_with_the_likely_name() -> None:
    """Rows 2 and 3; the suggestion is ours."""
    text = HEAD + 'foo = 1\n[[durable_object.bindings]]\nname = "A"\nclass_name = "A"\n'
    (warning,) = parse(text).warnings
    assert warning.problem == 'Unexpected fields found in top-level field: "foo","durable_object"'
    assert warning.hint == 'Did you mean "durable_objects" instead of "durable_object"?'
    assert warning.place == "wrangler.toml:5:1"


def test_a_bound_class_without_migrations_is_warned_of() -> None:
    """Row 1."""
    text = HEAD + '[[durable_objects.bindings]]\nname = "A"\nclass_name = "A"\n'
    (warning,) = parse(text, path="/p/wrangler.toml").warnings
    assert warning.problem == (
        "In your wrangler.toml file, you have configured `durable_objects` exported by this Worker "
        "(A), but no live `exports` entry for them. This may not work as expected until you add a "
        "live `durable-object` entry to `exports` for each. Add the following configuration:"
    )
    assert warning.hint == '\n[exports.A]\ntype = "durable-object"\nstorage = "sqlite"'


def test_a_bound_class_that_no_migration_creates_is_warned_of() -> None:
    text = WHOLE.replace('new_sqlite_classes = ["A"]', 'new_sqlite_classes = ["AA"]')
    (warning,) = parse(text).warnings
    assert warning.problem == ("No migration creates the class A, so its storage will have no SQL.")
    assert warning.place == "wrangler.toml:8:1"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        # rows 15 to 18 and 24, and the plain type checks
        (
            '"durable-objects"',
            "1",
            'Expected "name" to be of type string, alphanumeric and lowercase with dashes only '
            "but got 1.",
        ),
        (
            '"2026-11-01"',
            '"yesterday"',
            '"compatibility_date" field should be a valid ISO-8601 date (YYYY-MM-DD), but got '
            '"yesterday".',
        ),
        (
            '"2026-11-01"',
            '"2026\u201311\u201301"',
            '"compatibility_date" field should use ISO-8601 accepted hyphens (-) rather than '
            "en-dashes (\u2013) or em-dashes (\u2014).",
        ),
        (
            '"2026-11-01"',
            "2026-11-01",
            'Expected "compatibility_date" to be of type string but got "2026-11-01".',
        ),
        (
            '["python_workers"]',
            '"python_workers"',
            'Expected "compatibility_flags" to be of type string array but got "python_workers".',
        ),
        (
            '["python_workers"]',
            "[]",
            "The `python_workers` compatibility flag is required to use Python.",
        ),
        (
            'main = "objects/worker.py"',
            "",
            "Missing entry-point to Worker script or to assets directory",
        ),
        ('"objects/worker.py"', "1", 'Expected "main" to be of type string but got 1.'),
        (
            '"objects/worker.py"',
            '"i.js"',
            'The entry-point "i.js" is not a Python file; this emulator runs Python Workers only.',
        ),
        ('name = "d', 'dev = 1\nname = "d', 'Expected "dev" to be of type object but got 1.'),
        (
            'name = "d',
            'dev.port = 70000\nname = "d',
            'Expected "dev.port" to be a whole number from 0 to 65535 but got 70000.',
        ),
        (
            'name = "d',
            'dev.legacy_kv = "yes"\nname = "d',
            'Expected "dev.legacy_kv" to be of type boolean but got "yes".',
        ),
    ],
)
def test_one_mistake_is_one_message(old: str, new: str, problem: str) -> None:
    assert errors(HEAD.replace(old, new)) == [problem]


def test_unknown_dev_fields_are_warned_of() -> None:
    """Row 18."""
    assert warnings(HEAD + "[dev]\nfoo = 1\ninspector_port = 1\n") == [
        'Unexpected fields found in dev field: "foo"'
    ]


def test_a_port_may_be_written_as_a_float() -> None:
    assert parse(HEAD + "[dev]\nport = 8788.0\n").dev.port == 8788


def test_a_mistake_in_json_has_its_place_too() -> None:
    text = '{\n  "compatibility_flags": ["python_workers"],\n  "main": 1\n}\n'
    with pytest.raises(ConfigError) as caught:
        parse_config(json.loads(text), path="wrangler.json", text=text)
    assert (caught.value.line, caught.value.column) == (3, 3)
    assert str(caught.value).endswith(
        '    - wrangler.json:3:3: Expected "main" to be of type string but got 1.'
    )


def test_a_key_that_json_has_twice_is_warned_of() -> None:
    text = '{"main": "a.py", "compatibility_date": "2026-11-01",\n"compatibility_flags": '
    text += '["python_workers"],\n "main": "w.py"}'
    config = parse_config(json.loads(text), path="wrangler.json", text=text)
    assert config.main == "w.py"
    assert [(w.problem, w.place) for w in config.warnings] == [
        ('"main" is given twice; only the last one counts.', "wrangler.json:3:2")
    ]


def test_the_suggested_snippet_is_in_the_file_s_own_language() -> None:
    document = {
        "main": "w.py",
        "compatibility_date": "2026-11-01",
        "compatibility_flags": ["python_workers"],
        "durable_objects": {"bindings": [{"name": "A", "class_name": "A"}]},
    }
    (warning,) = parse_config(document, path="/p/wrangler.jsonc").warnings
    assert warning.problem.startswith("In your wrangler.jsonc file, you have")
    assert warning.hint == (
        '\n"exports": {\n  "A": { "type": "durable-object", "storage": "sqlite" }\n}'
    )


def test_the_worker_s_own_name_as_script_name_is_warned_of() -> None:
    text = WHOLE.replace(
        'class_name = "A"\n', 'class_name = "A"\nscript_name = "durable-objects"\n'
    )
    (warning,) = parse(text).warnings
    assert warning.problem.startswith('"script_name" is this Worker\'s own name')
    assert warning.place == "wrangler.toml:9:1"
