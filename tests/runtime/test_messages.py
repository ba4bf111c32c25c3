"""Messages that share a Task find what they would find in one of their own.

emulator/runtime/messages.py: M1 to M3. The same messages are handed out together and one by one.
"""

from __future__ import annotations

from random import Random

import pytest

from emulator.core.sockets import DISCONNECTED
from emulator.core.values import error
from emulator.runtime import messages
from emulator.runtime.messages import MessageQueue

ROOM = """
import weakref
from contextvars import ContextVar

mark = ContextVar("mark", default=None)
log = []
kept = []
seen = weakref.WeakSet()


class Room(DurableObject):
    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    def note(self, *what):
        log.append([self.ctx.id.name, *what])

    async def webSocketMessage(self, ws, message):
        name, _, number = message.partition(" ")
        task = asyncio.current_task()
        is_strange = any(task is other for other in kept) or task in seen
        self.note("begin", message, mark.get(), task.cancelling(), is_strange, len(asyncio.all_tasks()))
        await getattr(self, "do_" + name.replace("-", "_"))(ws, number)
        assert asyncio.current_task() is task
        self.note("end", message, mark.get(), task.cancelling())

    async def do_nothing(self, ws, number):
        pass

    async def do_echo(self, ws, number):
        ws.send(number)

    async def do_twice(self, ws, number):
        ws.send(number)
        ws.send(number + " again")

    async def do_all(self, ws, number):
        for other in self.ctx.getWebSockets():
            other.send("all " + number)

    async def do_wait(self, ws, number):
        mark.set(number)
        await asyncio.sleep(0.01)
        ws.send("waited " + number)

    async def do_yield(self, ws, number):
        await asyncio.sleep(0)

    async def do_put(self, ws, number):
        await self.ctx.storage.put("key", number)
        ws.send("put " + number)

    async def do_put_unconfirmed(self, ws, number):
        await self.ctx.storage.put("key", number, allowUnconfirmed=True)
        ws.send("put " + number)

    async def do_fail(self, ws, number):
        ws.send("fails " + number)
        raise ValueError(number)

    async def do_fail_later(self, ws, number):
        await asyncio.sleep(0.01)
        raise ValueError(number)

    async def do_stop(self, ws, number):
        raise asyncio.CancelledError

    async def do_mark(self, ws, number):
        mark.set(number)

    async def do_keep(self, ws, number):
        kept.append(asyncio.current_task())

    async def do_remember(self, ws, number):
        seen.add(asyncio.current_task())

    async def do_cancel_kept(self, ws, number):
        for task in [*kept, *seen]:
            task.cancel()

    async def do_cancel_myself(self, ws, number):
        asyncio.current_task().cancel()

    async def do_time_out(self, ws, number):
        try:
            async with asyncio.timeout(0.005):
                await asyncio.sleep(1)
        except TimeoutError:
            ws.send("timed out " + number)

    async def do_in_time(self, ws, number):
        async with asyncio.timeout(1):
            ws.send("in time " + number)

    async def do_section(self, ws, number):
        async def inside():
            await asyncio.sleep(0.01)
            self.note("section", number)
        self.ctx.blockConcurrencyWhile(inside)

    async def do_spawn(self, ws, number):
        async def later():
            self.note("spawned", number, mark.get())
            ws.send("spawned " + number)
        asyncio.create_task(later())

    async def do_call_itself(self, ws, number):
        other = self.env.ROOM.getByName(self.ctx.id.name)
        asyncio.ensure_future(other.called(number))

    async def called(self, number):
        self.note("called", number)

    async def do_auto(self, ws, number):
        self.ctx.setWebSocketAutoResponse(WebSocketRequestResponsePair.new("ping", "pong"))

    async def do_limit(self, ws, number):
        self.ctx.setHibernatableWebSocketEventTimeout(1000)

    async def do_close(self, ws, number):
        ws.close(4000, number)

    async def do_abort(self, ws, number):
        self.ctx.abort("enough")

    async def do_abort_and_go_on(self, ws, number):
        try:
            self.ctx.abort("enough")
        except BaseException:
            pass

    async def do_microtask(self, ws, number):
        js.queueMicrotask(lambda: self.note("microtask", number))

    async def do_store(self, ws, number):
        await self.ctx.storage.put("key", number)

    async def do_look(self, ws, number):
        for _ in range(400):
            await self.ctx.storage.get("key")

    async def do_wait_long(self, ws, number):
        await asyncio.sleep(1.5)
        ws.send("waited long " + number)

    async def entries(self):
        return [entry[1:] for entry in log if entry[0] == self.ctx.id.name]


class Sync(DurableObject):
    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    def webSocketMessage(self, ws, message):
        if message == "fail":
            raise StopIteration
        ws.send(message)
"""
KINDS = (
    *(
        "nothing",
        "echo",
        "echo",
        "twice",
        "all",
        "wait",
        "yield",
        "put",
        "put-unconfirmed",
        "store",
    ),
    *("fail", "fail-later", "mark", "keep", "remember", "cancel-kept", "cancel-myself", "time-out"),
    *("in-time", "spawn", "call-itself", "auto", "ping", "ping", "microtask", "look", "wait-long"),
)
RARE = ("abort", "abort-and-go-on", "limit", "close", "section", "stop")
QUIET = pytest.mark.durable(undisturbed=True)
pytestmark = [pytest.mark.worker(ROOM), QUIET]


