"""Hibernatable sockets: their registry, and what of them outlives an instance.

emulator/runtime/hibernation.py; spec websockets §2.1, §2.2, §3, §4.2, §4.3.
"""

from __future__ import annotations

import asyncio

import pytest

from emulator.testing.client import SocketClosed
from tests.worlds import worker

# What follows `?` in the path of a connection are its tags and its attachment. A message "do: CODE"
# runs CODE in the handler. Only the room named "r" takes part in the log.
ROOM = """
log = []
wake = []  # what the constructor does, as code

class Room(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        if ctx.id.name == "r":
            log.append(f"constructor {len(list(ctx.getWebSockets()))}")
            for code in wake:
                exec(code)

    async def fetch(self, request):
        name = request.url.partition("?")[2]
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server, to_js(name.split(",") if name else []))
        server.serializeAttachment(name)
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        log.append(f"message {message if isinstance(message, str) else message.to_bytes()}")
        if str(message).startswith("do: "):
            exec(message[4:])
        elif str(message).startswith("wait: "):
            await asyncio.sleep(float(message[6:]))
            log.append(f"waited {message[6:]}")
        else:
            ws.send(message)

    async def webSocketClose(self, ws, code, reason, wasClean):
        count = len(list(self.ctx.getWebSockets()))
        log.append(f"close {ws.deserializeAttachment()} {code} {reason!r} {wasClean} {count}")
        if reason != "leave me hanging":
            ws.close(1000 if code in (1005, 1006) else code, reason)

    async def webSocketError(self, ws, error):
        log.append("error")

    async def entries(self):
        return list(log)

    async def forget(self):
        log.clear()

    async def run(self, code):
        exec(code)

    async def attachments(self, *tag):
        return [ws.deserializeAttachment() for ws in self.ctx.getWebSockets(*tag)]

    async def tags(self):
        return [list(self.ctx.getTags(ws)) for ws in self.ctx.getWebSockets()]
"""
pytestmark = pytest.mark.worker(ROOM)


class Room:
    """The object under test, and clients of it."""

    def __init__(self, durable):
        self.durable = durable
        self.stub = durable.env.ROOM.getByName("r")

    async def join(self, name=""):
        return await self.durable.connect(f"/room/r/x?{name}")

    async def sleep(self):
        await self.durable.clock.advance(10.1)
        assert not self.durable.is_resident(self.stub)
        await self.clear()

    async def clear(self):
        """Empty the log, by way of another object: the log is the worker's."""
        await self.durable.env.ROOM.getByName("other").forget()

    async def log(self):
        await self.durable.settle()
        return await self.durable.env.ROOM.getByName("other").entries()


@pytest.fixture
def room(durable):
    return Room(durable)


# --- the registry --------------------------------------------------------------------------


async def test_sockets_are_listed_newest_first_and_by_tag_oldest_first(room):
    for name in ("a,x", "b", "c,x"):
        await room.join(name)
    assert await room.stub.attachments() == ["c,x", "b", "a,x"]
    assert await room.stub.attachments("x") == ["a,x", "c,x"]
    assert await room.stub.attachments("nobody's") == []


async def test_order_tags_and_attachments_outlive_the_instance(room):
    for name in ("a,x", "b", "c,x"):
        await room.join(name)
    await room.sleep()
    assert await room.stub.attachments() == ["c,x", "b", "a,x"]
    assert await room.stub.attachments("x") == ["a,x", "c,x"]
    assert await room.stub.tags() == [["c", "x"], ["b"], ["a", "x"]]
    assert room.durable.generation(room.stub) == 2


async def test_what_code_put_on_a_socket_is_gone_with_the_instance(room):
    client = await room.join()
    client.send("do: ws.mood = 'good'; ws.send(ws.mood)")
    assert await client.receive() == "good"
    await room.sleep()
    client.send("do: ws.send(str(hasattr(ws, 'mood')))")
    assert await client.receive() == "False"


