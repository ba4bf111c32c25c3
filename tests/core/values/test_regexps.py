"""RegExp: the value, and what Python's `re` makes of it."""

from __future__ import annotations

import pytest

from emulator.core.values import JsException, JsRegExp, UnsupportedPatternError, dumps, jsnull


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", "/(?:)/"),
        ("/", r"/\//"),
        (r"\/", r"/\//"),
        ("[/]", "/[/]/"),
        (r"[\]/]/", r"/[\]/]\//"),
        ("\n\r\u2028\u2029", r"/\n\r\u2028\u2029/"),
        ("\\\\/", r"/\\\//"),
    ],
)
def test_the_source_stands_between_slashes(source: str, text: str) -> None:
    made = JsRegExp(source)
    assert str(made) == text
    assert JsRegExp(made.source).source == made.source


def test_flags_are_sorted_and_checked() -> None:
    made = JsRegExp("a", "yigmus")
    assert made.flags == "gimsuy"
    assert made.ignoreCase
    assert made.multiline
    assert made.dotAll
    assert made.sticky
    assert made.unicode
    for wrong in ("zz", "gg"):
        with pytest.raises(JsException) as caught:
            JsRegExp("a", wrong)
        assert caught.value.message == f"Invalid flags supplied to RegExp constructor '{wrong}'"


@pytest.mark.parametrize(
    ("source", "flags", "text", "whole"),
    [
        ("b+", "", "abbc", "bb"),
        ("B", "i", "abc", "b"),
        (r"\d+", "", "a٣42", "42"),
        (r"\w+", "", "é_x1", "_x1"),
        (r"a\sb", "", "a\u00a0b", "a\u00a0b"),
        (r"[\s,]+", "", "a\u2003,b", "\u2003,"),
        (r"a\Sb", "", "a\u00a0b axb", "axb"),
        ("a.b", "", "a\rb axb", "axb"),
        ("a.b", "s", "a\nb", "a\nb"),
        ("b$", "", "b\nb", "b"),
        ("b$", "m", "ab\rx", "b"),
        ("^x", "m", "a\nx", "x"),
        ("(?<y>a)\\k<y>", "", "aa", "aa"),
        ("(?<=a)b(?!c)", "", "abc ab", "b"),
        ("(?<!a)b", "", "ab b", "b"),
        ("a{2}b{,1}", "", "aab{,1}", "aab{,1}"),
        ("x{", "", "x{", "x{"),
        ("[^]", "", "\n", "\n"),
        ("[[&|~]+", "", "a[&|~", "[&|~"),
        (r"\u0061\x62\u{63}", "u", "abc", "abc"),
        (r"\cJ", "", "\n", "\n"),
        (r"\q\/\-", "", "q/-", "q/-"),
        (r"[\b\]]", "", "\b", "\b"),
        ("(a)|(b)", "", "b", "b"),
    ],
)
def test_a_pattern_finds_what_javascript_finds(
    source: str, flags: str, text: str, whole: str
) -> None:
    found = JsRegExp(source, flags).exec(text)
    assert found is not jsnull
    assert found[0] == whole


def test_an_empty_class_matches_nothing() -> None:
    assert JsRegExp("[]").exec("abc") is jsnull
    assert not JsRegExp("x").test("abc")
    assert JsRegExp("5").test(5)
    assert JsRegExp("undefined").test()


def test_a_match_has_place_and_groups() -> None:
    found = JsRegExp(r"(?<year>\d{4})-(x)?").exec("in 2026-")
    assert list(found) == ["2026-", "2026", None]
    assert (found.index, found.input, found.groups.year) == (3, "in 2026-", "2026")
    assert JsRegExp("a").exec("a").groups is None
    assert dumps(found)


def test_the_global_flag_goes_on_and_the_sticky_one_stays() -> None:
    each = JsRegExp("a", "g")
    assert [each.test("aba"), each.lastIndex, each.test("aba"), each.lastIndex] == [
        True,
        1,
        True,
        3,
    ]
    assert not each.test("aba")
    assert each.lastIndex == 0
    each.lastIndex = 99
    assert each.exec("a") is jsnull
    stuck = JsRegExp("a", "y")
    assert (stuck.test("aa"), stuck.lastIndex) == (True, 1)
    assert not JsRegExp("a", "y").test("ba")


@pytest.mark.parametrize(
    ("source", "flags"),
    [(r"\p{L}", "u"), ("(", ""), ("[a", ""), ("(?<=a+)b", ""), (r"[\S]", ""), ("[b-a]", "")],
)
def test_what_python_cannot_run_is_said_and_the_value_lives(source: str, flags: str) -> None:
    made = JsRegExp(source, flags)
    assert dumps(made)
    with pytest.raises(UnsupportedPatternError, match="cannot be run by the emulator") as caught:
        made.test("a")
    assert caught.value.source == source
    assert caught.value.problem