class Lab:
    """Clients of objects that nobody listens to or disturbs, as outside a test."""

    def __init__(self, durable):
        self.durable = durable
        self.queue = MessageQueue()

    async def join(self, name, count, kind="room"):
        return [await self.durable.connect(f"/{kind}/{name}") for _ in range(count)]

    def deliver(self, clients, plan, *, is_together):
        """Bring messages, each with the number of its client, in one round of the loop."""
        messages = [(clients[number]._end.peer, text) for number, text in plan]
        if is_together:
            self.queue.waiting.extend(messages)
            self.queue.deliver()
            assert not self.queue.waiting
        else:
            for end, message in messages:
                end.receive(message)

    async def outcome(self, name, clients):
        """What the object noted, and what its clients got."""
        await self.durable.settle()
        await self.durable.clock.advance(2)
        received = [list(client._received) for client in clients]
        ended = [client.ended and (client.ended.code, client.ended.reason) for client in clients]
        entries = await self.durable.env.ROOM.getByName(name).entries()
        errors = [e.text.splitlines()[-1] for e in self.durable.log if name in str(e.object)]
        return [list(entry) for entry in entries], received, ended, errors


@pytest.fixture
def lab(durable, monkeypatch):
    host = durable.emulator.worker.host
    monkeypatch.setattr(host, "recorder", None)
    monkeypatch.setattr(host, "faults", None)
    return Lab(durable)


def plan_of(seed):
    dice = Random(seed)
    kinds = dice.sample(KINDS, dice.randint(2, 6))
    if dice.random() < 0.5:
        kinds.append(dice.choice(RARE))
    plan = []
    for number in range(dice.randint(2, 12)):
        kind = dice.choice(kinds)
        plan.append((dice.randrange(3), kind if kind == "ping" else f"{kind} {number}"))
    return plan


@pytest.mark.durable(undisturbed=True, allow_errors=True)
@pytest.mark.parametrize("block", range(8))
async def test_messages_together_have_the_outcome_of_messages_one_by_one(lab, block):
    for seed in range(block * 25, block * 25 + 25):
        plan = plan_of(seed)
        outcomes = []
        for is_together in (False, True):
            name = f"{seed}-{is_together}"
            clients = await lab.join(name, 3)
            lab.deliver(clients, plan, is_together=is_together)
            outcomes.append(await lab.outcome(name, clients))
        assert outcomes[1] == outcomes[0], (seed, plan)


