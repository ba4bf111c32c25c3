"""Rows 12 to 14 of spec: peers §5; the order of spec: lifecycle §9."""

from __future__ import annotations

import tomllib

import pytest

from emulator.core.config.migrations import parse_classes
from emulator.core.config.model import Create, Delete, MigrationStep, Rename, Transfer
from emulator.core.config.report import Report


def classes(text: str) -> dict[str, str]:
    report = Report("wrangler.toml", text)
    found, _ = parse_classes(tomllib.loads(text), report)
    assert report.errors == []
    return dict(found)


def steps(text: str) -> list[tuple[str | None, tuple[MigrationStep, ...]]]:
    _, found = parse_classes(tomllib.loads(text), Report("wrangler.toml", text))
    return [(migration.tag, migration.steps) for migration in found]


def problems(text: str) -> list[str]:
    report = Report("wrangler.toml", text)
    parse_classes(tomllib.loads(text), report)
    return [item.problem for item in [*report.errors, *report.warnings]]


def test_entries_apply_in_file_order() -> None:
    assert classes(
        """
        [[migrations]]
        tag = "v1"
        new_sqlite_classes = ["A", "B"]
        new_classes = ["C"]
        [[migrations]]
        tag = "v2"
        renamed_classes = [{ from = "A", to = "D" }]
        deleted_classes = ["B"]
        """
    ) == {"D": "sqlite", "C": "legacy-kv"}


def test_inside_an_entry_a_class_is_deleted_before_it_is_made_anew() -> None:
    assert classes(
        """
        [[migrations]]
        tag = "v1"
        new_classes = ["A", "X"]
        [[migrations]]
        tag = "v2"
        new_sqlite_classes = ["A", "X"]
        renamed_classes = [{ from = "X", to = "Y" }]
        deleted_classes = ["A"]
        """
    ) == {"Y": "legacy-kv", "A": "sqlite", "X": "sqlite"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[migrations]]", '"migrations[0].tag" is a required field.'),
        (
            '[[migrations]]\ntag = "v1"\nnew_sqlite_clases = ["A"]',
            'Unexpected fields found in migrations field: "new_sqlite_clases"',
        ),
        (
            '[migrations]\ntag = "v1"',
            'The optional "migrations" field should be an array, but got {"tag":"v1"}',
        ),
        ("migrations = [1]", 'Expected "migrations[0]" to be an object but got 1'),
        (
            '[[migrations]]\ntag = "v1"\nnew_sqlite_classes = "A"',
            'Expected "migrations[0].new_sqlite_classes" to be an array of strings but got "A"',
        ),
        (
            '[[migrations]]\ntag = "v1"\nnew_sqlite_classes = [1]',
            'Expected "migrations[0].new_sqlite_classes.[0]" to be of type string but got 1.',
        ),
        (
            '[[migrations]]\ntag = "v1"\nrenamed_classes = ["A"]',
            'Expected "migrations[0].renamed_classes" to be an array of '
            '"{from: string, to: string}" objects but got ["A"].',
        ),
        (
            '[[migrations]]\ntag = "v1"\nrenamed_classes = "A"',
            'Expected "migrations[0].renamed_classes" to be an array of '
            '"{from: string, to: string}" objects but got "A".',
        ),
        (
            '[[migrations]]\ntag = "v1"\ntransferred_classes = [{ from = "A", to = "B" }]',
            'Expected "migrations[0].transferred_classes" to be an array of '
            '"{from: string, from_script: string, to: string}" objects but got '
            '[{"from":"A","to":"B"}].',
        ),
        (
            '[[migrations]]\ntag = "v1"\ndeleted_classes = ["X"]',
            "Cannot apply deleted_classes migration to non-existent class X",
        ),
        (
            '[[migrations]]\ntag = "v1"\nrenamed_classes = [{ from = "X", to = "Y" }]',
            "Cannot apply renamed_classes migration to non-existent class X",
        ),
        (
            '[[migrations]]\ntag = "v1"\nnew_classes = ["X", "X"]',
            "Cannot apply new_classes migration to existing class X",
        ),
        (
            '[[migrations]]\ntag = "v1"\nnew_classes = ["X"]\nnew_sqlite_classes = ["X"]',
            "Cannot apply new_sqlite_classes migration to existing class X",
        ),
        (
            '[exports.A]\ntype = "durable-object"\nstorage = "sql"',
            '"exports.A.storage" is required for state "created" and must be one of sqlite and '
            'legacy-kv, but got "sql"',
        ),
        (
            '[exports.A]\ntype = "durable-object"',
            '"exports.A.storage" is required for state "created" and must be one of sqlite and '
            "legacy-kv, but got undefined",
        ),
        (
            '[exports.A]\ntype = "durable-object"\nstate = "renamed"',
            '"exports.A.renamed_to" is a required field.',
        ),
        (
            '[exports.A]\ntype = "durable-object"\nstate = "renamed"\nrenamed_to = "B"',
            "No live `exports` entry has the name B, so nothing reads the objects of A.",
        ),
        (
            '[[migrations]]\ntag = "v1"\n[[migrations]]\ntag = "v1"',
            'The tag "v1" is the name of two migrations.',
        ),
        (
            '[[migrations]]\ntag = "v1"\nnew_classes = ["A", "B"]\n'
            '[[migrations]]\ntag = "v2"\nrenamed_classes = [{ from = "A", to = "B" }]',
            "Cannot apply renamed_classes migration to existing class B",
        ),
        (
            '[exports.A]\ntype = "object"',
            '"exports.A.type" must be "durable-object" or "worker", but got "object"',
        ),
        (
            '[exports.A]\ntype = "durable-object"\nstate = "gone"',
            'Expected "exports.A.state" field to be one of ["created","deleted","renamed",'
            '"transferred","expecting-transfer"] but got "gone".',
        ),
        ("exports = 1", 'The field "exports" should be an object but got 1.'),
        ("exports = { A = 1 }", 'Expected "exports.A" to be an object but got 1'),
        (
            'migrations = []\n[exports.A]\ntype = "durable-object"\nstorage = "sqlite"',
            "`migrations` and `exports` are mutually exclusive. Choose one or the other to "
            "declare your Durable Object lifecycle, but not both.",
        ),
    ],
)
def test_one_mistake_is_one_message(text: str, problem: str) -> None:
    assert problems(text) == [problem]


