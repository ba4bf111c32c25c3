"""One life of an object: its turns, critical sections and output (invariants I1 to I5).

emulator/runtime/instance.py; spec lifecycle §4.1, §5.2, §5.3, storage §4.2, §4.4.
"""

from __future__ import annotations

import asyncio

import pytest

from emulator.core.values import JsException
from tests.worlds import start, worker

NESTED_TOO_DEEPLY = "Error: blockConcurrencyWhile() calls are nested too deeply."
TIMED_OUT = (
    "Error: A call to blockConcurrencyWhile() in a Durable Object waited for too long. The call "
    "was canceled and the Durable Object was reset."
)
COMMIT_FAILED = (
    "Error: Durable Object was reset and rolled back to its last known good state because the "
    "application left the database in a state where constraints were violated: FOREIGN KEY "
    "constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)"
)

# What every object below can do; the others add to it. `log` is one list for the whole worker.
BOX = """
log = []

class Box(DurableObject):
    async def note(self, text):
        log.append(text)
        return text

    async def entries(self):
        return list(log)

    async def get(self, key):
        return await self.ctx.storage.get(key)

    async def sleep_and_note(self, seconds, text):
        log.append(f"{text} starts")
        await asyncio.sleep(seconds)
        log.append(f"{text} ends")
"""


def box(methods: str) -> pytest.MarkDecorator:
    """A world with `env.BOX`, which has these methods too."""
    return worker(BOX + methods)


async def all_of(*awaitables):
    """The outcome of each; an exception is an outcome."""

    async def outcome(awaitable):
        try:
            return await awaitable
        except JsException as exc:
            return exc

    return await asyncio.gather(*(outcome(awaitable) for awaitable in awaitables))


def told(exc):
    """What a caller can see of an error."""
    return str(exc), {k: v for k, v in vars(exc).items() if k not in ("name", "message", "stack")}


# --- turns ---------------------------------------------------------------------------------


@box(
    """
    async def ticks(self):
        other = self.env.BOX.get(self.ctx.id)
        call = asyncio.ensure_future(other.note("other"))
        for number in range(100):
            await js.Promise.resolve(None)
        log.append("after 100 resolved promises")
        await call
    """
)
async def test_resolved_promises_let_no_other_event_in(durable):
    a = durable.env.BOX.getByName("a")
    await a.ticks()
    assert await a.entries() == ["after 100 resolved promises", "other"]


@box(
    """
    async def store(self, name, count):
        for number in range(count):
            value = await self.ctx.storage.get("counter") or 0
            await self.ctx.storage.put("counter", value + 1)
        log.append(name)
    """
)
async def test_between_storage_operations_no_other_event_runs(durable):
    a = durable.env.BOX.getByName("a")
    await asyncio.gather(*(a.store(name, 300) for name in "xyz"))
    assert await a.get("counter") == 900
    assert await a.entries() == ["x", "y", "z"]


@box(
    """
    async def long_loop(self):
        for number in range(2500):
            await self.ctx.storage.get("key")
        log.append("loop")
    """
)
async def test_a_long_loop_over_storage_lets_the_loop_breathe_but_no_event_in(durable):  # I2
    a, b = durable.env.BOX.getByName("a"), durable.env.BOX.getByName("b")
    await asyncio.gather(a.entries(), b.entries())
    loop = asyncio.get_running_loop()
    turns = []

    def tick():
        turns.append(None)
        loop.call_soon(tick) if len(turns) < 50 else None

    long_loop = start(a.long_loop())
    tick()
    outcomes = await asyncio.gather(long_loop, a.note("a"), b.note("b"))
    assert outcomes == [None, "a", "b"]
    # The other object had its turn meanwhile, the same one had to wait.
    assert await a.entries() == ["b", "loop", "a"]


@box(
    """
    async def micro(self):
        js.queueMicrotask(create_once_callable(lambda: log.append("microtask")))
        asyncio.get_running_loop().call_soon(log.append, "soon")
        log.append("code")
    """
)
async def test_microtasks_run_at_the_end_of_the_turn(durable):  # I2
    a = durable.env.BOX.getByName("a")
    await a.micro()
    await durable.settle()
    assert await a.entries() == ["code", "microtask", "soon"]


@box(
    """
    async def micro(self):
        js.queueMicrotask(create_once_callable(lambda: 1 / 0))
        js.queueMicrotask(create_once_callable(lambda: log.append("next")))
    """
)
async def test_a_microtask_that_raises_is_reported_and_harms_nothing(durable, capsys):
    a = durable.env.BOX.getByName("a")
    await a.micro()
    assert await a.entries() == ["next"]
    assert "ZeroDivisionError" in capsys.readouterr().err


