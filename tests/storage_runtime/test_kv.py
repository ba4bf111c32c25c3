"""`ctx.storage`, the asynchronous keys and values: spec storage §1, as user code sees it."""

from __future__ import annotations

import datetime

import pytest

from tests.storage_runtime.inside import container, inside, inside_worker, raw, rejected, thrown

pytestmark = inside_worker()

OWNER = "on 'DurableObjectStorage'"
CLONED = "DataCloneError: "


class TestMethods:
    async def test_get_of_a_missing_key_is_undefined(self, durable):
        async def body(box):
            assert await raw(box).get("nothing") is None
            assert await box.ctx.storage.get("nothing") is None

        await inside(durable, "a", body)

    async def test_a_value_is_serialised_at_the_call_and_each_get_has_a_copy(self, durable):
        async def body(box):
            from js import Object

            value = Object.new()
            value.n = 1
            promise = raw(box).put("k", value)
            value.n = 2
            assert await promise is None
            first, second = await raw(box).get("k"), await raw(box).get("k")
            first.n = 3
            assert (second.n, (await raw(box).get("k")).n) == (1, 1)

        await inside(durable, "a", body)

    async def test_get_of_many_is_a_map_in_byte_order_without_the_missing(self, durable):
        async def body(box):
            from js import Array

            await box.ctx.storage.put({"😀": 1, "\uffff": 2, "b": 3, "a": 4})
            found = await raw(box).get(Array.of("😀", "b", "no", "\uffff", "b"))
            assert found.js_name == "Map"
            assert list(found.keys()) == ["b", "\uffff", "😀"]
            assert (await raw(box).get(Array.new())).size == 0
            assert await box.ctx.storage.get(["a", "no"]) == {"a": 4}

        await inside(durable, "a", body)

    async def test_put_of_entries_takes_own_string_properties_that_are_not_undefined(self, durable):
        async def body(box):
            from js import Object

            entries = Object.new()
            entries.b = None
            entries.a = 1
            assert await raw(box).put(entries) is None
            await box.ctx.storage.put({"c": None})
            assert await box.ctx.storage.list() == {"a": 1, "c": None}

        await inside(durable, "a", body)

    async def test_entries_without_properties_do_nothing(self, durable):
        async def body(box):
            from js import Date, Map, Object

            for empty in (Object.new(), Map.new([[1, 2]]), Date.new(0), function()):
                assert await raw(box).put(empty) is None
            assert await box.ctx.storage.list() == {}

        await inside(durable, "a", body)

    async def test_entries_are_all_put_or_none(self, durable):
        async def body(box):
            from js import Object, Symbol

            entries = Object.new()
            entries.a = 1
            entries.b = Symbol("q")
            assert await rejected(raw(box).put(entries)) == CLONED + (
                "Symbol(q) could not be cloned."
            )
            assert await box.ctx.storage.list() == {}

        await inside(durable, "a", body)

    async def test_delete_tells_what_was_there(self, durable):
        async def body(box):
            from js import Array

            await box.ctx.storage.put({"a": 1, "b": 2, "c": 3})
            assert await raw(box).delete("a") is True
            assert await raw(box).delete("a") is False
            assert await raw(box).delete(Array.of("b", "b", "c", "x")) == 2
            assert await raw(box).delete(Array.new()) == 0
            assert await box.ctx.storage.delete(["b"]) == 0

        await inside(durable, "a", body)

    async def test_list_is_a_map_in_byte_order(self, durable):
        async def body(box):
            await box.ctx.storage.put({"😀": 1, "\uffff": 2, "10": 3, "9": 4, "é": 5, "B": 6})
            keys = list((await raw(box).list()).keys())
            assert keys == ["10", "9", "B", "é", "\uffff", "😀"]
            assert await box.ctx.storage.list(prefix="9") == {"9": 4}

        await inside(durable, "a", body)

    async def test_delete_all_leaves_nothing_and_what_follows_stays(self, durable):
        async def body(box):
            await box.ctx.storage.put("a", 1)
            box.ctx.storage.sql.exec("CREATE TABLE t(x)")
            promise = raw(box).deleteAll()
            await box.ctx.storage.put("b", 2)
            assert await promise is None
            assert await box.ctx.storage.list() == {"b": 2}
            names = box.ctx.storage.sql.exec("SELECT name FROM sqlite_master").toArray()
            assert names == [{"name": "_cf_KV"}]

        await inside(durable, "a", body)
        await inside(durable, "a", check_only_b)

    async def test_the_promises_are_settled_when_they_are_made(self, durable):
        async def body(box):
            storage = raw(box)
            operations = (
                storage.put("a", 1),
                storage.get("a"),
                storage.list(),
                storage.delete("a"),
                storage.setAlarm(5e12),
                storage.getAlarm(),
                storage.deleteAlarm(),
                storage.getCurrentBookmark(),
                storage.sync(),
            )
            assert [promise.done() for promise in operations[:-1]] == [True] * 8
            assert not operations[-1].done()
            await operations[-1]

        await inside(durable, "a", body)


