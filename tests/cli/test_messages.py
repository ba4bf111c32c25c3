"""The table of messages of spec: peers §5, row by row, as `durable check` prints them.

Row 13 is wrangler's when it runs; here it is told before. Of row 2 the sentence about newer versions
of wrangler is left out: nothing here knows of them. Row 22 stops wrangler dev; here `check` tells it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from emulator.cli.main import durable

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

HEAD = """\
name = "a"
main = "w.py"
compatibility_date = "2026-11-01"
compatibility_flags = ["python_workers"]
"""
BINDING = '[[durable_objects.bindings]]\nname = "A"\nclass_name = "A"\n'
MIGRATION = '[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["A"]\n'
CONTEXT = '    "durable_objects.bindings[0]": '
UNIQUE = [
    "Bindings must have unique names, so that they can all be referenced in the worker.",
    "    Please change your bindings to have unique names.",
]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.py").write_text(
        "from workers import DurableObject\nclass A(DurableObject): pass\n"
    )

    def run(text: str, *arguments: str) -> Result:
        (tmp_path / "wrangler.toml").write_text(text)
        return CliRunner().invoke(durable, ["check", *arguments])

    return run


WARNINGS = {
    "1": (
        HEAD + BINDING,
        "5:1",
        [
            "In your wrangler.toml file, you have configured `durable_objects` exported by this "
            "Worker (A), but no live `exports` entry for them. This may not work as expected until "
            "you add a live `durable-object` entry to `exports` for each. Add the following "
            "configuration:",
            "",
            "    [exports.A]",
            '    type = "durable-object"',
            '    storage = "sqlite"',
        ],
    ),
    "2": (HEAD + "foo = 1", "5:1", ['Unexpected fields found in top-level field: "foo"']),
    "3": (
        HEAD + BINDING.replace("objects", "object"),
        "5:1",
        [
            'Unexpected fields found in top-level field: "durable_object"',
            '    Did you mean "durable_objects" instead of "durable_object"?',
        ],
    ),
    "4": (
        HEAD + BINDING + 'clas = "x"\n' + MIGRATION,
        "8:1",
        [
            'Unexpected fields found in durable_objects.bindings[0] field: "clas"',
            CONTEXT + '{"name":"A","class_name":"A","clas":"x"}',
        ],
    ),
    "12": (
        HEAD + BINDING + MIGRATION + 'new_sqlite_clases = ["B"]\n',
        "11:1",
        [
            'Unexpected fields found in migrations field: "new_sqlite_clases"',
            '    Did you mean "new_sqlite_classes" instead of "new_sqlite_clases"?',
        ],
    ),
    "18": (HEAD + "[dev]\nfoo = 1", "6:1", ['Unexpected fields found in dev field: "foo"']),
    "19": (
        HEAD + BINDING + MIGRATION + "[env.staging]\n",
        "11:1",
        [
            '"durable_objects" exists at the top level, but not on "env.staging".',
            '    "env.staging" environment configuration',
            '    This is not what you probably want, since "durable_objects" is not inherited by '
            "environments.",
            '    Please add "durable_objects" to "env.staging".',
        ],
    ),
    "20 bindings": (
        HEAD + BINDING + MIGRATION + "[env.x.durable_objects]\nbindings = []\n",
        "11:1",
        [
            'The following bindings are at the top level, but not on "env.x".',
            '    "env.x" environment configuration',
            '    This is not what you probably want, since "durable_objects" configuration is not '
            "inherited by environments.",
            '    Please add a binding for each to "env.x.durable_objects.bindings":',
            "    - A",
        ],
    ),
    "20 vars": (
        HEAD + "[vars]\nX = 1\n[env.x.vars]\n",
        "7:1",
        ['The following vars exist at the top level, but not on "env.x.vars".'],
    ),
}
ERRORS = {
    "5 name": (
        HEAD + '[[durable_objects.bindings]]\nclass_name = "A"\n',
        "5:1",
        ['binding should have a string "name" field.', CONTEXT + '{"class_name":"A"}'],
    ),
    "5 class": (
        HEAD + '[[durable_objects.bindings]]\nname = "A"\nclass_name = 1\n',
        "7:1",
        [
            'binding should have a string "class_name" field.',
            CONTEXT + '{"name":"A","class_name":1}',
        ],
    ),
    "6": (
        HEAD + '[[durable_objects]]\nname = "A"\nclass_name = "A"\n',
        "5:1",
        [
            'The field "durable_objects" should be an object but got '
            '[{"name":"A","class_name":"A"}].'
        ],
    ),
    "7": (
        HEAD + "[durable_objects]\n",
        "5:1",
        ['The field "durable_objects" is missing the required "bindings" property.'],
    ),
    "8": (
        HEAD + '[durable_objects.bindings]\nname = "A"\n',
        "5:1",
        ['The field "durable_objects.bindings" should be an array but got {"name":"A"}.'],
    ),
    "9": (
        HEAD + BINDING + "script_name = 1\n",
        "8:1",
        [
            'the field "script_name", when present, should be a string.',
            CONTEXT + '{"name":"A","class_name":"A","script_name":1}',
        ],
    ),
    "10": (
        HEAD + BINDING + 'environment = "e"\n',
        "8:1",
        [
            'binding should have a "script_name" field if "environment" is present.',
            CONTEXT + '{"name":"A","class_name":"A","environment":"e"}',
        ],
    ),
    "11 twice": (
        HEAD + BINDING + BINDING,
        "9:1",
        ["A assigned to multiple Durable Object bindings.", *UNIQUE],
    ),
    "11 kinds": (
        HEAD + BINDING + "[vars]\nA = 1\n",
        "9:1",
        ["A assigned to Durable Object and Environment Variable bindings.", *UNIQUE],
    ),
    "12 tag": (HEAD + "[[migrations]]\n", "5:1", ['"migrations[0].tag" is a required field.']),
    "12 array": (
        HEAD + '[migrations]\ntag = "v1"\n',
        "5:1",
        ['The optional "migrations" field should be an array, but got {"tag":"v1"}'],
    ),
    "12 strings": (
        HEAD + '[[migrations]]\ntag = "v1"\nnew_sqlite_classes = "A"\n',
        "7:1",
        ['Expected "migrations[0].new_sqlite_classes" to be an array of strings but got "A"'],
    ),
    "12 renamed": (
        HEAD + '[[migrations]]\ntag = "v1"\nrenamed_classes = ["A"]\n',
        "7:1",
        [
            'Expected "migrations[0].renamed_classes" to be an array of "{from: string, to: string}"'
            ' objects but got ["A"].'
        ],
    ),
    "13 deleted": (
        HEAD + '[[migrations]]\ntag = "v1"\ndeleted_classes = ["X"]\n',
        "7:20",
        ["Cannot apply deleted_classes migration to non-existent class X"],
    ),
    "13 renamed": (
        HEAD + '[[migrations]]\ntag = "v1"\nrenamed_classes = [{ from = "X", to = "Y" }]\n',
        "7:20",
        ["Cannot apply renamed_classes migration to non-existent class X"],
    ),
    "13 new": (
        HEAD + '[[migrations]]\ntag = "v1"\nnew_classes = ["X", "X"]\n',
        "7:21",
        ["Cannot apply new_classes migration to existing class X"],
    ),
    "13 new sqlite": (
        HEAD + MIGRATION + MIGRATION.replace("v1", "v2"),
        "10:23",
        ["Cannot apply new_sqlite_classes migration to existing class A"],
    ),
    "14 storage": (
        HEAD + '[exports.A]\ntype = "durable-object"\nstorage = "sql"\n',
        "7:1",
        [
            '"exports.A.storage" is required for state "created" and must be one of sqlite and '
            'legacy-kv, but got "sql"'
        ],
    ),
    "14 both": (
        HEAD + MIGRATION + '[exports.A]\ntype = "durable-object"\nstorage = "sqlite"\n',
        "8:1",
        [
            "`migrations` and `exports` are mutually exclusive. Choose one or the other to declare "
            "your Durable Object lifecycle, but not both."
        ],
    ),
    "14 type": (
        HEAD + '[exports.A]\ntype = "object"\n',
        "6:1",
        ['"exports.A.type" must be "durable-object" or "worker", but got "object"'],
    ),
    "15 vars": (
        HEAD + 'vars = "x"\n',
        "5:1",
        ['The field "vars" should be an object but got "x".'],
    ),
    "15 date": (
        HEAD + "[vars]\nD = 2025-12-19\n",
        "6:1",
        [
            'The field "vars.D" is a TOML date, which is not supported. Please use a string '
            'instead, e.g. D = "2025-12-19".'
        ],
    ),
    "16 name": (
        HEAD.replace('"a"', '"My Worker"'),
        "1:1",
        [
            'Expected "name" to be of type string, alphanumeric and lowercase with dashes only but '
            'got "My Worker".'
        ],
    ),
    "16 date": (
        HEAD.replace("2026-11-01", "yesterday"),
        "3:1",
        [
            '"compatibility_date" field should be a valid ISO-8601 date (YYYY-MM-DD), but got '
            '"yesterday".'
        ],
    ),
    "16 dash": (
        HEAD.replace("2026-11-01", "2026\u201311\u201301"),
        "3:1",
        [
            '"compatibility_date" field should use ISO-8601 accepted hyphens (-) rather than '
            "en-dashes (\u2013) or em-dashes (\u2014)."
        ],
    ),
    "17 missing": (
        HEAD.replace('main = "w.py"', ""),
        None,
        ["Missing entry-point to Worker script or to assets directory"],
    ),
    "17 not found": (
        HEAD.replace("w.py", "nope.py"),
        "2:1",
        ['The entry-point file at "nope.py" was not found.'],
    ),
    "18 port": (
        HEAD + '[dev]\nport = "8787"\n',
        "6:1",
        ['Expected "dev.port" to be of type number but got "8787".'],
    ),
    "22": (
        HEAD + BINDING.replace('class_name = "A"', 'class_name = "Nope"'),
        "7:1",
        [
            "Your Worker depends on the following Durable Objects, which are not exported in your "
            "entrypoint file: Nope.",
            "    You should export these objects from your entrypoint, w.py.",
        ],
    ),
    "23": (
        HEAD + "[[durable_objects.bindings]\n",
        "5:27",
        ["Invalid TOML document: expected end of table array declaration"],
    ),
    "24": (
        HEAD.replace('"python_workers"', ""),
        "2:1",
        ["The `python_workers` compatibility flag is required to use Python."],
    ),
}


def told(result: Result, kind: str, place: str | None, lines: list[str]) -> bool:
    at = f"wrangler.toml:{place}" if place else "wrangler.toml"
    return all(line in result.output for line in [f"{kind}: {at}: {lines[0]}\n", *lines[1:]])


@pytest.mark.parametrize("row", WARNINGS)
def test_a_warning_has_wrangler_s_words_and_its_place(check, row: str) -> None:
    text, place, lines = WARNINGS[row]
    result = check(text)
    assert told(result, "warning", place, lines), result.output
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("row", ERRORS)
def test_an_error_has_wrangler_s_words_its_place_and_exit_code_1(check, row: str) -> None:
    text, place, lines = ERRORS[row]
    result = check(text)
    assert told(result, "error", place, lines), result.output
    assert result.exit_code == 1


UNKNOWN = [
    'No environment found in configuration with name "prod".',
    "    Before using `--env=prod` there should be an equivalent environment section in the "
    "configuration.",
    "    Consider adding an environment configuration section to the wrangler.toml file:",
]


def test_row_21_an_unknown_environment_is_an_error_if_there_are_others(check) -> None:
    result = check(HEAD + "[env.staging]\n", "--env", "prod")
    names = '    The available configured environment names are: ["staging"]'
    assert told(result, "error", "5:1", [*UNKNOWN, names]), result.output
    assert result.exit_code == 1


def test_row_21_it_is_a_warning_if_there_are_none(check) -> None:
    result = check(HEAD, "--env", "prod")
    assert told(result, "warning", None, UNKNOWN), result.output
    assert result.exit_code == 0


def test_a_row_for_every_number() -> None:
    rows = {row.partition(" ")[0] for row in (*WARNINGS, *ERRORS)} | {"21"}
    assert rows == {str(number) for number in range(1, 25)}