@box(
    """
    async def call_itself(self):
        log.append("begins")
        promise = self.env.BOX.get(self.ctx.id).note("inner")
        log.append("has called")
        result = await promise
        log.append("goes on")
        return result
    """
)
async def test_a_call_to_itself_runs_after_the_turn_that_made_it(durable):  # I1, I5
    a = durable.env.BOX.getByName("a")
    assert await a.call_itself() == "inner"
    assert await a.entries() == ["begins", "has called", "inner", "goes on"]


@box(
    """
    async def there_and_back(self, depth):
        log.append(depth)
        if depth:
            name = "ab"[depth % 2]
            await self.env.BOX.getByName(name).there_and_back(depth - 1)
        return depth
    """
)
async def test_calls_between_two_objects_may_be_200_deep(durable):
    a = durable.env.BOX.getByName("a")
    assert await a.there_and_back(200) == 200
    assert await a.entries() == list(range(200, -1, -1))


@box(
    """
    async def slow(self, name):
        log.append(f"{name} 1")
        await asyncio.sleep(0)
        log.append(f"{name} 2")
    """
)
async def test_events_start_in_the_order_they_came(durable):  # I5
    a = durable.env.BOX.getByName("a")
    await asyncio.gather(*(a.slow(name) for name in "xyz"))
    assert await a.entries() == ["x 1", "y 1", "z 1", "x 2", "y 2", "z 2"]


# --- construction --------------------------------------------------------------------------

FAILING = """
failures = [2]

class Frail(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        if failures[0]:
            failures[0] -= 1
            raise RuntimeError("not yet")

    async def hello(self):
        return "hello"
"""


@worker(FAILING)
async def test_a_constructor_that_raises_fails_what_waited_and_a_fresh_stub_tries_again(durable):
    stub = durable.env.FRAIL.getByName("a")
    first = await all_of(stub.hello(), stub.hello())
    for exc in first:
        assert "RuntimeError: not yet" in str(exc)
        assert exc.durableObjectReset is True
    assert not durable.is_resident(stub)
    [second] = await all_of(durable.env.FRAIL.getByName("a").hello())
    assert "RuntimeError: not yet" in str(second)
    assert await durable.env.FRAIL.getByName("a").hello() == "hello"


@worker(
    """
    class Room(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            self.log = ["constructor"]
            ctx.blockConcurrencyWhile(self.load)
            ctx.blockConcurrencyWhile(self.more)

        async def load(self):
            await asyncio.sleep(1)
            self.log.append("loaded")

        async def more(self):
            self.log.append("more")

        async def ask(self, name):
            self.log.append(name)
            return list(self.log)
    """
)
async def test_events_wait_for_the_sections_of_the_constructor_in_order(durable):
    room = durable.env.ROOM.getByName("a")
    found = await asyncio.gather(room.ask("x"), room.ask("y"))
    assert found[1] == ["constructor", "loaded", "more", "x", "y"]


@worker(
    """
    class Room(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            ctx.blockConcurrencyWhile(self.load)

        async def load(self):
            await asyncio.sleep(1)
            raise ValueError("no luck")

        async def hello(self):
            return "hello"
    """
)
async def test_a_section_of_the_constructor_that_fails_fails_everything_that_waits(durable):
    room = durable.env.ROOM.getByName("a")
    for exc in await all_of(room.hello(), room.hello()):
        assert "ValueError: no luck" in str(exc)
        assert exc.durableObjectReset is True


@worker(
    """
    class Room(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            ctx.storage.kv.put("made", 1)
            raise RuntimeError("undone")

        async def hello(self):
            return "hello"

    class Other(DurableObject):
        async def hello(self):
            return "hello"
    """
)
async def test_what_a_failed_constructor_wrote_is_undone(durable):
    room = durable.env.ROOM.getByName("a")
    [exc] = await all_of(room.hello())
    assert "RuntimeError: undone" in str(exc)
    assert "BaseException" not in str(exc)


# --- critical sections -----------------------------------------------------------------------


@box(
    """
    async def block(self):
        async def section():
            log.append("section begins")
            await asyncio.sleep(1)
            log.append("section ends")
            return "value"
        promise = self.ctx.blockConcurrencyWhile(section)
        log.append("asked")
        value = await promise
        log.append("goes on")
        return value
    """
)
async def test_a_section_keeps_everything_else_out_and_gives_its_value(durable):
    a = durable.env.BOX.getByName("a")
    value, _ = await asyncio.gather(a.block(), a.note("other"))
    assert value == "value"
    assert await a.entries() == ["asked", "section begins", "section ends", "goes on", "other"]


