"""Files between us and the real runtime, both ways: values, SQL, bookmarks, alarms, ids.

Spec storage §6.4, §7, §8.
"""

from __future__ import annotations

import json
import time

import apsw
import pytest

from emulator.core.ids import IdFactory, unique_key
from emulator.core.values import dumps, loads
from emulator.storage.database import fresh_file
from emulator.testing.world import open_world
from emulator.web.host_codec import WEB_HOST
from tests.conformance.workerd import DATE, WORKER, real_runtime
from tests.storage_runtime.inside import container, inside, rejected
from tests.worlds import write_worker

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]

# Spec storage §7.3, row by row, and what is near it.
VALUES = {
    "null": "null",
    "undefined in an object": "({a: undefined})",
    "true": "true",
    "false": "false",
    "0": "0",
    "1": "1",
    "-1": "-1",
    "42": "42",
    "255": "255",
    "2^30-1": "2**30 - 1",
    "-2^30": "-(2**30)",
    "2^30": "2**30",
    "2^31": "2**31",
    "2^53": "2**53",
    "1.5": "1.5",
    "-0": "-0",
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "empty text": "''",
    "hello": "'hello'",
    "latin": "'h\\u00e9llo'",
    "japanese": "'\\u65e5\\u672c'",
    "emoji": "'\\ud83d\\ude00'",
    "lone surrogate": "'\\ud800'",
    "empty object": "({})",
    "object": "({a: 1})",
    "padded object": "({'\\u65e5': 1})",
    "padded twice": "({'\\u65e5': '\\u672c', b: ['\\ud83d\\ude00']})",
    "integer keys": "({1: 'a', 0: 'b', x: 2})",
    "empty array": "[]",
    "array": "[1, 2, 3]",
    "doubles": "[1, 2.5]",
    "holes": "[1, , 3]",
    "nested": "[[1, {a: [null]}], 'x']",
    "Map": "new Map([['a', 1], [2, 'b']])",
    "Set": "new Set([1, 'a'])",
    "Map of objects": "new Map([[{a: 1}, new Set([new Map()])]])",
    "Date": "new Date(1700000000123)",
    "invalid Date": "new Date(NaN)",
    "RegExp": "/ab+c/gi",
    "1n": "1n",
    "-1n": "-1n",
    "2n**64n": "2n ** 64n",
    "0n": "0n",
    "same object twice": "(() => { const o = {}; return {p: o, q: o}; })()",
    "cycle": "(() => { const o = {}; o.self = o; return o; })()",
    "ArrayBuffer": "new Uint8Array([1, 2, 3]).buffer",
    "Uint8Array": "new Uint8Array([1, 2, 3])",
    "subarray": "new Uint8Array([1, 2, 3, 4, 5]).subarray(1, 3)",
    "Int8Array": "new Int8Array([-1])",
    "Int16Array": "new Int16Array([-1, 256])",
    "Uint16Array": "new Uint16Array([65535, 119])",
    "Int32Array": "new Int32Array([-1])",
    "Uint32Array": "new Uint32Array([2 ** 32 - 1])",
    "Float32Array": "new Float32Array([1.5])",
    "Float64Array": "new Float64Array([1.5])",
    "Uint8ClampedArray": "new Uint8ClampedArray([300])",
    "BigInt64Array": "new BigInt64Array([-1n])",
    "BigUint64Array": "new BigUint64Array([2n ** 63n])",
    "Float16Array": "new Float16Array([1.5])",
    "DataView": "new DataView(new ArrayBuffer(4), 1, 2)",
    "resizable": "new ArrayBuffer(2, {maxByteLength: 8})",
    "boxed true": "Object(true)",
    "boxed 5": "Object(5)",
    "boxed text": "Object('q')",
    "boxed 5n": "Object(5n)",
    "Error": "new Error('boom')",
    "TypeError": "new TypeError('t', {cause: 'why'})",
    "DOMException": "new DOMException('m', 'AbortError')",
    "Headers": "new Headers({a: 'b', 'content-type': 'text/plain'})",
    "Blob": "new Blob(['abc'], {type: 'text/x'})",
    "Request": "new Request('http://a/b?c', {method: 'PUT', headers: {x: 'y'}})",
}
# Equality of what two structured clones of the same value must share.
EQUAL = """
const bytes = (v) => [...new Uint8Array(v.buffer ?? v, v.byteOffset ?? 0, v.byteLength)];
function show(v, seen = []) {
  if (v === null || typeof v !== "object") {
    return typeof v === "bigint" ? v + "n" : Object.is(v, -0) ? "-0" : typeof v + ":" + String(v);
  }
  if (seen.includes(v)) return "ref" + seen.indexOf(v);
  seen.push(v);
  const tag = Object.prototype.toString.call(v) + v.constructor.name;
  const more = (x) => show(x, seen);
  if (v instanceof Map) return tag + [...v].map(([a, b]) => more(a) + "=>" + more(b));
  if (v instanceof Set) return tag + [...v].map(more);
  if (v instanceof Date) return tag + v.getTime();
  if (v instanceof ArrayBuffer) return tag + v.resizable + v.maxByteLength + bytes(v);
  if (ArrayBuffer.isView(v)) return tag + v.byteOffset + ":" + v.buffer.byteLength + bytes(v);
  if (v instanceof Headers) return tag + JSON.stringify([...v]);
  if (v instanceof Request) return tag + v.method + v.url + JSON.stringify([...v.headers]);
  if (v instanceof Blob) return tag + v.type + v.size;
  if (v instanceof Error) return tag + v.name + v.message + v.stack + more(v.cause);
  if (v instanceof RegExp) return tag + v;
  if (/Boolean|Number|String|BigInt/.test(tag)) return tag + v.valueOf();
  return tag + Reflect.ownKeys(v).map((k) => String(k) + ":" + more(v[k]));
}
"""
WRITE_VALUES = f"""
const made = {{{", ".join(f"{json.dumps(k)}: () => ({v})" for k, v in VALUES.items())}}};
for (const [name, make] of Object.entries(made)) await s.put("theirs " + name, make());
"""
COMPARE_VALUES = f"""
{EQUAL}
const different = {{}};
for (const name of {json.dumps(list(VALUES))}) {{
  const theirs = show(await s.get("theirs " + name)), ours = show(await s.get("ours " + name));
  if (theirs !== ours) different[name] = [theirs, ours];
}}
return different;
"""


