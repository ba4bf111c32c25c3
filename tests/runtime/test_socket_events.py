"""Sockets that code accepts itself, and rows of hibernatable ones that need a world.

emulator/worker/javascript/socket_events.py; spec websockets §1.6-§1.8, §2.2-§2.5, §4.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.sockets import DISCONNECTED, Disconnect, Failure
from tests.worlds import worker

if TYPE_CHECKING:
    from emulator.testing.durable_objects import Durable

# Accepts with the options that the test gave, and writes down what its listeners are told. What
# `on_<type>` of the test's hooks says happens in the listener.
ROOM = """
hooks = {}
seen = []

class Room(DurableObject):
    async def hook(self, name, source):
        hooks[name] = source

    async def log(self):
        return [list(entry) for entry in seen]

    async def run(self, source):
        return repr(eval(source, {**globals(), "ws": self.server, "self": self}))

    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        self.server = server
        for kind in ("message", "close", "error"):
            server.addEventListener(kind, create_proxy(self.listener(kind)))
        options = hooks.get("accept")
        if options is None:
            server.accept()
        else:
            server.accept(to_js(options, dict_converter=Object.fromEntries))
        return Response(None, status=101, web_socket=client)

    def listener(self, kind):
        def hear(event):
            ws = self.server
            if kind == "message":
                what = event.data
                if not isinstance(what, str):
                    what = what.constructor.name
                seen.append((kind, what, ws.readyState))
            elif kind == "close":
                seen.append((kind, event.code, event.reason, event.wasClean, ws.readyState))
            else:
                seen.append((kind, event.message, event.error.message, ws.readyState))
            names = {**globals(), "ws": ws, "event": event, "self": self}
            exec(hooks.get(f"on_{kind}", ""), names)
            return names.get("result")
        return hear

    async def webSocketMessage(self, ws, message):
        seen.append(("handler", message))

    async def count(self):
        return len(self.ctx.getWebSockets())
