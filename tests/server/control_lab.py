"""A real server with its control API, around a small worker, in the test's own process."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from emulator.assembly import Emulator, serve
from emulator.runtime.config import load_config
from tests.worlds import write_worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HOST: Final = "127.0.0.1"
API: Final = "/cdn-cgi/local/explorer/api"
WAIT_S: Final = 10.0
SOURCE: Final = """
class Box(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.held = []

    async def fetch(self, request):
        if request.headers.get("Upgrade"):
            client, server = WebSocketPair.new().object_values()
            self.ctx.acceptWebSocket(server, to_js(["tag<b>"]))
            server.serializeAttachment(to_js({"who": "<i>"}))
            return Response(None, status=101, web_socket=client)
        return Response("ok")

    async def put(self, key, value):
        await self.ctx.storage.put(key, value)

    async def get(self, key):
        return await self.ctx.storage.get(key)

    async def sql(self, text):
        return [list(row) for row in self.ctx.storage.sql.exec(text).raw()]

    async def alarm_at(self, due_ms):
        await self.ctx.storage.setAlarm(due_ms)

    async def alarm(self, info):
        await self.ctx.storage.put("rang", True)
        if await self.ctx.storage.get("broken"):
            raise ValueError("no bell")

    async def say(self, text):
        print(text)
        console.warn(text)

    async def hold(self):
        self.held.append(setTimeout(create_proxy(lambda: None), 3_600_000))

    async def fail(self):
        raise ValueError("on purpose")

    async def call(self, name):
        await self.env.BOX.getByName(name).say("called")

    async def webSocketMessage(self, ws, message):
        ws.send(f"echo {message}")

class Bare(DurableObject):
    async def hello(self):
        return "hello"
"""


@dataclass
class ControlLab:
    """The emulator, where it listens, and a client."""

    emulator: Emulator
    port: int
    client: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def stub(self, name: str = "a") -> Any:
        return self.emulator.env.BOX.getByName(name)

    def path(self, name: str = "a") -> str:
        namespace = self.emulator.worker.namespaces["Box"]
        return f"/local/objects/{namespace.unique_key}/{namespace.ids.from_name(name)}"

    def container(self, name: str = "a") -> Any:
        namespace = self.emulator.worker.namespaces["Box"]
        return namespace.find(namespace.ids.from_name(name))

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The whole answer, with its `status`."""
        if method in ("POST", "PUT") and "data" not in options:
            options["json"] = {} if body is None else body
        async with self.client.request(method, self.url + API + path, **options) as found:
            text = await found.text()
            assert found.content_type == "application/json", text
            return {"status": found.status, **json.loads(text)}

    async def get(self, path: str) -> Any:
        return await self.result("GET", path)

    async def result(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = await self.ask(method, path, body, **options)
        assert answer["success"], answer
        assert answer["status"] == HTTPStatus.OK
        return answer["result"]

    async def refused(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The status and code of a failure."""
        answer = await self.ask(method, path, body, **options)
        assert not answer["success"], answer
        return answer["status"], answer["errors"][0]["code"]

    async def raw(self, head: str) -> bytes:
        """What the server says to a request written by hand."""
        reader, writer = await asyncio.open_connection(HOST, self.port)
        writer.write(head.replace("\n", "\r\n").encode("latin-1"))
        try:
            async with asyncio.timeout(WAIT_S):
                return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def open_control_lab(
    folder: Path, *, host: str = HOST, explorer: bool | None = None, source: str = SOURCE
) -> AsyncIterator[ControlLab]:
    config = load_config(write_worker(folder, source))
    emulator = Emulator.from_config(config, durability="normal")
    async with emulator:
        server = await serve(emulator, host=host, port=0, explorer=explorer)
        try:
            async with aiohttp.ClientSession() as client:
                yield ControlLab(emulator, server.port, client)
        finally:
            await server.close()