@pytest.fixture
def open_ours(tmp_path):
    """Worlds of ours on the runtime's folder."""
    source = """
    class Box(DurableObject):
        async def alarm(self, info):
            await self.ctx.storage.put("ours fired", [self.ctx.id.name, info.retryCount])
    """
    config = write_worker(tmp_path, source, name=WORKER, compatibility_date=DATE)

    def run(body, start_ms=None):
        now_ms = time.time_ns() // 1_000_000 if start_ms is None else start_ms
        with open_world(config, state=tmp_path / "state", start_ms=now_ms) as (world, runner):
            return runner.run(body(world))

    return run


def test_every_value_goes_both_ways_and_is_written_bit_by_bit_alike(tmp_path, open_ours):
    with real_runtime(tmp_path) as real:
        real.js("values", WRITE_VALUES)
    different = {}

    async def copy(durable):
        def body(box):
            kv = container(durable, "values").sqlite.kv
            for name in VALUES:
                blob = kv.get(f"theirs {name}")
                again = dumps(loads(blob, host=WEB_HOST), host=WEB_HOST)
                if again != blob:
                    different[name] = (blob, again)
                kv.put(f"ours {name}", again)

        await inside(durable, "values", body)

    open_ours(copy)
    assert different == {}
    with real_runtime(tmp_path) as real:
        assert real.js("values", COMPARE_VALUES) == {}


def test_what_user_code_stores_is_read_by_the_runtime(tmp_path, open_ours):
    stored = {"none": None, "nested": {"a": [1, 2.5, None, {"b": True}]}, "text": "日本", "n": 7}

    async def write(durable):
        await inside(durable, "new", lambda box: box.ctx.storage.put(stored))
        await inside(
            durable,
            "new",
            lambda box: box.ctx.storage.sql.exec(
                "CREATE TABLE own(id INTEGER PRIMARY KEY, v); INSERT INTO own(v) VALUES ('x'), (1.5)"
            ),
        )

    open_ours(write)
    with real_runtime(tmp_path) as real:
        assert real.js("new", "return Object.fromEntries(await s.list())") == stored
        rows = real.js("new", "return sql.exec('SELECT * FROM own').toArray()")
        assert rows == [{"id": 1, "v": "x"}, {"id": 2, "v": 1.5}]
        tables = real.js("new", "return sql.exec('SELECT name, sql FROM sqlite_master').toArray()")
    # The internal table has the text that the runtime itself writes.
    with real_runtime(tmp_path) as real:
        real.js("theirs", "await s.put('a', 1)")
        theirs = real.js("theirs", "return sql.exec('SELECT name, sql FROM sqlite_master').one()")
    assert theirs in tables


