"""Why a text is no JSON, in V8's words.

Source: V8's JsonParser, its order of checks and its texts; recordings in tests/core/values/.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn

from emulator.core.values.errors import JsException, syntax_error

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["json_syntax_error"]

_SPACE: Final = re.compile(r"[ \t\n\r]*").match
_DIGITS: Final = re.compile(r"[0-9]*").match
_STRING_PLAIN: Final = re.compile(r'[^"\\\x00-\x1f]*').match
_LINE: Final = re.compile(r"\r\n|[\n\r\u2028\u2029]")
_LITERALS: Final = {"t": "true", "f": "false", "n": "null"}
# What `JSON.parse(undefined)` and its like are given.
_NOT_JSON: Final = frozenset({"[object Object]", "NaN", "Infinity", "undefined"})
_CONTEXT: Final = 10


class _InvalidJsonError(Exception):
    """Ends the reading; carries the SyntaxError."""

    def __init__(self, error: JsException) -> None:
        super().__init__(error)
        self.error = error


def json_syntax_error(text: str) -> JsException:
    """The SyntaxError of a text that is no JSON."""
    # V8 counts UTF-16 units; one character stands for one of them here.
    units = text.encode("utf-16-le", "surrogatepass")
    reader = _Reader("".join(map(chr, memoryview(units).cast("H"))))
    try:
        reader.document()
    except _InvalidJsonError as exc:
        return exc.error
    except RecursionError:
        return syntax_error("Unexpected end of JSON input")


class _Reader:
    """Reads JSON for its errors alone."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def document(self) -> NoReturn:
        """Read a text that is known to be no JSON, to the place where it is none."""
        self._value()
        self._space()
        self._fail("Unexpected non-whitespace character after JSON")

    def _value(self) -> None:
        self._space()
        char = self._peek()
        if char == "{":
            self._object()
        elif char == "[":
            self._array()
        elif char == '"':
            self._string()
        elif char == "-" or char in _DIGIT:
            self._number()
        elif char in _LITERALS:
            self._literal(_LITERALS[char])
        else:
            self._unexpected()

    def _object(self) -> None:
        self._at += 1
        self._space()
        if self._peek() == "}":
            self._at += 1
            return
        if self._peek() != '"':
            self._fail("Expected property name or '}' in JSON")
        self._string()
        self._space()
        if self._peek() != ":":
            self._fail("Expected ':' after property name in JSON")
        self._at += 1
        self._value()
        while not self._ends("}", "Expected ',' or '}' after property value in JSON"):
            self._space()
            if self._peek() != '"':
                self._fail("Expected double-quoted property name in JSON")
            self._string()
            self._space()
            # Sic: V8 has a text of its own only for the first colon.
            if self._peek() != ":":
                self._unexpected()
            self._at += 1
            self._value()

    def _array(self) -> None:
        self._at += 1
        self._space()
        if self._peek() == "]":
            self._at += 1
            return
        self._value()
        while not self._ends("]", "Expected ',' or ']' after array element in JSON"):
            self._value()

    def _ends(self, bracket: str, problem: str) -> bool:
        """Behind a member: True at the bracket, False at a comma."""
        self._space()
        char = self._peek()
        if char != bracket and char != ",":
            self._fail(problem)
        self._at += 1
        return char == bracket

    def _string(self) -> None:
        self._at += 1
        while True:
            self._at = self._end(_STRING_PLAIN)
            char = self._peek()
            if char == '"':
                self._at += 1
                return
            if not char:
                self._fail("Unterminated string in JSON")
            if char != "\\":
                self._fail("Bad control character in string literal in JSON")
            self._at += 1
            self._escape()

    def _escape(self) -> None:
        char = self._peek()
        if not char or char > "\xff":
            self._unexpected()
        if char not in '"\\/bfnrtu':
            self._fail("Bad escaped character in JSON")
        self._at += 1
        if char == "u":
            for _ in range(4):
                if self._peek() not in _HEX:
                    self._fail("Bad Unicode escape in JSON")
                self._at += 1

    def _number(self) -> None:
        if self._peek() == "-":
            self._at += 1
            if self._peek() not in _DIGIT:
                self._fail("No number after minus sign in JSON")
        if self._peek() == "0":
            self._at += 1
            if self._peek() in _DIGIT:
                self._fail("Unexpected number in JSON")
        self._at = self._end(_DIGITS)
        if self._peek() == ".":
            self._at += 1
            if self._peek() not in _DIGIT:
                self._fail("Unterminated fractional number in JSON")
            self._at = self._end(_DIGITS)
        if self._peek() in ("e", "E"):
            self._at += 1
            if self._peek() in ("+", "-"):
                self._at += 1
            if self._peek() not in _DIGIT:
                self._fail("Exponent part is missing a number in JSON")
            self._at = self._end(_DIGITS)

    def _literal(self, word: str) -> None:
        for char in word:
            if self._peek() != char:
                self._unexpected()
            self._at += 1

    def _space(self) -> None:
        self._at = self._end(_SPACE)

    def _end(self, pattern: Callable[[str, int], re.Match[str] | None]) -> int:
        match = pattern(self._text, self._at)
        assert match is not None, "the pattern matches the empty text too"
        return match.end()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _fail(self, problem: str) -> NoReturn:
        ends = [match.end() for match in _LINE.finditer(self._text, 0, self._at)]
        column = self._at - (ends[-1] if ends else 0) + 1
        place = f"position {self._at} (line {len(ends) + 1} column {column})"
        raise _InvalidJsonError(syntax_error(f"{problem} at {place}"))

    def _unexpected(self) -> NoReturn:
        text, at = self._text, self._at
        if at >= len(text):
            raise _InvalidJsonError(syntax_error("Unexpected end of JSON input"))
        if text[at] == '"':
            self._fail("Unexpected string in JSON")
        if text[at] == "-" or text[at] in _DIGIT:
            self._fail("Unexpected number in JSON")
        if text in _NOT_JSON:
            raise _InvalidJsonError(syntax_error(f'"{text}" is not valid JSON'))
        before = after = ""
        shown = text
        if len(text) > 2 * _CONTEXT:
            start, end = max(0, at - _CONTEXT), at + _CONTEXT
            before = "..." if at >= _CONTEXT else ""
            after = "..." if at < len(text) - _CONTEXT else ""
            shown = text[start : end if after else len(text)]
        message = (
            f"Unexpected token '{text[at]}', {before}\"{_joined(shown)}\"{after} is not valid JSON"
        )
        raise _InvalidJsonError(syntax_error(message))


_HEX: Final = frozenset("0123456789abcdefABCDEF")
_DIGIT: Final = frozenset("0123456789")


def _joined(units: str) -> str:
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