async def test_a_closed_socket_is_counted_in_its_handler_and_gone_afterwards(room):
    client = await room.join("a")
    await room.join("b")
    await client.close(4001, "app")
    assert (await room.log())[-1] == "close a 4001 'app' True 2"
    assert await room.stub.attachments() == ["b"]


async def test_closes_one_after_the_other_count_down(room):
    clients = [await room.join(name) for name in "abc"]
    await asyncio.gather(*(client.close() for client in clients))
    counts = [entry[-1] for entry in await room.log() if entry.startswith("close")]
    assert counts == ["3", "2", "1"]


async def test_a_lost_connection_is_a_close_with_1006(room):
    client = await room.join("a")
    client.disconnect()
    text = "WebSocket disconnected without sending Close frame."
    assert (await room.log())[-1] == f"close a 1006 '{text}' False 1"
    assert await room.stub.attachments() == []


async def test_a_socket_that_the_object_closes_stays_until_the_client_answers(room):
    client = await room.join("a")
    client.send("do: ws.close(4000, 'kick')")
    ended = await client.wait_closed()
    assert (ended.code, ended.reason) == (4000, "kick")
    assert (await room.log())[-1] == "close a 4000 'kick' True 1"


async def test_a_close_without_an_answer_hangs_until_the_instance_goes(room):
    client = await room.join("a")
    with pytest.raises(TimeoutError):
        await client.close(1000, "leave me hanging", timeout=5)
    assert await room.stub.attachments() == []
    await room.durable.clock.advance(10.1)
    assert client.ended.code == 1006


# --- events --------------------------------------------------------------------------------


async def test_messages_of_one_socket_start_in_order_and_may_overlap(room):
    client = await room.join()
    client.send("wait: 2")
    client.send("wait: 1")
    await room.durable.clock.advance(3)
    assert (await room.log())[1:] == ["message wait: 2", "message wait: 1", "waited 1", "waited 2"]


async def test_frames_before_a_close_are_all_delivered_in_order(room):
    client = await room.join("a")
    for number in range(5):
        client.send(str(number))
    await client.close()
    assert [await client.receive() for _ in range(5)] == list("01234")
    assert [entry.split()[0] for entry in await room.log()][1:] == [*["message"] * 5, "close"]


async def test_binary_messages_arrive_as_buffers(room):
    client = await room.join()
    client.send(b"\x00\xff")
    assert await client.receive() == b"\x00\xff"


async def test_an_exception_in_a_handler_harms_nothing(room, capsys):
    client, other = await room.join("a"), await room.join("b")
    client.send("do: ws.send('before'); raise ValueError('on purpose')")
    client.send("after")
    other.send("still here")
    assert [await client.receive(), await client.receive()] == ["before", "after"]
    assert await other.receive() == "still here"
    assert room.durable.generation(room.stub) == 1
    assert "ValueError: on purpose" in capsys.readouterr().err


async def test_an_abort_drops_every_socket_without_a_close_or_a_handler(room):
    clients = [await room.join(name) for name in "ab"]
    await room.clear()
    clients[0].send("do: self.ctx.abort('enough')")
    for client in clients:
        ended = await client.wait_closed()
        assert (ended.code, ended.was_clean) == (1006, False)
    assert [entry for entry in await room.log() if "close" in entry] == []
    assert await room.durable.env.ROOM.getByName("r").attachments() == []


async def test_sending_to_a_connection_that_has_ended_is_told_by_the_client(room):
    client = await room.join()
    await client.close()
    with pytest.raises(SocketClosed):
        client.send("late")


@worker(
    """
    class Room(DurableObject):
        async def fetch(self, request):
            client, server = WebSocketPair.new().object_values()
            self.ctx.acceptWebSocket(server)
            return Response(None, status=101, web_socket=client)

        async def count(self):
            return len(list(self.ctx.getWebSockets()))
    """
)
async def test_without_handlers_events_are_swallowed_but_wake_the_object(durable):
    room = durable.env.ROOM.getByName("r")
    client = await durable.connect("/room/r/x")
    client.send("nobody listens")
    await durable.evict(room)
    client.send("nobody listens")
    await durable.settle()
    assert durable.generation(room) == 2
    client.disconnect()
    assert await room.count() == 0


