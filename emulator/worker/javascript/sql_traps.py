"""Where an integer that is bound to SQL, as REAL, becomes something else than it was.

Harmless are columns of a numeric type, comparisons with them, LIMIT and plain results. The text of
a query is looked at once; what is found is announced each time an integer is bound there.

Source: spec python-surface §2.4, storage §3.3; SQLite's rules of column affinity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from emulator.core.compat import SQL_INTEGER, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["IntegerTraps", "find_traps"]

type Columns = Mapping[str, str]
type ColumnsOf = Callable[[str], Columns]

_TOKEN: Final = re.compile(
    r"""--[^\n]*|/\*.*?\*/|\s+                # nothing
    |'(?:[^']|'')*'                           # a text
    |"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]        # a quoted name
    |\?\d*|[:@$]\w+                           # a parameter
    |\w+|\|\||->>|->|<>|[<>!=]=|.""",
    re.DOTALL | re.VERBOSE,
)
_PARAMETER: Final = re.compile(r"\?\d*\Z|[:@$]\w+\Z").match
_NAME: Final = re.compile(r"\w+\Z|[\"`\[]").match
_COMPARISONS: Final = frozenset({"=", "==", "!=", "<>", "<", ">", "<=", ">=", "is", "in"})
_TEXT_FUNCTIONS: Final = frozenset(
    {"concat", "concat_ws", "group_concat", "hex", "json_array", "json_insert", "json_object"}
    | {"json_quote", "json_replace", "json_set", "length", "printf", "format", "quote", "replace"}
    | {"string_agg", "substr", "typeof"}
)
_QUERIES_MAX: Final = 512


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a parameter stands: its number from 0, and what becomes of an integer there."""

    parameter: int
    effect: str


class IntegerTraps:
    """What is known of the queries of one object."""

    __slots__ = ("_columns_of", "_known")

    def __init__(self, columns_of: ColumnsOf) -> None:
        """Args: columns_of gives the declared types of a table's columns, by lower-case name."""
        self._columns_of = columns_of
        self._known: dict[str, tuple[_Place, ...]] = {}

    def check(self, query: str, bindings: Sequence[Any]) -> None:
        """Announce the integers of `bindings` that `query` makes something else of."""
        places = self._known.get(query)
        if places is None:
            reader = _Reader(query, self._columns_of)
            places = tuple(reader.places())
            if len(self._known) >= _QUERIES_MAX:
                self._known.clear()
            if reader.is_certain:
                self._known[query] = places
        for place in places:
            if place.parameter < len(bindings) and type(bindings[place.parameter]) is int:
                value = bindings[place.parameter]
                warn(SQL_INTEGER, f"The integer {value} is bound as REAL: {place.effect}.")


def find_traps(query: str, columns_of: ColumnsOf) -> tuple[_Place, ...]:
    """Every parameter of `query` at which an integer changes."""
    return tuple(_Reader(query, columns_of).places())


def _plain(name: str) -> str:
    return name.strip('"`[]').lower()


def _effect_of_type(declared: str) -> str | None:
    """What a REAL becomes in a column of a declared type, if it does not stay the number."""
    kind = declared.upper()
    if "INT" in kind:
        return None
    if any(part in kind for part in ("CHAR", "CLOB", "TEXT")):
        return "text with a '.0' at its end"
    if not kind or "BLOB" in kind:
        return "a REAL, and no INTEGER, since the column has no type"
    return None


