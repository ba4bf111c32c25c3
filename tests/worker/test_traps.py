"""The traps of the platform, in workers: what happens is the platform's, and it is announced."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

from emulator.errors import CompatWarning
from tests.worlds import worker, write_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = """
import datetime
import subprocess
import threading
from js import Object

class Trap(DurableObject):
    async def waits(self):
        async def late():
            await self.ctx.storage.put("ran", True)
        self.ctx.waitUntil(late())                                          # wait-until-coroutine
        await asyncio.sleep(1)
        return await self.ctx.storage.get("ran")

    async def waits_for_a_task(self):
        async def late():
            await self.ctx.storage.put("ran", True)
        self.ctx.waitUntil(asyncio.create_task(late()))
        await asyncio.sleep(1)
        return await self.ctx.storage.get("ran")

    async def listens(self):
        client, server = WebSocketPair.new().object_values()
        server.accept()
        client.accept()
        got = []
        server.addEventListener("message", lambda event: got.append(event.data))  # event-listener-proxy
        client.send("x")
        await asyncio.sleep(1)
        return [got, server.readyState]

    async def times(self):
        got = []
        setTimeout(lambda: got.append(1), 1)                                # event-listener-proxy
        setTimeout(create_proxy(lambda: got.append(2)), 1)
        await asyncio.sleep(1)
        return got

    async def sends(self):
        client, server = WebSocketPair.new().object_values()
        server.accept()
        client.accept()
        got = []
        client.onmessage = lambda event: got.append(event.data)
        server.send(b"\\x01")                                               # websocket-send-bytes
        await asyncio.sleep(1)
        return got

    async def sql(self):
        q = self.ctx.storage.sql.exec
        q("CREATE TABLE t (a INTEGER, b TEXT, c)")
        q("INSERT INTO t (a) VALUES (?)", 7)
        q("INSERT INTO t (b) VALUES (?)", 7)                                # sql-integer-is-real
        q("INSERT INTO t (c) VALUES (?)", True)                             # sql-boolean-is-text
        q("INSERT INTO t (c) VALUES (?)", [1, 2])                           # sql-object-is-text
        raw = self.ctx._ctx.storage.sql.exec
        raw("INSERT INTO t (c) VALUES (?)", b"x")                           # sql-raw-bytes
        return [list(row) for row in q("SELECT * FROM t").raw()]

    async def keys(self):
        await self.ctx.storage.put("k", {1: "a"})                           # rpc-integer-keys
        return await self.ctx.storage.get("k")

    async def dates(self):
        zone = datetime.timezone(datetime.timedelta(hours=2))
        moment = datetime.datetime(2026, 1, 1, 2, tzinfo=zone)
        await self.ctx.storage.put("d", moment)                             # naive-datetime
        return (await self.ctx.storage.get("d")).isoformat()

    async def threads(self):
        texts = []
        for start in (threading.Thread(target=print).start, lambda: subprocess.run(["true"])):  # threads-and-processes
            try:
                start()                                                     # threads-and-processes
            except (RuntimeError, OSError) as exc:
                texts.append(str(exc))
        try:
            await asyncio.to_thread(print)                                  # threads-and-processes
        except RuntimeError as exc:
            texts.append(str(exc))
        return texts

    async def section(self):
        async def fail():
            raise ValueError("inside")                                      # failed-critical-section
        await self.ctx.blockConcurrencyWhile(fail)
"""


@pytest.fixture
def announced() -> Iterator[list[warnings.WarningMessage]]:
    """The warnings of a test."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("waits", None),
        ("waits_for_a_task", True),
        ("listens", [[], 3]),
        ("times", [2]),
        ("sends", ["b'\\x01'"]),
        (
            "sql",
            [[7, None, None], [None, "7.0", None], [None, None, "true"], [None, None, "1,2"],
             [None, None, "b'x'"]],
        ),
        ("keys", {"1": "a"}),
        ("dates", "2026-01-01T00:00:00"),
        (
            "threads",
            ["can't start new thread", "[Errno 138] emscripten does not support processes.",
             "can't start new thread"],
        ),
    ],
)  # fmt: skip
@worker(SOURCE)
async def test_a_trap_is_reproduced_and_announced_at_its_line(
    durable: Any, announced: list[warnings.WarningMessage], tmp_path: Path, method: str, result: Any
) -> None:
    found = await getattr(durable.env.TRAP.getByName("a"), method)()
    assert found == result
    check(announced, tmp_path, method)


