"""Collects the problems of one file, and the checks that wrangler makes everywhere, in its words."""

from __future__ import annotations

import json
import math
from datetime import date, time
from typing import TYPE_CHECKING, Final

from emulator.core.config.positions import Positions, find_position, json_positions, toml_positions
from emulator.errors import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from emulator.core.config.positions import Position

__all__ = ["Report", "as_table", "did_you_mean", "js_json", "js_typeof"]

# A typo of one or two letters in names of this length; below it, nonsense is suggested.
SIMILARITY_MIN: Final = 0.7


class Report:
    """The errors and warnings found so far in the file `path` with the content `text`.

    Args:
        environment: the `[env.NAME]` whose configuration is looked at; None for the top level.
        overridden: the fields that it gives itself; the others are the top level's.
    """

    def __init__(
        self,
        path: str,
        text: str,
        *,
        environment: str | None = None,
        overridden: Collection[str] = (),
    ) -> None:
        self.path = path
        self.environment = environment
        self.errors: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []
        self._text = text
        self._overridden = overridden
        self._positions: Positions | None = None

    def field(self, name: str) -> str:
        """A field that environments do not inherit, as wrangler calls it in its messages."""
        return name if self.environment is None else f"env.{self.environment}.{name}"

    def error(
        self, key: str, problem: str, *, context: str | None = None, hint: str | None = None
    ) -> None:
        self.errors.append(self._diagnostic(key, problem, context, hint))

    def warn(
        self, key: str, problem: str, *, context: str | None = None, hint: str | None = None
    ) -> None:
        self.warnings.append(self._diagnostic(key, problem, context, hint))

    # --- checks; each returns True when the value is right ------------------------------------

    def required(self, key: str, value: object, kind: str) -> bool:
        """`kind` is what JavaScript's typeof says: string, number, boolean, object."""
        if value is None:
            self.error(key, f'"{key}" is a required field.')
        elif js_typeof(value) != kind:
            self.error(key, f'Expected "{key}" to be of type {kind} but got {js_json(value)}.')
        else:
            return True
        return False

    def optional_strings(self, key: str, value: object) -> list[str]:
        """The strings of an array; what is wrong with it is reported and left out."""
        if value is None:
            return []
        if not isinstance(value, list):
            problem = f'Expected "{key}" to be an array of strings but got {js_json(value)}'
            self.error(key, problem)
            return []
        return [
            item for n, item in enumerate(value) if self.required(f"{key}.[{n}]", item, "string")
        ]

    def unexpected(
        self,
        field: str,
        found: Iterable[str],
        known: Sequence[str],
        *,
        prefix: str,
        context: str | None = None,
    ) -> None:
        """Warn of keys that nobody reads; `prefix` leads to them (`dev.`)."""
        unknown = [key for key in found if key not in known]
        if not unknown:
            return
        listed = ",".join(f'"{key}"' for key in unknown)
        hints = [hint for key in unknown if (hint := did_you_mean(key, known))]
        self.warn(
            prefix + unknown[0],
            f"Unexpected fields found in {field} field: {listed}",
            context=context,
            hint="\n".join(hints) or None,
        )

    def repeated_keys(self) -> None:
        """Warn of keys that a JSON object has twice: the reader keeps the last one silently."""
        if self.path.endswith(".toml") or '"' not in self._text:
            return
        for key, place in self._find().repeated:
            self.warnings.append(
                Diagnostic(
                    path=self.path,
                    problem=f'"{key}" is given twice; only the last one counts.',
                    key=key,
                    line=place.line,
                    column=place.column,
                )
            )

    def _diagnostic(
        self, key: str, problem: str, context: str | None, hint: str | None
    ) -> Diagnostic:
        place = self._place(key)
        if context is None and self.environment is not None:
            context = f'"env.{self.environment}" environment configuration'
        return Diagnostic(
            path=self.path,
            problem=problem,
            key=key,
            line=place.line if place else None,
            column=place.column if place else None,
            context=context,
            hint=hint,
        )

    def _place(self, key: str) -> Position | None:
        if key.replace(".", "[").partition("[")[0] in self._overridden:
            key = f"env.{self.environment}.{key}"
        return find_position(self._find().places, key)

    def _find(self) -> Positions:
        if self._positions is None:
            is_toml = self.path.endswith(".toml")
            self._positions = toml_positions(self._text) if is_toml else json_positions(self._text)
        return self._positions


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    from difflib import get_close_matches  # only a mistake needs it

    close = get_close_matches(name, known, n=1, cutoff=SIMILARITY_MIN)
    return f'Did you mean "{close[0]}" instead of "{name}"?' if close else None


def as_table(value: object) -> Mapping[str, object]:
    """The value if it is a table, else an empty one (its mistake is reported elsewhere)."""
    return value if isinstance(value, dict) else {}


def js_typeof(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case _:
            return "object"


def js_json(value: object) -> str:
    """JSON.stringify, as the messages need it."""
    if value is None:
        return "undefined"
    return json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False)


def _plain(value: object) -> object:
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case float() if not math.isfinite(value):
            return None
        case float() if value.is_integer():
            return int(value)
        case date() | time():  # a datetime is a date
            return value.isoformat()
        case _:
            return value
