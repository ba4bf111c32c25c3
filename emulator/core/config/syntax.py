"""Mistakes of syntax in wrangler's words (message 23 of spec: peers §5), and the line they are in."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["show_line", "toml_problem"]

# What Python's reader says, and what wrangler's says of the same mistake.
_NO_KEY_END: Final = "incomplete key-value: cannot find end of key"
_WORDS: Final = (
    ("Expected ']]' at the end of an array declaration", _NO_KEY_END),
    ("Expected ']' at the end of a table declaration", _NO_KEY_END),
    ("Expected '=' after a key in a key/value pair", _NO_KEY_END),
    ("Expected newline or end of document after a statement", "invalid value"),
    ("Illegal character '\\n'", "newlines are not allowed in strings"),
    ("Unterminated string", "unfinished string encountered"),
    ("Unclosed array", "cannot find end of structure"),
    ("Unclosed inline table", "cannot find end of structure"),
    ("Unescaped ", "unrecognized escape sequence"),
    ("Escaped character is not a Unicode scalar value", "invalid unicode escape"),
    ("Cannot overwrite a value", "trying to redefine an already defined table or value"),
    ("Duplicate inline table key", "trying to redefine an already defined value"),
    ("Cannot declare ", "trying to redefine an already defined table or value"),
    ("Cannot mutate immutable namespace", "trying to redefine an already defined table or value"),
    ("Invalid statement", "only letter, numbers, dashes and underscores are allowed in keys"),
    ("Invalid value", "invalid value"),
)


def toml_problem(message: str, text: str) -> tuple[str, int, int]:
    """Wrangler's words for what Python's TOML reader refused in `text`, the line and the column."""
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    if place is not None:
        message = message[: place.start()]
        line, column = int(place[1] or line), int(place[2] or column)
    for theirs, words in _WORDS:
        if message.startswith(theirs):
            message = words
            break
    if message == _NO_KEY_END and _rest_of_line(text, line, column).startswith("]"):
        message = "expected end of table array declaration"
    if message == "invalid value" and not _rest_of_line(text, line, column).strip():
        message = "incomplete key-value declaration: no value specified"
    return f"Invalid TOML document: {message}", line, column


def show_line(text: str, line: int, column: int) -> str | None:
    """The line with a caret below its column; None if the text has no such line."""
    lines = text.split("\n")
    if line > len(lines):
        return None
    return f"{line:>6} | {lines[line - 1].rstrip()}\n       | {' ' * (column - 1)}^"


def _rest_of_line(text: str, line: int, column: int) -> str:
    return text.split("\n")[line - 1][column - 1 :].partition("#")[0]
