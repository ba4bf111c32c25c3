"""Facets: objects inside an object (spec lifecycle §1.6).

emulator/core/facets.py, storage/facets.py, runtime/facets.py, worker/javascript/facets.py. The
expected texts, flags and bytes are those of the real runtime.
"""

from __future__ import annotations

import pytest

from emulator.core.facets import MAGIC
from emulator.core.values import JsException
from tests.worlds import worker

PARENT = """
log = []

class Box(DurableObject):
    def facet(self, name, **options):
        def choose():
            log.append(f"chose {name}")
            return to_js({"class": self.ctx.exports.Child, **options},
                         dict_converter=Object.fromEntries)
        return self.ctx.facets.get(name, create_proxy(choose))

    async def run(self, source):
        scope = {"self": self, "js": js, "to_js": to_js, "create_proxy": create_proxy, "log": log,
                 "Object": Object, "facet": self.facet, "asyncio": asyncio, "told": told}
        exec("async def main():\\n" + "".join(f"    {line}\\n" for line in source.split("\\n")), scope)
        return await scope["main"]()

    async def entries(self):
        return list(log)

async def told(awaitable):
    try:
        return await awaitable
    except JsException as exc:
        own = {k: v for k, v in exc.__dict__.items() if k in ("remote", "durableObjectReset")}
        return [str(exc).split("\\n")[0], own]
"""
CHILD = """
class Child(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.hits = 0
        log.append("child")

    async def hit(self):
        self.hits += 1
        return self.hits

    async def who(self):
        own = self.ctx.id
        props = self.ctx.props.object_keys().to_py()
        return [own if isinstance(own, str) else own.toString(), getattr(own, "name", None), props]

    async def keep(self, value):
        await self.ctx.storage.put("value", value)
        return value

    async def kept(self):
        return await self.ctx.storage.get("value")

    async def die(self):
        self.ctx.abort("kid dies")

    async def boom(self):
        raise js.TypeError.new("kid")

    async def slow(self):
        await asyncio.sleep(5)
        return "slow"

    async def plan(self):
        await self.ctx.storage.setAlarm(Date.now() + 1000)

    async def alarm(self):
        pass

    async def fetch(self, request):
        return Response("child " + request.url)

    async def nest(self, depth):
        if depth == 0:
            return "bottom"
        def choose():
            return to_js({"class": self.ctx.exports.Child}, dict_converter=Object.fromEntries)
        inner = self.ctx.facets.get("n", create_proxy(choose))
        return await inner.nest(depth - 1)
"""


def nested(**config):
    return worker(PARENT + CHILD.replace("(DurableObject)", "(DurableObject )"), **config)


async def run(durable, source, name="a"):
    return await durable.env.BOX.getByName(name).run(source)


@nested()
async def test_a_facet_starts_when_it_is_called_and_has_the_id_of_its_parent(durable):
    a = durable.env.BOX.getByName("a")
    result = await run(
        durable,
        """
stub = facet("x")
before = list(log)
first = await stub.hit()
second = await facet("x").hit()
return [before, first, second, await stub.who(), await facet("y").hit()]""",
    )
    assert result == [[], 1, 2, [a.id.toString(), "a", []], 1]
    assert await a.entries() == ["chose x", "child", "chose y", "child"]


@nested()
async def test_a_facet_may_have_another_id_and_props(durable):
    result = await run(
        durable,
        """
text = await facet("t", id="any text").who()
other = self.env.BOX.idFromName("other")
named = (await facet("o", id=other).who())[1]
def choose():
    options = to_js({"props": {"a": 1}}, dict_converter=Object.fromEntries)
    return to_js({"class": self.ctx.exports.Child(options)}, dict_converter=Object.fromEntries)
props = (await self.ctx.facets.get("p", create_proxy(choose)).who())[2]
return [text, named, props]""",
    )
    assert result == [["any text", None, []], "other", ["a"]]


@nested()
async def test_each_facet_has_a_file_of_its_own_beside_its_parents(durable):
    a = durable.env.BOX.getByName("a")
    result = await run(
        durable,
        """
await facet("s").keep(5)
await facet("t").keep(6)
await self.ctx.storage.put("value", 7)
return [await facet("s").kept(), await facet("t").kept(), await self.ctx.storage.get("value")]""",
    )
    assert result == [5, 6, 7]
    folder = durable._find(a).sqlite.path.parent
    stem = a.id.toString()
    files = sorted(p.name for p in folder.glob(stem + "*") if p.suffix in (".sqlite", ".facets"))
    assert files == [f"{stem}.1.sqlite", f"{stem}.2.sqlite", f"{stem}.facets", f"{stem}.sqlite"]
    index = (folder / f"{stem}.facets").read_bytes()
    assert index == MAGIC + b"\0\0\1\0s\0\0\1\0t"


