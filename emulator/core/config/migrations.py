"""`migrations` and `exports`: which classes live, with which storage (messages 12-14, peers §5).

Migrations apply in file order; inside one entry deleted, renamed, new, new_sqlite (spec: lifecycle
§9). `exports` is the newer way to say the result directly; a file has one or the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.config.report import as_table, js_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.config.model import StorageKind
    from emulator.core.config.report import Report

__all__ = ["parse_classes"]

_MIGRATION_KEYS: Final = (
    "tag",
    "new_classes",
    "new_sqlite_classes",
    "renamed_classes",
    "deleted_classes",
    "transferred_classes",
)
_EXPORT_KEYS: Final = (
    "type", "state", "storage", "renamed_to", "transferred_to", "transfer_from", "container",
)  # fmt: skip
_STATES: Final = ("created", "deleted", "renamed", "transferred", "expecting-transfer")


def parse_classes(raw: Mapping[str, object], report: Report) -> dict[str, StorageKind]:
    """The live classes by name, from whichever of the two fields the file has."""
    migrations, exports = raw.get("migrations"), raw.get("exports")
    if migrations is not None and exports is not None:
        report.error(
            "exports",
            "`migrations` and `exports` are mutually exclusive. Choose one or the other to "
            "declare your Durable Object lifecycle, but not both.",
        )
    if exports is not None:
        return _classes_of_exports(exports, report)
    return _classes_of_migrations(migrations, report)


def _classes_of_migrations(raw: object, report: Report) -> dict[str, StorageKind]:
    classes: dict[str, StorageKind] = {}
    if raw is None:
        return classes
    if not isinstance(raw, list):
        problem = f'The optional "migrations" field should be an array, but got {js_json(raw)}'
        report.error("migrations", problem)
        return classes
    for number, entry in enumerate(raw):
        key = f"migrations[{number}]"
        if not isinstance(entry, dict):
            report.error(key, f'Expected "{key}" to be an object but got {js_json(entry)}')
            continue
        report.unexpected("migrations", entry, _MIGRATION_KEYS, prefix=f"{key}.")
        report.required(f"{key}.tag", entry.get("tag"), "string")
        _apply_migration(classes, entry, key, report)
    return classes


def _apply_migration(
    classes: dict[str, StorageKind], entry: Mapping[str, object], key: str, report: Report
) -> None:
    def absent(field: str, name: str) -> None:
        problem = f"Cannot apply {field} migration to non-existent class {name}"
        report.error(f"{key}.{field}", problem)

    for name in report.optional_strings(f"{key}.deleted_classes", entry.get("deleted_classes")):
        if classes.pop(name, None) is None:
            absent("deleted_classes", name)
    for rename in _objects(entry, key, "renamed_classes", ("from", "to"), report):
        storage = classes.pop(rename["from"], None)
        if storage is None:
            absent("renamed_classes", rename["from"])
        else:
            classes[rename["to"]] = storage
    # A transfer brings the class's storage from another script, which a local run does not have.
    _objects(entry, key, "transferred_classes", ("from", "from_script", "to"), report)
    kinds: tuple[tuple[str, StorageKind], ...] = (
        ("new_classes", "legacy-kv"),
        ("new_sqlite_classes", "sqlite"),
    )
    for field, kind in kinds:
        for name in report.optional_strings(f"{key}.{field}", entry.get(field)):
            if name in classes:
                problem = f"Cannot apply {field} migration to existing class {name}"
                report.error(f"{key}.{field}", problem)
            classes[name] = kind


def _objects(
    entry: Mapping[str, object], key: str, field: str, fields: tuple[str, ...], report: Report
) -> list[dict[str, str]]:
    value = entry.get(field)
    if value is None:
        return []
    if isinstance(value, list):
        items = [as_table(item) for item in value]
        strings = [{f: v for f in fields if isinstance(v := item.get(f), str)} for item in items]
        if all(len(item) == len(fields) for item in strings):
            return strings
    shape = ", ".join(f"{f}: string" for f in fields)
    report.error(
        f"{key}.{field}",
        f'Expected "{key}.{field}" to be an array of "{{{shape}}}" objects but got {js_json(value)}.',
    )
    return []


def _classes_of_exports(raw: object, report: Report) -> dict[str, StorageKind]:
    classes: dict[str, StorageKind] = {}
    if not isinstance(raw, dict):
        report.error("exports", f'The field "exports" should be an object but got {js_json(raw)}.')
        return classes
    for name, entry in raw.items():
        key = f"exports.{name}"
        if not isinstance(entry, dict):
            report.error(key, f'Expected "{key}" to be an object but got {js_json(entry)}')
            continue
        storage = _parse_export(entry, key, report)
        if storage is not None:
            classes[name] = storage
    return classes


def _parse_export(entry: Mapping[str, object], key: str, report: Report) -> StorageKind | None:
    """The storage of a live class; None for one that is gone, wrong, or no object at all."""
    kind, state = entry.get("type"), entry.get("state", "created")
    if kind == "worker":
        return None
    if kind != "durable-object":
        problem = f'"{key}.type" must be "durable-object" or "worker", but got {js_json(kind)}'
        report.error(f"{key}.type", problem)
        return None
    report.unexpected(key, entry, _EXPORT_KEYS, prefix=f"{key}.")
    if state not in _STATES:
        report.error(
            f"{key}.state",
            f'Expected "{key}.state" field to be one of {js_json(list(_STATES))} but got '
            f"{js_json(state)}.",
        )
        return None
    is_live = state in {"created", "expecting-transfer"}
    return _parse_storage(entry.get("storage"), key, str(state), report) if is_live else None


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
