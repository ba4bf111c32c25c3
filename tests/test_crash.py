"""`kill -9` of `durable dev`: no acknowledged write is lost, and an alarm that was set still fires."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests.dev_server import DevServer, dev_server
from tests.wire import request
from tests.worlds import write_worker

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

ROUNDS: Final = 3
WRITERS: Final = 4
ACKNOWLEDGED_MAX: Final = 80
WORKER: Final = """
class Store(DurableObject):
    async def fetch(self, request):
        command, _, value = request.url.rpartition("?")[2].partition("=")
        storage = self.ctx.storage
        if command == "put":
            # Two ways to write in one turn: both are there afterwards, or neither.
            await storage.put(value, "key-value")
            storage.sql.exec("CREATE TABLE IF NOT EXISTS seen (value TEXT)")
            storage.sql.exec("INSERT INTO seen VALUES (?)", value)
        elif command == "all":
            storage.sql.exec("CREATE TABLE IF NOT EXISTS seen (value TEXT)")
            seen = [row.value for row in storage.sql.exec("SELECT value FROM seen")]
            return Response(JSON.stringify(to_js([list((await storage.list()).keys()), seen])))
        elif command == "alarm":
            await storage.setAlarm(Date.now() + int(value))
        elif command == "fired":
            while await storage.get("fired") is None:
                await scheduler.wait(20)
        return Response("ok")

    async def alarm(self):
        await self.ctx.storage.put("fired", True)
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(write_worker(tmp_path, WORKER))


async def ask(server: DevServer, query: str, store: str = "a") -> str:
    answer = await request(server.host, server.port, "GET", f"/store/{store}/x?{query}")
    assert answer.status == 200, answer.text
    return answer.text


async def write_until_killed(server: DevServer, prefix: str, kill_after: int) -> list[str]:
    """Write from several clients at once; SIGKILL at that many answers. What was acknowledged."""
    acknowledged: list[str] = []

    async def write(writer: int) -> None:
        for number in range(ACKNOWLEDGED_MAX):
            value = f"{prefix}-{writer}-{number}"
            try:
                await ask(server, f"put={value}")
            except (OSError, EOFError):
                return
            acknowledged.append(value)
            if len(acknowledged) >= kill_after:
                server.process.kill()
                return

    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    server.process.wait()
    return acknowledged


async def test_no_acknowledged_write_is_lost(config: str, tmp_path: Path) -> None:
    random = Random(20_260_101)
    options = ("--persist-to", str(tmp_path / "state"))
    acknowledged: list[str] = []
    for number in range(ROUNDS):
        with dev_server(*options, config=config) as server:
            kill_after = random.randint(1, ACKNOWLEDGED_MAX)
            acknowledged += await write_until_killed(server, str(number), kill_after)
        with dev_server(*options, config=config) as server:
            keys, seen = json.loads(await ask(server, "all"))
            assert set(acknowledged) <= set(keys)
            assert sorted(keys) == sorted(seen), "a turn was committed by half"
            if number % 2:
                server.process.kill()  # the next round finds a folder that was left in a hurry
    assert len(acknowledged) >= ROUNDS


async def test_an_alarm_that_was_set_before_the_kill_fires_after_the_restart(
    config: str, tmp_path: Path
) -> None:
    options = ("--persist-to", str(tmp_path / "state"))
    with dev_server(*options, config=config) as server:
        await ask(server, "alarm=200", "overdue")
        await ask(server, "alarm=1500", "soon")
        server.process.kill()
    with dev_server(*options, config=config) as server:
        await ask(server, "fired=", "overdue")
        await ask(server, "fired=", "soon")