class _Reader:
    """Reads one query from left to right."""

    def __init__(self, query: str, columns_of: ColumnsOf) -> None:
        self._tokens = [t for t in _TOKEN.findall(query) if not _is_nothing(t)]
        self._words = [t.lower() for t in self._tokens]
        self._columns_of = columns_of
        self._columns: dict[str, str] | None = None
        self.is_certain = True  # no table is unknown, which may be made later

    def places(self) -> Iterator[_Place]:
        numbers: dict[str, int] = {}
        count = 0
        for i, token in enumerate(self._tokens):
            if not _PARAMETER(token):
                continue
            if token[1:].isdigit():
                number = int(token[1:]) - 1
            elif token != "?" and token in numbers:
                number = numbers[token]
            else:
                number = numbers[token] = count
            count = max(count, number + 1)
            effect = self._effect(i)
            if effect is not None:
                yield _Place(number, effect)

    def _effect(self, i: int) -> str | None:
        before, after = self._word(i - 1), self._word(i + 1)
        if "||" in (before, after):
            return "|| makes text with a '.0' of it"
        if before in ("/", "%") or after in ("/", "%"):
            return "the division is no integer division"
        if before in ("like", "glob"):
            return "it is compared as text with a '.0' at its end"
        function = self._function(i)
        if function in _TEXT_FUNCTIONS:
            return f"{function}() sees a REAL"
        column = self._assigned(i) or self._inserted(i)
        if column is None:
            return self._compared(i)
        declared = self._type_of(column)
        effect = None if declared is None else _effect_of_type(declared)
        return None if effect is None else f"{column} keeps {effect}"

    def _word(self, i: int) -> str:
        return self._words[i] if 0 <= i < len(self._words) else ""

    def _opening(self, i: int) -> int:
        """The position of the bracket that is open at `i`, -1 if there is none."""
        depth = 0
        for j in range(i - 1, -1, -1):
            depth += (self._words[j] == ")") - (self._words[j] == "(")
            if depth < 0:
                return j
        return -1

    def _function(self, i: int) -> str:
        opening = self._opening(i)
        return self._word(opening - 1) if opening > 0 else ""

    def _assigned(self, i: int) -> str | None:
        """`SET column = ?`: the column."""
        if self._word(i - 1) != "=" or self._word(i - 3) not in ("set", ","):
            return None
        words = self._words[:i]
        if "set" not in words or "where" in words[len(words) - words[::-1].index("set") :]:
            return None
        return _plain(self._tokens[i - 2])

    def _inserted(self, i: int) -> str | None:
        """`INSERT INTO table (column) VALUES (?)`: the column."""
        opening = self._opening(i)
        if (
            opening < 0
            or self._word(i - 1) not in ("(", ",")
            or self._word(i + 1) not in (")", ",")
        ):
            return None
        values = self._values_before(opening)
        if values is None:
            return None
        position = self._position(opening, i)
        names = self._named_columns(values)
        if names is None:
            names = list(self._all_columns())
        return names[position] if position < len(names) else None

    def _values_before(self, opening: int) -> int | None:
        """Where VALUES stands, if the bracket at `opening` is one of its rows."""
        words = self._words[:opening]
        if "values" not in words or "into" not in words:
            return None
        values = len(words) - 1 - words[::-1].index("values")
        between = self._words[values + 1 : opening]
        return values if between.count("(") == between.count(")") else None

    def _position(self, opening: int, i: int) -> int:
        depth, position = 0, 0
        for word in self._words[opening + 1 : i]:
            depth += (word == "(") - (word == ")")
            position += word == "," and not depth
        return position

    def _named_columns(self, values: int) -> list[str] | None:
        if self._word(values - 1) != ")":
            return None
        opening = self._opening(values - 1)
        inside = self._tokens[opening + 1 : values - 1]
        return [_plain(token) for token in inside if token != ","]

    def _compared(self, i: int) -> str | None:
        """`column = ?` or `column IN (?, ...)` with a column of texts."""
        start = i
        if self._word(i - 1) in ("(", ","):
            opening = self._opening(i)
            if opening < 1 or self._word(opening - 1) != "in":
                return None
            start = opening
        operator, name = self._word(start - 1), self._word(start - 2)
        if operator == "in" and name == "not":
            name = self._word(start - 3)
        if operator not in _COMPARISONS or not _NAME(name):
            return None
        declared = self._type_of(_plain(name))
        effect = None if declared is None else _effect_of_type(declared)
        if effect is None or not effect.startswith("text"):
            return None
        return f"{_plain(name)} is compared with text that has a '.0' at its end"

    def _type_of(self, column: str) -> str | None:
        return self._all_columns().get(column)

    def _all_columns(self) -> dict[str, str]:
        """The columns of every table that the query names."""
        if self._columns is None:
            self._columns = {}
            for i, word in enumerate(self._words[:-1]):
                if word in ("from", "join", "into", "update") and _NAME(self._tokens[i + 1]):
                    found = self._columns_of(_plain(self._tokens[i + 1]))
                    self.is_certain = self.is_certain and bool(found)
                    self._columns |= found
        return self._columns


def _is_nothing(token: str) -> bool:
    return token.isspace() or token.startswith(("--", "/*"))