@box(
    """
    async def block(self):
        return await self.ctx.blockConcurrencyWhile(lambda: "plain")
    """
)
async def test_a_sections_callback_need_not_wait(durable):
    assert await durable.env.BOX.getByName("a").block() == "plain"


@box(
    """
    async def block(self):
        with_section = self.ctx.blockConcurrencyWhile(self.section)
        asyncio.get_running_loop().call_later(0.5, log.append, "timer")
        asyncio.get_running_loop().call_soon(log.append, "soon")
        await with_section
        log.append("goes on")
        await asyncio.sleep(0)

    async def section(self):
        await asyncio.sleep(1)
        log.append("section ends")
    """
)
async def test_who_awaits_a_section_goes_on_before_what_was_parked(durable):
    a = durable.env.BOX.getByName("a")
    await a.block()
    assert await a.entries() == ["section ends", "goes on", "soon", "timer"]


@box(
    """
    async def block(self):
        async def wait_for(name):
            log.append(f"{name} asks")
            await self.ctx.blockConcurrencyWhile(lambda: self.section(name))
            log.append(f"{name} goes on")
        await asyncio.gather(*(wait_for(n) for n in "123"))

    async def section(self, name):
        log.append(f"{name} begins")
        await asyncio.sleep(1)
        log.append(f"{name} ends")
    """
)
async def test_sections_run_one_after_the_other_each_followed_by_who_awaits_it(durable):
    a = durable.env.BOX.getByName("a")
    await a.block()
    asked, rest = (entries := await a.entries())[:1], entries[1:]
    assert asked == ["1 asks"]
    without_asking = [entry for entry in rest if "asks" not in entry]
    assert without_asking == [
        f"{number} {what}" for number in "123" for what in ("begins", "ends", "goes on")
    ]


@box(
    """
    async def block(self):
        one = self.ctx.blockConcurrencyWhile(lambda: self.section("one"))
        two = self.ctx.blockConcurrencyWhile(lambda: self.section("two"))
        await one
        log.append("after one")
        await two
        log.append("after two")

    async def section(self, name):
        await asyncio.sleep(1)
        log.append(name)
    """
)
async def test_the_code_that_awaits_the_first_section_goes_on_before_the_second_starts(durable):
    a = durable.env.BOX.getByName("a")
    await a.block()
    assert await a.entries() == ["one", "after one", "two", "after two"]


@box(
    """
    async def block(self):
        await self.ctx.blockConcurrencyWhile(self.section)

    async def section(self):
        asyncio.get_running_loop().call_later(0.5, log.append, "timer of the section")
        await asyncio.sleep(1)
        text = await self.env.BOX.getByName("b").note("call of the section")
        log.append("section ends")
    """
)
async def test_timers_and_calls_that_a_section_made_are_delivered_inside_it(durable):
    a = durable.env.BOX.getByName("a")
    await a.block()
    assert await a.entries() == ["timer of the section", "call of the section", "section ends"]


@box(
    """
    async def block(self):
        outside = asyncio.ensure_future(asyncio.sleep(0.1, "woken"))
        await self.ctx.blockConcurrencyWhile(lambda: self.section(outside))

    async def section(self, outside):
        await outside
    """
)
async def test_awaiting_what_was_started_outside_deadlocks_and_resets_after_30_seconds(durable):
    a = durable.env.BOX.getByName("a")
    began = durable.clock.now_ms
    block, queued = await all_of(a.block(), a.note("queued"))
    for exc in (block, queued):
        text, properties = told(exc)
        assert text == TIMED_OUT
        assert properties["overloaded"] is True
        assert properties["durableObjectReset"] is True
    assert durable.clock.now_ms - began == 30_000
    assert await durable.env.BOX.getByName("b").entries() == []
    assert not durable.is_resident(a)


@box(
    """
    async def block(self):
        await self.ctx.blockConcurrencyWhile(self.section)

    async def section(self):
        await self.env.BOX.get(self.ctx.id).note("inner")
    """
)
async def test_a_call_to_itself_inside_a_section_deadlocks(durable):
    [exc] = await all_of(durable.env.BOX.getByName("a").block())
    assert str(exc) == TIMED_OUT