@nested()
async def test_a_facet_hibernates_by_itself_and_outlives_its_parents_sleep(durable):
    result = await run(durable, "await facet('x').keep(3)\nreturn await facet('x').hit()")
    assert result == 1
    await durable.clock.advance(11)
    result = await run(durable, "return [await facet('x').kept(), await facet('x').hit()]")
    assert result == [3, 1]
    entries = await durable.env.BOX.getByName("b").entries()
    assert entries == ["chose x", "child", "child"]  # its class is asked for once


@nested()
async def test_a_plain_function_is_dead_when_the_facet_starts(durable):
    result = await run(durable, "return await told(self.ctx.facets.get('x', lambda: None).hit())")
    assert "borrowed proxy was automatically destroyed" in result[0]


@nested()
async def test_what_is_no_class_is_refused_until_somebody_aborts(durable):
    result = await run(
        durable,
        """
def chosen(value):
    return self.ctx.facets.get("bad", create_proxy(lambda: value))
first = await told(chosen(to_js({"class": 5}, dict_converter=Object.fromEntries)).hit())
again = await told(facet("bad").hit())
self.ctx.facets.abort("bad", "enough")
second = await told(chosen(5).hit())
self.ctx.facets.abort("bad", "enough")
return [first, again, second, await facet("bad").hit()]""",
    )
    text = (
        "TypeError: Incorrect type for the 'class' field on 'StartupOptions': the provided value "
        "is not of type 'DurableObjectClass or LoopbackDurableObjectNamespace or "
        "LoopbackColoLocalActorNamespace'."
    )
    expected = "TypeError: Callback returned incorrect type; expected 'Promise'"
    assert result == [[text, {}], [text, {}], [expected, {}], 1]


@nested()
async def test_a_callback_may_wait(durable):
    result = await run(
        durable,
        """
async def choose():
    await asyncio.sleep(0.01)
    return to_js({"class": self.ctx.exports.Child}, dict_converter=Object.fromEntries)
stub = self.ctx.facets.get("x", create_proxy(choose))
return list(await asyncio.gather(stub.hit(), stub.hit()))""",
    )
    assert result == [1, 2]


@nested()
async def test_abort_fails_what_runs_and_the_old_stub_with_the_very_reason(durable):
    result = await run(
        durable,
        """
stub = facet("s")
await stub.keep(5)
running = asyncio.ensure_future(told(stub.slow()))
await asyncio.sleep(0.01)
self.ctx.facets.abort("s", js.RangeError.new("my reason"))
self.ctx.facets.abort("unknown", "x")
return [await running, await told(stub.hit()), await facet("s").kept()]""",
    )
    assert result == [["RangeError: my reason", {}], ["RangeError: my reason", {}], 5]


@nested()
async def test_a_child_that_aborts_itself_breaks_its_stub_only(durable):
    result = await run(
        durable,
        """
stub = facet("s")
return [await told(stub.die()), await told(stub.hit()), await facet("s").hit()]""",
    )
    broken = ["Error: kid dies", {"durableObjectReset": True}]
    assert result == [broken, broken, 1]


@nested()
async def test_delete_ends_a_facet_and_forgets_what_it_stored(durable):
    result = await run(
        durable,
        """
stub = facet("s")
await stub.keep(5)
self.ctx.facets.delete("unknown")
self.ctx.facets.delete("s")
return [await told(stub.hit()), await facet("s").kept()]""",
    )
    assert result == [["Error: Facet was deleted.", {}], None]


@nested()
async def test_delete_all_of_the_parent_deletes_its_facets(durable):
    result = await run(
        durable,
        """
stub = facet("s")
await stub.keep(5)
await self.ctx.storage.deleteAll()
return [await told(stub.hit()), await facet("s").kept()]""",
    )
    assert result == [["Error: Facet was deleted.", {}], None]


