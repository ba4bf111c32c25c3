"""The scenarios of spec lifecycle §11, each as it was observed on the real runtime."""

from __future__ import annotations

import asyncio

import pytest

from emulator.core.values import JsException
from tests.worlds import worker

HITTER = """
lives = {}

class Hitter(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        key = str(ctx.id)
        lives[key] = self.life = lives.get(key, 0) + 1
        self.calls = 0

    async def hit(self):
        self.calls += 1
        return {"instance": self.life, "calls": self.calls, "name": self.ctx.id.name}

    async def abort(self, reason):
        self.ctx.abort(reason)

    async def lives_of(self, key):
        return lives.get(key, 0)

    async def put(self, key, value):
        await self.ctx.storage.put(key, value)

    async def get(self, key):
        return await self.ctx.storage.get(key)
"""
RESET = {"durableObjectReset": True}
TIMED_OUT = (
    "Error: A call to blockConcurrencyWhile() in a Durable Object waited for too long. The call "
    "was canceled and the Durable Object was reset."
)
CONSTRAINT = (
    "Error: Durable Object was reset and rolled back to its last known good state because the "
    "application left the database in a state where constraints were violated: FOREIGN KEY "
    "constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)"
)


def started(call):
    """A call that is under way; what it gives comes in a list."""
    return asyncio.gather(call)


def hitter(methods: str = "") -> pytest.MarkDecorator:
    return worker(HITTER + methods)


def hit(instance, calls, name):
    return {"instance": instance, "calls": calls, "name": name}


async def failure(awaitable) -> tuple[str, dict]:
    with pytest.raises(JsException) as caught:
        await awaitable
    return str(caught.value), caught.value.own_properties()


@hitter()
async def test_1_a_stub_constructs_nothing(durable):
    ns = durable.env.HITTER
    object_id = ns.newUniqueId()
    ns.get(object_id)
    stub = ns.get(object_id)
    assert await ns.getByName("other").lives_of(str(object_id)) == 0
    assert (await stub.hit())["instance"] == 1


@hitter()
async def test_2_every_way_of_address_leads_to_the_same_instance(durable):
    ns = durable.env.HITTER
    assert await ns.getByName("n").hit() == hit(1, 1, "n")
    assert await ns.get(ns.idFromName("n")).hit() == hit(1, 2, "n")
    upper = str(ns.idFromName("n")).upper()
    assert await ns.get(ns.idFromString(upper)).hit() == hit(1, 3, "n")


@hitter()
async def test_3_the_first_access_gives_the_name(durable):
    ns = durable.env.HITTER
    by_string = ns.idFromString(str(ns.idFromName("sn")))
    assert (await ns.get(by_string).hit())["name"] is None
    assert (await ns.getByName("sn").hit())["name"] is None
    await failure(ns.getByName("sn").abort("reset"))
    assert (await ns.getByName("sn").hit())["name"] == "sn"
    assert (await ns.get(by_string).hit())["name"] == "sn"


TWO = """
class Other(DurableObject):
    pass
"""


@hitter(TWO)
async def test_4_wrong_ids_are_refused(durable):
    ns = durable.env.HITTER
    cases = [
        (
            lambda: ns.idFromString("zz"),
            "TypeError: Invalid Durable Object ID: must be 64 hex digits",
        ),
        (
            lambda: ns.idFromString("0" * 64),
            "TypeError: Durable Object ID is not valid for this namespace.",
        ),
        (
            lambda: ns.idFromString(str(durable.env.OTHER.idFromName("a"))),
            "TypeError: Durable Object ID is not valid for this namespace.",
        ),
        (
            lambda: ns.get("str"),
            "TypeError: Failed to execute 'get' on 'DurableObjectNamespace': parameter 1 is not "
            "of type 'DurableObjectId'.",
        ),
        (
            lambda: ns.jurisdiction("eu"),
            "Error: Jurisdiction restrictions are not implemented in workerd.",
        ),
    ]
    for call, text in cases:
        with pytest.raises(JsException) as caught:
            call()
        assert str(caught.value) == text