@box(
    """
    async def block(self):
        self.ctx.blockConcurrencyWhile(self.section)
        return "early"

    async def section(self):
        log.append("begins")
        await asyncio.Future()
    """
)
async def test_an_open_section_keeps_the_object_awake_until_its_30_seconds_are_over(durable):
    a = durable.env.BOX.getByName("a")
    assert await a.block() == "early"
    await durable.clock.advance(29.9)
    assert durable.is_resident(a)
    assert [blocker.kind for blocker in durable.why_awake(a)] == ["section"]
    await durable.clock.advance(0.2)
    assert not durable.is_resident(a)
    [exc] = await all_of(a.note("x"))
    assert str(exc) == TIMED_OUT


@box(
    """
    async def dig(self, depth):
        async def section():
            if depth > 1:
                return await self.dig(depth - 1)
            log.append("bottom")
            return depth
        return await self.ctx.blockConcurrencyWhile(section)

    async def dig_too_deep(self):
        try:
            return await self.dig(65)
        except JsException as exc:
            return str(exc)
    """
)
async def test_sections_nest_64_deep_and_the_65th_can_be_caught(durable):
    a = durable.env.BOX.getByName("a")
    assert await a.dig(64) == 1
    assert await a.entries() == ["bottom"]
    [exc] = await all_of(a.dig(65))
    assert NESTED_TOO_DEEPLY.removeprefix("Error: ") in str(exc)


@box(
    """
    async def nest(self):
        async def inner():
            raise ValueError("inner")
        async def outer():
            try:
                await self.ctx.blockConcurrencyWhile(inner)
            except Exception:
                log.append("caught")
        try:
            await self.ctx.blockConcurrencyWhile(outer)
        finally:
            log.append("finally")
    """
)
async def test_a_failed_inner_section_resets_the_object_and_its_code_never_goes_on(durable):  # I4
    a = durable.env.BOX.getByName("a")
    [exc] = await all_of(a.nest())
    assert "ValueError: inner" in str(exc)
    assert exc.durableObjectReset is True
    assert await durable.env.BOX.getByName("b").entries() == []


@box(
    """
    async def block(self, how):
        def plain():
            raise ValueError("plain")
        async def waiting():
            await asyncio.sleep(1)
            raise ValueError("waiting")
        await self.ctx.blockConcurrencyWhile(plain if how == "plain" else waiting)
    """
)
@pytest.mark.parametrize("how", ["plain", "waiting"])
async def test_a_section_that_fails_breaks_the_stubs_but_not_new_ones(durable, how):
    a = durable.env.BOX.getByName("a")
    outcomes = await all_of(a.block(how), a.note("queued"))
    for exc in outcomes:
        assert f"ValueError: {how}" in str(exc)
    [again] = await all_of(a.note("again"))
    assert f"ValueError: {how}" in str(again)
    assert await durable.env.BOX.getByName("a").note("fresh") == "fresh"


# --- output --------------------------------------------------------------------------------

OUTPUT = """
class Writer(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS parent (id INTEGER PRIMARY KEY)")
        ctx.storage.sql.exec(
            "CREATE TABLE IF NOT EXISTS child (parent REFERENCES parent "
            "DEFERRABLE INITIALLY DEFERRED)"
        )

    async def violate(self):
        self.ctx.storage.sql.exec("INSERT INTO child VALUES (99)")
        self.ctx.storage.sql.exec("INSERT INTO parent VALUES (1)")
        return "never seen"

    async def violate_and_raise(self):
        self.ctx.storage.sql.exec("INSERT INTO child VALUES (99)")
        raise ValueError("never seen")

    async def violate_and_mend(self):
        self.ctx.storage.sql.exec("INSERT INTO child VALUES (7)")
        await js.Promise.resolve(None)
        self.ctx.storage.sql.exec("INSERT INTO parent VALUES (7)")
        return "mended"

    async def violate_and_tell(self):
        await self.ctx.storage.put("told", True)
        self.ctx.storage.sql.exec("INSERT INTO child VALUES (99)")
        await self.env.TELLER.getByName("t").tell("never told")
        return "never seen"

    async def count(self):
        return self.ctx.storage.sql.exec("SELECT count(*) AS n FROM parent").one().n

    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        ws.send("before")
        if message == "violate":
            self.ctx.storage.sql.exec("INSERT INTO child VALUES (99)")
            ws.send("never seen")
        elif message == "store":
            await self.ctx.storage.put("message", message)
            ws.send("stored")

    async def throw(self):
        await self.ctx.storage.put("kept", "yes")
        raise ValueError("the write is kept")

    async def get(self, key):
        return await self.ctx.storage.get(key)

    async def store_and_abort(self):
        await self.ctx.storage.put("dropped", 1)
        self.ctx.abort("enough")

    async def store_sync_abort(self):
        await self.ctx.storage.put("synced", 1)
        await self.ctx.storage.sync()
        self.ctx.abort("enough")

    async def sleep_then_abort(self):
        await asyncio.sleep(1)
        self.ctx.abort()

    async def abort_later(self):
        asyncio.get_running_loop().call_later(1, self.ctx.abort, "from a timer")
        return "already gone"

class Teller(DurableObject):
    heard = []

    async def tell(self, text):
        self.heard.append(text)

    async def all_heard(self):
        return list(self.heard)
"""


