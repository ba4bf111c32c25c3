"""Where a key stands in a TOML or JSON document: line and column, both from 1.

The readers keep no positions, so this finds them again in a text that they have accepted: every
key and every element of an array, also inside inline tables. Only problems need positions, so only
they pay for this.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Position", "Positions", "find_position", "json_positions", "toml_positions"]

_KEY: Final = r'(?:"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+)'
_DOTTED: Final = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_BLANK: Final = re.compile(r"(?:\s|#[^\n]*)*")
_HEADER: Final = re.compile(rf"(\[\[?)[ \t]*({_DOTTED})[ \t]*\]\]?")
_ENTRY: Final = re.compile(rf"({_DOTTED})[ \t]*=[ \t]*")
_PART: Final = re.compile(_KEY)
_SCALAR: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[^,\]}#\n]+',
    re.DOTALL,
)
_JSON_BLANK: Final = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_JSON_KEY: Final = re.compile(
    r'("(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[\w$]+)(?:\s|//[^\n]*|/\*.*?\*/)*:', re.DOTALL
)
_JSON_SCALAR: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[^\s,\]}/]+', re.DOTALL)


class Position(NamedTuple):
    line: int
    column: int


class Positions:
    """What was found in one text.

    places: key path (`durable_objects.bindings[0].name`) to the place of its first mention.
    repeated: keys that one object has twice (JSON lets the last one win), with the later place.
    """

    def __init__(self, text: str) -> None:
        self.places: dict[str, Position] = {}
        self.repeated: list[tuple[str, Position]] = []
        self._line_starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def note(self, path: str, offset: int) -> None:
        self.places.setdefault(path, self.at(offset))

    def at(self, offset: int) -> Position:
        line = bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1)


def toml_positions(text: str) -> Positions:
    """The positions in a TOML document; what follows a mistake of syntax is left out."""
    scanner = _Toml(text)
    scanner.scan()
    return scanner.found


def json_positions(text: str) -> Positions:
    """The positions in a JSON document, comments and trailing commas allowed."""
    scanner = _Json(text)
    scanner.value(_JSON_BLANK.match(text).end(), "")  # type: ignore[union-attr]  # may be empty
    return scanner.found


def find_position(positions: Mapping[str, Position], key: str) -> Position | None:
    """The place of `key`, or of the nearest key that contains it."""
    key = key.replace(".[", "[")
    return next((positions[path] for path in _with_parents(key) if path in positions), None)


def _with_parents(key: str) -> Iterator[str]:
    """The key, and all that contain it, innermost first."""
    while key:
        yield key
        cut = max(key.rfind("."), key.rfind("["))
        key = key[:cut] if cut > 0 else ""


class _Toml:
    def __init__(self, text: str) -> None:
        self.found = Positions(text)
        self._text = text
        self._last_index: dict[str, int] = {}  # array of tables -> index of its latest element

    def scan(self) -> None:
        table = ""
        offset = self._skip(0)
        while offset < len(self._text):
            if header := _HEADER.match(self._text, offset):
                table = self._resolve("", header[2], is_array=header[1] == "[[")
                for path in _with_parents(table):
                    self.found.note(path, offset)
                offset = header.end()
            elif entry := _ENTRY.match(self._text, offset):
                path = self._resolve(table, entry[1], is_array=None)
                self.found.note(path, offset)
                offset = self._value(entry.end(), path)
            else:  # not TOML: the reader has refused it already
                return
            offset = self._skip(offset)

    def _skip(self, offset: int) -> int:
        blank = _BLANK.match(self._text, offset)
        return blank.end() if blank else offset

    def _value(self, offset: int, path: str) -> int:
        """The end of the value that begins at `offset`."""
        match self._text[offset : offset + 1]:
            case "[":
                return self._items(offset + 1, "]", path)
            case "{":
                return self._items(offset + 1, "}", path)
            case _:
                scalar = _SCALAR.match(self._text, offset)
                return scalar.end() if scalar else len(self._text)

    def _items(self, offset: int, end: str, path: str) -> int:
        number = 0
        offset = self._skip(offset)
        while offset < len(self._text) and self._text[offset] != end:
            inner, start = f"{path}[{number}]", offset
            if end == "}":
                entry = _ENTRY.match(self._text, offset)
                if entry is None:
                    return len(self._text)
                inner, start = self._resolve(path, entry[1], is_array=None), entry.end()
            self.found.note(inner, offset)
            offset = self._skip(self._value(start, inner))
            if self._text[offset : offset + 1] == ",":
                offset = self._skip(offset + 1)
            number += 1
        return offset + 1

    def _resolve(self, table: str, dotted: str, *, is_array: bool | None) -> str:
        """The path of a dotted key; `is_array` is None for what is no header."""
        path = table
        parts = _PART.findall(dotted)
        for number, part in enumerate(parts, start=1):
            name = part[1:-1] if part[0] in "\"'" else part
            path = f"{path}.{name}" if path else name
            if is_array is None:
                continue
            if is_array and number == len(parts):
                self._last_index[path] = self._last_index.get(path, -1) + 1
            if path in self._last_index:
                path = f"{path}[{self._last_index[path]}]"
        return path


class _Json:
    def __init__(self, text: str) -> None:
        self.found = Positions(text)
        self._text = text

    def _skip(self, offset: int) -> int:
        blank = _JSON_BLANK.match(self._text, offset)
        return blank.end() if blank else offset

    def value(self, offset: int, path: str) -> int:
        match self._text[offset : offset + 1]:
            case "[":
                return self._items(offset + 1, "]", path)
            case "{":
                return self._items(offset + 1, "}", path)
            case _:
                scalar = _JSON_SCALAR.match(self._text, offset)
                return scalar.end() if scalar else len(self._text)

    def _items(self, offset: int, end: str, path: str) -> int:
        number = 0
        seen: set[str] = set()
        offset = self._skip(offset)
        while offset < len(self._text) and self._text[offset] != end:
            inner, start = f"{path}[{number}]", offset
            if end == "}":
                key = _JSON_KEY.match(self._text, offset)
                if key is None:
                    return len(self._text)
                name = key[1][1:-1] if key[1][0] in "\"'" else key[1]
                inner, start = f"{path}.{name}" if path else name, self._skip(key.end())
                if inner in seen:
                    self.found.repeated.append((inner, self.found.at(offset)))
                seen.add(inner)
            self.found.note(inner, offset)
            offset = self._skip(self.value(start, inner))
            if self._text[offset : offset + 1] == ",":
                offset = self._skip(offset + 1)
            number += 1
        return offset + 1
