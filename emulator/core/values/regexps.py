"""RegExp: a value first of all, which also runs by Python's `re` where the two languages agree.

The pattern is translated when it is first used, so that any pattern can be stored and sent.

Source: ECMAScript RegExp; spec storage §7.3. DIFFERS: positions count code points, not UTF-16
units; `\\p{…}`, lookbehind of varying length and the `v` flag's set operations are refused.
"""

from __future__ import annotations

import re
from typing import Any, Final

from emulator.core.values.arrays import JsArray
from emulator.core.values.border import js_value
from emulator.core.values.errors import syntax_error
from emulator.core.values.objects import JsObject
from emulator.core.values.proxies import JsProxy, JsValue, jsnull
from emulator.core.values.text import to_string
from emulator.errors import EmulatorError

__all__ = ["JsMatch", "JsRegExp", "UnsupportedPatternError"]

_FLAGS: Final = "dgimsuvy"
# Escapes that mean the same to Python, outside and inside a class.
_SAME: Final = frozenset("bBdDwWfnrtv0123456789xu")
_SPACE: Final = r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_LINE_END: Final = r"\n\r\u2028\u2029"
_NAME: Final = re.compile(r"\?<(?![=!])").match
_QUANTIFIER: Final = re.compile(r"\{\d+(?:,\d*)?\}").match


class UnsupportedPatternError(EmulatorError):
    """A regular expression that Python's `re` cannot run."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(
            f"The regular expression /{source}/ cannot be run by the emulator: {problem}. "
            "Use Python's re module for it."
        )
        self.source = source
        self.problem = problem


class JsMatch(JsArray):
    """What `exec` found: the whole and the groups, with the place."""

    __slots__ = ("groups", "index", "input")

    def __init__(self, items: list[JsValue], index: int, text: str, groups: JsValue) -> None:
        super().__init__(items)
        self.index = index  # type: ignore[method-assign,assignment]  # JavaScript's name
        self.input = text
        self.groups = groups


class JsRegExp(JsProxy, js_name="RegExp"):
    """A regular expression.

    Raises:
        JsException: SyntaxError, if a flag is unknown or given twice.
    """

    __slots__ = ("__weakref__", "_compiled", "flags", "lastIndex", "source")

    def __init__(self, source: str, flags: str = "") -> None:
        if len(set(flags)) < len(flags) or not set(flags) <= set(_FLAGS):
            raise syntax_error(f"Invalid flags supplied to RegExp constructor '{flags}'")
        self.source = _escaped(source)
        self.flags = "".join(sorted(flags))
        self.lastIndex = 0
        self._compiled: re.Pattern[str] | None = None

    def toString(self) -> str:
        return f"/{self.source}/{self.flags}"

    @property
    def ignoreCase(self) -> bool:
        return "i" in self.flags

    @property
    def multiline(self) -> bool:
        return "m" in self.flags

    @property
    def dotAll(self) -> bool:
        return "s" in self.flags

    @property
    def sticky(self) -> bool:
        return "y" in self.flags

    @property
    def unicode(self) -> bool:
        return "u" in self.flags

    def test(self, text: Any = None) -> bool:
        return self._run(to_string(js_value(text))) is not None

    def exec(self, text: Any = None) -> Any:
        """The next match as an Array with `index`, `input` and `groups`; null if there is none."""
        subject = to_string(js_value(text))
        found = self._run(subject)
        if found is None:
            return jsnull
        groups = JsObject(dict(found.groupdict())) if found.groupdict() else None
        return JsMatch([found[0], *found.groups()], found.start(), subject, groups)

    def _run(self, text: str) -> re.Match[str] | None:
        if self._compiled is None:
            self._compiled = _compile(self.source, self.flags)
        keeps_place = "g" in self.flags or "y" in self.flags
        start = self.lastIndex if keeps_place else 0
        run = self._compiled.match if "y" in self.flags else self._compiled.search
        found = run(text, start) if start <= len(text) else None
        if keeps_place:
            self.lastIndex = found.end() if found is not None else 0
        return found


_TO_ESCAPE: Final = {"/": r"\/", "\n": r"\n", "\r": r"\r", "\u2028": r"\u2028", "\u2029": r"\u2029"}


def _escaped(source: str) -> str:
    """The source as it stands between slashes."""
    if not source:
        return "(?:)"
    texts = []
    is_escaped = is_class = False
    for char in source:
        is_plain = is_escaped or (is_class and char == "/") or char not in _TO_ESCAPE
        texts.append(char if is_plain else _TO_ESCAPE[char])
        is_class = is_class if is_escaped else (char == "[" or (is_class and char != "]"))
        is_escaped = not is_escaped and char == "\\"
    return "".join(texts)


def _compile(source: str, flags: str) -> re.Pattern[str]:
    options = re.ASCII
    for letter, option in (("i", re.IGNORECASE), ("m", re.MULTILINE), ("s", re.DOTALL)):
        if letter in flags:
            options |= option
    try:
        return re.compile(_Translation(source, flags).run(), options)
    except re.error as exc:
        raise UnsupportedPatternError(source, str(exc)) from exc


class _Translation:
    """A JavaScript pattern, read once from left to right, as a Python pattern."""

    def __init__(self, source: str, flags: str) -> None:
        self._source = source
        self._flags = flags
        self._at = 0

    def run(self) -> str:
        texts = []
        while self._at < len(self._source):
            texts.append(self._next())
        return "".join(texts)

    def _next(self) -> str:
        char = self._take()
        if char == "\\":
            return self._escape(is_class=False)
        if char == "[":
            return self._class()
        if char == "." and "s" not in self._flags:
            return f"[^{_LINE_END}]"
        if char == "$":
            return rf"(?=[{_LINE_END}]|\Z)" if "m" in self._flags else r"\Z"
        if char == "{" and _QUANTIFIER(self._source, self._at - 1) is None:
            return r"\{"
        is_named = char == "(" and _NAME(self._source, self._at) is not None
        return self._group() if is_named else char

    def _take(self, count: int = 1) -> str:
        taken = self._source[self._at : self._at + count]
        self._at += count
        return taken

    def _group(self) -> str:
        self._take(2)
        return "(?P<"

    def _class(self) -> str:
        if self._source.startswith("^]", self._at):
            self._take(2)
            return r"[\s\S]"
        if self._source.startswith("]", self._at):
            self._take()
            return "(?!)"
        texts = ["["]
        while self._at < len(self._source):
            char = self._take()
            texts.append(self._escape(is_class=True) if char == "\\" else _CLASS.get(char, char))
            if char == "]":
                break
        return "".join(texts)

    def _escape(self, *, is_class: bool) -> str:
        char = self._take()
        if char == "s":
            return _SPACE if is_class else f"[{_SPACE}]"
        if char == "S" and not is_class:
            return f"[^{_SPACE}]"
        if char in "pPS" and (is_class or "u" in self._flags or "v" in self._flags):
            raise UnsupportedPatternError(self._source, f"\\{char} is not known to Python")
        if char == "k" and self._source.startswith("<", self._at):
            end = self._source.find(">", self._at)
            return f"(?P={self._take(end + 1 - self._at)[1:-1]})"
        if char == "c":
            return re.escape(chr(ord(self._take()) % 32))
        if char == "u" and self._source.startswith("{", self._at):
            end = self._source.find("}", self._at)
            return re.escape(chr(int(self._take(end + 1 - self._at)[1:-1], 16)))
        return f"\\{char}" if char in _SAME or not char.isalnum() else re.escape(char)


# What Python would take for a set operation of the future.
_CLASS: Final = {char: f"\\{char}" for char in "[&|~"}
