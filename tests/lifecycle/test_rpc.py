"""Calls between objects, as Python sees them (spec lifecycle §6).

emulator/runtime/rpc.py, emulator/runtime/stub.py, emulator/core/rpc.py.
"""

from __future__ import annotations

import asyncio

import pytest

from emulator.core.values import JsException
from tests.worlds import worker

BOX = """
log = []

class Box(DurableObject):
    async def note(self, text):
        log.append(text)
        return text

    async def entries(self):
        return list(log)
"""


def box(methods: str) -> pytest.MarkDecorator:
    return worker(BOX + methods)


def told(exc: BaseException) -> tuple[str, dict]:
    """The text of an error and its own properties."""
    assert isinstance(exc, JsException)
    return str(exc), exc.own_properties()


@box(
    """
    field = 5

    async def hello(self):
        return "hello"

    def sync(self):
        return {"sync": True}

    async def _private(self):
        return "private"

    @staticmethod
    def static(a):
        return a
"""
)
async def test_what_can_be_called(durable):
    a = durable.env.BOX.getByName("a")
    assert await a.hello() == "hello"
    assert await a.sync() == {"sync": True}
    assert await a._private() == "private"
    assert await a.static(3) == 3


@pytest.mark.parametrize("name", ["alarm", "webSocketMessage", "webSocketClose", "webSocketError"])
@box("    async def alarm(self):\n        pass\n")
async def test_reserved_names_are_refused_and_nothing_is_reset(durable, name):
    a = durable.env.BOX.getByName("a")
    with pytest.raises(JsException) as caught:
        await getattr(a, name)()
    assert told(caught.value) == (
        f"TypeError: '{name}' is a reserved method and cannot be called over RPC.",
        {"remote": True},
    )
    assert await a.note("alive") == "alive"


@box("    field = 5\n")
async def test_a_missing_method_and_a_field_are_refused(durable):
    a = durable.env.BOX.getByName("a")
    for name in ("missing", "field"):
        with pytest.raises(JsException) as caught:
            await getattr(a, name)()
        assert told(caught.value) == (
            f"TypeError: Method {name} does not exist",
            {"remote": True},
        )


@box(
    """
    async def both(self, *args, **kwargs):
        return [list(args), dict(kwargs)]
"""
)
async def test_keyword_arguments_arrive_as_a_trailing_dict(durable):
    a = durable.env.BOX.getByName("a")
    assert await a.both(1, x=2, y=[3]) == [[1, {"x": 2, "y": [3]}], {}]


@box(
    """
    async def change(self, items):
        items.append(4)
        return items
"""
)
async def test_arguments_and_results_are_copies(durable):
    sent = [1, 2, 3]
    assert await durable.env.BOX.getByName("a").change(sent) == [1, 2, 3, 4]
    assert sent == [1, 2, 3]


# --- errors --------------------------------------------------------------------------------


@box(
    """
    async def boom(self):
        raise ValueError("kaboom")

    async def fetch(self, request):
        raise ValueError("kaboom")

    async def js_error(self):
        raise js.TypeError.new("not good")
"""
)
async def test_a_python_error_has_the_traceback_the_id_and_no_reset(durable):
    a = durable.env.BOX.getByName("a")
    with pytest.raises(JsException) as caught:
        await a.boom()
    error = caught.value
    assert error.name == "PythonError"
    assert "worker.py" in error.message
    assert error.message.endswith("ValueError: kaboom\n")
    assert error.own_properties() == {"durableObjectId": a.id.toString(), "remote": True}
    with pytest.raises(JsException) as caught:
        await a.fetch("http://x/")
    assert caught.value.own_properties() == {"remote": True}
    with pytest.raises(JsException) as caught:
        await a.js_error()
    text, properties = told(caught.value)
    assert text == "TypeError: not good"
    assert properties == {"durableObjectId": a.id.toString(), "remote": True}
    assert await a.note("alive") == "alive"


