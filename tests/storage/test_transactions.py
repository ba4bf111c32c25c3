"""Transactions: spec storage §4.1, §4.3, §4.4."""

from __future__ import annotations

import apsw
import pytest

from emulator.core.values.errors import JsException
from emulator.storage.errors import CommitFailed
from emulator.storage.kv import KvRange

INTERNAL = r"^Error: internal error; reference = r{24}$"


def keys(storage):
    return "".join(key for key, _ in storage.kv.list(KvRange.of()))


def test_its_value_is_passed_on_and_its_writes_stay(storage, turn):
    assert storage.transaction_sync(lambda: storage.kv.put("a", b"")) is None
    assert storage.transaction_sync(lambda: 5) == 5
    assert turn.opened == 1
    storage.commit()
    assert keys(storage) == "a"


def test_a_throw_undoes_everything_of_it_and_nothing_else(storage):
    storage.kv.put("a", b"")
    storage.exec("CREATE TABLE t(a)")

    def body():
        storage.kv.put("b", b"")
        storage.exec("INSERT INTO t VALUES (1)")
        storage.set_alarm_ns(5)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        storage.transaction_sync(body)
    assert keys(storage) == "a"
    assert storage.exec("SELECT count(*) FROM t").one() == (0,)
    assert storage.get_alarm_ns() is None
    storage.commit()
    assert keys(storage) == "a"


def test_tables_made_inside_are_undone_with_it(storage):
    def body():
        storage.kv.put("b", b"")
        storage.next_bookmark()
        raise KeyError

    with pytest.raises(KeyError):
        storage.transaction_sync(body)
    assert storage.kv.get("b") is None
    assert storage.kv.delete("b") is False
    storage.set_alarm_ns(7)
    assert storage.get_alarm_ns() == 7


def test_an_inner_rollback_is_independent_and_an_outer_one_undoes_all(storage):
    def fail():
        storage.kv.put("x", b"")
        raise KeyError

    def outer():
        storage.kv.put("a", b"")
        with pytest.raises(KeyError):
            storage.transaction_sync(fail)
        storage.transaction_sync(lambda: storage.kv.put("b", b""))

    storage.transaction_sync(outer)
    assert keys(storage) == "ab"

    def outer_fails():
        storage.transaction_sync(lambda: storage.kv.put("c", b""))
        raise KeyError

    with pytest.raises(KeyError):
        storage.transaction_sync(outer_fails)
    assert keys(storage) == "ab"


def test_it_works_without_sql(make_storage):
    storage = make_storage(sql_enabled=False)
    storage.transaction_sync(lambda: storage.kv.put("a", b""))
    assert keys(storage) == "a"


def test_delete_all_inside_deletes_and_then_fails(storage):
    storage.kv.put("a", b"")
    storage.commit()
    with pytest.raises(JsException, match=INTERNAL):
        storage.transaction_sync(lambda: storage.delete_all(keep_alarm=False))
    assert keys(storage) == ""
    storage.kv.put("b", b"")
    storage.commit()
    assert keys(storage) == "b"


def test_delete_all_inside_and_a_throw_passes_the_throw_on(storage):
    def body():
        storage.delete_all(keep_alarm=False)
        raise KeyError

    with pytest.raises(KeyError):
        storage.transaction_sync(body)
    storage.commit()