# --- auto-response ---------------------------------------------------------------------------

SET = "self.ctx.setWebSocketAutoResponse(WebSocketRequestResponsePair.new('ping', 'pong'))"


async def test_an_auto_response_neither_wakes_the_object_nor_keeps_it_awake(room):
    client = await room.join()
    await room.stub.run(SET)
    for _ in range(20):
        await room.durable.clock.advance(1)
        client.send("ping")
        assert await client.receive() == "pong"
    assert not room.durable.is_resident(room.stub)
    assert room.durable.generation(room.stub) == 1
    assert [entry for entry in await room.log() if "message" in entry] == []


async def test_an_auto_response_and_its_time_outlive_the_instance(room):
    client = await room.join()
    await room.stub.run(SET)
    await room.sleep()
    answered_ms = room.durable.clock.now_ms
    client.send("ping")
    assert await client.receive() == "pong"
    await room.durable.clock.advance(5)
    client.send("do: ws.send(str(self.ctx.getWebSocketAutoResponseTimestamp(ws).getTime()))")
    assert int(float(await client.receive())) == answered_ms
    client.send("do: self.ctx.setWebSocketAutoResponse()")
    client.send("ping")
    assert await client.receive() == "ping"  # the handler's echo


async def test_only_the_exact_text_is_answered(room):
    client = await room.join()
    await room.stub.run(SET)
    for message in ("Ping", " ping", b"ping"):
        client.send(message)
        assert await client.receive() == message


# --- waking --------------------------------------------------------------------------------


async def test_the_constructor_that_wakes_sees_the_sockets_and_what_it_sends_comes_first(room):
    client = await room.join()
    await room.stub.run("wake.append(\"for ws in ctx.getWebSockets(): ws.send('good morning')\")")
    await room.sleep()
    client.send("hello")
    assert [await client.receive(), await client.receive()] == ["good morning", "hello"]
    assert (await room.log())[:2] == ["constructor 1", "message hello"]


async def test_a_constructor_that_raises_on_waking_ends_every_socket(room):
    clients = [await room.join(name) for name in "ab"]
    await room.sleep()
    other = room.durable.env.ROOM.getByName("other")
    await other.run("wake.append('raise RuntimeError(1)')")
    clients[0].send("hello")
    for client in clients:
        assert (await client.wait_closed()).code == 1006
        assert client.pending == 0
    await other.run("wake.clear()")
    assert [e for e in await room.log() if e.startswith(("message", "close"))] == []


async def test_events_wait_for_the_constructors_section_and_run_in_the_order_they_came(room):
    a, b = await room.join("a"), await room.join("b")
    await room.stub.run('wake.append("ctx.blockConcurrencyWhile(lambda: asyncio.sleep(1))")')
    await room.sleep()
    a.send("A1")
    a.send("A2")
    b.send("B1")
    await room.durable.settle()
    assert await a.receive() == "A1"
    await room.durable.clock.advance(1)
    messages = [entry for entry in await room.log() if entry.startswith("message")]
    assert messages == ["message A1", "message B1", "message A2"]


async def test_a_close_while_it_sleeps_is_told_to_a_constructor_that_still_counts_it(room):
    client = await room.join("a")
    await room.sleep()
    await client.close(1000, "bye")
    assert await room.log() == ["constructor 1", "close a 1000 'bye' True 1"]


async def test_a_fetch_wakes_it_too_and_finds_the_sockets(room):
    await room.join("a")
    await room.sleep()
    await room.join("b")
    assert await room.stub.attachments() == ["b", "a"]
    assert room.durable.generation(room.stub) == 2
