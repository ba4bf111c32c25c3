"""Rows of spec/websockets.md §2-§4, as a client and the object's own record see them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from emulator.testing.client import SocketClosed

if TYPE_CHECKING:
    from emulator.testing.durable_objects import Durable

pytestmark = pytest.mark.durable(config="tests/compatibility/wrangler.toml")

REPLY = "ws.close() if code == 1005 else ws.close(code, reason)"
ECHO = "ws.send(message)"


def probe(durable: Durable) -> Any:
    return durable.env.PROBE.getByName("a")


async def connected(durable: Durable, **hooks: str) -> Any:
    """A client of the object, whose handlers do what `hooks` say; its record starts here."""
    for name, source in hooks.items():
        await probe(durable).hook(name, source)
    client = await durable.connect("/ws")
    await probe(durable).forget()
    return client


async def seen(durable: Durable) -> list[Any]:
    await durable.settle()
    return [tuple(entry) for entry in await probe(durable).seen()]


# --- §2.1, §2.2 -------------------------------------------------------------------------------


async def test_a_message_is_text_or_bytes(durable: Durable) -> None:
    client = await connected(durable, message=ECHO)
    client.send("t")
    client.send(b"\x00\x01")
    client.send("")
    assert [await client.receive() for _ in range(3)] == ["t", b"\x00\x01", ""]


async def test_a_failing_handler_harms_nothing_and_its_writes_stay(durable: Durable) -> None:
    client = await connected(
        durable, message="await storage.put('k', 1); ws.send('before'); raise ValueError('boo')"
    )
    client.send("x")
    client.send("y")
    assert [await client.receive(), await client.receive()] == ["before", "before"]
    assert await probe(durable).run("return await storage.get('k')") == "1"
    assert ("constructed", 1) not in await seen(durable)


async def test_handlers_of_a_socket_start_in_order_and_overlap(durable: Durable) -> None:
    client = await connected(
        durable,
        message="import asyncio\nws.send(f'in {message}')\n"
        "await asyncio.sleep(1 if message == 'a' else 0.1)\nws.send(f'out {message}')",
    )
    client.send("a")
    client.send("b")
    assert [await client.receive() for _ in range(4)] == ["in a", "in b", "out b", "out a"]


async def test_close_is_dispatched_while_an_earlier_handler_waits(durable: Durable) -> None:
    client = await connected(durable, message="import asyncio\nawait asyncio.sleep(5)", close=REPLY)
    client.send("a")
    ended = await client.close(1000, "bye", timeout=1)
    assert (ended.code, ended.reason) == (1000, "bye")


async def test_a_woken_object_hears_of_a_close_and_still_lists_the_socket(
    durable: Durable,
) -> None:
    client = await connected(durable, close=REPLY)
    await durable.clock.advance(10)
    assert not durable.is_resident(probe(durable))
    await client.close(4001, "late")
    record = await seen(durable)
    assert record == [("constructed", 1), ("close", 4001, "late", True, 2, 1)]
    assert await probe(durable).run("return len(ctx.getWebSockets())") == "0"


async def test_handlers_are_looked_up_when_the_instance_is_built(durable: Durable) -> None:
    client = await connected(durable)
    await probe(durable).run("self.webSocketMessage = None")
    client.send("x")
    assert ("message", "x") in await seen(durable)


# --- §2.4 -------------------------------------------------------------------------------------


async def test_an_empty_close_may_be_the_answer(durable: Durable) -> None:
    client = await connected(durable, close="ws.close()")
    ended = await client.close(1000)
    assert (ended.code, ended.was_clean) == (1005, True)


async def test_the_client_sees_the_servers_code(durable: Durable) -> None:
    client = await connected(durable, close="ws.close(4321, 'srv')")
    ended = await client.close(1000)
    assert (ended.code, ended.reason) == (4321, "srv")


async def test_a_late_answer_works(durable: Durable) -> None:
    client = await connected(
        durable, close="import asyncio\nawait asyncio.sleep(0.3)\nws.close(1000, 'late')"
    )
    assert (await client.close(1000)).reason == "late"


async def test_an_unanswered_close_hangs_until_the_object_sleeps(durable: Durable) -> None:
    client = await connected(durable, close="ws.send('still here')")
    with pytest.raises(TimeoutError):
        await client.close(1000, timeout=9)
    assert await client.receive() == "still here"
    ended = await client.wait_closed(timeout=2)
    assert (ended.code, ended.was_clean) == (1006, False)


async def test_echoing_an_empty_close_with_its_code_fails_and_hangs(durable: Durable) -> None:
    client = await connected(durable, close="ws.close(code, reason)")
    with pytest.raises(TimeoutError):
        await client.close(None, timeout=9)
    assert (await client.wait_closed(timeout=2)).code == 1006


async def test_after_a_server_close_the_client_answers_and_messages_still_come(
    durable: Durable,
) -> None:
    await connected(durable, message="ws.close(4001, 'kick')")
    client = await connected(durable)
    client.send("x")
    ended = await client.wait_closed()
    assert (ended.code, ended.reason) == (4001, "kick")
    assert ("close", 4001, "kick", True, 3, 2) in await seen(durable)


async def test_a_lost_connection_is_1006(durable: Durable) -> None:
    client = await connected(durable)
    client.disconnect()
    text = "WebSocket disconnected without sending Close frame."
    assert await seen(durable) == [("close", 1006, text, False, 2, 1)]


async def test_both_sides_may_close_at_once(durable: Durable) -> None:
    client = await connected(durable, message="ws.close(4002, 'server')")
    await probe(durable).hook("close", "seen.append(('state', ws.readyState))")
    client.send("x")
    ended = await client.close(4003, "client")
    assert ended.code in (4002, 4003)
    assert ("state", 3) in await seen(durable)


async def test_after_replying_the_socket_is_closed(durable: Durable) -> None:
    client = await connected(
        durable, close="ws.close(code, reason)\nseen.append(('state', ws.readyState))"
    )
    await client.close(1000)
    assert ("state", 3) in await seen(durable)


async def test_a_send_to_a_client_that_is_gone_is_dropped(durable: Durable) -> None:
    client = await connected(
        durable,
        close="ws.send('dropped')\nfound = refusals(lambda: ws.close(code, reason))\n"
        "ws.close()\nseen.append(('found', found[0], ws.readyState))",
    )
    client.disconnect()
    text = "InvalidAccessError: Invalid WebSocket close code: 1006."
    assert ("found", text, 2) in await seen(durable)


async def test_a_handler_that_is_missing_swallows_its_event_but_wakes(durable: Durable) -> None:
    client = await connected(durable)
    await probe(durable).hook("constructor", "self.webSocketClose = 5")
    await durable.evict(probe(durable))
    client.disconnect()
    await durable.settle()
    assert durable.is_resident(probe(durable))
    assert await seen(durable) == [("constructed", 1)]
    assert await probe(durable).run("return len(ctx.getWebSockets())") == "0"


# --- §3.2, §3.4 -------------------------------------------------------------------------------


async def test_the_leaver_is_listed_until_the_handler_really_waits(durable: Durable) -> None:
    client = await connected(
        durable,
        close="import asyncio\nfound = [len(ctx.getWebSockets())]\nawait storage.put('a', 1)\n"
        "found.append(len(ctx.getWebSockets()))\nawait asyncio.sleep(0)\n"
        "found.append(len(ctx.getWebSockets()))\nseen.append(('listed', *found))\nws.close()",
    )
    await client.close(1000)
    assert ("listed", 1, 1, 0) in await seen(durable)


PAIR = "ctx.setWebSocketAutoResponse(js.WebSocketRequestResponsePair.new('ping', 'pong'))"
STAMP = "return ctx.getWebSocketAutoResponseTimestamp(ctx.getWebSockets()[0])"


async def test_an_auto_response_neither_wakes_nor_keeps_awake(durable: Durable) -> None:
    client = await connected(durable)
    await probe(durable).run(PAIR)
    await durable.clock.advance(6)
    client.send("ping")
    assert await client.receive() == "pong"
    await durable.clock.advance(4)
    assert not durable.is_resident(probe(durable))
    client.send("ping")
    assert await client.receive() == "pong"
    assert not durable.is_resident(probe(durable))
    record = await seen(durable)
    assert record == [("constructed", 1)], "only asking for the record woke it"
    assert "JsProxy" in await probe(durable).run(STAMP.replace("return ", "return type(") + ")")


async def test_an_auto_response_matches_whole_texts_only(durable: Durable) -> None:
    client = await connected(durable, message=ECHO)
    await probe(durable).run(PAIR)
    for message in ("Ping", b"ping", "ping ", "ping"):
        client.send(message)
    assert [await client.receive() for _ in range(4)] == ["Ping", b"ping", "ping ", "pong"]


async def test_an_auto_response_keeps_the_order_of_its_socket(durable: Durable) -> None:
    client = await connected(durable, message=ECHO)
    await probe(durable).run(PAIR)
    for message in ("1", "ping", "2"):
        client.send(message)
    assert [await client.receive() for _ in range(3)] == ["1", "pong", "2"]


# --- §4 ---------------------------------------------------------------------------------------


async def test_what_is_kept_over_hibernation(durable: Durable) -> None:
    client = await connected(durable)
    await probe(durable).run(
        "ws = ctx.getWebSockets()[0]\nws.serializeAttachment('me')\nws.expando = 1\n"
        + PAIR
        + "\nctx.setHibernatableWebSocketEventTimeout(5000)\nself.field = 1"
    )
    await durable.evict(probe(durable))
    found = await probe(durable).run(
        "ws = ctx.getWebSockets()[0]\n"
        "return [ws.deserializeAttachment(), hasattr(ws, 'expando'), hasattr(self, 'field'),"
        " ctx.getWebSocketAutoResponse().request, ctx.getHibernatableWebSocketEventTimeout()]"
    )
    assert found == "['me', False, False, 'ping', 5000]"
    assert client.ended is None


async def test_send_after_close_is_remembered_over_hibernation(durable: Durable) -> None:
    await connected(durable, message="ws.serializeAttachment('x')")
    await probe(durable).run("import asyncio\nctx.getWebSockets()[0].serializeAttachment('x')")
    await durable.evict(probe(durable))
    found = await probe(durable).run(
        "ws = ctx.getWebSockets()[0]\nws.close(1000)\nreturn refusals(lambda: ws.send('x'))"
    )
    assert found == '["TypeError: Can\'t call WebSocket send() after close()."]'


@pytest.mark.parametrize(
    "busy",
    [
        "js.setTimeout(create_proxy(lambda: None), 60_000)",
        "js.setInterval(create_proxy(lambda: None), 60_000)",
        "js.scheduler.wait(60_000)",
        "ctx.waitUntil(js.scheduler.wait(60_000))",
        "import asyncio\nself.task = asyncio.create_task(asyncio.sleep(60))",
    ],
)
async def test_pending_work_keeps_it_awake(durable: Durable, busy: str) -> None:
    await connected(durable)
    await probe(durable).run(busy)
    await durable.clock.advance(12)
    assert durable.is_resident(probe(durable))


async def test_an_alarm_for_later_lets_it_sleep_and_wakes_it(durable: Durable) -> None:
    await connected(durable)
    await probe(durable).run("await storage.setAlarm(js.Date.now() + 30_000)")
    await durable.clock.advance(12)
    assert not durable.is_resident(probe(durable))
    await durable.clock.advance(18)
    assert durable.is_resident(probe(durable))
    assert await seen(durable) == [("constructed", 1), ("alarm", 0, False)]


async def test_a_message_every_second_keeps_it_awake(durable: Durable) -> None:
    client = await connected(durable)
    for _ in range(12):
        await durable.clock.advance(1)
        client.send("x")
    assert ("constructed", 1) not in await seen(durable)


async def test_the_order_of_sockets_survives_hibernation(durable: Durable) -> None:
    for _ in range(3):
        await connected(durable)
    await probe(durable).run(
        "for n, ws in enumerate(ctx.getWebSockets()):\n    ws.serializeAttachment(n)"
    )
    await durable.evict_all()
    assert not durable.is_resident(probe(durable))
    found = "return [ws.deserializeAttachment() for ws in ctx.getWebSockets()]"
    assert await probe(durable).run(found) == "[0, 1, 2]"


async def test_after_150_idle_seconds_a_socket_still_delivers(durable: Durable) -> None:
    client = await connected(durable, message=ECHO)
    await durable.clock.advance(150)
    client.send("hello")
    assert await client.receive() == "hello"


async def test_the_constructor_knows_the_sockets_and_may_send(durable: Durable) -> None:
    client = await connected(durable, message=ECHO)
    await probe(durable).hook(
        "constructor", "for ws in self.ctx.getWebSockets():\n    ws.send('woken')"
    )
    await durable.evict(probe(durable))
    client.send("hello")
    assert [await client.receive(), await client.receive()] == ["woken", "hello"]


async def test_a_burst_on_two_sockets_wakes_one_instance(durable: Durable) -> None:
    first = await connected(durable)
    second = await connected(durable)
    await durable.evict(probe(durable))
    for client, message in ((first, "A1"), (second, "B1"), (first, "A2")):
        client.send(message)
    assert await seen(durable) == [
        ("constructed", 2),
        ("message", "A1"),
        ("message", "B1"),
        ("message", "A2"),
    ]


@pytest.mark.parametrize(
    ("breaks", "reason"),
    [
        ("ctx.abort('why')", "Error: why"),
        ("ctx.abort()", "Error: Application called abort() to reset Durable Object."),
        ("ctx.abort(5)", "Error: 5"),
        (
            "async def section():\n    raise ValueError('x')\n"
            "await ctx.blockConcurrencyWhile(section)",
            "ValueError: x",
        ),
    ],
)
async def test_what_breaks_the_object_drops_its_sockets(
    durable: Durable, breaks: str, reason: str
) -> None:
    client = await connected(durable)
    with pytest.raises(Exception, match=re.escape(reason)) as caught:
        await probe(durable).call(f"await storage.put('k', 1)\n{breaks}")
    assert caught.value.durableObjectReset is True  # type: ignore[attr-defined]
    ended = await client.wait_closed()
    assert (ended.code, ended.was_clean) == (1006, False)
    fresh = probe(durable)
    assert await fresh.run("return len(ctx.getWebSockets()), await storage.get('k')") == "(0, None)"
    assert not [entry for entry in await fresh.seen() if entry[0] in ("close", "error")]


async def test_a_constructor_that_throws_on_waking_loses_event_and_sockets(
    durable: Durable,
) -> None:
    client = await connected(durable)
    await probe(durable).hook("constructor", "raise ValueError('no')")
    await durable.evict(probe(durable))
    client.send("x")
    ended = await client.wait_closed()
    assert (ended.code, ended.was_clean) == (1006, False)
    with pytest.raises(Exception, match="ValueError: no") as caught:
        await probe(durable).seen()
    assert caught.value.durableObjectReset is True  # type: ignore[attr-defined]


async def test_a_closed_client_cannot_send(durable: Durable) -> None:
    client = await connected(durable, close=REPLY)
    await client.close()
    with pytest.raises(SocketClosed):
        client.send("x")
