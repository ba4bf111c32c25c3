"""`exports`: the classes of a worker and what became of them, without a history (message 14).

Source: spec peers §5; lifecycle §2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.config.model import Create, Delete, Migration, Rename, Transfer
from emulator.core.config.report import js_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.config.model import MigrationStep, StorageKind
    from emulator.core.config.report import Report

__all__ = ["parse_exports"]

_KEYS: Final = (
    "type", "state", "storage", "renamed_to", "transferred_to", "transfer_from", "container",
)  # fmt: skip
_STATES: Final = ("created", "deleted", "renamed", "transferred", "expecting-transfer")
# The field that a state needs beside it.
_COMPANIONS: Final = {
    "renamed": "renamed_to",
    "transferred": "transferred_to",
    "expecting-transfer": "transfer_from",
}


def parse_exports(
    raw: object, report: Report
) -> tuple[dict[str, StorageKind], tuple[Migration, ...]]:
    """The live classes by name, and what `exports` says of stored objects."""
    classes: dict[str, StorageKind] = {}
    if not isinstance(raw, dict):
        report.error("exports", f'The field "exports" should be an object but got {js_json(raw)}.')
        return classes, ()
    steps: list[MigrationStep] = []
    for name, entry in raw.items():
        key = f"exports.{name}"
        if not isinstance(entry, dict):
            report.error(key, f'Expected "{key}" to be an object but got {js_json(entry)}')
            continue
        state = _parse_state(entry, key, report)
        if state is None:
            continue
        if state in {"created", "expecting-transfer"}:
            storage = _parse_storage(entry.get("storage"), key, state, report)
            if storage is not None:
                classes[name] = storage
        step = _step(name, state, str(entry.get(_COMPANIONS.get(state, ""))))
        if step is not None:
            steps.append(step)
    for step in steps:
        if isinstance(step, Rename) and step.new not in classes:
            report.warn(
                f"exports.{step.old}.renamed_to",
                f"No live `exports` entry has the name {step.new}, so nothing reads the objects "
                f"of {step.old}.",
            )
    # What is gone goes first: a name may be used again.
    steps.sort(key=lambda step: not isinstance(step, Delete | Rename))
    return classes, (Migration(None, tuple(steps)),) if steps else ()


def _step(name: str, state: str, companion: str) -> MigrationStep | None:
    match state:
        case "created":
            return Create(name)
        case "deleted":
            return Delete(name)
        case "renamed":
            return Rename(name, companion)
        case "expecting-transfer":
            return Transfer(companion, name, name)
        case _:
            return None  # transferred: its new owner says so, too


def _parse_state(entry: Mapping[str, object], key: str, report: Report) -> str | None:
    """The state of a class; None for one that is wrong, or no object at all."""
    kind, state = entry.get("type"), entry.get("state", "created")
    if kind == "worker":
        return None
    if kind != "durable-object":
        problem = f'"{key}.type" must be "durable-object" or "worker", but got {js_json(kind)}'
        report.error(f"{key}.type", problem)
        return None
    report.unexpected(key, entry, _KEYS, prefix=f"{key}.")
    if not isinstance(state, str) or state not in _STATES:
        report.error(
            f"{key}.state",
            f'Expected "{key}.state" field to be one of {js_json(list(_STATES))} but got '
            f"{js_json(state)}.",
        )
        return None
    companion = _COMPANIONS.get(state)
    if companion and not report.required(f"{key}.{companion}", entry.get(companion), "string"):
        return None
    return state


def _parse_storage(raw: object, key: str, state: str, report: Report) -> StorageKind | None:
    if raw == "sqlite":
        return "sqlite"
    if raw == "legacy-kv":
        return "legacy-kv"
    report.error(
        f"{key}.storage",
        f'"{key}.storage" is required for state "{state}" and must be one of sqlite and '
        f"legacy-kv, but got {js_json(raw)}",
    )
    return None
