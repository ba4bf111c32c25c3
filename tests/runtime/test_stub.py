"""Stubs: what they reach, and when they are broken for good. Spec lifecycle §3, §4.3."""

from __future__ import annotations

import asyncio

import pytest

from emulator.core.values import JsException
from tests.worlds import start, worker

BOX = """
class Box(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.count = 0

    async def next(self):
        self.count += 1
        return self.count

    async def reset(self):
        self.ctx.abort("broken on purpose")

    async def fail(self):
        raise ValueError("just a failure")

    async def echo(self, *args):
        return list(args)

    async def fetch(self, request):
        if request.url.endswith("/none"):
            return None
        return Response(f"{request.js_object.method} {request.url} {await request.text()}")

    async def call_by(self, name, method, *args):
        return await getattr(self.env.BOX.getByName(name), method)(*args)

    async def keep_stub(self, name):
        self.stub = self.env.BOX.getByName(name)
        return await self.stub.next()

    async def use_stub(self):
        return await self.stub.next()
"""
pytestmark = pytest.mark.worker(BOX)


def raw(stub):
    """The stub under the SDK's wrapper, whose calls are coroutines and warn unless awaited."""
    return stub.__dict__["_binding"]


async def error_of(awaitable):
    with pytest.raises(JsException) as caught:
        await awaitable
    return caught.value


async def test_a_broken_stub_stays_broken_and_a_new_one_works(durable):
    stub, sibling = durable.env.BOX.getByName("a"), durable.env.BOX.getByName("a")
    unused = durable.env.BOX.getByName("a")
    assert [await stub.next(), await sibling.next()] == [1, 2]
    await error_of(stub.reset())
    for broken in (stub, sibling, stub):
        error = await error_of(broken.next())
        assert str(error) == "Error: broken on purpose"
        assert error.durableObjectReset is True
    assert await unused.next() == 1  # it was never attached to the instance that broke
    assert await durable.env.BOX.getByName("a").next() == 2
    assert str(await error_of(stub.next())) == "Error: broken on purpose"


async def test_each_caller_of_a_broken_stub_gets_an_error_of_its_own(durable):
    stub = durable.env.BOX.getByName("a")
    await error_of(stub.reset())
    one, other = await error_of(stub.next()), await error_of(stub.next())
    assert one is not other
    assert one.message == other.message


async def test_a_failed_call_breaks_nothing(durable):
    stub = durable.env.BOX.getByName("a")
    error = await error_of(stub.fail())
    assert "ValueError: just a failure" in str(error)
    assert not hasattr(error, "durableObjectReset")
    assert await stub.next() == 1


async def test_an_evicted_object_breaks_no_stub(durable):
    stub = durable.env.BOX.getByName("a")
    assert [await stub.next(), await stub.next()] == [1, 2]
    await durable.evict(stub)
    assert await stub.next() == 1
    await durable.clock.advance(200)
    assert await stub.next() == 1


async def test_a_stub_that_an_object_keeps_is_broken_like_any_other(durable):
    keeper = durable.env.BOX.getByName("keeper")
    assert await keeper.keep_stub("a") == 1
    await error_of(durable.env.BOX.getByName("a").reset())
    assert "broken on purpose" in str(await error_of(keeper.use_stub()))
    assert await keeper.keep_stub("a") == 1


async def test_calls_of_one_stub_arrive_in_order(durable):
    stub = durable.env.BOX.getByName("a")
    assert await asyncio.gather(*(stub.next() for _ in range(10))) == list(range(1, 11))


async def test_a_call_that_is_not_awaited_is_made_all_the_same(durable):
    stub = durable.env.BOX.getByName("a")
    raw(stub).next()
    await durable.settle()
    assert await stub.next() == 2


async def test_a_rejection_that_nobody_awaits_is_silent(durable, capsys):
    stub = durable.env.BOX.getByName("a")
    raw(stub).fail()
    await durable.settle()
    assert capsys.readouterr().err == ""
    assert await stub.next() == 1


async def test_a_missing_method_is_told_by_name(durable):
    error = await error_of(durable.env.BOX.getByName("a").no_such_method())
    assert error.name == "TypeError"
    assert "no_such_method" in error.message
    assert error.remote is True


async def test_handlers_cannot_be_called(durable):
    error = await error_of(durable.env.BOX.getByName("a").webSocketMessage())
    assert error.message == (
        "'webSocketMessage' is a reserved method and cannot be called over RPC."
    )


async def test_arguments_are_copies(durable):
    given = [1, {"two": [2]}]
    found = await durable.env.BOX.getByName("a").echo("text", 1.5, True, given)
    assert found == ["text", 1.5, True, [1, {"two": [2]}]]


async def test_fetch_of_a_stub_takes_a_url_or_a_request(durable):
    stub = durable.env.BOX.getByName("a")
    response = await stub.fetch("http://x/path", method="POST", body="text")
    assert await response.text() == "POST http://x/path text"


async def test_a_fetch_handler_that_returns_no_response_is_told_so(durable):
    error = await error_of(durable.env.BOX.getByName("a").fetch("http://x/none"))
    assert error.name == "TypeError"
    assert "did not resolve to 'Response'" in error.message


@worker("class Silent(DurableObject):\n    pass\n")
async def test_a_class_without_fetch_is_told_so(durable):
    error = await error_of(durable.env.SILENT.getByName("a").fetch("http://x/"))
    assert error.message == "Handler does not export a fetch() function."


async def test_a_caller_that_waits_for_another_object_stays_awake(durable):
    caller = durable.env.BOX.getByName("caller")
    assert await caller.call_by("other", "next") == 1
    assert durable.why_awake(caller) == []


@worker(
    """
    class Slow(DurableObject):
        async def wait(self, seconds):
            await asyncio.sleep(seconds)
            return "waited"

        async def ask(self, name, seconds):
            return await self.env.SLOW.getByName(name).wait(seconds)
    """
)
async def test_who_waits_for_a_call_is_awake_and_told_why(durable):
    caller = durable.env.SLOW.getByName("caller")
    call = start(caller.ask("other", 60))
    await durable.clock.advance(30)
    kinds = [blocker.kind for blocker in durable.why_awake(caller)]
    assert sorted(kinds) == ["call", "rpc"]
    await durable.clock.advance(31)
    assert await call == "waited"
