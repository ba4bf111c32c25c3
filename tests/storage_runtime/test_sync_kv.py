"""`ctx.storage.kv`: spec storage §2, as user code sees it."""

from __future__ import annotations

import contextlib

from tests.storage_runtime.inside import inside, inside_worker, raw, rejected, thrown

pytestmark = inside_worker()

OWNER = "on 'SyncKvStorage'"
INVALIDATED = (
    "Error: kv.list() iterator was invalidated because a new call to kv.list() was started. Only "
    "one kv.list() iterator can exist at a time."
)
INTERNAL = "Error: internal error; reference = "


def filled(box):
    kv = raw(box).kv
    for key in "abc":
        kv.put(key, key.upper())
    return kv


class TestMethods:
    async def test_a_key_is_made_a_string_an_array_too(self, durable):
        async def body(box):
            from js import Array, Object

            kv = raw(box).kv
            kv.put(Array.of("a", "b"), 1)
            kv.put(5, 2)
            assert (kv.get("a,b"), kv.get("5"), kv.get("nothing")) == (1, 2, None)
            one = Object.new()
            one.a = 1
            kv.put(one, 5)
            assert kv.get("[object Object]") == 5
            assert kv.delete(Array.of("a", "b")) is True
            assert kv.delete("a,b") is False

        await inside(durable, "a", body)

    async def test_arguments_that_are_missing_are_refused(self, durable):
        async def body(box):
            kv = raw(box).kv
            first = "TypeError: Failed to execute '{}' " + OWNER + ": parameter 1 is not of type "
            for method in ("get", "put", "delete"):
                assert thrown(getattr(kv, method)) == first.format(method) + "'string'."
            assert thrown(kv.put, "k") == (
                f"TypeError: Failed to execute 'put' {OWNER}: parameter 2 is not of type 'Value'."
            )
            assert thrown(kv.list, 5) == first.format("list") + "'ListOptions'."

        await inside(durable, "a", body)

    async def test_undefined_is_stored(self, durable):
        async def body(box):
            kv = raw(box).kv
            assert kv.put("u", None) is None
            assert [list(pair) for pair in kv.list()] == [["u", None]]
            assert kv.get("u") is None

        await inside(durable, "a", body)

    async def test_the_sdk_converts(self, durable):
        async def body(box):
            kv = box.ctx.storage.kv
            kv.put("k", {"a": [1, None]})
            assert kv.get("k") == {"a": [1, None]}
            assert list(kv.list(prefix="k")) == [["k", {"a": [1, None]}]]
            assert await box.ctx.storage.get("k") == {"a": [1, None]}

        await inside(durable, "a", body)


class TestIterators:
    async def test_it_is_an_iterator_with_helpers(self, durable):
        async def body(box):
            kv = filled(box)
            entries = kv.list()
            assert str(entries) == "[object ListIterator]"
            first = entries.next()
            assert (first.done, list(first.value)) == (False, ["a", "A"])
            assert [list(pair) for pair in entries.toArray()] == [["b", "B"], ["c", "C"]]
            assert (entries.next().done, entries.next().done) == (True, True)

        await inside(durable, "a", body)

    async def test_it_sees_what_changes_ahead_of_it_and_survives_an_await(self, durable):
        async def body(box):
            kv = filled(box)
            entries = kv.list()
            next(entries)
            kv.delete("b")
            kv.put("bb", 1)
            kv.put("a0", 1)
            await raw(box).sync()
            assert [pair[0] for pair in entries] == ["a0", "bb", "c"]

        await inside(durable, "a", body)

    async def test_breaking_out_of_a_loop_leaves_it_usable(self, durable):
        async def body(box):
            entries = filled(box).list()
            for _ in entries:
                break
            assert [pair[0] for pair in entries] == ["b", "c"]

        await inside(durable, "a", body)

    async def test_another_list_ends_it_for_good(self, durable):
        async def body(box):
            kv = filled(box)
            for other in (kv.list, raw(box).list):
                entries = kv.list()
                next(entries)
                other()
                assert [thrown(entries.next) for _ in range(3)] == [INVALIDATED] * 3

        await inside(durable, "a", body)

    async def test_an_exhausted_one_and_a_provably_empty_other_do_not_count(self, durable):
        async def body(box):
            kv = filled(box)
            done, live = kv.list(limit=1), None
            done.toArray()
            live = kv.list()
            assert done.next().done is True
            kv.list(start="b", end="a")
            await raw(box).list(end="")
            assert len(live.toArray()) == 3

        await inside(durable, "a", body)

    async def test_delete_all_makes_it_fail(self, durable):
        async def body(box):
            entries = filled(box).list()
            next(entries)
            await raw(box).deleteAll()
            for _ in range(2):
                assert thrown(entries.next).startswith(INTERNAL)

        await inside(durable, "a", body)

    async def test_it_survives_a_rollback(self, durable):
        async def body(box):
            kv = filled(box)
            entries = kv.list()
            next(entries)

            def fail():
                kv.put("aa", 1)
                raise ValueError("undo")

            with contextlib.suppress(ValueError):
                raw(box).transactionSync(fail)
            assert [pair[0] for pair in entries] == ["b", "c"]

        await inside(durable, "a", body)


async def test_a_class_without_sql_has_neither(durable):
    async def body(box):
        storage = raw(box)
        kv_text = thrown(storage.kv.get, "a")
        assert kv_text.startswith("Error: The storage.kv (synchronous KV) API is only available")
        for call in (storage.kv.list, lambda: storage.kv.put("a", 1), lambda: storage.kv.delete(1)):
            assert thrown(call) == kv_text
        sql_text = thrown(storage.sql.exec, "SELECT 1")
        assert sql_text.startswith("Error: SQL is not enabled for this Durable Object class. To ")
        assert thrown(lambda: storage.sql.databaseSize) == sql_text
        # A bad argument is told first.
        assert "parameter 1 is not of type 'string'" in thrown(storage.kv.get)
        assert "parameter 1 is not of type 'String'" in thrown(storage.sql.exec)
        assert storage.transactionSync(lambda: 5) == 5
        assert await storage.getCurrentBookmark() == "00000000-00000000-00000000-" + "0" * 32
        await storage.put("k" * 5000, "v" * 200_000)

    await inside(durable, "a", body, cls="Plain")


async def test_without_point_in_time_bookmarks_only_count(durable):
    async def body(box):
        storage = raw(box)
        bookmarks = [await storage.getCurrentBookmark() for _ in range(2)]
        assert bookmarks == [f"00000000-0000000{n}-00000000-{'0' * 32}" for n in (0, 1)]
        text = (
            "Error: This Durable Object's storage back-end does not implement point-in-time "
            "recovery."
        )
        assert await rejected(storage.getBookmarkForTime(0)) == text
        assert await rejected(storage.onNextSessionRestoreBookmark(5)) == text
        refused = "TypeError: Failed to execute '{}' on 'DurableObjectStorage': parameter 1 is not "
        assert await rejected(storage.getBookmarkForTime("x")) == (
            refused.format("getBookmarkForTime") + "of type 'date'."
        )
        assert await rejected(storage.onNextSessionRestoreBookmark()) == (
            refused.format("onNextSessionRestoreBookmark") + "of type 'string'."
        )

    await inside(durable, "a", body)

    async def later(box):
        assert await raw(box).getCurrentBookmark() == f"00000000-00000002-00000000-{'0' * 32}"

    await durable.evict_all()
    await inside(durable, "a", later)