async def check_only_b(box):
    assert await box.ctx.storage.list() == {"b": 2}


def function():
    from pyodide.ffi import create_proxy

    return create_proxy(lambda: 1)


class TestCoercion:
    async def test_a_key_is_made_a_string(self, durable):
        async def body(box):
            from js import Object, Set
            from pyodide.ffi import jsnull

            storage = raw(box)
            given = [5, jsnull, None, True, Object.new(), Set.new(), 1.5]
            for key in [*given[:4], 1.5]:
                await storage.put(key, "v")
            assert [await storage.get(key) for key in given] == [
                *("v", "v", "v", "v", None, None, "v"),
            ]
            assert list((await storage.list()).keys()) == ["1.5", "5", "null", "true", "undefined"]
            assert await storage.get("[object Set]") is None

        await inside(durable, "a", body)

    async def test_an_array_given_to_put_is_a_key(self, durable):
        async def body(box):
            from js import Array

            await raw(box).put(Array.of(7, 8), 5)
            assert await raw(box).get("7,8") == 5
            assert await rejected(raw(box).put(Array.of(7, 8))) == (
                "TypeError: put() called with undefined value."
            )

        await inside(durable, "a", body)

    async def test_a_symbol_is_no_key(self, durable):
        async def body(box):
            from js import Array, Symbol

            symbol = Symbol("q")
            refused = "TypeError: Cannot convert a Symbol value to a string"
            assert await rejected(raw(box).get(symbol)) == refused
            assert await rejected(raw(box).get(Array.of(symbol))) == refused
            assert await rejected(raw(box).put(symbol, 1)) == refused
            assert await rejected(raw(box).delete(symbol)) == refused
            assert thrown(raw(box).kv.get, symbol) == refused

        await inside(durable, "a", body)

    async def test_every_other_string_is_a_key(self, durable):
        async def body(box):
            for key in ("", "a\0b", "\ud800", "日本"):
                await box.ctx.storage.put(key, key.encode("utf-8", "replace").decode())
                assert await box.ctx.storage.get(key) is not None
            assert await box.ctx.storage.get("\ufffd") is None

        await inside(durable, "a", body)

    async def test_options_may_be_any_object_and_count_by_truthiness(self, durable):
        async def body(box):
            from js import Array, Object
            from pyodide.ffi import jsnull

            storage = raw(box)
            await box.ctx.storage.put({"a": 1, "b": 2})
            unknown = Object.new()
            unknown.what = 1
            for options in (None, jsnull, unknown, Array.new(), function()):
                assert await storage.get("a", options) == 1
            reverse = Object.new()
            reverse.reverse = "no"
            for options in (reverse, Array.new()):
                assert list((await storage.list(options)).keys()) == ["b", "a"]

        await inside(durable, "a", body)


