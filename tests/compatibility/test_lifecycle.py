"""Rows of spec/lifecycle.md §1.4 and §4.2 that need a second look after some time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from emulator.testing.durable_objects import Durable

pytestmark = pytest.mark.durable(config="tests/compatibility/wrangler.toml")
NAME = "return ctx.id.name"


def by_name(durable: Durable) -> Any:
    return durable.env.PROBE.getByName("a")


def by_string(durable: Durable) -> Any:
    namespace = durable.env.PROBE
    return namespace.get(namespace.idFromString(str(namespace.idFromName("a"))))


async def test_a_name_is_kept_over_hibernation(durable: Durable) -> None:
    assert await by_name(durable).run(NAME) == "'a'"
    await durable.clock.advance(30)
    assert not durable.is_resident(by_name(durable))
    assert await by_string(durable).run(NAME) == "'a'"


async def test_an_object_that_was_long_idle_has_forgotten_its_name(durable: Durable) -> None:
    assert await by_name(durable).run(NAME) == "'a'"
    await durable.clock.advance(150)
    assert await by_string(durable).run(NAME) == "None"


async def test_an_object_that_was_reset_has_forgotten_its_name(durable: Durable) -> None:
    with pytest.raises(Exception, match="why"):
        await by_name(durable).call("ctx.abort('why')")
    assert await by_string(durable).run(NAME) == "None"


@pytest.mark.parametrize(("access", "name"), [(by_name, "'a'"), (by_string, "None")])
async def test_an_alarm_brings_the_name_that_was_known_when_it_was_set(
    durable: Durable, access: Any, name: str
) -> None:
    await by_name(durable).hook("alarm", "await storage.put('name', repr(ctx.id.name))")
    with pytest.raises(Exception, match="anew"):
        await by_name(durable).call("ctx.abort('anew')")
    await access(durable).run("await storage.setAlarm(js.Date.now() + 100_000)")
    await durable.clock.advance(101)
    assert await access(durable).run("return await storage.get('name')") == repr(name)


async def test_a_call_in_progress_keeps_caller_and_callee_awake(durable: Durable) -> None:
    callee = durable.env.PROBE.getByName("b")
    await by_name(durable).run(
        "import asyncio\n"
        "self.task = asyncio.create_task(env.PROBE.getByName('b').call("
        "'import asyncio\\nself.never = asyncio.get_running_loop().create_future()"
        "\\nawait self.never'))\nawait asyncio.sleep(0)"
    )
    await durable.clock.advance(20)
    assert durable.is_resident(by_name(durable))
    assert durable.is_resident(callee)
    await durable.evict(by_name(durable), force=True)
    await durable.evict(callee, force=True)


async def test_a_stub_that_is_held_keeps_nobody_awake(durable: Durable) -> None:
    stub = by_name(durable)
    await stub.echo(1)
    await durable.clock.advance(10)
    assert not durable.is_resident(stub)
    assert await stub.echo(2) == 2


async def test_a_coroutine_given_to_wait_until_never_runs(durable: Durable) -> None:
    await by_name(durable).run(
        "async def later():\n    seen.append(('ran',))\nctx.waitUntil(later())"
    )
    await durable.clock.advance(1)
    assert ["ran"] not in await by_name(durable).seen()