def test_exports_name_the_live_classes_directly() -> None:
    assert classes(
        """
        [exports.A]
        type = "durable-object"
        storage = "sqlite"
        [exports.B]
        type = "durable-object"
        storage = "legacy-kv"
        [exports.C]
        type = "durable-object"
        state = "deleted"
        [exports.D]
        type = "durable-object"
        state = "expecting-transfer"
        transfer_from = "other"
        storage = "sqlite"
        [exports.default]
        type = "worker"
        """
    ) == {"A": "sqlite", "B": "legacy-kv", "D": "sqlite"}


def test_a_mistake_is_told_at_its_place_with_the_likely_name() -> None:
    text = """\
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Counter"]
[[migrations]]
tag = "v2"
renamed_classes = [
  { from = "Counter", to = "Count" },
  { from = "Coun", to = "X" },
]
"""
    report = Report("wrangler.toml", text)
    parse_classes(tomllib.loads(text), report)
    (error,) = report.errors
    assert error.place == "wrangler.toml:8:3"
    assert error.hint == 'Did you mean "Count" instead of "Coun"?'


def test_the_steps_are_kept_in_the_order_in_which_they_apply() -> None:
    assert steps(
        """
        [[migrations]]
        tag = "v1"
        new_sqlite_classes = ["A", "B"]
        [[migrations]]
        tag = "v2"
        new_classes = ["N"]
        transferred_classes = [{ from = "X", from_script = "other", to = "Y" }]
        renamed_classes = [{ from = "A", to = "C" }]
        deleted_classes = ["B"]
        """
    ) == [
        ("v1", (Create("A"), Create("B"))),
        ("v2", (Delete("B"), Rename("A", "C"), Transfer("other", "X", "Y"), Create("N"))),
    ]
    assert steps(
        """
        [exports.New]
        type = "durable-object"
        storage = "sqlite"
        [exports.Old]
        type = "durable-object"
        state = "renamed"
        renamed_to = "New"
        [exports.Gone]
        type = "durable-object"
        state = "deleted"
        [exports.Came]
        type = "durable-object"
        state = "expecting-transfer"
        transfer_from = "other"
        storage = "sqlite"
        [exports.Went]
        type = "durable-object"
        state = "transferred"
        transferred_to = "other"
        """
    ) == [
        (
            None,
            (
                Rename("Old", "New"),
                Delete("Gone"),
                Create("New"),
                Transfer("other", "Came", "Came"),
            ),
        )
    ]


def test_a_transferred_class_lives() -> None:
    assert classes(
        """
        [[migrations]]
        tag = "v1"
        transferred_classes = [{ from = "X", from_script = "other", to = "Y" }]
        """
    ) == {"Y": "sqlite"}
