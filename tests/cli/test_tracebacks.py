from __future__ import annotations

import traceback

from emulator.cli.tracebacks import Frame, Trace, fold, is_users, parse

HERE = __file__.rpartition("/")[0]


def inner() -> None:
    raise ValueError("two\nlines")


def chained() -> str:
    try:
        try:
            inner()
        except ValueError as exc:
            raise KeyError("k") from exc
    except KeyError:
        return traceback.format_exc()
    return ""


def test_what_python_prints_is_understood() -> None:
    first, second = parse(chained())
    assert first.message == "ValueError: two\nlines"
    assert [frame.function for frame in first.frames] == ["chained", "inner"]
    assert first.frames[-1].source == 'raise ValueError("two\\nlines")'
    assert second.message == "KeyError: 'k'"
    assert [frame.function for frame in second.frames] == ["chained"]


def test_a_syntax_error_s_place_is_a_frame() -> None:
    text = '  File "/w/x.py", line 2\n    def (\n        ^\nSyntaxError: invalid syntax'
    assert parse(text) == [
        Trace((Frame("/w/x.py", 2, "", "def ("),), "SyntaxError: invalid syntax")
    ]


def test_the_last_error_comes_first_each_with_its_innermost_line_first() -> None:
    lines = fold(chained(), [HERE]).splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "KeyError: 'k'",
        "caused by ValueError: two",
        "lines",
    ]
    assert lines.index(next(line for line in lines if "in inner" in line)) == 5


def test_without_a_line_of_the_user_s_all_are_shown() -> None:
    assert "in inner" in fold(chained(), ["/elsewhere"])


def test_what_is_no_traceback_stays_as_it_is() -> None:
    for text in ("Error: boom", "", "Traceback", "  + Exception Group Traceback\n  | x"):
        assert fold(text, [HERE]) == text


def test_vendored_and_installed_packages_are_not_the_user_s() -> None:
    assert is_users(Frame("/w/worker.py", 1, "f"), ["/w"])
    assert not is_users(Frame("/w2/worker.py", 1, "f"), ["/w"])
    assert not is_users(Frame("/w/python_modules/x.py", 1, "f"), ["/w"])
    assert not is_users(Frame("/w/.venv/lib/site-packages/x.py", 1, "f"), ["/w"])
