"""Loops inside an object, and what they are compared with: the same work without one.

The object's code is a worker as users write them, on the SDK; its methods do an operation `count`
times and return the seconds that took.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import apsw

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.in_process import Operations

__all__ = ["in_object", "raw_get", "raw_put", "raw_query", "rpc"]

KEYS: Final = 100  # a loop writes to as many keys in turn
WORKER: Final = f"""
import time

from workers import DurableObject, Response, WorkerEntrypoint


class Bench(DurableObject):
    async def nothing(self):
        return 1

    async def prepare(self):
        await self.ctx.storage.put("key", 1)
        exec = self.ctx.storage.sql.exec
        exec("CREATE TABLE IF NOT EXISTS t (id TEXT PRIMARY KEY, n INTEGER)")
        exec("INSERT OR IGNORE INTO t VALUES ('id', 1)")

    async def get(self, count):
        storage = self.ctx.storage
        start = time.perf_counter()
        for _ in range(count):
            await storage.get("key")
        return time.perf_counter() - start

    async def put(self, count):
        storage = self.ctx.storage
        keys = [f"key{{i}}" for i in range({KEYS})]
        start = time.perf_counter()
        for i in range(count):
            await storage.put(keys[i % {KEYS}], 1)
        return time.perf_counter() - start

    async def query(self, count):
        exec = self.ctx.storage.sql.exec
        start = time.perf_counter()
        for _ in range(count):
            exec("SELECT id, n FROM t WHERE id = ?", "id").one()
        return time.perf_counter() - start


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("ok")
"""
CONFIG: Final[dict[str, Any]] = {
    "name": "bench",
    "main": "worker.py",
    "compatibility_date": "2026-11-01",
    "compatibility_flags": ["python_workers"],
    "durable_objects": {"bindings": [{"name": "BENCH", "class_name": "Bench"}]},
    "migrations": [{"tag": "v1", "new_sqlite_classes": ["Bench"]}],
}


def _with_object(body: Callable[[Any, int], Any]) -> Operations:
    """Operations on the stub of a fresh object: `body(stub, count)` gives their seconds."""

    def run(count: int) -> float:
        from emulator.assembly import Emulator
        from emulator.assembly import run as run_gated
        from emulator.runtime.config import load_config
        from emulator.storage.database import Durability

        async def inside(folder: Path) -> float:
            config = load_config(folder / "wrangler.json")
            async with Emulator(
                config, state=folder / "state", durability=Durability.OFF
            ) as emulator:
                stub = emulator.env.BENCH.getByName("a")
                await stub.prepare()
                return float(await body(stub, count))

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "worker.py").write_text(WORKER, encoding="utf-8")
            (folder / "wrangler.json").write_text(json.dumps(CONFIG), encoding="utf-8")
            return run_gated(inside(folder))

    return run


def in_object(method: str) -> Operations:
    """The loop of a method of the worker above."""

    async def call(stub: Any, count: int) -> Any:
        return await getattr(stub, method)(count)

    return _with_object(call)


def rpc() -> Operations:
    """Calls of a method that does nothing, one after the other, from outside every object."""

    async def call(stub: Any, count: int) -> float:
        times = range(count)
        start = time.perf_counter()
        for _ in times:
            await stub.nothing()
        return time.perf_counter() - start

    return _with_object(call)


def _raw(prepare: str, body: Callable[[apsw.Connection, int], None]) -> Operations:
    """Statements on a database like an object's: WAL, nothing waits for the disk."""

    def run(count: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            connection = apsw.Connection(f"{folder}/object.sqlite")
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(prepare)
            start = time.perf_counter()
            body(connection, count)
            elapsed_s = time.perf_counter() - start
            connection.close()
            return elapsed_s

    return run


_TABLE: Final = (
    "CREATE TABLE kv (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;"
    "INSERT INTO kv VALUES ('key', x'ff0f4902')"
)


def raw_get() -> Operations:
    """One SELECT by key, its transaction its own."""

    def body(connection: apsw.Connection, count: int) -> None:
        execute = connection.execute
        for _ in range(count):
            execute("SELECT value FROM kv WHERE key = ?", ("key",)).fetchone()

    return _raw(_TABLE, body)


def raw_put() -> Operations:
    """One upsert by key, all of them in one transaction."""

    def body(connection: apsw.Connection, count: int) -> None:
        execute = connection.execute
        keys = [f"key{i}" for i in range(KEYS)]
        execute("BEGIN IMMEDIATE")
        for i in range(count):
            execute(
                "INSERT INTO kv VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                (keys[i % KEYS], b"\xff\x0fI\x02"),
            )
        execute("COMMIT")

    return _raw(_TABLE, body)


def raw_query() -> Operations:
    """One SELECT by key with the names of its columns, its transaction its own."""

    def body(connection: apsw.Connection, count: int) -> None:
        for _ in range(count):
            cursor = connection.execute("SELECT id, n FROM t WHERE id = ?", ("id",))
            names = [column[0] for column in cursor.get_description()]
            for row in cursor:
                dict(zip(names, row, strict=True))

    return _raw(
        "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER); INSERT INTO t VALUES ('id', 1)", body
    )
