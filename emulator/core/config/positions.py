"""Where a key stands in a TOML document: line and column, both from 1.

The standard TOML reader keeps no positions, so this finds them again in a text it has accepted:
headers and `key =`, in order. Values are skipped, not parsed; what stands inside an inline table or
array is found at the key that holds it. Only problems need positions, so only they pay for this.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Position", "find_position", "toml_positions"]

_KEY: Final = r'(?:"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+)'
_DOTTED: Final = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_BLANK: Final = re.compile(r"(?:\s|#[^\n]*)+")
_HEADER: Final = re.compile(rf"(\[\[?)[ \t]*({_DOTTED})[ \t]*\]\]?")
_ENTRY: Final = re.compile(rf"({_DOTTED})[ \t]*=")
_PART: Final = re.compile(_KEY)
_TOKEN: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*'
    r"|[\[{]|[\]}]|\n|[^\"'#\[\]{}\n]+|.",
    re.DOTALL,
)


class Position(NamedTuple):
    line: int
    column: int


def toml_positions(text: str) -> Mapping[str, Position]:
    """Key path (`durable_objects.bindings[0].name`) to the place of its first mention."""
    found: dict[str, Position] = {}
    last_index: dict[str, int] = {}  # array of tables -> index of its latest element
    table = ""
    offset = 0
    while offset < len(text):
        if blank := _BLANK.match(text, offset):
            offset = blank.end()
        elif header := _HEADER.match(text, offset):
            table = _resolve("", header[2], last_index, is_array=header[1] == "[[")
            found.setdefault(table, _position(text, offset))
            offset = header.end()
        elif entry := _ENTRY.match(text, offset):
            path = _resolve(table, entry[1], {}, is_array=False)
            found.setdefault(path, _position(text, offset))
            offset = _end_of_value(text, entry.end())
        else:  # not TOML: the reader has refused it already
            break
    return found


def find_position(positions: Mapping[str, Position], key: str) -> Position | None:
    """The place of `key`, or of the nearest key that contains it."""
    while key:
        if key in positions:
            return positions[key]
        cut = max(key.rfind("."), key.rfind("["))
        key = key[:cut] if cut > 0 else ""
    return None


def _resolve(table: str, dotted: str, last_index: dict[str, int], *, is_array: bool) -> str:
    path = table
    parts = _PART.findall(dotted)
    for number, part in enumerate(parts, start=1):
        name = part[1:-1] if part[0] in "\"'" else part
        path = f"{path}.{name}" if path else name
        if is_array and number == len(parts):
            last_index[path] = last_index.get(path, -1) + 1
        if path in last_index:
            path = f"{path}[{last_index[path]}]"
    return path


def _end_of_value(text: str, offset: int) -> int:
    depth = 0
    for token in _TOKEN.finditer(text, offset):
        match token[0]:
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
            case "\n" if depth <= 0:
                return token.end()
    return len(text)


def _position(text: str, offset: int) -> Position:
    start_of_line = text.rfind("\n", 0, offset) + 1
    return Position(text.count("\n", 0, offset) + 1, offset - start_of_line + 1)
