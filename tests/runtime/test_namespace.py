"""Namespaces, ids and which object knows its name: spec lifecycle §1.2 to §1.4."""

from __future__ import annotations

import pytest

from emulator.core.ids import IdFactory
from emulator.core.values import JsException
from tests.worlds import worker

BOX = """
class Box(DurableObject):
    async def who(self):
        return [str(self.ctx.id), self.ctx.id.name]

    async def put(self, key, value):
        await self.ctx.storage.put(key, value)

    async def get(self, key):
        return await self.ctx.storage.get(key)

    async def alarm_in(self, seconds):
        await self.ctx.storage.setAlarm(Date.now() + seconds * 1000)

    async def reset(self):
        self.ctx.abort("reset")

    async def alarm(self, info):
        self.ctx.storage.kv.put("alarm knew", self.ctx.id.name)

class Other(DurableObject):
    async def who(self):
        return [str(self.ctx.id), self.ctx.id.name]
"""
pytestmark = pytest.mark.worker(BOX)


def name_of(found):
    """The name in what `who` returned; undefined is None."""
    return found[1]


def raised(function, *args, **kwargs):
    with pytest.raises(JsException) as caught:
        function(*args, **kwargs)
    return str(caught.value)


# --- ids -----------------------------------------------------------------------------------


async def test_ids_are_the_runtimes(durable):
    expected = IdFactory("test-worker-Box").from_name("a")
    assert durable.env.BOX.idFromName("a").toString() == expected
    assert (await durable.env.BOX.getByName("a").who())[0] == expected


async def test_an_id_from_text_has_no_name_and_equals_the_named_one(durable):
    named = durable.env.BOX.idFromName("a")
    plain = durable.env.BOX.idFromString(named.toString().upper())
    assert (named.name, plain.name) == ("a", None)
    assert named.equals(plain)
    assert not named.equals(durable.env.OTHER.idFromName("a"))


async def test_unique_ids_are_valid_and_differ(durable):
    ids = {durable.env.BOX.newUniqueId().toString() for _ in range(100)}
    assert len(ids) == 100
    for text in ids:
        assert durable.env.BOX.idFromString(text).toString() == text


async def test_an_id_of_another_namespace_is_refused_as_text_but_not_as_an_id(durable):
    foreign = durable.env.OTHER.idFromName("a")
    assert raised(durable.env.BOX.idFromString, foreign.toString()) == (
        "TypeError: Durable Object ID is not valid for this namespace."
    )
    found = await durable.env.BOX.get(foreign).who()
    assert found[0] == foreign.toString()


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ({"routingMode": "x"}, "RangeError: unknown routingMode: x"),
        (
            {"retry": {"maxRetries": 11}},
            "RangeError: retry.maxRetries must be an integer between 0 and 10",
        ),
    ],
)
async def test_options_of_get_are_checked(durable, mode, message):
    assert raised(durable.env.BOX.getByName, "a", mode) == message
    durable.env.BOX.getByName("a", {"locationHint": "weur"})


async def test_jurisdictions_are_refused_as_the_local_runtime_does(durable):
    text = "Error: Jurisdiction restrictions are not implemented in workerd."
    assert raised(durable.env.BOX.jurisdiction, "eu") == text
    assert raised(durable.env.BOX.newUniqueId, {"jurisdiction": "eu"}) == text


# --- names ---------------------------------------------------------------------------------


async def test_an_object_first_called_by_name_knows_it_from_then_on(durable):
    namespace = durable.env.BOX
    assert name_of(await namespace.getByName("a").who()) == "a"
    by_text = namespace.get(namespace.idFromString(namespace.idFromName("a").toString()))
    assert name_of(await by_text.who()) == "a"


async def test_an_object_first_called_by_id_stays_without_a_name(durable):
    namespace = durable.env.BOX
    by_text = namespace.get(namespace.idFromString(namespace.idFromName("a").toString()))
    assert name_of(await by_text.who()) is None
    assert name_of(await namespace.getByName("a").who()) is None


async def test_a_name_survives_hibernation_but_not_a_long_sleep(durable):
    namespace = durable.env.BOX
    by_text = namespace.idFromString(namespace.idFromName("a").toString())
    await namespace.getByName("a").who()
    await durable.clock.advance(11)
    assert not durable.is_resident(namespace.getByName("a"))
    assert name_of(await namespace.get(by_text).who()) == "a"
    await durable.clock.advance(150)
    assert name_of(await namespace.get(by_text).who()) is None


async def test_a_name_does_not_survive_a_reset(durable):
    namespace = durable.env.BOX
    by_text = namespace.idFromString(namespace.idFromName("a").toString())
    with pytest.raises(JsException, match="reset"):
        await namespace.getByName("a").reset()
    assert name_of(await namespace.get(by_text).who()) is None


async def test_a_name_of_more_than_1024_bytes_is_unknown_inside(durable):
    for name, known in (("é" * 512, "é" * 512), ("é" * 512 + "x", None)):
        stub = durable.env.BOX.getByName(name)
        assert stub.name == name
        assert name_of(await stub.who()) == known


async def test_a_name_of_a_million_bytes_is_a_name(durable):
    name = "a" * 1_000_000
    text = durable.env.BOX.idFromName(name).toString()
    assert await durable.env.BOX.getByName(name).who() == [text, None]
    assert durable.env.BOX.idFromString(text).equals(durable.env.BOX.idFromName(name))


async def test_an_object_of_a_unique_id_has_no_name(durable):
    stub = durable.env.BOX.get(durable.env.BOX.newUniqueId())
    assert name_of(await stub.who()) is None


def test_an_alarm_brings_the_name_back_after_a_restart(worlds):
    worlds.write(BOX)

    async def before(durable):
        await durable.env.BOX.getByName("named").alarm_in(60)
        nameless = durable.env.BOX.idFromName("nameless").toString()
        await durable.env.BOX.get(durable.env.BOX.idFromString(nameless)).alarm_in(60)

    async def after(durable):
        await durable.clock.advance(61)
        return [
            await durable.env.BOX.getByName(name).get("alarm knew")
            for name in ("named", "nameless")
        ]

    worlds.run(before)
    assert worlds.run(after) == ["named", None]


# --- objects -------------------------------------------------------------------------------


async def test_a_stub_alone_makes_no_object(durable):
    stub = durable.env.BOX.getByName("a")
    await durable.settle()
    assert not durable.is_resident(stub)
    assert durable._find(stub) is None


async def test_names_are_taken_as_they_are(durable):
    for name in ("", "a\0b", "日本語", "é", "e\u0301"):
        assert name_of(await durable.env.BOX.getByName(name).who()) == name


async def test_stored_ids_are_those_with_a_file(durable):
    namespace = durable.env.BOX
    found = [(await namespace.getByName(name).who())[0] for name in "ab"]
    raw = durable._find(namespace.getByName("a")).namespace
    assert raw.stored_ids() == sorted(found)


def test_what_was_stored_is_there_in_the_next_process(worlds):
    worlds.write(BOX)
    worlds.run(lambda durable: durable.env.BOX.getByName("a").put("key", "value"))
    found = worlds.run(lambda durable: durable.env.BOX.getByName("a").get("key"))
    assert found == "value"


@worker("class Box(DurableObject):\n    pass\n", migrations=[])
async def test_a_class_without_a_migration_has_no_sql(durable):
    [namespace] = durable._emulator.worker.namespaces.values()
    assert not namespace.has_sql
