"""`durable_objects` and `vars`: what ends up in `env` (messages 4-11 and 15 of spec: peers §5)."""

from __future__ import annotations

from collections import Counter
from datetime import date, time
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from emulator.core.config.model import Binding
from emulator.core.config.report import as_table, js_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.core.config.report import Report

__all__ = ["binding_names", "check_unique_names", "parse_bindings", "parse_vars"]

_BINDING_KEYS: Final = ("name", "class_name", "script_name", "environment", "remote")
# Bindings of these kinds share one namespace, `env`; wrangler's order and names.
_FRIENDLY_NAMES: Final = {
    "durable_objects": "Durable Object",
    "kv_namespaces": "KV Namespace",
    "d1_databases": "D1 Database",
    "r2_buckets": "R2 Bucket",
    "services": "Worker",
    "vars": "Environment Variable",
}


def parse_bindings(raw: object, report: Report) -> tuple[Binding, ...]:
    """The bindings of the value of `durable_objects`; wrong ones are reported and left out."""
    if raw is None:
        return ()
    field = report.field("durable_objects")
    if not isinstance(raw, dict):
        report.error(field, f'The field "{field}" should be an object but got {js_json(raw)}.')
        return ()
    # Wrangler says nothing here; a misspelt "bindings" is an error below, and this names it.
    report.unexpected(field, raw, ("bindings",), prefix=f"{field}.")
    if "bindings" not in raw:
        report.error(field, f'The field "{field}" is missing the required "bindings" property.')
        return ()
    entries = raw["bindings"]
    if not isinstance(entries, list):
        report.error(
            f"{field}.bindings",
            f'The field "{field}.bindings" should be an array but got {js_json(entries)}.',
        )
        return ()
    found = [
        _parse_binding(entry, f"{field}.bindings[{n}]", report) for n, entry in enumerate(entries)
    ]
    return tuple(binding for binding in found if binding is not None)


def _parse_binding(raw: object, key: str, report: Report) -> Binding | None:
    context = f'"{key}": {js_json(raw)}'
    if not isinstance(raw, dict):
        problem = f'Expected "{key}" to be an object but got {js_json(raw)}'
        report.error(key, problem, context=context)
        return None
    problems = list(_binding_problems(raw, key))
    for field, problem in problems:
        report.error(f"{key}.{field}", problem, context=context)
    report.unexpected(key, raw, _BINDING_KEYS, prefix=f"{key}.", context=context)
    if problems:
        return None
    return Binding(
        name=raw["name"], class_name=raw["class_name"], script_name=raw.get("script_name")
    )


def _binding_problems(raw: Mapping[str, object], key: str) -> Iterator[tuple[str, str]]:
    for field in ("name", "class_name"):
        if not isinstance(raw.get(field), str):
            yield field, f'binding should have a string "{field}" field.'
    for field in ("script_name", "environment"):
        if field in raw and not isinstance(raw[field], str):
            yield field, f'the field "{field}", when present, should be a string.'
    if "environment" in raw and "script_name" not in raw:
        problem = 'binding should have a "script_name" field if "environment" is present.'
        yield "environment", problem
    if "remote" in raw and not isinstance(raw["remote"], bool):
        problem = (
            f'"{key}" should, optionally, have a boolean "remote" field but got {js_json(raw)}.'
        )
        yield "remote", problem


def parse_vars(raw: object, report: Report) -> Mapping[str, object]:
    if raw is None:
        return MappingProxyType({})
    key = report.field("vars")
    if not isinstance(raw, dict):
        report.error(key, f'The field "{key}" should be an object but got {js_json(raw)}.')
        return MappingProxyType({})
    for name, value in raw.items():
        if isinstance(value, date | time):
            report.error(
                f"{key}.{name}",
                f'The field "{key}.{name}" is a TOML date, which is not supported. Please use a '
                f'string instead, e.g. {name} = "2025-12-19".',
            )
    return MappingProxyType(dict(raw))


def check_unique_names(raw: Mapping[str, object], report: Report) -> None:
    """Every name in `env` may be given once (message 11)."""
    kinds_by_name: dict[str, list[str]] = {}
    for field, kind in _FRIENDLY_NAMES.items():
        for name in binding_names(raw.get(field)):
            kinds_by_name.setdefault(name, []).append(kind)
    has_duplicates = False
    for name, kinds in kinds_by_name.items():
        if len(kinds) < 2:
            continue
        has_duplicates = True
        key = _key_of(raw, name, report)
        counts = Counter(kinds)
        if len(counts) > 1:
            report.error(key, f"{name} assigned to {_english(list(counts))} bindings.")
        for kind, count in counts.items():
            if count > 1:
                report.error(key, f"{name} assigned to multiple {kind} bindings.")
    if has_duplicates:
        report.error(
            "",
            "Bindings must have unique names, so that they can all be referenced in the worker.\n"
            "Please change your bindings to have unique names.",
        )


def binding_names(value: object) -> list[str]:
    """The names that one field puts into `env`, whatever its shape."""
    match value:
        case {"bindings": [*entries]}:
            names = [as_table(entry).get("name") for entry in entries]
        case [*entries]:
            names = [as_table(entry).get("binding") for entry in entries]
        case dict():
            names = list(value)
        case _:
            names = []
    return [name for name in names if isinstance(name, str)]


def _key_of(raw: Mapping[str, object], name: str, report: Report) -> str:
    """Where the name is given for the last time: the place to change it."""
    if name in as_table(raw.get("vars")):
        return f"{report.field('vars')}.{name}"
    names = binding_names(raw.get("durable_objects"))
    last = max((n for n, other in enumerate(names) if other == name), default=0)
    return f"{report.field('durable_objects')}.bindings[{last}].name"


def _english(items: list[str]) -> str:
    if len(items) == 2:
        return f"{items[0]} and {items[1]}"
    return f"{', '.join(items[:-1])}, and {items[-1]}"