class TestErrors:
    async def test_a_missing_key_is_refused(self, durable):
        async def body(box):
            storage = raw(box)
            assert await rejected(storage.get()) == (
                f"TypeError: Failed to execute 'get' {OWNER}: "
                "parameter 1 is not of type 'string or Array'."
            )
            assert await rejected(storage.put()) == (
                f"TypeError: Failed to execute 'put' {OWNER}: "
                "parameter 1 is not of type 'string or object'."
            )

        await inside(durable, "a", body)

    async def test_delete_throws_at_once_on_a_transaction_too(self, durable):
        async def body(box):
            text = (
                "TypeError: Failed to execute 'delete' on '{}': "
                "parameter 1 is not of type 'string or Array'."
            )
            assert thrown(raw(box).delete) == text.format("DurableObjectStorage")
            await raw(box).transaction(
                lambda txn: seen.append(thrown(txn.delete)),
            )
            assert seen == [text.format("DurableObjectTransaction")]

        seen: list[str] = []
        await inside(durable, "a", body)

    async def test_put_without_a_value_is_refused(self, durable):
        async def body(box):
            text = "TypeError: put() called with undefined value."
            assert await rejected(raw(box).put("k")) == text
            assert await rejected(raw(box).put("k", None)) == text

        await inside(durable, "a", body)

    async def test_put_of_entries_takes_no_value(self, durable):
        async def body(box):
            from js import Object
            from pyodide.ffi import jsnull

            text = (
                "TypeError: put() may only be called with a single key-value pair and optional "
                "options as put(key, value, options) or with multiple key-value pairs and "
                "optional options as put(entries, options)"
            )
            assert await rejected(raw(box).put(Object.new(), 5)) == text
            assert await rejected(raw(box).put(Object.new(), "s")) == text
            assert await raw(box).put(Object.new(), jsnull) is None

        await inside(durable, "a", body)

    @pytest.mark.parametrize(
        ("method", "args", "position", "kind"),
        [
            ("get", ("k",), 2, "GetOptions"),
            ("put", ("k", 1), 3, "PutOptions"),
            ("delete", ("k",), 2, "PutOptions"),
            ("list", (), 1, "ListOptions"),
            ("deleteAll", (), 1, "PutOptions"),
            ("getAlarm", (), 1, "GetAlarmOptions"),
            ("setAlarm", (5e12,), 2, "SetAlarmOptions"),
            ("deleteAlarm", (), 1, "SetAlarmOptions"),
        ],
    )
    async def test_options_that_are_no_object_are_refused_by_name(
        self, durable, method, args, position, kind
    ):
        def text(owner):
            return (
                f"TypeError: Failed to execute '{method}' on '{owner}': "
                f"parameter {position} is not of type '{kind}'."
            )

        async def body(box):
            for bad in (5, "s", True):
                refused = await rejected(getattr(raw(box), method)(*args, bad))
                assert refused == text("DurableObjectStorage")

            async def in_transaction(txn):
                refused = await rejected(getattr(txn, method)(*args, 5))
                assert refused == text("DurableObjectTransaction")

            await raw(box).transaction(in_transaction)

        await inside(durable, "a", body)

    async def test_a_transaction_wants_a_function(self, durable):
        async def body(box):
            text = "TypeError: Failed to execute '{}' " + OWNER + ": parameter {} is not of type "
            assert await rejected(raw(box).transaction(5)) == (
                text.format("transaction", 1) + "'function'."
            )
            assert await rejected(raw(box).transaction(lambda txn: 1, 5)) == (
                text.format("transaction", 2) + "'TransactionOptions'."
            )
            assert thrown(raw(box).transactionSync) == (
                text.format("transactionSync", 1) + "'function'."
            )

        await inside(durable, "a", body)

    async def test_what_cannot_be_cloned_is_told(self, durable):
        async def body(box):
            from js import Symbol, setTimeout

            storage = raw(box)
            refused = {
                "Symbol(q) could not be cloned.": Symbol("q"),
                "function setTimeout() { [native code] } could not be cloned.": setTimeout,
                'Could not serialize object of type "DurableObjectId". This type does not support '
                "serialization.": box.ctx.id,
                'Could not serialize object of type "DurableObjectStorage". This type does not '
                "support serialization.": storage,
            }
            for text, value in refused.items():
                assert await rejected(storage.put("k", value)) == CLONED + text
                assert thrown(storage.kv.put, "k", value) == CLONED + text

        await inside(durable, "a", body)

    async def test_a_value_that_cannot_be_read_fails_its_reads_and_harms_nothing(self, durable):
        def spoil(name):
            kv = container(durable, name).sqlite.kv
            kv.put("bad", b"")

        async def body(box):
            await box.ctx.storage.put("good", 1)
            spoil("a")
            for promise in (raw(box).get("bad"), raw(box).list()):
                text = await rejected(promise)
                assert text.startswith("Error: internal error; reference = ")
                assert len(text.rpartition(" ")[2]) == 24
            assert await raw(box).get("good") == 1

        await inside(durable, "a", body)
        assert await inside(durable, "a", lambda box: box.ctx.storage.get("good")) == 1


