"""Transactions as user code sees them: spec storage §4.1 to §4.4, §4.6."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from emulator.core.values import JsException
from tests.storage_runtime.inside import (
    container,
    inside,
    inside_worker,
    raw,
    rejected,
    sleep,
    thrown,
)

pytestmark = inside_worker()

INTERNAL = "Error: internal error; reference = "
COMMITTED = (
    "Error: Cannot call {}() on transaction that has already committed: did you move `txn` outside "
    "of the closure?"
)
NO_DELETE_ALL = "Error: Cannot call deleteAll() within a transaction"
CONSTRAINTS = (
    "Error: Durable Object was reset and rolled back to its last known good state because the "
    "application left the database in a state where constraints were violated: FOREIGN KEY "
    "constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)"
)
OPERATIONS = ("get", "put", "list", "delete", "getAlarm", "setAlarm", "deleteAlarm")
ARGUMENTS = {"get": ["k"], "put": ["k", 1], "delete": ["k"], "setAlarm": [5e12]}


class Undo(Exception):
    """What the tests raise to end a transaction badly."""


def undo(*_):
    raise Undo


async def keys(durable, name="a", cls="Box"):
    return await inside(durable, name, listed, cls=cls)


async def listed(box):
    return "".join(await box.ctx.storage.list())


class TestSync:
    async def test_it_gives_the_callbacks_value_and_passes_no_argument(self, durable):
        async def body(box):
            seen = []
            assert raw(box).transactionSync(lambda *args: seen.append(args) or 5) == 5
            assert seen == [()]

        await inside(durable, "a", body)

    async def test_what_is_raised_undoes_everything_and_comes_through(self, durable):
        async def body(box):
            storage = raw(box)
            storage.kv.put("a", 1)

            def fail():
                storage.kv.put("b", 1)
                storage.sql.exec("CREATE TABLE t(x)")
                storage.put("c", 1)
                storage.setAlarm(5e12)
                raise Undo

            with pytest.raises(Undo):
                storage.transactionSync(fail)
            assert await listed(box) == "a"
            assert await box.ctx.storage.getAlarm() is None
            assert "no such table" in thrown(storage.sql.exec, "SELECT * FROM t")

        await inside(durable, "a", body)
        assert await keys(durable) == "a"

    async def test_an_inner_one_is_undone_alone_an_outer_one_with_it(self, durable):
        async def body(box):
            storage = raw(box)

            def outer(fails):
                storage.kv.put("o", 1)
                with pytest.raises(Undo):
                    storage.transactionSync(lambda: (storage.kv.put("i", 1), undo()))
                storage.transactionSync(lambda: storage.kv.put("j", 1))
                if fails:
                    raise Undo

            storage.transactionSync(lambda: outer(fails=False))
            assert await listed(box) == "jo"
            await storage.deleteAll()
            with pytest.raises(Undo):
                storage.transactionSync(lambda: outer(fails=True))
            assert await listed(box) == ""

        await inside(durable, "a", body)

    async def test_delete_all_inside_deletes_and_fails_but_the_object_lives(self, durable):
        async def body(box):
            storage = raw(box)
            storage.kv.put("a", 1)
            assert thrown(storage.transactionSync, storage.deleteAll).startswith(INTERNAL)
            assert await listed(box) == ""
            await storage.put("b", 1)
            box.lives = True

        await inside(durable, "a", body)
        assert await keys(durable) == "b"
        assert await inside(durable, "a", lambda box: box.lives)

    async def test_an_asynchronous_callback_is_outside_after_its_first_part(self, durable):
        async def body(box):
            storage = raw(box)

            async def late():
                storage.kv.put("late", 1)
                raise Undo

            promise = storage.transactionSync(late)
            with pytest.raises(Undo):
                await promise
            assert await listed(box) == "late"

        await inside(durable, "a", body)


class TestImplicit:
    async def test_an_exception_from_a_handler_undoes_nothing(self, durable):
        async def body(box):
            await box.ctx.storage.put("a", 1)
            raise Undo

        with pytest.raises(Undo):
            await inside(durable, "a", body)
        assert await keys(durable) == "a"

    async def test_writes_of_a_turn_are_one_transaction_over_storage_awaits(self, durable):
        async def body(box):
            storage = raw(box)
            await storage.put("a", 1)
            await storage.get("a")
            assert container(durable).sqlite.is_dirty
            await storage.sync()
            assert not container(durable).sqlite.is_dirty

        await inside(durable, "a", body)

    async def test_an_unread_read_cursor_does_not_prevent_the_commit(self, durable):
        async def body(box):
            box.ctx.storage.sql.exec("CREATE TABLE t(x); INSERT INTO t VALUES (1), (2)")
            box.cursor = raw(box).sql.exec("SELECT * FROM t")

        await inside(durable, "a", body)
        assert await inside(durable, "a", lambda box: box.cursor.next().value.x) == 1

    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO t VALUES (5) RETURNING x",
            "INSERT OR ROLLBACK INTO t VALUES (1)",
        ],
    )
    async def test_what_breaks_the_commit_resets_the_object(self, durable, statement):
        async def prepare(box):
            box.ctx.storage.sql.exec("CREATE TABLE t(x UNIQUE); INSERT INTO t VALUES (1)")

        async def body(box):
            box.mark = True
            raw(box).kv.put("before", 1)
            with contextlib.suppress(JsException):  # the conflict
                box.cursor = raw(box).sql.exec(statement)

        await inside(durable, "a", prepare)
        assert (await rejected(inside(durable, "a", body))).startswith(INTERNAL)
        assert await keys(durable) == ""
        assert not await inside(durable, "a", lambda box: hasattr(box, "mark"))
        rows = await inside(durable, "a", count)
        assert rows == 1

    async def test_a_broken_deferred_constraint_resets_the_object_with_its_words(self, durable):
        async def body(box):
            box.mark = True
            await box.ctx.storage.put("a", 1)
            box.ctx.storage.sql.exec("INSERT INTO f VALUES (5)")

        await inside(durable, "a", make_foreign_key)
        assert await rejected(inside(durable, "a", body)) == CONSTRAINTS
        assert await keys(durable) == ""
        assert not await inside(durable, "a", lambda box: hasattr(box, "mark"))

    async def test_foreign_keys_can_be_switched_off_only_before_a_write(self, durable):
        async def body(box):
            sql = box.ctx.storage.sql
            sql.exec("INSERT INTO p VALUES (1)")
            sql.exec("PRAGMA foreign_keys = OFF")
            assert sql.exec("PRAGMA foreign_keys").one()["foreign_keys"] == 1

        await inside(durable, "a", make_foreign_key)
        await inside(durable, "a", body)


async def make_foreign_key(box):
    box.ctx.storage.sql.exec(
        "CREATE TABLE p(id INTEGER PRIMARY KEY);"
        "CREATE TABLE f(a REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)"
    )


def count(box):
    return box.ctx.storage.sql.exec("SELECT count(*) AS n FROM t").one()["n"]


class TestAsync:
    async def test_the_callbacks_value_is_the_result(self, durable):
        async def body(box):
            async def slow(txn):
                await sleep(1)
                return {"n": 1}

            assert await box.ctx.storage.transaction(lambda txn: 5) == 5
            assert await box.ctx.storage.transaction(slow) == {"n": 1}

        await inside(durable, "a", body)

    async def test_everything_inside_belongs_to_it(self, durable):
        async def body(box):
            storage = raw(box)
            await storage.put("a", 1)

            async def fail(txn):
                await txn.put("b", 1)
                await storage.put("c", 1)
                storage.kv.put("d", 1)
                storage.sql.exec("CREATE TABLE t(x)")
                storage.transactionSync(lambda: storage.kv.put("e", 1))
                await storage.setAlarm(5e12)
                assert await storage.get("b") == 1
                assert await listed(box) == "abcde"
                raise Undo

            assert await rejected(storage.transaction(fail)) != ""
            assert await listed(box) == "a"
            assert await box.ctx.storage.getAlarm() is None
            box.lives = True

        await inside(durable, "a", body)
        assert await keys(durable) == "a"
        assert await inside(durable, "a", lambda box: box.lives)

    async def test_writes_around_the_call_in_the_same_turn_are_outside(self, durable):
        async def body(box):
            storage = raw(box)
            await storage.put("before", 1)
            promise = storage.transaction(lambda txn: (storage.kv.put("in", 1), undo()))
            await storage.put("after", 1)
            await rejected(promise)
            assert await box.ctx.storage.list() == {"after": 1, "before": 1}

        await inside(durable, "a", body)

    async def test_it_is_alone_and_calls_queue(self, durable):
        seen = []

        async def body(box):
            async def slow(txn):
                seen.append("begins")
                await sleep(5)
                seen.append("ends")

            first = raw(box).transaction(slow)
            second = raw(box).transaction(slow)
            await first
            await second

        async def late():
            await durable.clock.advance(1)
            await inside(durable, "a", lambda box: seen.append("other"))

        await asyncio.gather(inside(durable, "a", body), late())
        assert seen == ["begins", "ends", "begins", "ends", "other"]

    async def test_rollback_undoes_so_far_and_is_idempotent(self, durable):
        async def body(box):
            storage = raw(box)

            async def part(txn):
                await txn.put("gone", 1)
                assert txn.rollback() is None
                txn.rollback()
                for name in OPERATIONS:
                    refused = await rejected(getattr(txn, name)(*ARGUMENTS.get(name, [])))
                    assert refused == f"Error: Cannot {name}() on rolled back transaction"
                await storage.put("kept", 1)

            await storage.transaction(part)
            assert await box.ctx.storage.list() == {"kept": 1}

        await inside(durable, "a", body)
        assert await keys(durable) == "kept"

    async def test_txn_is_of_no_use_after_the_commit(self, durable):
        async def body(box):
            escaped = []
            await raw(box).transaction(escaped.append)
            txn = escaped[0]
            for name in OPERATIONS:
                refused = await rejected(getattr(txn, name)(*ARGUMENTS.get(name, [])))
                assert refused == COMMITTED.format(name)
            assert thrown(txn.rollback) == COMMITTED.format("rollback")
            assert await rejected(txn.deleteAll()) == NO_DELETE_ALL

        await inside(durable, "a", body)

    async def test_delete_all_is_refused(self, durable):
        async def body(box):
            async def inner(txn):
                assert await rejected(txn.deleteAll()) == NO_DELETE_ALL
                assert await rejected(raw(box).deleteAll()) == NO_DELETE_ALL

            await raw(box).put("a", 1)
            await raw(box).transaction(inner)
            assert await listed(box) == "a"

        await inside(durable, "a", body)

    async def test_a_nested_one_is_undone_alone(self, durable):
        async def body(box):
            storage = raw(box)

            async def inner(txn):
                await txn.put("inner", 1)
                raise Undo

            async def outer(txn):
                await txn.put("a", 1)
                await rejected(storage.transaction(inner))
                assert await listed(box) == "a"
                await storage.transaction(lambda txn: storage.kv.put("b", 1))

            await storage.transaction(outer)
            assert await listed(box) == "ab"

        await inside(durable, "a", body)
        assert await keys(durable) == "ab"

    async def test_the_outer_one_cannot_be_rolled_back_meanwhile(self, durable):
        async def body(box):
            storage = raw(box)
            seen = []

            async def outer(txn):
                await storage.transaction(lambda inner: seen.append(thrown(txn.rollback)))

            await storage.transaction(outer)
            assert seen == [
                "Error: Cannot roll back an outer transaction while a nested transaction is still "
                "running."
            ]

        await inside(durable, "a", body)

    async def test_after_30_seconds_the_object_is_reset_and_the_data_rolled_back(self, durable):
        async def body(box):
            async def endless(txn):
                await txn.put("b", 1)
                await sleep(100)

            await raw(box).put("a", 1)
            await raw(box).transaction(endless)

        text = await rejected(inside(durable, "a", body))
        assert text == (
            "Error: A call to blockConcurrencyWhile() in a Durable Object waited for too long. The "
            "call was canceled and the Durable Object was reset."
        )
        assert await keys(durable) == "a"

    async def test_a_broken_constraint_is_an_internal_error_and_resets(self, durable):
        async def body(box):
            box.mark = True
            await raw(box).transaction(lambda txn: raw(box).sql.exec("INSERT INTO f VALUES (5)"))

        await inside(durable, "a", make_foreign_key)
        assert (await rejected(inside(durable, "a", body))).startswith(INTERNAL)
        assert not await inside(durable, "a", lambda box: hasattr(box, "mark"))

    async def test_an_alarm_set_inside_fires(self, durable):
        async def body(box):
            now = durable.clock.now_ms
            await raw(box).transaction(lambda txn: txn.setAlarm(now + 5000))

        await inside(durable, "a", body)
        assert next_alarm(durable) == durable.clock.now_ms + 5000

    async def test_an_alarm_deleted_inside_does_not(self, durable):
        async def body(box):
            await raw(box).setAlarm(durable.clock.now_ms + 5000)
            await raw(box).transaction(lambda txn: txn.deleteAlarm())

        await inside(durable, "a", body)
        assert next_alarm(durable) is None


def next_alarm(durable):
    found = container(durable)
    return found.namespace.alarms.next_due_ms(found.id)


class TestAbort:
    async def test_it_drops_the_turn_and_what_was_unconfirmed_but_not_what_was_synced(
        self, durable
    ):
        async def body(box):
            await box.ctx.storage.put("a", 1)
            await box.ctx.storage.sync()
            await box.ctx.storage.put("b", 1)
            await box.ctx.storage.put("c", 1, allowUnconfirmed=True)
            box.ctx.abort("why")

        assert await rejected(inside(durable, "a", body)) == "Error: why"
        assert await keys(durable) == "a"

    async def test_inside_a_transaction_all_of_it_is_gone(self, durable):
        async def body(box):
            async def inner(txn):
                await txn.put("b", 1)
                await sleep(1)
                box.ctx.abort()

            await raw(box).transaction(inner)

        text = await rejected(inside(durable, "a", body))
        assert text == "Error: Application called abort() to reset Durable Object."
        assert await keys(durable) == ""

    async def test_a_section_that_fails_undoes_its_last_turn_and_no_more(self, durable):
        async def body(box):
            async def section():
                await box.ctx.storage.put("a", 1)
                await sleep(0)
                await box.ctx.storage.put("b", 1)
                raise Undo

            box.mark = True
            await box.ctx.blockConcurrencyWhile(section)

        await rejected(inside(durable, "a", body))
        assert await keys(durable) == "a"
        assert not await inside(durable, "a", lambda box: hasattr(box, "mark"))


class TestOutput:
    """What leaves: another object that is told, in order and only after the commit."""

    async def test_a_call_waits_for_the_commit_and_is_dropped_with_the_object(self, durable):
        seen = []

        async def body(box):
            await box.ctx.storage.put("a", 1)
            container(durable).instance.emit(seen.append, "held")
            raw(box).kv.put("b", 1)
            box.ctx.abort()

        await rejected(inside(durable, "a", body))
        await durable.settle()
        assert seen == []

    async def test_an_unconfirmed_write_holds_nothing(self, durable):
        seen = []

        async def body(box):
            await box.ctx.storage.put("a", 1, allowUnconfirmed=True)
            await box.ctx.storage.put({"b": 1}, allowUnconfirmed=True)
            await box.ctx.storage.delete("b", allowUnconfirmed=True)
            await box.ctx.storage.setAlarm(5e12, allowUnconfirmed=True)
            container(durable).instance.emit(seen.append, "leaves")
            assert seen == ["leaves"]
            assert container(durable).sqlite.is_dirty

        await inside(durable, "a", body)
        assert await keys(durable) == "a"

    @pytest.mark.parametrize(
        "write",
        [
            lambda storage: storage.put("b", 1),
            lambda storage: storage.kv.put("b", 1),
            lambda storage: storage.kv.delete("b"),
            lambda storage: storage.sql.exec("CREATE TABLE t(x)"),
            lambda storage: storage.setAlarm(5e12),
            lambda storage: storage.deleteAll(),
            lambda storage: storage.transactionSync(lambda: storage.kv.put("b", 1)),
        ],
        ids=["put", "kv put", "kv delete", "sql", "alarm", "delete all", "transaction"],
    )
    async def test_a_confirmed_write_after_it_holds_again(self, durable, write):
        seen = []

        async def body(box):
            await box.ctx.storage.put("a", 1, allowUnconfirmed=True)
            write(raw(box))
            container(durable).instance.emit(seen.append, "waits")
            assert seen == []
            await box.ctx.storage.sync()
            await sleep(0)
            assert seen == ["waits"]

        await inside(durable, "a", body)

    async def test_reading_after_it_does_not(self, durable):
        seen = []

        async def body(box):
            await box.ctx.storage.put("a", 1, allowUnconfirmed=True)
            raw(box).sql.exec("SELECT 1")
            container(durable).instance.emit(seen.append, "leaves")
            assert seen == ["leaves"]

        await inside(durable, "a", body)

    async def test_sync_waits_for_it_too_and_lets_others_in(self, durable):
        seen = []

        async def body(box):
            await box.ctx.storage.put("a", 1, allowUnconfirmed=True)
            await box.ctx.storage.sync()
            assert not container(durable).sqlite.is_dirty
            seen.append("synced")

        async def other(box):
            seen.append("other")

        await asyncio.gather(inside(durable, "a", body), inside(durable, "a", other))
        assert seen == ["other", "synced"]

    async def test_sync_with_nothing_to_wait_for_is_settled(self, durable):
        async def body(box):
            assert raw(box).sync().done()

        await inside(durable, "a", lambda box: None)
        await inside(durable, "a", body)


class TestDeleteAll:
    @inside_worker(compatibility_date="2026-02-23")
    async def test_an_older_date_keeps_the_alarm(self, durable):
        due_ms = durable.clock.now_ms + 60_000
        assert await self.after_delete_all(durable, due_ms) == (due_ms, ["_cf_METADATA"])
        assert next_alarm(durable) == due_ms

    @inside_worker(compatibility_date="2026-02-24")
    async def test_a_newer_one_deletes_it_too(self, durable):
        due_ms = durable.clock.now_ms + 60_000
        assert await self.after_delete_all(durable, due_ms) == (None, [])
        assert next_alarm(durable) is None

    @inside_worker(
        compatibility_date="2026-02-23",
        compatibility_flags=["python_workers", "delete_all_deletes_alarm"],
    )
    async def test_a_flag_decides_before_the_date(self, durable):
        due_ms = durable.clock.now_ms + 60_000
        assert await self.after_delete_all(durable, due_ms) == (None, [])

    async def after_delete_all(self, durable, due_ms):
        async def body(box):
            storage = box.ctx.storage
            await storage.put("a", 1)
            await storage.setAlarm(due_ms)
            storage.sql.exec("CREATE TABLE t(x)")
            await storage.sync()
            await storage.deleteAll()
            names = storage.sql.exec("SELECT name FROM sqlite_master").toArray()
            return await storage.getAlarm(), [row["name"] for row in names]

        return await inside(durable, "a", body)
