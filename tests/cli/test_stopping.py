"""SIGTERM ends `durable dev` in good time and quietly, whatever its objects are doing."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from tests.dev_server import DevServer, dev_server
from tests.wire import connect, request
from tests.worlds import write_worker

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(30)]

TIMEOUT_S: Final = 5.0
WORKER: Final = """
class Stuck(DurableObject):
    async def fetch(self, request):
        how = request.url.rpartition("?")[2]
        if how == "well":
            return Response("well")
        print("begins", how, flush=True)
        if how == "socket":
            client, server = WebSocketPair.new().object_values()
            server.accept()
            return Response(None, status=101, web_socket=client)
        await getattr(self, how)()
        return Response("never")

    async def future(self):
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self.ctx.storage.put("key", "value")

    async def section(self):
        await self.ctx.blockConcurrencyWhile(self.future)

    async def task_group(self):
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(3600))
            group.create_task(self.future())

    async def shielded(self):
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue

    async def other(self):
        await self.env.STUCK.getByName("other").fetch("http://x/?future")

    async def background(self):
        self.ctx.waitUntil(scheduler.wait(3600_000))
        js.setInterval(create_proxy(lambda: None), 10)
        await self.future()
"""
WAYS: Final = ("future", "section", "task_group", "shielded", "other", "background")


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(write_worker(tmp_path, WORKER))


async def ask_how_it_is(server: DevServer, path: str) -> None:
    assert (await request(server.host, server.port, "GET", path)).text == "well"


async def printed(server: DevServer, line: str) -> None:
    """Wait until the server has printed a line."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + TIMEOUT_S
    while f"{line}\n" not in server.log:
        assert loop.time() < deadline, "".join(server.log)
        await ask_how_it_is(server, "/stuck/well/x?well")


async def test_objects_that_hang_do_not_keep_the_server(config: str) -> None:
    with dev_server(config=config) as server:
        writers = []
        for way in WAYS:
            _, writer = await asyncio.open_connection(server.host, server.port)
            writer.write(f"GET /stuck/{way}/x?{way} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            writers.append(writer)
            await printed(server, f"begins {way}")
        client = await connect(server.host, server.port, "/stuck/socket/x?socket")
        assert client.answer.status == 101
        server.process.terminate()
        assert await asyncio.to_thread(server.process.wait, TIMEOUT_S) == 0
        for writer in writers:
            with closing(writer):
                pass
        await client.aclose()
    log = "".join(server.log)
    assert "Shutting down" in log
    assert "Traceback" not in log
    assert "never" not in log


STREAM: Final = """
class Stream(DurableObject):
    async def fetch(self, request):
        if request.url.endswith("well"):
            return Response("well")
        identity = js.TransformStream.new()
        writer = identity.writable.getWriter()
        write = self.tear if request.url.endswith("torn") else self.write
        self.task = asyncio.create_task(write(writer))
        return Response(identity.readable)

    async def tear(self, writer):
        await writer.write(to_js(b"so far"))
        await writer.abort(js.Error.new("torn on purpose"))

    async def write(self, writer):
        data = to_js(b"x" * 65536)
        while True:
            await writer.write(data)
"""


async def test_a_client_that_goes_while_a_response_streams_is_no_error(tmp_path: Path) -> None:
    with dev_server(config=str(write_worker(tmp_path, STREAM))) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"GET /stream/a/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readexactly(1_000_000)
        writer.transport.abort()
        for _ in range(3):
            await ask_how_it_is(server, "/stream/b/well")
    assert "Traceback" not in "".join(server.log)


async def test_a_response_whose_stream_fails_is_cut_short_and_told_of(tmp_path: Path) -> None:
    with dev_server(config=str(write_worker(tmp_path, STREAM))) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        with closing(writer):
            writer.write(b"GET /stream/a/torn HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with asyncio.timeout(TIMEOUT_S):
                answer = await reader.read()
        assert answer.endswith(b"\r\n6\r\nso far\r\n")  # and no last chunk
        await ask_how_it_is(server, "/stream/b/well")
    log = "".join(server.log)
    assert "torn on purpose" in log
    assert "aiohttp" not in log