@worker(SOURCE)
async def test_a_failed_section_is_announced_where_it_failed(
    durable: Any, announced: list[warnings.WarningMessage], tmp_path: Path
) -> None:
    with pytest.raises(BaseException, match="inside"):
        await durable.env.TRAP.getByName("a").section()
    check(announced, tmp_path, "section")


def check(announced: list[warnings.WarningMessage], folder: Path, method: str) -> None:
    """See that the lines of `method` that name a page, and no others, were announced."""
    lines = (folder / "worker.py").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if f"def {method}(" in line)
    expected = set()
    for number, line in enumerate(lines[start + 1 :], start + 2):
        if line.startswith("    async def "):
            break
        if "  # " in line:
            expected.add((number, line.rpartition("# ")[2]))
    found = {
        (warning.lineno, str(warning.message).rpartition("docs/traps/")[2].removesuffix(".md)"))
        for warning in announced
        if issubclass(warning.category, CompatWarning)
    }
    assert found == expected
    assert {w.filename for w in announced if issubclass(w.category, CompatWarning)} <= {
        str(folder / "worker.py")
    }


IMPORTING = """
import os, random, secrets, uuid
from random import randint

NOW = Date.now()                                                            # import-time
IDS = [uuid.uuid4(), secrets.token_hex(), os.urandom(2)]                    # import-time
DICE = random.random()                                                      # import-time
JS = crypto.randomUUID()                                                    # import-time

class Late(DurableObject):
    throw = randint

    async def ask(self):
        return [NOW, Date.now() > 0, self.throw(3, 3), len(str(uuid.uuid4()))]
"""


async def test_there_is_no_clock_and_no_entropy_at_import(
    worlds: Any, announced: list[warnings.WarningMessage]
) -> None:
    write_worker(worlds.folder, IMPORTING)

    async def ask(durable: Any) -> Any:
        return await durable.env.LATE.getByName("a").ask()

    import asyncio

    # Worlds have loops of their own: they run beside the test's.
    found = await asyncio.get_running_loop().run_in_executor(None, worlds.run, ask)
    assert found == [0, True, 3, 36]
    lines = (worlds.folder / "worker.py").read_text().splitlines()
    expected = {i for i, line in enumerate(lines, 1) if line.endswith("# import-time")}
    assert {w.lineno for w in announced if issubclass(w.category, CompatWarning)} == expected


@worker(SOURCE)
async def test_a_trap_can_be_made_an_error(durable: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", CompatWarning)
        with pytest.raises(BaseException, match=r"docs/traps/rpc-integer-keys\.md"):
            await durable.env.TRAP.getByName("a").keys()


@worker("""
from fastapi import FastAPI
from pathlib import Path

class Quiet(DurableObject):
    async def ok(self):
        q = self.ctx.storage.sql.exec
        q("CREATE TABLE t (a INTEGER PRIMARY KEY, n REAL, b TEXT)")
        q("INSERT INTO t VALUES (?, ?, ?)", 1, 2, "x")
        q("UPDATE t SET n = n + ? WHERE a = ?", 5, 1)
        q("SELECT * FROM t WHERE a IN (?, ?) LIMIT ?", 1, 2, 3).toArray()
        await self.ctx.storage.put({"a": {"b": 1}})
        self.ctx.waitUntil(create_proxy(self.later()))
        return to_js({"a": 1}).a

    async def later(self):
        pass
""")
async def test_code_without_traps_is_not_announced(
    durable: Any, announced: list[warnings.WarningMessage]
) -> None:
    assert await durable.env.QUIET.getByName("a").ok() == 1
    assert not [str(w.message) for w in announced if issubclass(w.category, CompatWarning)]
