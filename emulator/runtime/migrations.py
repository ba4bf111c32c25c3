"""Carries out what migrations do to stored objects, and keeps the record of it in the notebook.

What is to be done is planned in `emulator.core.config.lifecycle`. The plan is written in one
transaction: tags, keys, and which folders are doomed. Only then are those deleted, and struck off.
So whatever moment the process dies in, the next start finds either the state from before or a
record that says what is left to do; it does that first.

It runs before the emulator opens anything: nobody else has these files open.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from emulator.core.config import Create
from emulator.core.config.lifecycle import Plan, Record, moves_objects, plan_migrations
from emulator.core.events import StateMigrated
from emulator.core.ids import unique_key
from emulator.errors import StateFolderError
from emulator.storage.layout import StateLayout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    import aiosqlite

    from emulator.core.clock import Clock
    from emulator.core.config import Config
    from emulator.core.config.lifecycle import ClassKeys
    from emulator.core.events import Listener

__all__ = ["Migrations", "check_reload", "class_keys", "tell"]

_DDL: Final = """
    CREATE TABLE IF NOT EXISTS migrations (
      worker TEXT NOT NULL,
      tag TEXT NOT NULL,
      changes TEXT NOT NULL,
      applied_ms INTEGER NOT NULL,
      PRIMARY KEY (worker, tag)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS class_keys (
      worker TEXT NOT NULL,
      class_name TEXT NOT NULL,
      unique_key TEXT NOT NULL,
      PRIMARY KEY (worker, class_name)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS doomed (unique_key TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_EXPORTS: Final = ""  # the tag of what `exports` did


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrations:
    """The migrations of these workers, on one state folder.

    folder: the folder of the class folders.
    notebook: the file of the record; it is made when there is something to write.
    """

    configs: Sequence[Config]
    folder: Path
    notebook: Path
    clock: Clock

    def are_idle(self) -> bool:
        """Whether stored objects are certainly where the names of their classes say.

        A quick answer for the usual case: only new classes, and no folder but theirs.
        """
        steps = [s for c in self.configs for m in c.migrations for s in m.steps]
        if not all(isinstance(step, Create) for step in steps):
            return False
        expected = {
            unique_key(config.name, name)
            for config in self.configs
            for name in (*config.classes, *(b.class_name for b in config.local_bindings))
        }
        return expected.issuperset(StateLayout(self.folder).unique_keys())

    async def plan(self) -> Plan:
        """What `apply` would do now. Makes and changes nothing.

        Raises:
            StateFolderError: the notebook cannot be read.
        """
        if not _exists(self.notebook):
            return self._plan(Record(), ())
        async with _open(self.notebook) as connection:
            if not await _has_record(connection):
                return self._plan(Record(), ())
            return self._plan(await _read(connection), await _doomed(connection))

    async def apply(self) -> Plan:
        """Carry out what is not done yet; the plan, as it was.

        Raises:
            StateFolderError: the notebook cannot be written, or a folder not deleted.
        """
        async with self._made() as connection:
            await self._delete(connection)
            plan = self._plan(await _read(connection), ())
            await self._write(connection, plan)
            await self._delete(connection)
        return plan

    async def record(self) -> None:
        """Note what is in force where there was nothing to carry out, if there are objects at all.

        A notebook that cannot be written is left: a later start finds nothing to do, too.
        """
        if self._count():
            with suppress(StateFolderError):
                await self._record()

    async def _record(self) -> None:
        now_ms = self.clock.now_ms()
        rows = [(c.name, m.tag, "", now_ms) for c in self.configs for m in c.migrations if m.tag]
        async with self._made() as connection:
            await connection.executemany(
                "INSERT OR IGNORE INTO migrations VALUES (?, ?, ?, ?)", rows
            )
            await connection.commit()

    @asynccontextmanager
    async def _made(self) -> AsyncIterator[aiosqlite.Connection]:
        """The notebook, made if missing."""
        try:
            self.notebook.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise StateFolderError(str(self.notebook), f"cannot be made: {exc.strerror}.") from exc
        async with _open(self.notebook) as connection:
            await connection.executescript(_DDL)
            yield connection

    def _plan(self, record: Record, doomed: Sequence[str]) -> Plan:
        stored = {key: count for key, count in self._count().items() if key not in doomed}
        return plan_migrations(self.configs, record, stored)

    def _count(self) -> dict[str, int]:
        """How many objects each class folder has that has any."""
        layout = StateLayout(self.folder)
        counts = {key: sum(1 for _ in layout.object_ids(key)) for key in layout.unique_keys()}
        return {key: count for key, count in counts.items() if count}

    async def _write(self, connection: aiosqlite.Connection, plan: Plan) -> None:
        now_ms = self.clock.now_ms()
        rows = []
        for worker, tags in plan.tags.items():
            for tag in (*tags, _EXPORTS):
                texts = [c.text for c in plan.changes if (c.worker, c.tag or "") == (worker, tag)]
                if tag or texts:
                    rows.append((worker, tag, "\n".join(texts), now_ms))
        await connection.executemany(
            "INSERT INTO migrations VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " changes = excluded.changes, applied_ms = excluded.applied_ms WHERE tag = ''",
            rows,
        )
        await connection.execute("DELETE FROM class_keys")
        await connection.executemany(
            "INSERT INTO class_keys VALUES (?, ?, ?)",
            [(worker, name, key) for (worker, name), key in plan.keys.items()],
        )
        await connection.executemany(
            "INSERT OR IGNORE INTO doomed VALUES (?)", [(key,) for key in plan.doomed]
        )
        await self._rename_objects(connection, plan)
        await connection.commit()

    async def _rename_objects(self, connection: aiosqlite.Connection, plan: Plan) -> None:
        """Let the catalog's table follow, if there is one."""
        if not await _has_table(connection, "objects"):
            return
        await connection.executemany(
            "UPDATE objects SET class_name = ? WHERE unique_key = ?",
            [(name, key) for (_, name), key in plan.keys.items()],
        )
        await connection.executemany(
            "DELETE FROM objects WHERE unique_key = ?", [(key,) for key in plan.doomed]
        )

    async def _delete(self, connection: aiosqlite.Connection) -> None:
        doomed = await _doomed(connection)
        for key in doomed:
            StateLayout(self.folder).remove_class(key)
        if doomed:
            await connection.execute("DELETE FROM doomed")
            await connection.commit()


async def class_keys(notebook: Path) -> ClassKeys:
    """The keys of the classes that do not have the one of their name, from the record.

    Raises:
        StateFolderError: the notebook cannot be read.
    """
    if not _exists(notebook):
        return {}
    async with _open(notebook) as connection:
        if not await _has_record(connection):
            return {}
        return (await _read(connection)).keys


def tell(plan: Plan, listener: Listener | None, clock: Clock) -> None:
    """Report what was done, and what was not."""
    if listener is None:
        return
    now_ms = clock.now_ms()
    for change in plan.changes:
        listener(
            StateMigrated(time_ms=now_ms, worker=change.worker, tag=change.tag, text=str(change))
        )
    for note in plan.notes:
        listener(StateMigrated(time_ms=now_ms, worker="", tag=None, text=note))


def check_reload(running: Sequence[Config], configs: Sequence[Config]) -> None:
    """Raises StateFolderError if the new configurations would move or delete stored objects."""
    for old, new in zip(running, configs, strict=True):
        if moves_objects(new, old):
            raise StateFolderError(
                str(new.path),
                "a migration renames, transfers or deletes classes, whose files are in use.",
                hint="Stop `durable dev` and start it again: the migration is applied at start.",
            )


@asynccontextmanager
async def _open(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    import aiosqlite

    try:
        async with aiosqlite.connect(path) as connection:
            yield connection
    except aiosqlite.Error as exc:
        raise StateFolderError(
            str(path), f"the record of migrations cannot be used: {exc}."
        ) from exc


def _exists(path: Path) -> bool:
    return path.exists()


async def _has_record(connection: aiosqlite.Connection) -> bool:
    return await _has_table(connection, "doomed")  # the last one that is made


async def _has_table(connection: aiosqlite.Connection, name: str) -> bool:
    rows = await connection.execute_fetchall(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)
    )
    return bool(list(rows))


async def _read(connection: aiosqlite.Connection) -> Record:
    tags: dict[str, list[str]] = {}
    rows = await connection.execute_fetchall("SELECT worker, tag FROM migrations WHERE tag <> ''")
    for worker, tag in rows:
        tags.setdefault(worker, []).append(tag)
    rows = await connection.execute_fetchall(
        "SELECT worker, class_name, unique_key FROM class_keys"
    )
    return Record(tags, {(worker, name): key for worker, name, key in rows})


async def _doomed(connection: aiosqlite.Connection) -> list[str]:
    rows = await connection.execute_fetchall("SELECT unique_key FROM doomed")
    return [key for (key,) in rows]