@box(
    """
    async def big(self, count):
        return bytes(count)

    async def take(self, data):
        return len(data)
"""
)
async def test_more_than_32_mib_is_refused_with_the_exact_count(durable):
    a = durable.env.BOX.getByName("a")
    assert len(await a.big(33_554_368)) == 33_554_368
    text = (
        "Error: Serialized RPC arguments or return values are limited to 32MiB, but the size of "
        "this value was: 33554447 bytes."
    )
    with pytest.raises(JsException) as caught:
        await a.big(33_554_432)
    assert told(caught.value)[0] == text
    assert caught.value.own_properties()["remote"] is True
    with pytest.raises(JsException) as caught:
        await a.take(bytes(33_554_432))
    assert told(caught.value) == (text, {})


@box(
    """
    async def take(self, value):
        return value
"""
)
async def test_what_cannot_be_copied_is_refused_at_the_sender(durable):
    a = durable.env.BOX.getByName("a")
    with pytest.raises(TypeError, match="cannot be sent over RPC"):
        await a.take((1, 2))
    with pytest.raises(JsException) as caught:
        await a.take(object())
    assert caught.value.name == "DataCloneError"
    assert caught.value.own_properties() == {}


# --- functions -----------------------------------------------------------------------------


@box(
    """
    async def call_it(self, function, times):
        return [await function(n) for n in range(times)]

    async def keep_it(self, function):
        self.kept = function

    async def keep_a_copy(self, function):
        self.kept = function.dup()

    async def call_kept(self):
        return await self.kept("kept")

    async def make(self):
        self.calls = 0
        def count(by):
            self.calls += by
            return self.calls
        return count

    async def calls_made(self):
        return self.calls
"""
)
async def test_functions_are_live_in_both_directions(durable):
    a = durable.env.BOX.getByName("a")
    seen = []

    def callback(n):
        seen.append(n)
        return n * 10

    assert await a.call_it(callback, 3) == [0, 10, 20]
    assert seen == [0, 1, 2]

    async def waits(n):
        waiting = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.01, waiting.set_result, None)
        await waiting
        return n + 1

    assert await a.call_it(waits, 2) == [1, 2]
    count = await a.make()
    assert await count(2) == 2
    assert await count(3) == 5
    assert await a.calls_made() == 5


@box(
    """
    async def keep_it(self, function):
        self.kept = function

    async def keep_a_copy(self, function):
        self.kept = function.dup()

    async def call_kept(self):
        return await self.kept("kept")
"""
)
async def test_a_function_that_was_an_argument_ends_with_the_call_unless_copied(durable):
    a = durable.env.BOX.getByName("a")
    await a.keep_it(lambda text: text)
    with pytest.raises(JsException, match=r"RPC stub used after being disposed\."):
        await a.call_kept()
    await a.keep_a_copy(lambda text: text + "!")
    assert await a.call_kept() == "kept!"


@box(
    """
    async def call_it(self, function):
        return await function()
"""
)
async def test_an_error_of_a_function_comes_back(durable):
    def fails():
        raise RuntimeError("in the callback")

    with pytest.raises(JsException) as caught:
        await durable.env.BOX.getByName("a").call_it(fails)
    assert "RuntimeError: in the callback" in str(caught.value)
    assert caught.value.own_properties()["remote"] is True


@box(
    """
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        log.append("constructed")

    async def make(self):
        return lambda: "here"

    async def lives(self):
        return log.count("constructed")
"""
)
async def test_200_functions_keep_the_object_awake_until_they_are_let_go(durable):
    a = durable.env.BOX.getByName("a")
    held = [await a.make() for _ in range(200)]
    assert [await function() for function in held] == ["here"] * 200
    await durable.clock.advance(60)
    blockers = durable.why_awake(a)
    assert [b.kind for b in blockers] == ["stub"] * 200
    assert all("worker.py:" in b.source for b in blockers)
    held.clear()
    assert durable.why_awake(a) == []
    await durable.clock.advance(11)
    assert await a.lives() == 2  # it was constructed again