@nested()
async def test_clone_replaces_one_facet_by_a_copy_of_another(durable):
    result = await run(
        durable,
        """
await facet("one").keep("original")
two = facet("two")
await two.keep("other")
self.ctx.facets.clone("one", "two")
self.ctx.facets.clone("one", "three")
return [await told(two.kept()), await facet("two").kept(), await facet("three").kept(),
        await facet("one").kept()]""",
    )
    assert result == [
        ["Error: Facet was cloned-over.", {}], "original", "original", "original"
    ]  # fmt: skip


@nested()
async def test_an_alarm_of_a_facet_ends_it(durable):
    result = await run(
        durable,
        """
stub = facet("s")
await stub.keep(1)
return [await told(stub.plan()), await told(stub.hit()), await facet("s").kept()]""",
    )
    refused = ["Error: Facets currently cannot set alarms.", {}]
    assert result == [refused, refused, 1]


@nested()
async def test_names_and_nesting_have_limits(durable):
    result = await run(
        durable,
        """
try:
    facet("x" * 257)
    long = "allowed"
except Exception as exc:
    long = str(exc)
stub = facet("n")
return [long, await stub.nest(2), (await told(stub.nest(3)))[0], (await told(facet("").hit()))[0]]""",
    )
    assert result[0] == "TypeError: Facet name is too long (max 256 characters)."
    assert result[1] == "bottom"
    assert "Facet nesting depth limit exceeded. The maximum depth including the root" in result[2]
    assert result[3].startswith("Error: internal error; reference = ")


@nested()
async def test_arguments_are_checked(durable):
    source = """
found = []
for call in (lambda: f.get(), lambda: f.get("x"), lambda: f.get("x", 5), lambda: f.abort("x"),
             lambda: f.delete(), lambda: f.clone("x")):
    try:
        call()
    except Exception as exc:
        found.append(str(exc))
return found"""
    result = await run(durable, "f = self.ctx.facets" + source)
    words = "TypeError: Failed to execute '{}' on 'DurableObjectFacets': parameter {} is not of type '{}'."
    assert result == [
        words.format("get", 1, "string"),
        words.format("get", 2, "function"),
        words.format("get", 2, "function"),
        words.format("abort", 2, "Value"),
        words.format("delete", 1, "string"),
        words.format("clone", 2, "string"),
    ]


@nested()
async def test_a_stub_of_a_facet_stays_where_it_is(durable):
    result = await run(
        durable,
        """
other = self.env._env.BOX.getByName("b")
try:
    await other.run(facet("x"))
except Exception as exc:
    return str(exc)""",
    )
    assert result == "DataCloneError: Stubs pointing to Durable Object facets are not serializable."


@nested()
async def test_errors_and_requests_cross_as_with_any_object(durable):
    a = durable.env.BOX.getByName("a")
    result = await run(
        durable,
        """
stub = facet("x")
response = await stub.fetch("http://h/p")
try:
    await stub.boom()
except Exception as exc:
    return [await response.text(), str(exc), exc.durableObjectId, exc.remote]""",
    )
    assert result == ["child http://h/p", "TypeError: kid", a.id.toString(), True]


@nested()
async def test_an_abort_of_the_parent_ends_its_facets(durable):
    a = durable.env.BOX.getByName("a")
    with pytest.raises(JsException, match="root gone"):
        await run(
            durable,
            """
stub = facet("x")
await stub.hit()
async def last():
    self.ctx.abort("root gone")
asyncio.get_running_loop().create_task(last())
await stub.slow()""",
        )
    result = await run(durable, "return await facet('x').hit()")
    assert result == 1
    assert (await a.entries()).count("child") == 2


@worker(PARENT + CHILD)
async def test_a_class_with_a_namespace_is_one_and_makes_facets(durable):
    result = await run(
        durable,
        """
exports = self.ctx.exports
names = sorted(exports.object_keys().to_py())
other = await exports.Child.getByName("c").hit()
same = exports.Child.idFromName("c").equals(self.env.CHILD.idFromName("c"))
return [names, other, same, await facet("x").hit()]""",
    )
    assert result == [["Box", "Child", "default"], 1, True, 1]


@nested()
async def test_a_class_without_a_namespace_is_a_class_only(durable):
    result = await run(
        durable,
        """
Child = self.ctx.exports.Child
try:
    Child()
except Exception as exc:
    return [hasattr(Child, "getByName"), str(exc)]""",
    )
    assert result == [
        False,
        "TypeError: Failed to execute '(called as function)' on 'LoopbackDurableObjectClass': "
        "parameter 1 is not of type 'Options'.",
    ]