"""
HALF_OPEN = {"allowHalfOpen": True}


def room(durable: Durable) -> Any:
    return durable.env.ROOM.getByName("a")


async def connected(durable: Durable, **hooks: Any) -> Any:
    for name, source in hooks.items():
        await room(durable).hook(name, source)
    return await durable.connect("/room/a")


async def log(durable: Durable) -> list[Any]:
    await durable.settle()
    return [tuple(entry) for entry in await room(durable).log()]


async def state(durable: Durable) -> int:
    await durable.settle()
    return int(await room(durable).run("ws.readyState"))


@worker(ROOM)
async def test_events_of_an_accepted_socket_go_to_listeners_and_never_to_handlers(durable):
    client = await connected(durable)
    client.send("x")
    assert await log(durable) == [("message", "x", 1)]
    assert await room(durable).count() == 0


# --- §1.6: binary messages ---------------------------------------------------------------------


@worker(ROOM)
async def test_a_binary_message_is_a_blob(durable):
    client = await connected(durable)
    assert await room(durable).run("ws.binaryType") == "'blob'"
    client.send(b"x")
    assert await log(durable) == [("message", "Blob", 1)]


@worker(ROOM, compatibility_date="2026-03-16")
async def test_on_older_dates_a_binary_message_is_an_array_buffer(durable):
    client = await connected(durable)
    assert await room(durable).run("ws.binaryType") == "'arraybuffer'"
    client.send(b"x")
    assert await log(durable) == [("message", "ArrayBuffer", 1)]


@worker(ROOM)
async def test_binary_type_is_read_when_the_message_is_dispatched_and_bad_values_are_ignored(
    durable,
):
    client = await connected(durable)
    await room(durable).run("setattr(ws, 'binaryType', 'arraybuffer')")
    await room(durable).run("setattr(ws, 'binaryType', 'nonsense')")
    assert await room(durable).run("ws.binaryType") == "'arraybuffer'"
    client.send(b"x")
    assert await log(durable) == [("message", "ArrayBuffer", 1)]


# --- §2.5: who answers a Close -------------------------------------------------------------------


@worker(ROOM)
async def test_a_close_is_echoed_before_the_event(durable):
    client = await connected(durable, on_close="ws.close(4999, 'ignored')")
    closed = await client.close(4001, "cli")
    assert (closed.code, closed.reason, closed.was_clean) == (4001, "cli", True)
    assert await log(durable) == [("close", 4001, "cli", True, 3)]
    with pytest.raises(Exception, match=r"Can't call WebSocket send\(\) after close\(\)."):
        await room(durable).run("ws.send('x')")


@worker(ROOM)
async def test_an_empty_close_is_echoed_empty(durable):
    client = await connected(durable)
    assert (await client.close(None)).code == 1005
    assert await log(durable) == [("close", 1005, "", True, 3)]


@pytest.mark.parametrize("code", [1006, 5000, 999])
@worker(ROOM)
async def test_odd_codes_are_echoed_as_they_are(durable, code):
    client = await connected(durable)
    assert (await client.close(code, "x")).code == code


@worker(ROOM, compatibility_date="2026-04-06")
async def test_on_older_dates_nothing_is_sent_and_code_closes_itself(durable):
    client = await connected(durable, on_close="ws.send('last'); ws.close(4002, 'own')")
    closed = await client.close(4001, "cli")
    assert (closed.code, closed.reason) == (4002, "own")
    assert await client.receive() == "last"
    assert await log(durable) == [("close", 4001, "cli", True, 2)]
    assert await state(durable) == 3


@worker(ROOM)
async def test_a_half_open_socket_stays_until_code_closes_it(durable):
    client = await connected(durable, accept=HALF_OPEN)
    with pytest.raises(TimeoutError):
        await client.close(4001, "cli", timeout=150)
    assert await log(durable) == [("close", 4001, "cli", True, 2)]
    await room(durable).run("ws.close()")
    assert (await client.wait_closed()).code == 1005
    assert await state(durable) == 3


@worker(ROOM, compatibility_date="2026-04-06")
async def test_the_option_wins_over_the_date(durable):
    client = await connected(durable, accept={"allowHalfOpen": False})
    assert (await client.close(4001)).code == 4001


@worker(ROOM)
async def test_a_disconnect_is_a_close_event_and_the_state_changes_after_it(durable):
    client = await connected(durable)
    client.disconnect()
    assert await log(durable) == [("close", 1006, DISCONNECTED, False, 1)]
    assert await state(durable) == 2


@worker(ROOM)
async def test_an_own_close_that_is_answered_is_told_once(durable):
    client = await connected(durable)
    await room(durable).run("ws.close(4000, 'bye')")
    assert (await client.wait_closed()).code == 4000
    assert await log(durable) == [("close", 4000, "bye", True, 3)]


# --- §1.8, §2.2: errors ----------------------------------------------------------------------------


@worker(ROOM)
async def test_a_broken_frame_is_an_error_event(durable):
    client = await connected(durable)
    client._end.from_wire(Failure(1002, "Unknown opcode 3"))
    [(kind, message, inner, ready_state)] = await log(durable)
    assert (kind, ready_state) == ("error", 3)
    assert message == f"Uncaught Error: {inner}"
    assert inner == (
        "WebSocket protocol error; protocolError.statusCode = 1002; "
        "protocolError.description = Unknown opcode 3"
    )


@worker(ROOM)
async def test_a_listener_that_throws_costs_its_connection_only(durable):
    client = await connected(durable, on_message="raise ValueError('boom')")
    other = await durable.connect("/room/b")
    client.send("x")
    assert (await client.wait_closed()).code == 1006
    kinds = [(entry[0], entry[-1]) for entry in await log(durable)]
    assert kinds == [("message", 1), ("error", 3)]
    assert await state(durable) == 3
    assert await room(durable).run("ws.send('dropped')") == "None"
    assert other.ended is None
    assert durable.generation(room(durable)) == 1


@worker(ROOM)
async def test_a_listener_whose_promise_is_rejected_costs_nothing(durable):
    source = """
async def fail():
    raise ValueError("later")
result = fail()
"""
    client = await connected(durable, on_message=source)
    client.send("x")
    client.send("y")
    assert len(await log(durable)) == 2
    assert client.ended is None


@worker(ROOM)
async def test_a_close_listener_that_throws_comes_too_late_to_harm_the_answer(durable):
    client = await connected(durable, on_close="raise ValueError('late')")
    assert (await client.close(4001, "cli")).code == 4001


@worker(ROOM)
async def test_a_close_listener_that_throws_on_a_half_open_socket_cuts_it(durable):
    client = await connected(durable, on_close="raise ValueError('x')", accept=HALF_OPEN)
    assert (await client.close(4001, "cli")).code == 1006


# --- §4.1: what keeps the object awake ---------------------------------------------------------------


@worker(ROOM)
async def test_an_accepted_socket_keeps_its_object_awake_until_it_has_ended(durable):
    client = await connected(durable)
    await durable.clock.advance(60)
    assert [b.kind for b in durable.why_awake(room(durable))] == ["web socket"]
    assert durable.is_resident(room(durable))
    await client.close()
    await durable.clock.advance(12)
    assert not durable.is_resident(room(durable))


@worker(ROOM)
async def test_an_accepted_socket_goes_with_its_instance(durable):
    client = await connected(durable)
    await durable.evict(room(durable), force=True)
    assert (await client.wait_closed()).code == 1006


LOOP = """
seen = []