@box(
    """
    async def make(self):
        return lambda: "here"

    async def reset(self):
        self.ctx.abort("gone")
"""
)
async def test_a_function_of_an_object_that_broke_says_so(durable):
    a = durable.env.BOX.getByName("a")
    function = await a.make()
    with pytest.raises(JsException, match="gone"):
        await a.reset()
    with pytest.raises(JsException) as caught:
        await function()
    assert told(caught.value) == (
        "Error: The execution context which hosts this callback is no longer running.",
        {},
    )


@box(
    """
    async def section(self, other):
        async def inside():
            peer = self.env.BOX.getByName(other)
            return await peer.call_back(lambda: "from the section")
        return await self.ctx.blockConcurrencyWhile(inside)

    async def call_back(self, function):
        return await function()
"""
)
async def test_a_function_sent_inside_a_section_is_called_inside_it(durable):
    a = durable.env.BOX.getByName("a")
    assert await a.section("b") == "from the section"


# --- platform objects ------------------------------------------------------------------------


@box(
    """
    async def answer(self, request):
        text = await request.text()
        return Response(f"{request.method} {text}", status=201, headers={"x-a": "b"})

    async def stream(self):
        return Response("streamed").js_object.body
"""
)
async def test_requests_responses_and_streams_cross(durable):
    from workers import Request

    a = durable.env.BOX.getByName("a")
    response = await a.answer(Request("http://x/", method="POST", body="hello"))
    assert response.status == 201
    assert response.headers["x-a"] == "b"
    assert await response.text() == "POST hello"


@box(
    """
    async def who(self):
        return self.ctx.id.name

    async def ask(self, stub):
        return await stub.who()

    async def introduce(self, other, third):
        return await self.env.BOX.getByName(other).ask(self.env.BOX.getByName(third))
"""
)
async def test_a_stub_crosses_as_a_fetcher(durable):
    assert await durable.env.BOX.getByName("a").introduce("b", "c") == "c"


# --- object to object ------------------------------------------------------------------------


@box(
    """
    async def ping(self, other, depth):
        if depth == 0:
            return 0
        me = self.ctx.id.name
        return 1 + await self.env.BOX.getByName(other).ping(me, depth - 1)

    async def itself(self):
        return await self.env.BOX.getByName(self.ctx.id.name).note("itself")
"""
)
async def test_objects_call_each_other_200_deep_and_themselves(durable):
    a = durable.env.BOX.getByName("a")
    assert await a.ping("b", 200) == 200
    assert await a.itself() == "itself"


TIMED_OUT = (
    "Error: A call to blockConcurrencyWhile() in a Durable Object waited for too long. The call "
    "was canceled and the Durable Object was reset."
)


@box(
    """
    async def cycle(self, other):
        me = self.ctx.id.name
        async def inside():
            await self.env.BOX.getByName(other).back(me)
        await self.ctx.blockConcurrencyWhile(inside)

    async def back(self, first):
        return await self.env.BOX.getByName(first).note("never")
"""
)
async def test_a_cycle_through_a_section_ends_after_30_seconds(durable):
    a = durable.env.BOX.getByName("a")
    before_ms = durable.clock.now_ms
    with pytest.raises(JsException) as caught:
        await a.cycle("b")
    assert durable.clock.now_ms - before_ms == 30_000
    assert told(caught.value) == (TIMED_OUT, {"overloaded": True, "durableObjectReset": True})
    assert await durable.env.BOX.getByName("c").entries() == []


@box("")
async def test_calls_on_one_stub_arrive_in_order(durable):
    a = durable.env.BOX.getByName("a")
    await asyncio.gather(*(a.note(n) for n in range(50)))
    assert await a.entries() == list(range(50))