@hitter(
    """
    async def fails(self):
        self.calls += 1
        error = js.Error.new("mine")
        error.name = "MyErr"
        error.code = 42
        raise error
"""
)
async def test_5_a_method_that_throws_resets_nothing(durable):
    stub = durable.env.HITTER.getByName("a")
    assert await stub.hit() == hit(1, 1, "a")
    text, properties = await failure(stub.fails())
    assert text == "MyErr: mine"
    assert properties == {"code": 42, "durableObjectId": str(stub.id._binding), "remote": True}
    assert await stub.hit() == hit(1, 3, "a")


CTOR = """
class Ctor(DurableObject):
    broken = True
    made = 0

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        Ctor.made += 1
        if Ctor.broken:
            raise js.Error.new("ctor boom")

    async def hit(self):
        return Ctor.made

    async def fetch(self, request):
        return Response("ok")

class Fixer(DurableObject):
    async def fix(self):
        Ctor.broken = False
"""


@worker(CTOR)
async def test_6_a_constructor_that_throws_breaks_its_stubs_only(durable):
    ns = durable.env.CTOR
    first = ns.getByName("a")
    assert await failure(first.hit()) == ("Error: ctor boom", RESET)
    assert await failure(ns.getByName("a").fetch("http://x/")) == (
        "Error: ctor boom",
        {"durableObjectReset": True, "remote": True},
    )
    await durable.env.FIXER.getByName("f").fix()
    assert await ns.getByName("a").hit() == 3
    assert await failure(first.hit()) == ("Error: ctor boom", RESET)


@hitter()
async def test_7_after_an_abort_only_fresh_stubs_work(durable):
    stub = durable.env.HITTER.getByName("a")
    await stub.hit()
    assert await failure(stub.abort("my reason")) == ("Error: my reason", RESET)
    assert await failure(stub.hit()) == ("Error: my reason", RESET)
    assert await durable.env.HITTER.getByName("a").hit() == hit(2, 1, "a")
    assert await failure(stub.hit()) == ("Error: my reason", RESET)


@hitter(
    """
    async def put_and_abort(self):
        await self.ctx.storage.put("k", "put")
        self.ctx.abort("gone")

    async def put_sync_and_abort(self):
        await self.ctx.storage.put("k", "synced")
        await self.ctx.storage.sync()
        self.ctx.abort("gone")
"""
)
async def test_8_an_abort_drops_what_was_not_synced(durable):
    ns = durable.env.HITTER
    await failure(ns.getByName("a").put_and_abort())
    assert await ns.getByName("a").get("k") is None
    await failure(ns.getByName("a").put_sync_and_abort())
    assert await ns.getByName("a").get("k") == "synced"


@hitter(
    """
    async def slow(self):
        await asyncio.sleep(0.5)
"""
)
async def test_9_an_abort_ends_what_runs_at_once(durable):
    ns = durable.env.HITTER
    one = started(ns.getByName("a").slow())
    two = started(ns.getByName("a").slow())
    await durable.settle()
    before_ms = durable.clock.now_ms
    await failure(ns.getByName("a").abort("mid"))
    assert await failure(one) == ("Error: mid", RESET)
    assert await failure(two) == ("Error: mid", RESET)
    assert durable.clock.now_ms == before_ms


@worker(
    """
made = []

class Slow(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        made.append(1)
        self.calls = 0
        self.ready = False
        async def init():
            await asyncio.sleep(0.08)
            self.ready = True
        ctx.blockConcurrencyWhile(init)

    async def hit(self):
        self.calls += 1
        return [len(made), self.calls, self.ready]
"""
)
async def test_10_first_calls_wait_for_the_constructors_section(durable):
    ns = durable.env.SLOW
    before_ms = durable.clock.now_ms
    got = await asyncio.gather(*(ns.getByName("a").hit() for _ in range(3)))
    assert got == [[1, 1, True], [1, 2, True], [1, 3, True]]
    assert durable.clock.now_ms - before_ms >= 75