class Loop(DurableObject):
    async def start(self):
        hibernatable, standard = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(hibernatable)
        standard.addEventListener("message", create_proxy(lambda e: seen.append(e.data)))
        standard.accept()
        self.end = standard
        standard.send("ping")

    async def seen(self):
        return seen

    async def webSocketMessage(self, ws, message):
        ws.send(f"{message} back")
"""


@worker(LOOP)
async def test_a_pair_accepted_on_both_ends_is_a_loopback_and_keeps_awake(durable):
    loop = durable.env.LOOP.getByName("a")
    await loop.start()
    await durable.clock.advance(60)
    assert await loop.seen() == ["ping back"]
    assert durable.generation(loop) == 1


# --- §1.4, §1.7, §1.8, §2.3, §2.4: hibernatable sockets ---------------------------------------------

CHAT = """
seen = []

class Chat(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        seen.append("made")

    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server, to_js(["t"]))
        if "refused" in request.url:
            return Response("no", status=403)
        return Response(None, status=101, web_socket=client)

    async def seen(self):
        return seen

    async def close_all(self, *args):
        for ws in self.ctx.getWebSockets():
            ws.close(*args)
        return [ws.readyState for ws in self.ctx.getWebSockets()]

    async def set_timeout(self, ms):
        self.ctx.setHibernatableWebSocketEventTimeout(ms)

    async def count(self):
        return len(self.ctx.getWebSockets())

    async def webSocketMessage(self, ws, message):
        if message == "send and abort":
            ws.send("lost")
            self.ctx.abort("gone")
        elif message == "write, then abort":
            ws.send("lost, too")
            self.ctx.storage.kv.put("k", 1)
            self.ctx.abort("gone")
        elif message == "wait":
            await scheduler.wait(5000)
            seen.append("waited")
        ws.send(f"{message}!")
        if message == "buffered":
            seen.append(ws.bufferedAmount)

    async def webSocketClose(self, ws, code, reason, was_clean):
        seen.append(["close", code, ws.readyState])
        if code == 1000:
            ws.close(1000, reason)
            self.last = ws

    async def webSocketError(self, ws, error):
        self.last = ws
        seen.append(["error", ws.readyState])

    async def last_state(self):
        return self.last.readyState

    async def tags_of_closed(self):
        try:
            return list(self.ctx.getTags(self.last))
        except JsException as exc:
            return str(exc)
"""


async def chat(durable: Durable) -> tuple[Any, Any]:
    return durable.env.CHAT.getByName("a"), await durable.connect("/chat/a")


class Silent:
    """The wire of a client that never answers a Close."""

    unsent_bytes = 0

    def __init__(self) -> None:
        self.sent: list[object] = []
        self.has_ended = False

    def send(self, message: str | bytes) -> None:
        self.sent.append(message)

    send_close = send

    def finish(self) -> None:
        self.has_ended = True

    abort = pause_reading = resume_reading = finish


async def silent_client(durable: Durable) -> tuple[Any, Any, Silent]:
    """A hibernatable socket, and its client's end on a wire that answers nothing."""
    stub, client = await chat(durable)
    client._end.wire = wire = Silent()
    return stub, client._end, wire


@worker(CHAT)
async def test_sends_of_the_turn_that_aborts_are_lost_and_earlier_ones_are_not(durable):
    _, client = await chat(durable)
    client.send("before")
    client.send("send and abort")
    assert (await client.wait_closed()).code == 1006
    assert [await client.receive() for _ in range(client.pending)] == ["before!"]


@worker(CHAT)
async def test_an_abort_loses_the_send_before_the_write(durable):
    _, client = await chat(durable)
    client.send("write, then abort")
    assert (await client.wait_closed()).code == 1006
    assert client.pending == 0


@worker(CHAT)
async def test_buffered_amount_counts_what_was_sent_in_this_turn(durable):
    stub, client = await chat(durable)
    client.send("buffered")
    await durable.settle()
    assert await stub.seen() == ["made", 9]


