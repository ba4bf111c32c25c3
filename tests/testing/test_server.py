"""A world behind a real port."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.testing.workers import box_worker
from tests.wire import connect

if TYPE_CHECKING:
    from emulator.testing.server import DurableServer

pytestmark = box_worker


async def test_an_async_test_shares_the_loop(durable_server: DurableServer) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{durable_server.url}/box/a/") as response:
            assert await response.text() == "value 1"
    box = durable_server.durable.env.BOX.getByName("a")
    assert await box.add() == 2
    await durable_server.durable.evict(box)
    assert durable_server.durable.storage(box).kv == {"value": 2}


async def test_foreign_sockets_outlive_the_instance(durable_server: DurableServer) -> None:
    durable = durable_server.durable
    box = durable.env.BOX.getByName("a")
    wire = await connect("127.0.0.1", durable_server.port, "/box/a/")
    await durable.evict(box)
    assert not durable.is_resident(box)
    wire.send_text("hello")
    frame = await wire.next_frame()
    assert frame is not None
    assert frame.text == "echo hello"
    assert durable.generation(box) == 2
    await wire.aclose()


def test_a_plain_test_has_the_loop_beside_it(durable_server: DurableServer) -> None:
    with urllib.request.urlopen(f"{durable_server.url}/box/a/") as response:
        assert response.read() == b"value 1"
    durable = durable_server.durable

    async def add() -> int:
        value: int = await durable.env.BOX.getByName("a").add()
        return value

    assert durable_server.run(add()) == 2
    assert durable_server.ws_url == f"ws://127.0.0.1:{durable_server.port}"


async def test_an_async_test_awaits_instead(durable_server: DurableServer) -> None:
    from emulator.testing.errors import TestError

    async def nothing() -> None:
        pass

    with pytest.raises(TestError, match="use await"):
        durable_server.run(nothing())
