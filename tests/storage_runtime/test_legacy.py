"""`dev.legacy_kv`: production's key-value engine. Spec storage §1.7, §3.9, §5."""

from __future__ import annotations

import pytest

from tests.storage_runtime.inside import inside, inside_worker, raw, rejected, thrown

pytestmark = inside_worker(dev={"legacy_kv": True})

KEY = "RangeError: Keys cannot be larger than 2048 bytes. A key of size {} was provided."
VALUE = "RangeError: Values cannot be larger than 131072 bytes. A value of size {} was provided."
COUNT = "RangeError: Maximum number of key value pairs is 128. {} pairs were provided."


async def plain(durable, body):
    return await inside(durable, "a", body, cls="Plain")


class TestLimits:
    async def test_a_key_has_at_most_2048_bytes(self, durable):
        async def body(box):
            storage = raw(box)
            await storage.put("k" * 2048, 1)
            assert await rejected(storage.get("k" * 2049)) == KEY.format(2049)
            assert await rejected(storage.put("é" * 1025, 1)) == KEY.format(2050)
            assert await rejected(storage.delete("k" * 2049)) == KEY.format(2049)
            assert await rejected(box.ctx.storage.put({"k" * 2049: 1})) == KEY.format(2049)
            assert (await storage.list(start="k" * 3000)).size == 0

        await plain(durable, body)

    async def test_a_value_has_at_most_131072_bytes_and_a_little(self, durable):
        async def body(box):
            storage = raw(box)
            await storage.put("v", "x" * 131_100)
            assert await rejected(storage.put("v", "x" * 131_101)) == VALUE.format(131_107)
            both = box.ctx.storage.put({"a": 1, "b": "x" * 140_000})
            assert await rejected(both) == VALUE.format(140_006)
            assert await storage.get("a") is None

        await plain(durable, body)

    async def test_a_call_has_at_most_128_keys_but_delete(self, durable):
        async def body(box):
            storage = box.ctx.storage
            many = [f"k{n}" for n in range(129)]
            assert await rejected(storage.get(many)) == COUNT.format(129)
            assert await rejected(storage.put(dict.fromkeys(many, 1))) == COUNT.format(129)
            await storage.put(dict.fromkeys(many[:128], 1))
            assert await storage.delete(many) == 128

        await plain(durable, body)

    async def test_classes_with_sqlite_have_none_of_this(self, durable):
        async def body(box):
            await box.ctx.storage.put("k" * 5000, "v" * 200_000)
            box.ctx.storage.sql.exec("SELECT 1")

        await inside(durable, "a", body)


async def test_there_is_nothing_but_keys_and_values(durable):
    async def body(box):
        storage = raw(box)
        sql = thrown(storage.sql.exec, "SELECT 1")
        assert sql.startswith("Error: This Durable Object is not backed by SQLite storage, so the")
        assert thrown(lambda: storage.sql.databaseSize) == sql
        assert thrown(storage.transactionSync, lambda: 1) == (
            "Error: Durable Object is not backed by SQL."
        )
        assert "SQLite can be enabled on a new Durable Object class" in thrown(storage.kv.get, "a")
        text = (
            "Error: This Durable Object's storage back-end does not implement point-in-time "
            "recovery."
        )
        for promise in (
            storage.getCurrentBookmark(),
            storage.getBookmarkForTime(1),
            storage.onNextSessionRestoreBookmark("x"),
        ):
            assert await rejected(promise) == text

    await plain(durable, body)


class TestTransaction:
    async def test_only_operations_on_txn_belong_to_it(self, durable):
        async def body(box):
            storage = raw(box)
            await box.ctx.storage.put({"a": 1, "d": 0})

            async def part(txn):
                await txn.put("b", 2)
                await txn.delete("a")
                await storage.put("c", 3)
                assert (await storage.get("b"), await storage.get("a")) == (None, 1)
                assert (await txn.get("c"), await txn.get("a")) == (3, None)
                assert list((await txn.list()).keys()) == ["b", "c", "d"]
                assert list((await txn.list(reverse=True, limit=2)).keys()) == ["d", "c"]
                assert list((await txn.list(prefix="b")).keys()) == ["b"]
                await txn.setAlarm(5e12)
                assert await storage.getAlarm() is not None
                assert (await box.ctx.storage.getAlarm()) is None
                assert await txn.getAlarm() == 5e12

            await storage.transaction(part)
            assert await box.ctx.storage.list() == {"b": 2, "c": 3, "d": 0}
            assert await box.ctx.storage.getAlarm() == 5e12

        await plain(durable, body)

    async def test_a_rollback_keeps_what_was_outside(self, durable):
        async def body(box):
            storage = raw(box)

            async def fail(txn):
                await txn.put("z", 1)
                await storage.put("y", 1)
                raise ValueError

            async def roll_back(txn):
                await txn.put("z", 1)
                await txn.deleteAlarm()
                txn.rollback()
                assert await rejected(txn.get("z")) == (
                    "Error: Cannot get() on rolled back transaction"
                )

            await rejected(storage.transaction(fail))
            await storage.transaction(roll_back)
            assert await box.ctx.storage.list() == {"y": 1}

        await plain(durable, body)

    async def test_delete_all_is_allowed_outside_txn(self, durable):
        async def body(box):
            storage = raw(box)
            await storage.put("a", 1)

            async def part(txn):
                await txn.put("n", 1)
                await storage.deleteAll()
                assert list((await txn.list()).keys()) == ["n"]
                assert await rejected(txn.deleteAll()) == (
                    "Error: Cannot call deleteAll() within a transaction"
                )

            await storage.transaction(part)
            assert await box.ctx.storage.list() == {"n": 1}

        await plain(durable, body)

    async def test_many_at_once(self, durable):
        async def body(box):
            from js import Array, Object

            async def part(txn):
                pair = Object.new()
                pair.a, pair.b = 1, 2
                await txn.put(pair)
                assert list((await txn.get(Array.of("b", "a", "x"))).keys()) == ["a", "b"]
                assert await txn.delete(Array.of("a", "x")) == 1
                refused = await rejected(txn.put("k" * 2049, 1))
                assert refused == KEY.format(2049)

            await raw(box).transaction(part)
            assert await box.ctx.storage.list() == {"b": 2}

        await plain(durable, body)


@pytest.mark.parametrize("method", ["get", "put", "list", "delete", "getAlarm", "deleteAlarm"])
async def test_txn_is_of_no_use_after_the_commit(durable, method):
    async def body(box):
        escaped = []
        await raw(box).transaction(escaped.append)
        args = {"get": ["k"], "put": ["k", 1], "delete": ["k"]}.get(method, [])
        text = await rejected(getattr(escaped[0], method)(*args))
        assert text.startswith(f"Error: Cannot call {method}() on transaction that has already")

    await plain(durable, body)