@worker(OUTPUT)
async def test_a_failed_commit_resets_the_object_and_the_value_never_leaves(durable):  # I3
    writer = durable.env.WRITER.getByName("a")
    [exc] = await all_of(writer.violate())
    text, properties = told(exc)
    assert text == COMMIT_FAILED
    assert "durableObjectReset" not in properties
    assert not durable.is_resident(writer)
    assert await durable.env.WRITER.getByName("a").count() == 0


@worker(OUTPUT)
async def test_a_failed_commit_takes_the_place_of_what_the_code_raised(durable):
    [exc] = await all_of(durable.env.WRITER.getByName("a").violate_and_raise())
    assert str(exc) == COMMIT_FAILED


@worker(OUTPUT)
async def test_a_violation_that_is_mended_in_the_same_turn_commits(durable):
    writer = durable.env.WRITER.getByName("a")
    assert await writer.violate_and_mend() == "mended"
    assert await writer.count() == 1


@worker(OUTPUT)
async def test_a_call_that_waited_for_a_failed_commit_is_never_made(durable):
    [exc] = await all_of(durable.env.WRITER.getByName("a").violate_and_tell())
    assert str(exc) == COMMIT_FAILED
    assert await durable.env.TELLER.getByName("t").all_heard() == []


@worker(OUTPUT)
async def test_frames_wait_for_the_commit_and_are_dropped_with_it(durable):
    client = await durable.connect("/writer/a")
    client.send("store")
    assert [await client.receive(), await client.receive()] == ["before", "stored"]
    client.send("violate")
    ended = await client.wait_closed()
    assert (ended.code, client.pending) == (1006, 1)
    assert await client.receive() == "before"  # it left before the first write


@worker(OUTPUT)
async def test_what_a_handler_wrote_before_it_raised_is_kept(durable):
    writer = durable.env.WRITER.getByName("a")
    [exc] = await all_of(writer.throw())
    assert "ValueError: the write is kept" in str(exc)
    assert durable.is_resident(writer)
    assert durable.generation(writer) == 1
    assert await writer.get("kept") == "yes"


@worker(OUTPUT)
async def test_abort_drops_what_is_not_committed_and_fails_everybody(durable):
    writer = durable.env.WRITER.getByName("a")
    sleeping = start(writer.sleep_then_abort())
    await durable.settle()
    [exc] = await all_of(writer.store_and_abort())
    assert str(exc) == "Error: enough"
    assert exc.durableObjectReset is True
    with pytest.raises(JsException, match="enough"):
        await sleeping
    assert await durable.env.WRITER.getByName("a").get("dropped") is None


@worker(OUTPUT)
async def test_what_was_synced_survives_an_abort(durable):
    [exc] = await all_of(durable.env.WRITER.getByName("a").store_sync_abort())
    assert str(exc) == "Error: enough"
    assert await durable.env.WRITER.getByName("a").get("synced") == 1


@worker(OUTPUT)
async def test_abort_without_a_reason_has_the_platforms(durable):
    [exc] = await all_of(durable.env.WRITER.getByName("a").sleep_then_abort())
    assert str(exc) == "Error: Application called abort() to reset Durable Object."


@worker(OUTPUT)
async def test_abort_from_a_timer_fails_later_calls_on_the_stub(durable):
    writer = durable.env.WRITER.getByName("a")
    assert await writer.abort_later() == "already gone"
    await durable.clock.advance(2)
    [exc] = await all_of(writer.get("x"))
    assert str(exc) == "Error: from a timer"


@box(
    """
    async def stuck(self):
        try:
            await asyncio.Future()
        except BaseException as exc:
            log.append(type(exc).__name__)
            raise
        finally:
            log.append("finally")

    async def end(self):
        self.ctx.abort("end")
    """
)
async def test_code_of_an_object_that_was_reset_never_runs_again(durable):  # I4
    a, b = durable.env.BOX.getByName("a"), durable.env.BOX.getByName("b")
    stuck = start(a.stuck())
    await durable.settle()
    assert len(await all_of(a.end(), stuck)) == 2
    import gc

    gc.collect()
    assert await b.entries() == []