async def test_handlers_that_leave_nothing_share_a_task(lab, monkeypatch):
    made = []
    share = messages._SharedTask.run

    def run(self):
        made.append(share(self))
        return made[-1]

    monkeypatch.setattr(messages._SharedTask, "run", run)
    clients = await lab.join("a", 2)
    plan = [(number % 2, f"echo {number}") for number in range(6)]
    lab.deliver(clients, plan, is_together=True)
    assert made == [6]
    assert [list(client._received) for client in clients] == [["0", "2", "4"], ["1", "3", "5"]]
    lab.deliver(
        clients, [(0, "echo 1"), (0, "keep 2"), (0, "echo 3"), (0, "echo 4")], is_together=True
    )
    assert made == [6, 2, 2]
    lab.deliver(clients, [(0, "put 1"), (0, "put 2"), (0, "put 3")], is_together=True)
    assert made == [6, 2, 2, 1]  # nobody shares with a handler that writes
    await lab.durable.settle()
    lab.deliver(clients, [(0, "look 1"), (0, "look 2"), (0, "look 3")], is_together=True)
    assert made == [6, 2, 2, 1, 3]  # each turn has its own budget of awaits


@pytest.mark.durable(undisturbed=True, allow_errors=True)
async def test_a_synchronous_handler_fails_as_it_is(lab):
    clients = await lab.join("a", 1, "sync")
    lab.deliver(clients, [(0, text) for text in ("1", "fail", "2", "3")], is_together=True)
    await lab.durable.settle()
    assert list(clients[0]._received) == ["1", "2", "3"]
    assert len(lab.durable.log) == 1