@hitter(
    """
    async def caught(self):
        async def inside():
            raise js.RangeError.new("in bcw")
        try:
            await self.ctx.blockConcurrencyWhile(inside)
        except BaseException:
            lives["caught"] = 1
            await self.ctx.storage.put("caught", True)

    async def nested(self):
        async def inner():
            raise js.RangeError.new("inner")
        async def outer():
            try:
                await self.ctx.blockConcurrencyWhile(inner)
            except BaseException:
                lives["caught"] = 1
        await self.ctx.blockConcurrencyWhile(outer)
"""
)
@pytest.mark.filterwarnings("ignore::emulator.errors.CompatWarning")
async def test_11_and_12_a_failed_section_is_not_catchable(durable):
    ns = durable.env.HITTER
    await ns.getByName("a").hit()
    assert await failure(ns.getByName("a").caught()) == ("RangeError: in bcw", RESET)
    assert (await ns.getByName("a").hit())["instance"] == 2
    assert await failure(ns.getByName("a").nested()) == ("RangeError: inner", RESET)
    assert (await ns.getByName("a").hit())["instance"] == 3
    assert await ns.getByName("a").lives_of("caught") == 0
    assert await ns.getByName("a").get("caught") is None


@hitter(
    """
    async def stuck(self):
        await self.ctx.blockConcurrencyWhile(asyncio.Event().wait)
"""
)
async def test_13_a_section_that_never_ends_is_cut_off_after_30_seconds(durable):
    ns = durable.env.HITTER
    before_ms = durable.clock.now_ms
    stuck = started(ns.getByName("a").stuck())
    queued = started(ns.getByName("a").hit())
    expected = (TIMED_OUT, {"overloaded": True, "durableObjectReset": True})
    assert await failure(stuck) == expected
    assert await failure(queued) == expected
    assert durable.clock.now_ms - before_ms == 30_000


@hitter(
    """
    async def add(self, how):
        async def step():
            n = await self.ctx.storage.get("n") or 0
            if how in ("sleep", "section"):
                await asyncio.sleep(0.005)
            elif how == "call":
                await self.env.HITTER.getByName("other").get("x")
                await asyncio.sleep(0)
            await self.ctx.storage.put("n", n + 1)
        if how == "section":
            await self.ctx.blockConcurrencyWhile(step)
        else:
            await step()
"""
)
@pytest.mark.parametrize(("how", "count"), [("storage", 20), ("sleep", 1), ("section", 20)])
async def test_14_twenty_read_modify_writes(durable, how, count):
    stub = durable.env.HITTER.getByName(how)
    await asyncio.gather(*(stub.add(how) for _ in range(20)))
    assert await stub.get("n") == count


@hitter(
    """
    order = []

    async def transact(self, fails):
        async def body(txn):
            Hitter.order.append("t1")
            await txn.put("v", "new")
            await asyncio.sleep(0.04)
            Hitter.order.append("t2")
            if fails:
                raise js.Error.new("txfail")
        try:
            await self.ctx.storage.transaction(body)
        except JsException as exc:
            return f"caught {exc.message}"
        return "done"

    async def mark(self):
        Hitter.order.append("other")

    async def marks(self):
        return list(Hitter.order)
"""
)
async def test_15_a_transaction_is_alone_and_its_failure_is_caught(durable):
    stub = durable.env.HITTER.getByName("a")
    assert await asyncio.gather(stub.transact(False), stub.mark()) == ["done", None]
    assert await stub.marks() == ["t1", "t2", "other"]
    await stub.put("v", "old")
    assert (await stub.transact(True)).startswith("caught")
    assert await stub.get("v") == "old"
    assert (await stub.hit())["instance"] == 1


@hitter(
    """
    received = []

    async def receive(self, n):
        Hitter.received.append(n)

    async def all_received(self):
        return list(Hitter.received)
"""
)
async def test_16_calls_without_await_arrive_in_order(durable):
    stub = durable.env.HITTER.getByName("a")
    calls = [stub.receive(n) for n in range(50)]
    await asyncio.gather(*calls)
    assert await stub.all_received() == list(range(50))


@hitter(
    """
    field = 5

    async def alarm(self):
        pass
"""
)
async def test_17_what_is_no_method_is_refused(durable):
    stub = durable.env.HITTER.getByName("a")
    for name, text in [
        ("missing", "TypeError: Method missing does not exist"),
        ("field", "TypeError: Method field does not exist"),
        ("alarm", "TypeError: 'alarm' is a reserved method and cannot be called over RPC."),
        ("dup", "TypeError: 'dup' is a reserved method and cannot be called over RPC."),
    ]:
        assert await failure(getattr(stub, name)()) == (text, {"remote": True})
    assert await stub.hit() == hit(1, 1, "a")