class TestAsync:
    def test_its_writes_are_on_disk_when_it_ends(self, storage, turn, tmp_path):
        depth = storage.begin_transaction()
        storage.kv.put("a", b"1")
        storage.exec("CREATE TABLE t(a)")
        assert (depth, storage.transaction_depth, storage.is_dirty) == (0, 1, False)
        assert turn.opened == 0
        storage.commit_transaction(depth)
        assert storage.transaction_depth == 0
        other = apsw.Connection(str(tmp_path / "object.sqlite"))
        assert other.execute("SELECT key FROM _cf_KV").get == "a"
        other.close()
        storage.kv.put("b", b"")
        assert storage.is_dirty

    def test_a_rollback_undoes_every_kind_of_write(self, storage):
        depth = storage.begin_transaction()
        storage.kv.put("a", b"1")
        storage.exec("CREATE TABLE t(a)")
        storage.transaction_sync(lambda: storage.kv.put("b", b"1"))
        storage.set_alarm_ns(5)
        storage.rollback_transaction(depth)
        assert keys(storage) == ""
        assert storage.get_alarm_ns() is None
        assert storage.exec("SELECT name FROM sqlite_master").rows() == []
        assert not storage.is_dirty

    def test_nested_ones_are_savepoints(self, storage):
        outer = storage.begin_transaction()
        storage.kv.put("a", b"")
        inner = storage.begin_transaction()
        storage.kv.put("b", b"")
        storage.rollback_transaction(inner)
        inner = storage.begin_transaction()
        storage.kv.put("c", b"")
        storage.commit_transaction(inner)
        assert (outer, inner) == (0, 1)
        storage.commit_transaction(outer)
        assert keys(storage) == "ac"

    def test_after_a_restart_it_goes_on(self, storage):
        depth = storage.begin_transaction()
        storage.kv.put("a", b"")
        storage.restart_transaction(depth)
        storage.restart_transaction(depth)
        storage.kv.put("b", b"")
        storage.commit_transaction(depth)
        assert keys(storage) == "b"

    def test_pending_writes_come_first(self, storage):
        storage.kv.put("a", b"")
        with pytest.raises(AssertionError, match="pending writes commit first"):
            storage.begin_transaction()

    def test_a_violated_constraint_undoes_it(self, storage):
        make_tables(storage)
        depth = storage.begin_transaction()
        storage.kv.put("a", b"")
        storage.exec("INSERT INTO child VALUES (5)")
        with pytest.raises(JsException, match=INTERNAL):
            storage.commit_transaction(depth)
        assert storage.transaction_depth == 0
        assert keys(storage) == ""

    def test_a_reset_undoes_all_depths(self, storage):
        storage.begin_transaction()
        storage.kv.put("a", b"")
        storage.begin_transaction()
        storage.kv.put("b", b"")
        storage.rollback()
        assert (storage.transaction_depth, keys(storage)) == (0, "")
        storage.kv.put("c", b"")
        assert storage.is_dirty


def make_tables(storage):
    storage.exec(
        "CREATE TABLE parent(id INTEGER PRIMARY KEY);"
        "CREATE TABLE child(p REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED);"
        "CREATE TABLE u(a UNIQUE); INSERT INTO u VALUES (1)"
    )
    storage.commit()


class TestCommitFailures:
    def test_a_deferred_constraint_is_told_in_full(self, storage):
        make_tables(storage)
        storage.kv.put("a", b"")
        storage.exec("INSERT INTO child VALUES (5)")
        with pytest.raises(CommitFailed) as caught:
            storage.commit()
        assert str(caught.value.error) == (
            "Error: Durable Object was reset and rolled back to its last known good state because "
            "the application left the database in a state where constraints were violated: "
            "FOREIGN KEY constraint failed: SQLITE_CONSTRAINT "
            "(extended: SQLITE_CONSTRAINT_FOREIGNKEY)"
        )
        assert not storage.is_dirty
        assert keys(storage) == ""

    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT OR ROLLBACK INTO u VALUES (1)",
            "CREATE TRIGGER t BEFORE INSERT ON u BEGIN SELECT RAISE(ROLLBACK, 'no'); END;"
            "INSERT INTO u VALUES (2)",
        ],
    )
    def test_a_statement_that_rolls_back_lets_later_writes_through_and_breaks(
        self, storage, statement
    ):
        make_tables(storage)
        storage.kv.put("a", b"")
        with pytest.raises(JsException, match="SQLITE_CONSTRAINT"):
            storage.exec(statement)
        assert storage.is_dirty
        storage.kv.put("b", b"")
        with pytest.raises(CommitFailed) as caught:
            storage.commit()
        assert str(caught.value.error).startswith("Error: internal error; reference = ")
        assert keys(storage) == "b"

    def test_one_inside_transaction_sync_fails_it(self, storage):
        make_tables(storage)

        def body():
            with pytest.raises(JsException):
                storage.exec("INSERT OR ROLLBACK INTO u VALUES (1)")

        with pytest.raises(JsException, match=INTERNAL):
            storage.transaction_sync(body)
        with pytest.raises(CommitFailed):
            storage.commit()

    def test_a_full_disk_undoes_the_transaction_and_breaks_it(self, storage):
        storage.kv.put("a", b"")
        storage.commit()
        storage.exec("CREATE TABLE big(a)")
        storage.commit()
        storage._session.execute("PRAGMA max_page_count = 10")

        def body():
            with pytest.raises(JsException) as caught:
                storage.exec("INSERT INTO big VALUES (zeroblob(100000))")
            assert str(caught.value) == "Error: database or disk is full: SQLITE_FULL"

        storage.kv.put("b", b"")
        with pytest.raises(JsException) as caught:
            storage.transaction_sync(body)
        # SQLite undid the statement alone if it could, the transaction if it could not.
        if storage._session.had_critical_error:
            assert str(caught.value) == (
                "Error: Cannot commit transaction due to an earlier SQL critical error"
            )
            with pytest.raises(CommitFailed):
                storage.commit()
            assert keys(storage) == "a"
