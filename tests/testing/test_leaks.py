"""What tests leave behind, and where it was made."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from tests.worlds import worker

if TYPE_CHECKING:
    from emulator.testing.durable_objects import Durable

leaky = worker(
    """
    from js import ReadableStream

    class Leaky(DurableObject):
        async def start_task(self):
            self.task = asyncio.create_task(self.for_ever())

        async def for_ever(self):
            await asyncio.Event().wait()

        async def forget_to_await(self):
            self.for_ever()

        async def fetch(self, request):
            if request.headers.get("Upgrade") == "websocket":
                client, server = WebSocketPair.new().object_values()
                self.ctx.acceptWebSocket(server)
                return Response(None, status=101, web_socket=client)
            return Response(js.Response.new("x" * 100).clone().body)
    """
)


@leaky
async def test_a_clean_test_leaves_nothing(durable: Durable) -> None:
    client = await durable.connect("/leaky/a/")
    client.disconnect()
    response = await durable.fetch("/leaky/a/")
    assert len(await response.text()) == 100
    await durable.settle()
    assert durable.find_leaks() == []


@leaky
async def test_an_open_socket_is_left_with_the_line_that_connected(durable: Durable) -> None:
    await durable.connect("/leaky/a/")
    [line] = durable.find_leaks()
    assert line.startswith("a WebSocket is still connected (")
    assert "test_leaks.py:" in line


@leaky
async def test_an_unread_stream_is_left(durable: Durable) -> None:
    response = await durable.fetch("/leaky/a/")
    [line] = durable.find_leaks()
    assert line.startswith("the body of fetch('/leaky/a/') was not read to the end (")
    assert response.status == 200


@leaky
async def test_a_task_is_left_with_the_line_it_waits_at(durable: Durable) -> None:
    await durable.env.LEAKY.getByName("a").start_task()
    [line] = durable.find_leaks()
    assert "<object Leaky a>: the task Leaky.for_ever() still runs" in line
    assert "worker.py:" in line


@leaky
async def test_a_coroutine_that_nobody_awaits_is_left_with_its_line(durable: Durable) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await durable.env.LEAKY.getByName("a").forget_to_await()
    [line] = durable.find_leaks()
    assert line.startswith("Leaky.for_ever() was never awaited (")
    assert "worker.py:" in line
    assert any("never awaited" in str(w.message) for w in caught)