class TestValues:
    async def test_python_values_come_back_as_the_sdk_converts_them(self, durable):
        async def body(box):
            storage = box.ctx.storage
            moment = datetime.datetime(2026, 5, 4, 3, 2, 1)  # noqa: DTZ001  # naive is local
            given = {
                "none": None,
                "nested": {"a": [1, None, {"b": True}]},
                "bytes": b"\x00\x01",
                "float": 1.5,
                "big": 2**60,
                "date": moment,
                "text": "日本",
            }
            for key, value in given.items():
                await storage.put(key, value)
            found = {key: await storage.get(key) for key in given}
            assert isinstance(found["bytes"], memoryview)
            assert found | {"bytes": bytes(found["bytes"])} == given

        await inside(durable, "a", body)

    async def test_a_value_of_the_legacy_limits_is_kept_without_them(self, durable):
        async def body(box):
            storage = box.ctx.storage
            await storage.put("k" * 5000, "v" * 200_000)
            await storage.put({f"k{n}": n for n in range(129)})
            assert len(await storage.get([f"k{n}" for n in range(129)])) == 129
            assert await storage.delete([f"k{n}" for n in range(129)]) == 129

        await inside(durable, "a", body)

    async def test_the_row_limit_counts_and_puts_of_entries_stay_whole(self, durable):
        async def body(box):
            storage = box.ctx.storage
            text = "Error: string or blob too big: SQLITE_TOOBIG"
            assert await rejected(storage.put("k", "x" * 8_388_640)) == text
            assert await rejected(storage.put({"a": 1, "k": "x" * 8_388_640})) == text
            assert await storage.list() == {}

        await inside(durable, "a", body)


class TestListOptions:
    @pytest.mark.parametrize(
        ("options", "keys"),
        [
            ({"start": "b"}, "bcd"),
            ({"startAfter": "b"}, "cd"),
            ({"end": "c"}, "ab"),
            ({"prefix": "c"}, "c"),
            ({"reverse": True, "limit": 2}, "dc"),
            ({"start": "b", "end": "d", "limit": 1}, "b"),
            ({"start": "c", "end": "b"}, ""),
            ({"end": ""}, ""),
            ({"prefix": "a", "end": "a"}, ""),
            ({"prefix": "", "start": ""}, "abcd"),
            ({"limit": 2.9}, "ab"),
            ({"limit": "2"}, "ab"),
            ({"limit": True}, "a"),
        ],
    )
    async def test_ranges(self, durable, options, keys):
        async def body(box):
            await box.ctx.storage.put(dict.fromkeys("abcd", 1))
            assert "".join(await box.ctx.storage.list(**options)) == keys
            assert "".join(await box.ctx.storage.list(options)) == keys
            assert "".join(pair[0] for pair in box.ctx.storage.kv.list(**options)) == keys

        await inside(durable, "a", body)

    @pytest.mark.parametrize("limit", [0, -1, 0.5, float("nan"), float("inf"), "x", None])
    async def test_a_limit_must_be_positive(self, durable, limit):
        async def body(box):
            text = "TypeError: List limit must be positive."
            assert await rejected(box.ctx.storage.list(limit=limit)) == text
            assert thrown(box.ctx.storage.kv.list, limit=limit) == text

        await inside(durable, "a", body)

    async def test_a_limit_must_be_a_number_of_32_bits(self, durable):
        async def body(box):
            from pyodide.ffi import JsBigInt

            assert await rejected(box.ctx.storage.list(limit=2**31)) == (
                "TypeError: Value out of range. Must be between -2147483648 and 2147483647 "
                "(inclusive)."
            )
            assert await rejected(box.ctx.storage.list(limit=JsBigInt(1))) == (
                "TypeError: Cannot convert a BigInt value to a number"
            )

        await inside(durable, "a", body)

    async def test_two_starts_are_refused_even_null(self, durable):
        async def body(box):
            text = "TypeError: list() cannot be called with both start and startAfter values."
            for start in ("a", None):
                assert await rejected(box.ctx.storage.list(start=start, startAfter="b")) == text
                assert thrown(box.ctx.storage.kv.list, start=start, startAfter="b") == text

        await inside(durable, "a", body)

    async def test_numbers_are_made_strings(self, durable):
        async def body(box):
            await box.ctx.storage.put({"1": 1, "2": 2})
            assert await box.ctx.storage.list(start=2) == {"2": 2}

        await inside(durable, "a", body)

    async def test_allow_concurrency_and_no_cache_have_no_effect(self, durable):
        async def body(box):
            await box.ctx.storage.put("a", 1, noCache=True)
            assert await box.ctx.storage.get("a", allowConcurrency=True, noCache=True) == 1

        await inside(durable, "a", body)


class TestTheTable:
    async def test_reading_does_not_make_it(self, durable):
        async def body(box):
            await box.ctx.storage.get("a")
            await box.ctx.storage.list()
            assert tables(box) == []
            await box.ctx.storage.delete("a")
            assert tables(box) == ["_cf_KV"]

        await inside(durable, "a", body)


def tables(box):
    rows = box.ctx.storage.sql.exec("SELECT name FROM sqlite_master").toArray()
    return [row["name"] for row in rows]