async def test_messages_for_many_objects_keep_their_order(lab):
    one, other = await lab.join("a", 1), await lab.join("b", 1)
    plan = [(n // 2 % 2, f"echo {n}") for n in range(7)]
    lab.deliver([*one, *other], plan, is_together=True)
    entries, received, *_ = await lab.outcome("a", [*one, *other])
    assert received == [["0", "1", "4", "5"], ["2", "3", "6"]]
    assert [entry[1] for entry in entries if entry[0] == "begin"] == [
        *("echo 0", "echo 1", "echo 4", "echo 5")
    ]


async def test_a_socket_whose_last_message_has_not_begun_gets_no_other(lab):
    clients = await lab.join("a", 2)
    end = clients[1]._end.peer
    end.is_receiver_busy = True  # as one is whose object broke before the message's turn came
    lab.deliver(clients, [(n % 2, f"echo {n}") for n in range(6)], is_together=True)
    assert [list(client._received) for client in clients] == [["0", "2", "4"], []]
    end.is_receiver_busy = False
    lab.deliver(clients, [(0, "echo 6"), (1, "echo 7")], is_together=True)
    assert [list(client._received) for client in clients] == [
        ["0", "2", "4", "6"],
        ["1", "3", "5", "7"],
    ]


async def test_an_object_that_sleeps_is_woken_once(lab):
    clients = await lab.join("a", 2)
    container = clients[0]._end.peer.registry.container
    container.hibernate()
    lab.deliver(clients, [(n % 2, f"echo {n}") for n in range(4)], is_together=True)
    await lab.durable.settle()
    assert container.generation == 2
    assert [list(client._received) for client in clients] == [["0", "2"], ["1", "3"]]


@pytest.mark.parametrize("is_together", [False, True], ids=["one by one", "together"])
async def test_a_message_whose_answer_waits_for_a_commit_keeps_the_object_awake(lab, is_together):
    clients = await lab.join("a", 1)
    container = clients[0]._end.peer.registry.container
    lab.deliver(clients, [(0, "store 1"), (0, "store 2")], is_together=is_together)
    assert [blocker.detail for blocker in container.blockers()] == ["webSocketMessage"] * 2
    await lab.durable.settle()
    assert container.blockers() == []


async def test_what_was_written_unconfirmed_is_committed_when_the_object_goes_to_sleep(lab):
    clients = await lab.join("a", 1)
    container = clients[0]._end.peer.registry.container
    lab.deliver(clients, [(0, "put-unconfirmed 1")], is_together=False)
    assert container.sqlite.is_dirty
    container.hibernate()
    assert not container.sqlite.is_dirty
    lab.deliver(clients, [(0, "echo 2")], is_together=False)
    await lab.durable.settle()
    assert list(clients[0]._received) == ["put 1", "2"]


async def test_a_handler_that_goes_on_later_leaves_alone_what_has_come_since(lab):
    clients = await lab.join("a", 1)
    lab.deliver(clients, [(0, "wait-long 1"), (0, "echo 2")], is_together=True)
    lab.queue.waiting.append((clients[0]._end.peer, "echo 3"))
    await lab.durable.clock.advance(2)
    assert list(clients[0]._received) == ["2", "waited long 1"]
    lab.queue.deliver()
    assert list(clients[0]._received) == ["2", "waited long 1", "3"]


@pytest.mark.durable(undisturbed=True, allow_errors=True)
async def test_an_event_timeout_counts_from_the_message_after_it_was_set(lab):
    clients = await lab.join("a", 1)
    lab.deliver(clients, [(0, "limit 1"), (0, "wait-long 2"), (0, "echo 3")], is_together=True)
    _, received, *_ = await lab.outcome("a", clients)
    assert received == [["3"]]


async def test_an_auto_response_is_sent_in_its_turn(lab):
    clients = await lab.join("a", 1)
    plan = [(0, "auto 1"), (0, "echo 2"), (0, "ping"), (0, "echo 3"), (0, "ping")]
    lab.deliver(clients, plan, is_together=True)
    assert list(clients[0]._received) == ["2", "pong", "3", "pong"]


async def test_the_idle_time_begins_with_the_last_message(lab):
    clients = await lab.join("a", 1)
    stub = lab.durable.env.ROOM.getByName("a")
    await lab.durable.clock.advance(9)
    lab.deliver(clients, [(0, "echo 1"), (0, "echo 2")], is_together=True)
    await lab.durable.clock.advance(9)
    assert lab.durable.is_resident(stub)
    await lab.durable.clock.advance(2)
    assert not lab.durable.is_resident(stub)


@pytest.mark.durable(undisturbed=True, allow_errors=True)
@pytest.mark.parametrize("is_together", [False, True], ids=["one by one", "together"])
async def test_an_object_that_aborts_hears_no_more(lab, is_together):
    clients = await lab.join("a", 2)
    plan = [(0, "echo 1"), (1, "abort-and-go-on 2"), (0, "echo 3")]
    lab.deliver(clients, plan, is_together=is_together)
    entries, received, ended, errors = await lab.outcome("a", clients)
    assert [entry[1] for entry in entries if entry[0] == "begin"] == ["echo 1", "abort-and-go-on 2"]
    assert received == [["1"], []]
    assert ended[0] == ended[1] == (1006, DISCONNECTED)
    assert errors == ["Error: enough"]


@pytest.mark.durable(undisturbed=True, allow_errors=True)
async def test_a_commit_that_fails_when_the_object_goes_to_sleep_breaks_it(lab, monkeypatch):
    clients = await lab.join("a", 1)
    container = clients[0]._end.peer.registry.container
    lab.deliver(clients, [(0, "put-unconfirmed 1")], is_together=False)

    def fail():
        raise error("no space")

    with monkeypatch.context() as patch:
        patch.setattr(container, "commit", fail)
        container.hibernate()
    await lab.durable.settle()
    assert clients[0].ended is not None
    assert not container.sqlite.is_dirty
    assert await lab.durable.env.ROOM.getByName("a").entries()
