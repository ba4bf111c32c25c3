"""Row 23 of spec: peers §5; the words are those of real wrangler (tests/conformance)."""

from __future__ import annotations

import tomllib

import pytest

from emulator.core.config.syntax import show_line, toml_problem


@pytest.mark.parametrize(
    ("text", "words", "line", "column"),
    [
        ("[[a.b]\n", "expected end of table array declaration", 1, 6),
        ("a = 1\n[[b\n", "incomplete key-value: cannot find end of key", 2, 4),
        ("[a\n", "incomplete key-value: cannot find end of key", 1, 3),
        ("a\n", "incomplete key-value: cannot find end of key", 1, 2),
        ("a = 1 2\n", "invalid value", 1, 7),
        ("a = x\n", "invalid value", 1, 5),
        ("a = # nothing\n", "incomplete key-value declaration: no value specified", 1, 5),
        ("a =", "incomplete key-value declaration: no value specified", 1, 4),
        ('a = "x\n', "newlines are not allowed in strings", 1, 7),
        ('a = "x', "unfinished string encountered", 1, 7),
        ("a = [1\n", "cannot find end of structure", 2, 1),
        ("a = { b = 1\n", "cannot find end of structure", 1, 12),
        ('a = "\\q"', "unrecognized escape sequence", 1, 8),
        ('a = "\\ud800"', "invalid unicode escape", 1, 12),
        ("a = 1\na = 2\n", "trying to redefine an already defined table or value", 2, 6),
        ("[a]\n[a]\n", "trying to redefine an already defined table or value", 2, 3),
        ("a = { b = 1, b = 2 }", "trying to redefine an already defined value", 1, 19),
        (
            "= 1\n",
            "only letter, numbers, dashes and underscores are allowed in keys",
            1,
            1,
        ),
    ],
)
def test_a_mistake_of_syntax_has_wrangler_s_words(
    text: str, words: str, line: int, column: int
) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    assert toml_problem(str(caught.value), text) == (
        f"Invalid TOML document: {words}",
        line,
        column,
    )


def test_the_line_is_shown_with_a_caret() -> None:
    assert show_line("a\nbc\r\nd", 2, 2) == "     2 | bc\n       |  ^"
    assert show_line("a", 3, 1) is None