@hitter(
    """
    async def boom(self, how):
        if how == "text":
            raise ValueError("text")
        raise js.DOMException.new("stopped", "AbortError")

    async def fetch(self, request):
        error = js.Error.new("mine")
        error.code = 42
        raise error
"""
)
async def test_18_errors_are_rebuilt(durable):
    stub = durable.env.HITTER.getByName("a")
    text, properties = await failure(stub.boom("text"))
    assert text.startswith("PythonError: Traceback")
    assert set(properties) == {"durableObjectId", "remote"}
    assert await failure(stub.fetch("http://x/")) == (
        "Error: mine",
        {"code": 42, "remote": True},
    )
    text, properties = await failure(stub.boom("dom"))
    assert (text, properties) == ("AbortError: stopped", {"remote": True})


@hitter(
    """
    async def counter(self, start):
        state = {"n": start}
        def inc():
            state["n"] += 1
            return state["n"]
        return inc

    async def call_back(self, function):
        return await function(20)
"""
)
async def test_19_functions_are_live(durable):
    stub = durable.env.HITTER.getByName("a")
    inc = await stub.counter(10)
    assert [await inc(), await inc()] == [11, 12]
    assert await (await stub.counter(10))() == 11
    assert (await failure(inc.own()))[0].startswith("TypeError")
    assert await stub.call_back(lambda n: n + 1) == 21


@hitter(
    """
    async def big(self, count):
        return bytes(count)
"""
)
async def test_20_32_mib_are_the_limit(durable):
    stub = durable.env.HITTER.getByName("a")
    assert len(await stub.big(33_554_368)) == 33_554_368
    text, _ = await failure(stub.big(33_554_432))
    assert text.endswith("was: 33554447 bytes.")


@hitter(
    """
    seen = []

    async def fetch(self, request):
        Hitter.seen.append([str(request.method), request.url])
        if request.url.endswith("/redirect"):
            return Response(None, status=302, headers={"location": "https://other.example/t"})
        return Response("end")

    async def all_seen(self):
        return list(Hitter.seen)
"""
)
async def test_21_urls_and_redirects_of_fetch(durable):
    stub = durable.env.HITTER.getByName("a")
    assert (await failure(stub.fetch("/rel")))[0] == "TypeError: Invalid URL: /rel"
    await stub.fetch("http://a.example/x?y#z", method="POST")
    response = await stub.fetch("http://a.example/redirect")
    assert (response.status, response.url) == (200, "https://other.example/t")
    assert response.js_object.redirected
    response = await stub.fetch("http://a.example/redirect", redirect="manual")
    assert response.status == 302
    assert await stub.all_seen() == [
        ["POST", "http://a.example/x?y"],
        ["GET", "http://a.example/redirect"],
        ["GET", "https://other.example/t"],
        ["GET", "http://a.example/redirect"],
    ]


@hitter()
async def test_22_no_fetch_handler_is_a_plain_error(durable):
    stub = durable.env.HITTER.getByName("a")
    text, properties = await failure(stub.fetch("http://x/"))
    assert text.endswith("Handler does not export a fetch() function.")
    assert properties == {"remote": True}
    assert await stub.hit() == hit(1, 1, "a")


@hitter(
    """
    async def start_timer(self, seconds):
        asyncio.get_running_loop().call_later(seconds, lives.__setitem__, "fired", 1)
        return self.life

    async def set_alarm(self, seconds):
        await self.ctx.storage.setAlarm(Date.now() + seconds * 1000)

    async def alarm(self):
        lives["alarm ran on"] = self.life
"""
)
async def test_23_ten_seconds_of_quiet_hibernate_an_object(durable):
    ns = durable.env.HITTER
    stub, timer, alarm = ns.getByName("a"), ns.getByName("timer"), ns.getByName("alarm")
    assert await stub.hit() == hit(1, 1, "a")
    await timer.start_timer(13)
    await alarm.set_alarm(20)
    await durable.clock.advance(9)
    assert await stub.hit() == hit(1, 2, "a")
    await durable.clock.advance(11)
    assert await stub.hit() == hit(2, 1, "a")
    assert (await timer.hit())["instance"] == 1
    assert await stub.lives_of("fired") == 1
    await durable.clock.advance(0.1)
    assert await stub.lives_of("alarm ran on") == 2