@worker(CHAT)
async def test_an_event_that_takes_too_long_ends_the_instance_and_leaves_its_sockets(durable):
    stub, client = await chat(durable)
    await stub.set_timeout(2000)
    client.send("quick")
    assert await client.receive() == "quick!"
    client.send("wait")
    await durable.clock.advance(10)
    assert not durable.is_resident(stub)
    client.send("again")
    assert await client.receive() == "again!"
    assert await stub.seen() == ["made", "made"]  # nothing of the handler ran on
    client.send("wait")  # the limit outlives the instance
    await durable.clock.advance(3)
    assert not durable.is_resident(stub)


@worker(CHAT)
async def test_a_close_that_is_never_answered_stays_open_and_listed_over_hibernation(durable):
    stub, _, wire = await silent_client(durable)
    assert await stub.close_all(4000, "bye") == [2]
    await durable.clock.advance(45)
    assert not wire.has_ended
    assert await stub.count() == 1
    assert await stub.seen() == ["made", "made"]


@worker(CHAT)
async def test_a_connection_that_is_lost_after_the_own_close_is_closed(durable):
    stub, end, _ = await silent_client(durable)
    await stub.close_all(4000)
    end.from_wire(Disconnect())
    await durable.settle()
    assert await stub.seen() == ["made", ["close", 1006, 3]]


@worker(CHAT)
async def test_after_a_protocol_error_the_socket_is_closing_for_ever(durable):
    stub, client = await chat(durable)
    client._end.from_wire(Failure(1002, "Unknown opcode 3"))
    await durable.settle()
    assert await stub.seen() == ["made", ["error", 2]]
    assert await stub.last_state() == 2


@worker(CHAT)
async def test_the_tags_are_gone_after_both_closes(durable):
    stub, client = await chat(durable)
    await client.close(1000, "x")
    await durable.settle()
    assert await stub.tags_of_closed() == (
        "Error: you must call 'acceptWebSocket()' before attempting to access the tags of a "
        "WebSocket."
    )


@worker(CHAT)
async def test_a_socket_whose_response_was_refused_is_a_ghost_until_the_object_wakes(durable):
    stub = durable.env.CHAT.getByName("a")
    response = await durable.fetch("/chat/a/refused", headers={"Upgrade": "websocket"})
    assert response.status == 403
    assert await stub.count() == 1
    await durable.clock.advance(20)
    assert not durable.is_resident(stub)
    assert await stub.count() == 1  # this wakes it
    await durable.settle()
    assert await stub.seen() == ["made", "made", ["close", 1006, 2]]
    assert await stub.count() == 0


@worker(CHAT, dev={"auto_reply_to_close": True})
async def test_the_documented_answer_to_a_close_can_be_chosen(durable):
    stub, client = await chat(durable)
    assert (await client.close(4001, "cli")).code == 4001
    await durable.settle()
    assert await stub.seen() == ["made", ["close", 4001, 3]]


ACCEPTS = """
class Maker(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.accept("constructor")

    def accept(self, tag):
        self.pair = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(self.pair[0], to_js([tag]))

    async def call(self):
        self.accept("rpc")
        await self.ctx.storage.setAlarm(Date.now() + 1000)

    async def alarm(self):
        self.accept("alarm")

    async def tags(self):
        return [list(self.ctx.getTags(ws))[0] for ws in self.ctx.getWebSockets()]

    async def old_reason(self):
        client, server = WebSocketPair.new().object_values()
        server.accept()
        try:
            server.close(1000, "x" * 200)
        except JsException as exc:
            return exc.name
        return "accepted"
"""


@worker(ACCEPTS)
async def test_an_object_accepts_sockets_wherever_its_code_runs(durable):
    maker = durable.env.MAKER.getByName("a")
    await maker.call()
    await durable.clock.advance(2)
    assert await maker.tags() == ["alarm", "rpc", "constructor"]


@worker(ACCEPTS, compatibility_date="2026-03-03")
async def test_a_long_reason_is_refused(durable):
    assert await durable.env.MAKER.getByName("a").old_reason() == "SyntaxError"


@worker(ACCEPTS, compatibility_date="2026-03-02")
async def test_a_long_reason_is_accepted_on_older_dates(durable):
    assert await durable.env.MAKER.getByName("a").old_reason() == "accepted"


# --- §6: through the worker -------------------------------------------------------------------------