def test_tables_indexes_text_search_and_bookmarks_go_both_ways(tmp_path, open_ours):
    with real_runtime(tmp_path) as real:
        bookmark = real.js(
            "tables",
            "sql.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE INDEX tv ON t(v)');"
            "sql.exec('INSERT INTO t(v) VALUES (?), (?), (?)', 1, 'x', new Uint8Array([1, 2]));"
            "sql.exec('CREATE VIRTUAL TABLE f USING fts5(b)');"
            "sql.exec(\"INSERT INTO f VALUES ('hello world')\");"
            "await s.put({'\\ud800': 'half', '日本': [1, 2], plain: 5});"
            "return await s.getCurrentBookmark();",
        )

    async def go_on(durable):
        async def body(box):
            storage = box.ctx.storage
            rows = storage.sql.exec("SELECT v FROM t ORDER BY id").toArray()
            assert [rows[0]["v"], rows[1]["v"], bytes(rows[2]["v"])] == [1, "x", b"\x01\x02"]
            assert storage.sql.exec("SELECT b FROM f WHERE f MATCH 'hello'").one()["b"]
            assert list(await storage.list()) == ["plain", "日本", "\ufffd\ufffd\ufffd"]
            assert await storage.get("\ud800") == "half"
            storage.sql.exec(
                "INSERT INTO f VALUES ('goodbye world'); INSERT INTO t(v) VALUES ('y')"
            )
            return await storage.getCurrentBookmark()

        return await inside(durable, "tables", body)

    ours = open_ours(go_on)
    with real_runtime(tmp_path) as real:
        found = real.js(
            "tables",
            "return [sql.exec(\"SELECT b FROM f WHERE f MATCH 'world'\").toArray().length,"
            " sql.exec('SELECT count(*) n FROM t').one().n, await s.get('\\ud800'),"
            " sql.exec('PRAGMA quick_check').one().quick_check, await s.getCurrentBookmark()]",
        )
    assert found[:4] == [2, 4, "half", "ok"]
    assert [b[9:17] for b in (bookmark, ours, found[4])] == ["00000000", "00000001", "00000002"]


def test_a_fresh_object_has_the_same_file_byte_by_byte(tmp_path):
    with real_runtime(tmp_path) as real:
        object_id = real.id_of("empty")
        real.js("empty", "return 1")
    file = tmp_path / "state" / f"{WORKER}-Box" / f"{object_id}.sqlite"
    assert file.read_bytes() == fresh_file()
    assert fresh_file()[96:100] == apsw.SQLITE_VERSION_NUMBER.to_bytes(4)


class TestAlarms:
    def test_one_that_the_runtime_set_fires_here_with_its_name(self, tmp_path, open_ours):
        due_ms = time.time_ns() // 1_000_000 + 3_600_000
        with real_runtime(tmp_path) as real:
            real.js("alarm", f"await s.setAlarm({due_ms})")
            real.js("deleted", f"await s.setAlarm({due_ms}); await s.deleteAlarm()")

        async def before(durable):
            get = lambda box: box.ctx.storage.getAlarm()  # noqa: E731
            assert await inside(durable, "alarm", get) == due_ms
            assert await inside(durable, "deleted", get) is None

        async def after(durable):
            await durable.clock.advance(1)
            get = lambda box: box.ctx.storage.get("ours fired")  # noqa: E731
            assert await inside(durable, "alarm", get) == ["alarm", 0]
            assert await inside(durable, "deleted", get) is None

        open_ours(before)
        open_ours(after, start_ms=due_ms + 1000)
        with real_runtime(tmp_path) as real:
            assert real.js("alarm", "return [await s.getAlarm(), await s.get('fired')]") == [
                None,
                None,
            ]

    def test_one_that_we_set_fires_there(self, tmp_path, open_ours):
        due_ms = time.time_ns() // 1_000_000 + 1500

        async def set_alarm(durable):
            await inside(durable, "alarm", lambda box: box.ctx.storage.setAlarm(due_ms))
            later = 4_000_000_000_000
            await inside(durable, "later", lambda box: box.ctx.storage.setAlarm(later))

            async def rolled_back(txn):
                await txn.setAlarm(due_ms)
                raise ValueError

            await rejected(
                inside(durable, "none", lambda box: box.ctx.storage.transaction(rolled_back))
            )

        open_ours(set_alarm)
        fired = (
            "for (let n = 0; n < 200 && !(await s.get('fired')); n++) await scheduler.wait(25);"
            "return [await s.get('fired'), await s.getAlarm(), ctx.id.name]"
        )
        with real_runtime(tmp_path) as real:
            assert real.js("alarm", fired) == [[0], None, "alarm"]
            look = "return [await s.get('fired') ?? null, await s.getAlarm()]"
            assert real.js("later", look) == [None, 4_000_000_000_000]
            assert real.js("none", look) == [None, None]


class TestIds:
    NAMES = ("room-1", "", "日本語", "\ud800", "a\0b", "x" * 2000)

    @pytest.mark.parametrize("worker", ["my-worker", "wr-worker", "myworker"])
    def test_names_have_the_same_ids(self, tmp_path, worker):
        source = (
            f"return {json.dumps(self.NAMES)}.map((n) => self.env.Box.idFromName(n).toString())"
        )
        with real_runtime(tmp_path, worker=worker) as real:
            theirs = real.js("any", source)
            unique = real.js("any", "return self.env.Box.newUniqueId().toString()")
        ids = IdFactory(unique_key(worker, "Box"))
        assert [ids.from_name(name) for name in self.NAMES] == theirs
        assert ids.from_string(unique.upper()) == unique

    def test_the_runtime_takes_our_unique_ids(self, tmp_path):
        ours = IdFactory(unique_key(WORKER, "Box")).unique(bytes(range(16)))
        with real_runtime(tmp_path) as real:
            assert real.js_of_id(ours, "return ctx.id.toString()") == ours