def test_24_an_alarm_survives_the_process_and_knows_its_name(worlds):
    worlds.write(
        HITTER
        + """
    async def set_alarm(self):
        await self.ctx.storage.setAlarm(Date.now() + 3000)

    async def alarm(self):
        await self.ctx.storage.put("alarm of", self.ctx.id.name)
"""
    )

    async def before(durable):
        await durable.env.HITTER.getByName("alr2").set_alarm()

    async def after(durable):
        await durable.clock.advance(5)
        return await durable.env.HITTER.getByName("alr2").get("alarm of")

    worlds.run(before)
    assert worlds.run(after) == "alr2"


@hitter(
    """
    async def prepare(self):
        sql = self.ctx.storage.sql
        sql.exec("CREATE TABLE p(id INTEGER PRIMARY KEY)")
        sql.exec(
            "CREATE TABLE c(id INTEGER REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)"
        )

    async def violate(self, calls):
        self.ctx.storage.sql.exec("INSERT INTO c VALUES (7)")
        if calls:
            await self.env.HITTER.getByName("upstream").hit()

    async def count(self):
        return [self.ctx.storage.sql.exec("SELECT count(*) AS n FROM c").one().n, self.life]
"""
)
async def test_25_a_failed_commit_stops_what_would_leave(durable):
    ns = durable.env.HITTER
    await ns.getByName("a").prepare()
    assert (await failure(ns.getByName("a").violate(True)))[0] == CONSTRAINT
    assert (await failure(ns.getByName("a").violate(False)))[0] == CONSTRAINT
    assert await ns.getByName("upstream").hit() == hit(1, 1, "upstream")
    assert await ns.getByName("a").count() == [0, 3]


@hitter(
    """
    async def fetch(self, request):
        transform = js.TransformStream.new()
        writer = transform.writable.getWriter()
        async def write():
            await writer.write(js.TextEncoder.new().encode("one"))
            await asyncio.sleep(1)
            self.ctx.abort("mid stream")
        self.task = asyncio.create_task(write())
        return Response(transform.readable)
"""
)
async def test_26_an_abort_cuts_a_stream_that_is_read(durable):
    response = await durable.env.HITTER.getByName("a").fetch("http://x/")
    assert response.status == 200
    assert await failure(_read(response)) == (
        "Error: mid stream",
        {"remote": True, "durableObjectReset": True},
    )


async def _read(response):
    reader = response.js_object.body.getReader()
    while not (await reader.read()).done:
        pass


@hitter(
    """
    async def fetch(self, request):
        client, server = js.WebSocketPair.new().object_values()
        if request.url.endswith("/standard"):
            server.accept()
        else:
            self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        ws.send(f"{self.life} {self.ctx.id.name}")
"""
)
async def test_27_a_hibernatable_socket_outlives_the_sweep(durable):
    client = await durable.connect("/hitter/room")
    await durable.clock.advance(160)
    client.send("hello")
    assert await client.receive() == "2 room"


@hitter(
    """
    async def start(self, how):
        loop = asyncio.get_running_loop()
        if how == "timeout":
            loop.call_later(165, lives.__setitem__, how, "fired")
        elif how == "interval":
            def tick():
                lives["ticks"] = lives.get("ticks", 0) + 1
                loop.call_later(5, tick)
            tick()
        else:
            self.ctx.waitUntil(asyncio.ensure_future(self.later()))

    async def later(self):
        await asyncio.sleep(165)
        lives["waitUntil"] = "fired"

    async def fetch(self, request):
        client, server = js.WebSocketPair.new().object_values()
        server.accept()
        return Response(None, status=101, web_socket=client)
"""
)
async def test_28_the_sweep_ends_what_no_client_waits_for(durable):
    ns = durable.env.HITTER
    for how in ("timeout", "interval", "waitUntil"):
        await ns.getByName(how).start(how)
    client = await durable.connect("/hitter/standard")
    await durable.clock.advance(60)
    assert (await ns.getByName("peek").hit())["instance"] == 1
    assert durable.is_resident(ns.getByName("timeout"))
    await durable.clock.advance(115)
    probe = ns.getByName("probe")
    assert await probe.lives_of("timeout") == 0
    assert await probe.lives_of("waitUntil") == 0
    assert await probe.lives_of("ticks") <= 29
    for how in ("timeout", "interval", "waitUntil"):
        assert (await ns.getByName(how).hit())["instance"] == 2
    assert (await ns.getByName("standard").hit())["instance"] == 1
    client.disconnect()
