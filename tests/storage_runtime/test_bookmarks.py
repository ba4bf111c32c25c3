"""Point in time with `dev.pitr`: spec storage §5 and the platform's documented API."""

from __future__ import annotations

import re

from tests.storage_runtime.inside import (
    MIGRATIONS,
    SOURCE,
    container,
    hooks,
    inside,
    inside_worker,
    raw,
    rejected,
)

pytestmark = inside_worker(dev={"pitr": True})

BOOKMARK = re.compile(r"[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}")


async def put(durable, value):
    """Store a value; the bookmark of what is stored then."""

    async def body(box):
        await box.ctx.storage.put("k", value)
        return await box.ctx.storage.getCurrentBookmark()

    return await inside(durable, "a", body)


async def get(durable):
    return await inside(durable, "a", lambda box: box.ctx.storage.get("k"))


async def restore(durable, bookmark):
    """Ask for a restore and restart the object, as the documentation says; the undo bookmark."""
    undo = []

    async def body(box):
        undo.append(await box.ctx.storage.onNextSessionRestoreBookmark(bookmark))
        box.ctx.abort()

    await rejected(inside(durable, "a", body))
    return undo[0]


async def test_a_bookmark_restores_what_was_stored_and_the_undo_bookmark_undoes_it(durable):
    first = await put(durable, 1)
    second = await put(durable, 2)
    assert BOOKMARK.fullmatch(first)
    assert first < second
    undo = await restore(durable, first)
    assert await get(durable) == 1
    await restore(durable, undo)
    assert await get(durable) == 2


async def test_what_is_committed_after_asking_is_in_the_undo_bookmark(durable):
    first = await put(durable, 1)
    undo = await inside(
        durable, "a", lambda box: box.ctx.storage.onNextSessionRestoreBookmark(first)
    )
    await put(durable, 2)
    assert await get(durable) == 2
    await durable.evict_all()
    assert await get(durable) == 1
    await restore(durable, undo)
    assert await get(durable) == 2


async def test_sql_and_the_alarm_are_restored_too(durable):
    due_ms = durable.clock.now_ms + 60_000
    ran = []

    async def note(box, info):
        ran.append(info.scheduledTime)

    async def body(box):
        box.ctx.storage.sql.exec("CREATE TABLE t(x); INSERT INTO t VALUES ('old')")
        await box.ctx.storage.setAlarm(due_ms)
        return await box.ctx.storage.getCurrentBookmark()

    hooks(durable)["alarm"] = note
    bookmark = await inside(durable, "a", body)
    await inside(durable, "a", lambda box: box.ctx.storage.deleteAll())
    await restore(durable, bookmark)
    rows = await inside(
        durable, "a", lambda box: box.ctx.storage.sql.exec("SELECT x FROM t").toArray()
    )
    assert rows == [{"x": "old"}]
    await durable.clock.advance(61)
    assert ran == [due_ms]


async def test_a_time_has_a_bookmark(durable):
    await put(durable, 1)
    then_ms = durable.clock.now_ms
    await durable.clock.advance(100)
    await put(durable, 2)

    async def body(box):
        from js import Date

        storage = box.ctx.storage
        bookmark = await storage.getBookmarkForTime(then_ms + 50_000)
        assert bookmark == await raw(box).getBookmarkForTime(Date.new(then_ms + 50_000))
        return bookmark

    bookmark = await inside(durable, "a", body)
    await restore(durable, bookmark)
    assert await get(durable) == 1


async def test_before_anything_was_stored_there_was_an_empty_object(durable):
    await put(durable, 1)

    async def body(box):
        return await box.ctx.storage.getBookmarkForTime(0)

    await restore(durable, await inside(durable, "a", body))
    assert await get(durable) is None


async def test_what_is_no_bookmark_is_refused(durable):
    async def body(box):
        assert await rejected(raw(box).onNextSessionRestoreBookmark("x")) == (
            "Error: The bookmark is not one of this Durable Object."
        )

    await inside(durable, "a", body)


async def test_a_transaction_has_the_bookmark_of_before_it(durable):
    before = await put(durable, 1)

    async def body(box):
        async def inner(txn):
            await txn.put("k", 2)
            return await box.ctx.storage.getCurrentBookmark()

        return await box.ctx.storage.transaction(inner)

    assert await inside(durable, "a", body) == before
    assert await inside(durable, "a", lambda box: box.ctx.storage.getCurrentBookmark()) > before


async def test_other_tools_see_no_more_files_than_ever(durable):
    await put(durable, 1)
    folder = container(durable).sqlite.path.parent
    names = {path.suffix for path in folder.iterdir()}
    assert names == {".sqlite", ".sqlite-wal", ".sqlite-shm", ".pitr"}
    assert list(container(durable).namespace.stored_ids()) == [container(durable).id]


def test_a_restore_that_was_asked_for_happens_at_the_next_start_of_the_process(worlds):
    worlds.write(SOURCE, migrations=MIGRATIONS, dev={"pitr": True})

    async def first(durable):
        bookmark = await put(durable, 1)
        await put(durable, 2)
        await inside(
            durable, "a", lambda box: box.ctx.storage.onNextSessionRestoreBookmark(bookmark)
        )

    async def second(durable):
        assert await get(durable) == 1

    worlds.run(first)
    worlds.run(second)


async def test_a_past_that_cannot_be_kept_harms_nothing(durable, capsys):
    await put(durable, 1)
    container(durable).history.path.write_bytes(b"garbage" * 1000)
    await inside(durable, "a", lambda box: box.ctx.storage.put("k", 2))
    assert ".pitr: cannot be used" in capsys.readouterr().err
    assert await get(durable) == 2