PROXY = """
class Box(DurableObject):
    async def fetch(self, request):
        if "broken" in request.url:
            raise ValueError("boo")
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        server.send("hello")
        return Response(None, status=101, web_socket=client, headers={"X-Box": "1"})

    async def webSocketMessage(self, ws, message):
        ws.send(message)

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        stub = self.env.BOX.getByName("a")
        raw = request.js_object
        way = raw.url.rsplit("/", 1)[1]
        upgrade = {"Upgrade": "websocket"}
        if way == "same":
            return await stub.fetch(raw)
        if way == "new":
            return await stub.fetch(js.Request.new("http://x/other", raw))
        if way == "fresh":
            return await stub.fetch("http://x/fresh", headers=upgrade)
        if way == "plain":
            try:
                await stub.fetch("http://x/plain")
            except JsException as exc:
                return Response(str(exc))
        if way == "wrapped":
            inner = await stub.fetch(raw)
            made = js.Response.new(None, to_js({"status": 101, "webSocket": inner.js_object.webSocket}, dict_converter=Object.fromEntries))
            made.headers.set("X-Worker", "1")
            return made
        if way == "accepted":
            inner = await stub.fetch("http://x/fresh", headers=upgrade)
            ws = inner.js_object.webSocket
            ws.accept()
            heard = []
            done = asyncio.Event()
            def hear(event):
                heard.append(event.data)
                if len(heard) == 2:
                    done.set()
            ws.addEventListener("message", create_proxy(hear))
            ws.send("from the worker")
            await done.wait()
            ws.close()
            return Response(",".join(heard))
        return await stub.fetch("http://x/broken")
"""


@pytest.mark.parametrize("way", ["same", "new", "fresh", "wrapped"])
@worker(PROXY)
async def test_an_upgrade_goes_through_the_worker(durable, way):
    client = await durable.connect(f"/{way}")
    client.send("back")
    assert [await client.receive(), await client.receive()] == ["hello", "back"]
    await durable.clock.advance(12)
    assert not durable.is_resident(durable.env.BOX.getByName("a"))
    client.send("awake")
    assert await client.receive() == "awake"


@worker(PROXY)
async def test_an_inner_request_without_upgrade_cannot_be_answered_with_a_socket(durable):
    response = await durable.fetch("/plain")
    assert await response.text() == (
        "TypeError: Worker tried to return a WebSocket in a response to a request which did not "
        'contain the header "Upgrade: websocket".'
    )


@worker(PROXY)
async def test_the_worker_may_speak_to_the_object_itself_and_misses_nothing(durable):
    response = await durable.fetch("/accepted")
    assert await response.text() == "hello,from the worker"


ODD = """
class Odd(DurableObject):
    async def constants(self):
        names = ("CONNECTING", "OPEN", "CLOSING", "CLOSED")
        return [getattr(js.WebSocket, p + n) for p in ("", "READY_STATE_") for n in names]

    async def fetch(self, request):
        self.client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=self.client)

    async def accept_returned(self):
        try:
            self.client.accept()
        except JsException as exc:
            return str(exc)

    async def send_to_all(self):
        outcomes = []
        for ws in self.ctx.getWebSockets():
            try:
                ws.send("all")
            except JsException as exc:
                outcomes.append(exc.name)
        return outcomes

    async def close_newest(self):
        self.ctx.getWebSockets()[0].close()

    async def send_symbol(self):
        _, server = WebSocketPair.new().object_values()
        server.accept()
        try:
            server.send(js.Symbol.iterator)
        except JsException as exc:
            return str(exc)
"""


@worker(ODD)
async def test_the_class_has_the_constants_in_both_forms(durable):
    assert await durable.env.ODD.getByName("a").constants() == [0, 1, 2, 3, 0, 1, 2, 3]


@worker(ODD)
async def test_a_socket_that_was_returned_cannot_be_accepted(durable):
    await durable.connect("/odd/a")
    assert await durable.env.ODD.getByName("a").accept_returned() == (
        "TypeError: Can't accept() WebSocket that was already used in a response."
    )


@worker(ODD)
async def test_a_send_that_fails_does_not_stop_those_to_the_others(durable):
    stub = durable.env.ODD.getByName("a")
    one, two = await durable.connect("/odd/a"), await durable.connect("/odd/a")
    two._end.wire.send_close = lambda close: None  # a client that does not answer
    await stub.close_newest()
    assert await stub.send_to_all() == ["TypeError"]
    assert await one.receive() == "all"
    assert two.pending == 0


@worker(ODD)
async def test_a_symbol_cannot_be_sent(durable):
    assert await durable.env.ODD.getByName("a").send_symbol() == (
        "TypeError: Cannot convert a Symbol value to a string"
    )
