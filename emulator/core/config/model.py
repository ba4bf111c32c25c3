"""The configuration as frozen values.

Invariants:
1. A Config has passed every check of `parse`: binding names are unique, `main` ends in `.py`.
2. Nothing in it depends on the machine: paths are as the file has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.errors import Diagnostic

__all__ = [
    "COMPATIBILITY_DATE_DEFAULT",
    "AbsentBinding",
    "Assets",
    "Binding",
    "Config",
    "Create",
    "Delete",
    "DevOptions",
    "DurabilityName",
    "Migration",
    "MigrationStep",
    "Rename",
    "Service",
    "StorageKind",
    "Transfer",
]

type StorageKind = Literal["sqlite", "legacy-kv"]
type DurabilityName = Literal["full", "normal"]

# What a file without compatibility_date gets; the date of the runtime the specs were measured on.
COMPATIBILITY_DATE_DEFAULT: Final = "2026-11-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """`env.<name>` is the namespace of `class_name`, of another worker if `script_name` is given."""

    name: str
    class_name: str
    script_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """`env.<name>` is the entrypoint of another worker: the default one, or a named class."""

    name: str
    service: str
    entrypoint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """Static files, which answer before the worker is asked.

    directory: relative to the folder of the file, or absolute.
    run_worker_first, worker_routes: ask the worker first: always, or for these path patterns.
    """

    directory: str
    binding: str | None = None
    run_worker_first: bool = False
    worker_routes: tuple[str, ...] = ()
    html_handling: str = "auto-trailing-slash"
    not_found_handling: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentBinding:
    """`env.<name>` is a product that is not emulated; `js_class` is what it says it is."""

    name: str
    field: str
    product: str
    js_class: str


@dataclass(frozen=True, slots=True)
class Create:
    """The class begins to exist, without objects."""

    class_name: str


@dataclass(frozen=True, slots=True)
class Delete:
    """The class ends, and its objects with all they keep."""

    class_name: str


@dataclass(frozen=True, slots=True)
class Rename:
    """The objects of the class `old` are those of `new` from here on."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """The objects of the class `old` of the worker `script` are those of `new` of this one."""

    script: str
    old: str
    new: str


type MigrationStep = Create | Delete | Rename | Transfer


@dataclass(frozen=True, slots=True)
class Migration:
    """One entry of `migrations`, its steps in the order in which they apply.

    tag: its name; None for what `exports` declares, which is no sequence but a wish.
    """

    tag: str | None
    steps: tuple[MigrationStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DevOptions:
    """The table `[dev]`. All but the first two are ours.

    durability: what a commit survives: "full", the machine's death; "normal", the process's.
    pitr: keep the objects' past, so that their bookmarks can be restored.
    legacy_kv: classes of `new_classes` get the key-value engine of production, without SQLite.
    auto_reply_to_close: the runtime answers a client's Close before the handler sees it.
    lenient_frames: protocol errors of a client's frames do not end its connection.
    """

    ip: str = "localhost"
    port: int = 8787
    durability: DurabilityName = "full"
    pitr: bool = False
    legacy_kv: bool = False
    auto_reply_to_close: bool = False
    lenient_frames: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One worker.

    path: the file it came from, None if it was built in memory.
    main: the entry-point file, absolute or relative to the folder of `path`.
    classes: the live Durable Object classes of this worker, after all migrations, with their storage.
    migrations: how they came to be, in file order.
    vars: plain values for `env`: strings, numbers, booleans, lists, dicts.
    secrets: texts for `env` from files that are not checked in; they win over `vars`.
    secrets_required: the only names that may be secrets; None if any may.
    absent: bindings of products that are not emulated.
    environment: the `[env.NAME]` that this is; None for the top level.
    environments: those that the file has.
    warnings: what is odd but usable, in file order within each check.
    """

    name: str = "worker"
    main: str
    path: str | None = None
    compatibility_date: str = COMPATIBILITY_DATE_DEFAULT
    compatibility_flags: tuple[str, ...] = ()
    bindings: tuple[Binding, ...] = ()
    classes: Mapping[str, StorageKind] = field(default_factory=lambda: MappingProxyType({}))
    migrations: tuple[Migration, ...] = ()
    vars: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    secrets: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    secrets_required: tuple[str, ...] | None = None
    services: tuple[Service, ...] = ()
    assets: Assets | None = None
    absent: tuple[AbsentBinding, ...] = ()
    dev: DevOptions = field(default_factory=DevOptions)
    environment: str | None = None
    environments: tuple[str, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()

    def storage_of(self, class_name: str) -> StorageKind:
        """The class's storage. One that no migration creates works, but has no SQL (peers §5)."""
        return self.classes.get(class_name, "legacy-kv")

    def is_enabled(self, flag: str, opposite: str, *, since: str) -> bool:
        """Whether a compatibility flag holds: named itself, or by date unless its opposite is."""
        if flag in self.compatibility_flags:
            return True
        return opposite not in self.compatibility_flags and self.compatibility_date >= since

    @property
    def local_bindings(self) -> tuple[Binding, ...]:
        """The bindings to classes that this worker itself must export."""
        return tuple(b for b in self.bindings if b.script_name in {None, self.name})
