"""JSON.parse: JavaScript values from a text, with V8's words for what is wrong with it.

Source: ECMAScript JSON.parse; texts measured on workerd. Proved by tests/web/test_json_text.py.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from emulator.core.values import JsArray, JsException, JsObject, JsValue, jsnull

__all__ = ["parse_json"]


def parse_json(text: str) -> JsValue:
    """The value that `text` spells.

    Raises:
        JsException: a SyntaxError.
    """
    try:
        return _javascript(_DECODER.decode(text))
    except (json.JSONDecodeError, _Refused):
        raise JsException("SyntaxError", _Diagnosis(text).message()) from None


class _Refused(ValueError):
    """Python's JSON knows NaN and Infinity, JavaScript's does not."""


def _refuse(constant: str) -> Any:
    raise _Refused(constant)


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse, parse_int=float)


def _javascript(value: Any) -> JsValue:
    if value is None:
        return jsnull
    if isinstance(value, dict):
        return JsObject({key: _javascript(member) for key, member in value.items()})
    if isinstance(value, list):
        return JsArray([_javascript(item) for item in value])
    return value


_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?P<f>\.\d*)?(?P<e>[eE][+-]?\d*)?")
_SPACE: Final = " \t\n\r"
_ESCAPES: Final = frozenset('"\\/bfnrt')


class _Wrong(Exception):
    """Where a text stops being JSON, and V8's words for it; None for an unexpected token."""

    def __init__(self, position: int, words: str | None = None) -> None:
        self.position = position
        self.words = words


class _Diagnosis:
    """Walks a text that is no JSON up to its first fault."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def message(self) -> str:
        try:
            self._value()
            self._skip()
            if self.at < len(self.text):
                raise _Wrong(self.at, "Unexpected non-whitespace character after JSON")
        except _Wrong as fault:
            return self._words(fault)
        return "Unexpected end of JSON input"

    def _words(self, fault: _Wrong) -> str:
        at = fault.position
        if fault.words is not None:
            line = self.text.count("\n", 0, at) + 1
            column = at - self.text.rfind("\n", 0, at)
            return f"{fault.words} in JSON at position {at} (line {line} column {column})".replace(
                " after JSON in JSON", " after JSON"
            )
        if at >= len(self.text):
            return "Unexpected end of JSON input"
        if self.text in ("undefined", "NaN", "Infinity", "[object Object]"):
            return f'"{self.text}" is not valid JSON'
        return f"Unexpected token '{self.text[at]}', {self._excerpt(at)} is not valid JSON"

    def _excerpt(self, at: int) -> str:
        # V8 shows ten characters on each side.
        start, end = max(0, at - 10), min(len(self.text), at + 10)
        if len(self.text) <= 40:
            return f'"{self.text}"'
        before = "..." if start else ""
        after = "..." if end < len(self.text) else ""
        return f'{before}"{self.text[start:end]}"{after}'

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _skip(self) -> str:
        while self._peek() and self._peek() in _SPACE:
            self.at += 1
        return self._peek()

    def _value(self) -> None:
        first = self._skip()
        if first == "{":
            self._object()
        elif first == "[":
            self._array()
        elif first == '"':
            self._string()
        elif first and (first == "-" or first.isdigit()):
            self._number()
        else:
            self._word()

    def _word(self) -> None:
        for word in ("true", "false", "null"):
            if word[0] != self._peek():
                continue
            for letter in word:
                if self._peek() != letter:
                    raise _Wrong(self.at)
                self.at += 1
            return
        raise _Wrong(self.at)

    def _number(self) -> None:
        found = _NUMBER.match(self.text, self.at)
        if found is None:
            raise _Wrong(self.at + 1, "No number after minus sign")
        if found["f"] == ".":
            raise _Wrong(found.end("f"), "Unterminated fractional number")
        if found["e"] is not None and not found["e"][-1].isdigit():
            raise _Wrong(found.end("e"), "Exponent part is missing a number")
        self.at = found.end()
        if self._peek().isdigit():
            raise _Wrong(self.at, "Unexpected number")

    def _string(self) -> None:
        self.at += 1
        while (character := self._peek()) != '"':
            if not character:
                raise _Wrong(self.at, "Unterminated string")
            if character < " ":
                raise _Wrong(self.at, "Bad control character in string literal")
            self.at += 1
            if character == "\\":
                self._escape()
        self.at += 1

    def _escape(self) -> None:
        kind = self._peek()
        if kind == "u":
            for _ in range(4):
                self.at += 1
                if self._peek() not in "0123456789abcdefABCDEF" or not self._peek():
                    raise _Wrong(self.at, "Bad Unicode escape")
        elif kind not in _ESCAPES:
            raise _Wrong(self.at, "Bad escaped character")
        self.at += 1

    def _object(self) -> None:
        self.at += 1
        if self._skip() == "}":
            self.at += 1
            return
        refusal = "Expected property name or '}'"
        while True:
            self._key(refusal)
            self._value()
            following = self._skip()
            if following == "}":
                self.at += 1
                return
            self._separator(following, "Expected ',' or '}' after property value")
            refusal = "Expected double-quoted property name"

    def _key(self, refusal: str) -> None:
        if self._skip() != '"':
            raise _Wrong(self.at, refusal if self._peek() else None)
        self._string()
        if self._skip() != ":":
            raise _Wrong(self.at, "Expected ':' after property name" if self._peek() else None)
        self.at += 1

    def _array(self) -> None:
        self.at += 1
        if self._skip() == "]":
            self.at += 1
            return
        while True:
            self._value()
            following = self._skip()
            if following == "]":
                self.at += 1
                return
            self._separator(following, "Expected ',' or ']' after array element")

    def _separator(self, following: str, refusal: str) -> None:
        if following != ",":
            raise _Wrong(self.at, refusal if following else None)
        self.at += 1
