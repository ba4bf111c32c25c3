"""Rows of spec/websockets.md §5-§7: what ends sockets, the way through a worker, gates and order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from emulator.testing.durable_objects import Durable

pytestmark = pytest.mark.durable(config="tests/compatibility/wrangler.toml")

PAIR = "ctx.setWebSocketAutoResponse(js.WebSocketRequestResponsePair.new('ping', 'pong'))"
SHUT = """
if message == "shut":
    import asyncio
    async def section():
        await asyncio.sleep(3)
    await ctx.blockConcurrencyWhile(section)
else:
    ws.send(message)
"""


def probe(durable: Durable) -> Any:
    return durable.env.PROBE.getByName("a")


async def connected(durable: Durable, **hooks: str) -> Any:
    for name, source in hooks.items():
        await probe(durable).hook(name, source)
    client = await durable.connect("/ws")
    await probe(durable).forget()
    return client


async def seen(durable: Durable) -> list[Any]:
    await durable.settle()
    return [tuple(entry) for entry in await probe(durable).seen()]


# --- §5 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what",
    [
        "raise ValueError('boo')",
        "await storage.deleteAll()",
    ],
)
async def test_an_error_and_delete_all_harm_no_socket(durable: Durable, what: str) -> None:
    client = await connected(durable, message="ws.send(message)", alarm=what)
    await probe(durable).run(what)
    await probe(durable).run("await storage.setAlarm(js.Date.now() + 10)")
    await durable.clock.advance(1)
    client.send("still here")
    assert await client.receive() == "still here"
    assert ("constructed", 1) not in await seen(durable)


async def test_after_an_abort_the_auto_response_is_gone(durable: Durable) -> None:
    client = await connected(durable)
    await probe(durable).run(PAIR)
    with pytest.raises(Exception, match="why"):
        await probe(durable).call("ctx.abort('why')")
    assert (await client.wait_closed()).code == 1006
    assert await probe(durable).run("return ctx.getWebSocketAutoResponse()") == "jsnull"


# --- §6 ---------------------------------------------------------------------------------------


async def inner(durable: Durable, source: str) -> str:
    """What `source` gives in an object that has fetched a socket of another one as `r`."""
    await probe(durable).forget()
    found: str = await durable.env.PROBE.getByName("b").run(
        "r = (await env.PROBE.getByName('a').fetch("
        "'http://x/ws', headers={'Upgrade': 'websocket'})).js_object\n" + source
    )
    return found


async def test_a_fetched_responses_headers_cannot_be_set(durable: Durable) -> None:
    found = await inner(durable, "return refusals(lambda: r.headers.set('a', 'b'))[0]")
    assert found == repr("TypeError: Can't modify immutable headers.")


async def test_a_copy_of_a_fetched_response_has_its_socket_and_headers_that_can_be_set(
    durable: Durable,
) -> None:
    source = "c = js.Response.new(r.body, r)\nc.headers.set('a', 'b')\n"
    found = await inner(durable, source + "return c.status, c.webSocket == r.webSocket")
    assert found == "(101, True)"


async def test_a_copy_that_forgets_the_socket_is_refused(durable: Durable) -> None:
    source = "return refusals(lambda: js.Response.new(None, plain({'status': r.status})))[0]"
    assert await inner(durable, source) == repr(
        "RangeError: Responses may only be constructed with status codes in the range 200 to 599, "
        "inclusive."
    )


async def test_an_object_that_throws_rejects_the_upgrade_with_its_error(durable: Durable) -> None:
    await probe(durable).hook("fetch", "raise ValueError('boo')")
    assert "ValueError: boo" in await inner(durable, "")
    with pytest.raises(Exception, match="ValueError: boo"):  # at the edge: HTTP 500
        await durable.connect("/ws")


async def test_a_socket_cannot_be_passed_to_another_object(durable: Durable) -> None:
    found = await probe(durable).run(
        "return (await rejections(lambda: env.PROBE.getByName('b').echo(pair()[0])) + "
        "refusals(lambda: js.structuredClone(pair()[0])))"
    )
    assert found.count('"WebSocket"') == 2
    assert found.count("DataCloneError") == 2


# --- §7 ---------------------------------------------------------------------------------------


async def test_a_shut_gate_keeps_the_messages_of_every_socket_out(durable: Durable) -> None:
    one = await connected(durable, message=SHUT)
    two = await connected(durable)
    one.send("shut")
    one.send("1")
    two.send("2")
    await durable.clock.advance(2)
    assert (one.pending, two.pending) == (0, 0)
    await durable.clock.advance(2)
    assert [await one.receive(), await two.receive()] == ["1", "2"]


async def test_between_storage_operations_no_message_is_handled(durable: Durable) -> None:
    client = await connected(
        durable,
        message="for number in range(5):\n    await storage.put('k', number)\n"
        "    seen.append((message, number))",
    )
    client.send("a")
    client.send("b")
    record = [e for e in await seen(durable) if e[0] in "ab"]
    assert record == [(name, number) for name in "ab" for number in range(5)]


async def test_a_timer_keeps_no_message_out(durable: Durable) -> None:
    client = await connected(
        durable,
        message="import asyncio\nif message == 'slow':\n    await asyncio.sleep(3)\nws.send(message)",
    )
    client.send("slow")
    client.send("fast")
    assert await client.receive() == "fast"
    assert await client.receive() == "slow"


async def test_wait_until_delays_no_message(durable: Durable) -> None:
    client = await connected(
        durable,
        message="ctx.waitUntil(js.scheduler.wait(5000))\nws.send(message)",
    )
    client.send("1")
    client.send("2")
    await durable.settle()
    assert client.pending == 2


async def test_an_auto_response_passes_a_shut_gate_unless_a_message_waits(durable: Durable) -> None:
    one = await connected(durable, message=SHUT)
    two = await connected(durable)
    await probe(durable).run(PAIR)
    one.send("shut")
    one.send("waits")
    one.send("ping")
    two.send("ping")
    await durable.settle()
    assert (one.pending, two.pending) == (0, 1)
    assert await two.receive() == "pong"
    await durable.clock.advance(4)
    assert [await one.receive(), await one.receive()] == ["waits", "pong"]


async def test_broadcasts_and_direct_messages_come_in_the_order_of_the_calls(
    durable: Durable,
) -> None:
    one = await connected(
        durable,
        message="ws.send('before')\nfor other in ctx.getWebSockets(): other.send('all')\n"
        "ws.send('after')",
    )
    two = await connected(durable)
    one.send("go")
    assert [await one.receive() for _ in range(3)] == ["before", "all", "after"]
    assert await two.receive() == "all"


async def test_a_broadcast_reaches_300_sockets(durable: Durable) -> None:
    clients = [
        await connected(durable, message="for s in ctx.getWebSockets(): s.send(message)")
        for _ in range(300)
    ]
    clients[0].send("all")
    assert [await client.receive() for client in clients] == ["all"] * 300
