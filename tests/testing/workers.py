"""The workers that the tests of `durable` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.worlds import worker, write_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from emulator.core.events import Event
    from emulator.testing.durable_objects import Durable

BOX: Final = """
class Box(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.calls = 0
        self.alarms = []

    async def add(self, amount=1):
        self.calls += 1
        value = (await self.ctx.storage.get("value") or 0) + amount
        await self.ctx.storage.put("value", value)
        return value

    async def get(self, key="value"):
        return await self.ctx.storage.get(key)

    async def fill(self):
        self.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, x)")
        self.ctx.storage.sql.exec("INSERT INTO t (x) VALUES (?)", "one")
        await self.ctx.storage.put("list", [1, {"a": None}])

    async def clear(self):
        self.ctx.storage.sql.exec("DELETE FROM t")
        await self.ctx.storage.delete("list")

    async def timer(self, seconds):
        setTimeout(create_proxy(lambda: None), seconds * 1000)

    async def wait(self, seconds):
        await asyncio.sleep(seconds)
        return "waited"

    async def never(self):
        await asyncio.Event().wait()

    async def fails(self):
        raise ValueError("no")

    async def set_alarm(self, seconds):
        await self.ctx.storage.setAlarm(Date.now() + seconds * 1000)

    async def fail_alarms(self, count):
        await self.ctx.storage.put("failures", count)

    async def alarm(self, info):
        runs = await self.ctx.storage.get("runs") or []
        runs.append([info.retryCount, info.isRetry])
        await self.ctx.storage.put("runs", runs)
        await self.ctx.storage.sync()
        if len(runs) <= (await self.ctx.storage.get("failures") or 0):
            raise ValueError("the alarm failed")

    async def runs(self):
        return await self.ctx.storage.get("runs")

    async def say(self, text):
        console.log(text)

    async def fetch(self, request):
        if request.headers.get("Upgrade") != "websocket":
            return Response(f"value {await self.add()}")
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server, to_js(["red"]))
        server.serializeAttachment(to_js({"n": 1}, dict_converter=Object.fromEntries))
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        ws.send(f"echo {message}")

    async def webSocketClose(self, ws, code, reason, clean):
        await self.ctx.storage.put("closed", code)
        ws.close(code) if code not in (1005, 1006) else None
"""

box_worker = worker(BOX)


def run_world(
    folder: Path,
    test: Callable[[Durable], Coroutine[Any, Any, Any]],
    source: str = BOX,
    *,
    seed: int = 1,
    **disturbances: Any,
) -> tuple[Any, list[Event]]:
    """Run `test` in a world that is disturbed; what it returns, and what happened."""
    from emulator.core.eviction import Disturbances
    from emulator.testing.world import WorldOptions, open_world

    options = WorldOptions(seed=seed, disturbances=Disturbances(**disturbances))
    with open_world(write_worker(folder, source), options=options) as (durable, world):
        return world.run(test(durable)), durable.events
