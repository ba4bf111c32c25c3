"""`migrations` and `exports`: which classes live, with which storage (messages 12-14, peers §5).

Migrations apply in file order; inside one entry deleted, renamed, transferred, new, new_sqlite (spec:
lifecycle §2). `exports` is the newer way to say the result directly; a file has one or the other.
What they do to objects that are stored already is planned in `lifecycle`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.config.exports import parse_exports
from emulator.core.config.model import Create, Delete, Migration, Rename, Transfer
from emulator.core.config.report import as_table, did_you_mean, js_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.core.config.model import MigrationStep, StorageKind
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


def parse_classes(
    raw: Mapping[str, object], report: Report
) -> tuple[dict[str, StorageKind], tuple[Migration, ...]]:
    """The live classes by name, and how they came to be, from whichever field the file has."""
    migrations, exports = raw.get("migrations"), raw.get("exports")
    if migrations is not None and exports is not None:
        report.error(
            "exports",
            "`migrations` and `exports` are mutually exclusive. Choose one or the other to "
            "declare your Durable Object lifecycle, but not both.",
        )
    if exports is not None:
        return parse_exports(exports, report)
    return _parse_migrations(migrations, report)


def _parse_migrations(
    raw: object, report: Report
) -> tuple[dict[str, StorageKind], tuple[Migration, ...]]:
    classes: dict[str, StorageKind] = {}
    if raw is None:
        return classes, ()
    if not isinstance(raw, list):
        problem = f'The optional "migrations" field should be an array, but got {js_json(raw)}'
        report.error("migrations", problem)
        return classes, ()
    found: list[Migration] = []
    for number, entry in enumerate(raw):
        key = f"migrations[{number}]"
        if not isinstance(entry, dict):
            report.error(key, f'Expected "{key}" to be an object but got {js_json(entry)}')
            continue
        report.unexpected("migrations", entry, _MIGRATION_KEYS, prefix=f"{key}.")
        tag = entry.get("tag")
        if not report.required(f"{key}.tag", tag, "string"):
            tag = ""
        elif any(tag == other.tag for other in found):
            report.warn(f"{key}.tag", f"The tag {js_json(tag)} is the name of two migrations.")
        found.append(Migration(tag, tuple(_Entry(entry, key, classes, report).apply())))
    return classes, tuple(found)


class _Entry:
    """One entry, applied to the classes that live before it."""

    def __init__(
        self,
        entry: Mapping[str, object],
        key: str,
        classes: dict[str, StorageKind],
        report: Report,
    ) -> None:
        self._entry = entry
        self._key = key
        self._classes = classes
        self._report = report

    def apply(self) -> Iterator[MigrationStep]:
        classes = self._classes
        for place, name in self._strings("deleted_classes"):
            if name not in classes:
                self._absent("deleted_classes", place, name)
            else:
                del classes[name]
                yield Delete(name)
        for place, item in self._objects("renamed_classes", ("from", "to")):
            old, new = item["from"], item["to"]
            if old not in classes:
                self._absent("renamed_classes", place, old)
                continue
            storage = classes.pop(old)
            if new in classes:
                self._present("renamed_classes", place, new)
            classes[new] = storage
            yield Rename(old, new)
        # A class keeps its storage when it is transferred; that is SQLite for all but old ones.
        for place, item in self._objects("transferred_classes", ("from", "from_script", "to")):
            yield Transfer(item["from_script"], item["from"], item["to"])
            self._create("transferred_classes", place, item["to"], "sqlite")
        for place, name in self._strings("new_classes"):
            self._create("new_classes", place, name, "legacy-kv")
            yield Create(name)
        for place, name in self._strings("new_sqlite_classes"):
            self._create("new_sqlite_classes", place, name, "sqlite")
            yield Create(name)

    def _create(self, field: str, place: str, name: str, storage: StorageKind) -> None:
        if name in self._classes:
            self._present(field, place, name)
        self._classes[name] = storage

    def _present(self, field: str, place: str, name: str) -> None:
        self._report.error(place, f"Cannot apply {field} migration to existing class {name}")

    def _absent(self, field: str, place: str, name: str) -> None:
        problem = f"Cannot apply {field} migration to non-existent class {name}"
        self._report.error(place, problem, hint=did_you_mean(name, self._classes))

    def _strings(self, field: str) -> list[tuple[str, str]]:
        """The strings of an array, each with its key."""
        key, value = f"{self._key}.{field}", self._entry.get(field)
        strings = self._report.optional_strings(key, value)
        if not isinstance(value, list) or len(strings) != len(value):
            return [(key, name) for name in strings]
        return [(f"{key}[{number}]", name) for number, name in enumerate(strings)]

    def _objects(self, field: str, fields: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
        """The objects of an array, which have these string fields, each with its key."""
        key, value = f"{self._key}.{field}", self._entry.get(field)
        if value is None:
            return []
        if isinstance(value, list):
            tables = [as_table(item) for item in value]
            items = [{f: v for f in fields if isinstance(v := t.get(f), str)} for t in tables]
            if all(len(item) == len(fields) for item in items):
                return [(f"{key}[{number}]", item) for number, item in enumerate(items)]
        shape = ", ".join(f"{f}: string" for f in fields)
        self._report.error(
            key,
            f'Expected "{key}" to be an array of "{{{shape}}}" objects but got {js_json(value)}.',
        )
        return []
