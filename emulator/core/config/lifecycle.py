"""What migrations do to objects that are stored already: a plan, made without touching anything.

As on the platform, a class that is renamed or transferred keeps its storage, and the ids of its
objects with it: ids are made from the storage key, which is `<worker>-<Class>` of the class that was
there first. So no file moves; what is remembered is which class has which key. (Wrangler gives the
new name a new key, and the objects are lost to it.) spec: peers §1a, storage §8.

Invariants, proved in tests/core/config/test_lifecycle.py:

  1. No two classes ever have one key.
  2. A plan that was carried out and is made again changes nothing.
  3. What no migration has asked for is never deleted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.config.model import Create, Delete, Rename, Transfer
from emulator.core.ids import unique_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from emulator.core.config.model import Config, Migration, MigrationStep

__all__ = ["Change", "ClassKeys", "Plan", "Record", "moves_objects", "plan_migrations"]

type ClassKeys = Mapping[tuple[str, str], str]  # (worker, class) -> key, where it is another one


@dataclass(frozen=True, slots=True)
class Record:
    """What was carried out before: the tags of each worker, and the keys that resulted."""

    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keys: ClassKeys = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a migration does to stored objects, told to people. `tag` is None for exports."""

    worker: str
    tag: str | None
    text: str

    def __str__(self) -> str:
        return f"{_place(self.worker, self.tag)}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done.

    keys, tags: the record as it is then.
    doomed: keys of the classes whose files are to be deleted.
    notes: what was not done, and why.
    """

    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    keys: ClassKeys
    tags: Mapping[str, Sequence[str]]
    doomed: tuple[str, ...]


def moves_objects(config: Config, since: Config) -> bool:
    """Whether `config` renames, transfers or deletes classes in a way that `since` did not."""
    old = {step for migration in since.migrations for step in migration.steps}
    new = {step for migration in config.migrations for step in migration.steps}
    return any(not isinstance(step, Create) for step in new - old)


def plan_migrations(configs: Iterable[Config], record: Record, stored: Mapping[str, int]) -> Plan:
    """Plan the migrations of these workers that were not applied yet.

    Args:
        stored: how many objects each key has on disk, for those that have any.
    """
    planner = _Planner(record, stored)
    configs = tuple(configs)
    for config in configs:
        planner.migrate(config)
    for config in configs:
        planner.separate(config)
    return Plan(
        changes=tuple(planner.changes),
        notes=tuple(planner.notes),
        keys=planner.keys,
        tags=planner.tags,
        doomed=tuple(planner.doomed),
    )


class _Planner:
    def __init__(self, record: Record, stored: Mapping[str, int]) -> None:
        # Where a folder is gone and the class has begun anew under its own name, that counts.
        self.keys = {
            owner: key
            for owner, key in record.keys.items()
            if key in stored or unique_key(*owner) not in stored
        }
        self.tags = {worker: tuple(tags) for worker, tags in record.tags.items()}
        self.changes: list[Change] = []
        self.notes: list[str] = []
        self.doomed: list[str] = []
        self._stored = dict(stored)

    def migrate(self, config: Config) -> None:
        is_new = config.name not in self.tags
        for migration in self._pending(config.name, config.migrations):
            for step in migration.steps:
                self._apply(step, config, migration.tag, is_new=is_new)
        known = self.tags.get(config.name, ())
        tags = [m.tag for m in config.migrations if m.tag is not None and m.tag not in known]
        self.tags[config.name] = (*known, *tags)

    def separate(self, config: Config) -> None:
        """Give a class that reuses the name of a renamed one a key of its own (invariant 1)."""
        names = {*config.classes, *(binding.class_name for binding in config.local_bindings)}
        for name in sorted(names):
            owner = (config.name, name)
            key = unique_key(*owner)
            if owner in self.keys or key not in self.keys.values():
                continue
            number = 2
            while f"{key}~{number}" in self.keys.values():
                number += 1
            self.keys[owner] = f"{key}~{number}"

    def _pending(self, worker: str, migrations: Sequence[Migration]) -> Sequence[Migration]:
        """Those after the last one that was applied; `exports` always counts anew."""
        applied = self.tags.get(worker, ())
        last = max((n for n, m in enumerate(migrations) if m.tag in applied), default=-1)
        return migrations[last + 1 :]

    def _apply(self, step: MigrationStep, config: Config, tag: str | None, *, is_new: bool) -> None:
        worker = config.name
        match step:
            case Delete(name):
                # Files of a folder that was never seen may be those of the class's second life.
                if is_new and name in config.classes and self._count((worker, name)):
                    self.notes.append(
                        f"{_place(worker, tag)}: the objects of {name} are kept, since {name} is "
                        "created again later and they may belong to that class."
                    )
                    return
                self._delete(worker, name, tag)
            case Rename(old, new):
                self._move((worker, old), (worker, new), tag)
            case Transfer(script, old, new):
                self._move((script, old), (worker, new), tag)
            case _:
                return  # a new class has nothing stored

    def _delete(self, worker: str, name: str, tag: str | None) -> None:
        owner = (worker, name)
        key = self._key(owner)
        self.keys.pop(owner, None)
        count = self._stored.get(key, 0)
        if not count or key in self.keys.values():
            return  # nothing, or another class's by now
        del self._stored[key]
        self.doomed.append(key)
        self._tell(worker, tag, f"{name} is deleted, with {_objects(count)}")

    def _move(self, old: tuple[str, str], new: tuple[str, str], tag: str | None) -> None:
        key = self._key(old)
        if new in self.keys or key in (self.keys.get(o) for o in self.keys if o != old):
            self.keys.pop(old, None)
            return  # done before
        count = self._stored.get(key, 0)
        if not count:
            self.keys.pop(old, None)
            return  # nothing to keep: the new class begins under its own name
        own = unique_key(*new)
        if self._stored.get(own, 0) and own not in (key, *self.keys.values()):
            self.notes.append(
                f"{_place(new[0], tag)}: {new[1]} has objects of its own already, so those of "
                f"{old[1]} stay where they are, in {key}."
            )
            return
        self.keys.pop(old, None)
        if key != own:
            self.keys[new] = key
        source = old[1] if old[0] == new[0] else f"{old[1]} of {old[0]}"
        self._tell(new[0], tag, f"{source} is now {new[1]}, with {_objects(count)}")

    def _key(self, owner: tuple[str, str]) -> str:
        return self.keys.get(owner) or unique_key(*owner)

    def _count(self, owner: tuple[str, str]) -> int:
        return self._stored.get(self._key(owner), 0)

    def _tell(self, worker: str, tag: str | None, text: str) -> None:
        self.changes.append(Change(worker, tag, text))


def _place(worker: str, tag: str | None) -> str:
    return f"Migration {tag} of {worker}" if tag is not None else f"Exports of {worker}"


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"
