"""exec and cursors: spec storage §3.2, §3.5, §3.9, §3.10. The texts are in test_sql_golden."""

from __future__ import annotations

import gc

import apsw
import pytest

from emulator.core.values.errors import JsException
from emulator.storage.errors import CommitFailed
from emulator.storage.sql import HELD_MAX

ABORTED = "Error: abort due to ROLLBACK: SQLITE_ABORT (extended: SQLITE_ABORT_ROLLBACK)"
DELETED = "Error: SQLite query was canceled because the database was deleted."


def message(call, *args):
    with pytest.raises(JsException) as caught:
        call(*args)
    return str(caught.value)


@pytest.fixture
def numbers(storage):
    """A committed table n with the rows 1, 2, 3."""
    storage.exec("CREATE TABLE n(a); INSERT INTO n VALUES (1), (2), (3)")
    storage.commit()
    return storage


class TestExec:
    def test_a_change_is_complete_when_exec_returns(self, numbers):
        cursor = numbers.exec("INSERT INTO n VALUES (?)", [4.0])
        assert numbers.exec("SELECT count(*) FROM n").one() == (4,)
        assert cursor.column_names == ()
        assert cursor.next_row() is None

    def test_the_error_of_the_first_row_comes_from_exec(self, numbers):
        overflow = "SELECT abs(-9223372036854775807 - a) FROM n"
        assert message(numbers.exec, overflow) == "Error: integer overflow: SQLITE_ERROR"

    def test_the_error_of_the_second_row_comes_with_the_first(self, numbers):
        cursor = numbers.exec(
            "SELECT abs(CASE a WHEN 2 THEN -9223372036854775808 ELSE a END) FROM n"
        )
        assert message(cursor.next_row) == "Error: integer overflow: SQLITE_ERROR"
        assert cursor.next_row() is None

    def test_statements_before_a_failing_one_stay(self, numbers):
        message(numbers.exec, "INSERT INTO n VALUES (4); INSERT INTO nope VALUES (1)")
        message(numbers.exec, "INSERT INTO n VALUES (5); SELECT ?", [])
        message(numbers.exec, "INSERT INTO n VALUES (6); -- nothing")
        assert numbers.exec("SELECT max(a) FROM n").one() == (6,)

    def test_a_failing_statement_is_undone_alone(self, numbers):
        numbers.exec("CREATE UNIQUE INDEX i ON n(a)")
        message(numbers.exec, "INSERT INTO n VALUES (7), (1)")
        message(numbers.exec, "INSERT OR FAIL INTO n VALUES (8), (1), (9)")
        assert numbers.exec("SELECT a FROM n").rows() == [(1,), (2,), (3,), (8,)]

    def test_a_statement_that_cannot_be_prepared_opens_no_transaction(self, numbers, turn):
        opened = turn.opened
        message(numbers.exec, "INSERT INTO nope VALUES (1)")
        numbers.exec("SELECT * FROM n")
        numbers.exec("PRAGMA foreign_keys = off")
        assert turn.opened == opened
        numbers.exec("INSERT INTO n VALUES (1)")
        numbers.exec("INSERT INTO n VALUES (1)")
        assert turn.opened == opened + 1

    def test_the_text_of_our_own_statements_is_still_asked_about(self, storage):
        storage.kv.put("a", b"1")
        storage.kv.get("a")
        denied = "Error: access to _cf_KV.value is prohibited: SQLITE_AUTH"
        assert message(storage.exec, "SELECT value FROM _cf_KV WHERE key = ?", ["a"]) == denied
        assert message(storage.exec, "COMMIT").startswith("Error: To execute a transaction")
        storage.commit()
        assert storage.kv.get("a") == b"1"

    def test_a_prepared_statement_is_asked_about_again_when_the_schema_changed(self, storage):
        storage.kv.put("a", b"1")
        storage.exec("CREATE TABLE x(value); INSERT INTO x VALUES (5)")
        assert storage.exec("SELECT * FROM x").one() == (5,)
        storage.exec("DROP TABLE x; CREATE VIEW x AS SELECT value FROM _cf_KV")
        assert "prohibited" in message(storage.exec, "SELECT * FROM x")

    def test_a_pragma_that_sets_something_works_only_outside_a_transaction(self, numbers):
        numbers.exec("PRAGMA foreign_keys = off")
        assert numbers.exec("PRAGMA foreign_keys").one() == (0,)
        numbers.exec("INSERT INTO n VALUES (1)")
        numbers.exec("PRAGMA foreign_keys = on")
        assert numbers.exec("PRAGMA foreign_keys").one() == (0,)

    def test_too_much_text_is_refused_before_anything_runs(self, storage):
        too_long = "CREATE TABLE t(a);" + " " * 99_982
        assert message(storage.exec, too_long) == "Error: statement too long: SQLITE_TOOBIG"
        storage.exec(too_long[:-1])
        assert storage.exec("SELECT count(*) FROM t").one() == (0,)

    def test_bytes_count_not_characters(self, storage):
        assert "too long" in message(storage.exec, f"SELECT '{'é' * 50_000}'")


class TestBindings:
    def test_numbers_are_real_and_columns_convert(self, storage):
        storage.exec("CREATE TABLE t(i INTEGER, n NUMERIC, t TEXT, u, b BLOB)")
        storage.exec("INSERT INTO t VALUES (?1, ?1, ?1, ?1, ?1)", [5.0])
        types = storage.exec("SELECT typeof(i), typeof(n), typeof(t), typeof(u), typeof(b) FROM t")
        assert types.one() == ("integer", "integer", "text", "real", "real")
        assert storage.exec("SELECT t FROM t").one() == ("5.0",)

    def test_nan_is_null_and_minus_zero_is_zero(self, storage):
        assert storage.exec("SELECT ?, typeof(?)", [float("nan"), float("nan")]).one() == (
            None,
            "null",
        )
        assert storage.exec("SELECT ?", [float("-inf")]).one() == (float("-inf"),)

    def test_bytes_are_blobs(self, storage):
        assert storage.exec("SELECT ?, typeof(?)", [b"\0\1", b""]).one() == (b"\0\1", "blob")

    def test_nul_in_text_is_kept(self, storage):
        assert storage.exec("SELECT ?", ["a\0b"]).one() == ("a\0b",)

    def test_half_a_surrogate_pair_reads_back_as_on_the_platform(self, storage):
        assert storage.exec("SELECT ?", ["a\ud800"]).one() == ("a���",)
        assert storage.exec("SELECT '\ud800'").one() == ("���",)


class TestText:
    def test_text_that_is_not_utf8_is_read_with_replacements(self, storage):
        storage.exec("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)")
        storage.exec("INSERT INTO t VALUES (1, 'x', 1), (2, CAST(x'ff41' AS TEXT), x'ff')")
        storage.exec("INSERT INTO t VALUES (3, 'z', 2.5)")
        cursor = storage.exec("SELECT a, b FROM t WHERE id > ? ORDER BY id;", [0.0])
        assert cursor.rows() == [("x", 1), ("�A", b"\xff"), ("z", 2.5)]
        assert cursor.column_names == ("a", "b")

    def test_it_is_read_one_by_one_too(self, storage):
        storage.exec("CREATE TABLE t(a); INSERT INTO t VALUES ('x'), (CAST(x'ff' AS TEXT)), (3)")
        cursor = storage.exec("SELECT a FROM t")
        assert [cursor.next_row() for _ in range(4)] == [("x",), ("�",), (3,), None]
        first = storage.exec("SELECT a FROM t WHERE typeof(a) = 'text' AND a != 'x'")
        assert first.one() == ("�",)

    def test_rows_that_cannot_be_computed_twice_are_an_internal_error(self, storage):
        storage.exec("CREATE TABLE t(a)")
        query = "INSERT INTO t VALUES (CAST(x'ff' AS TEXT)) RETURNING a"
        assert message(storage.exec, query).startswith("Error: internal error")


class TestCursor:
    def test_reading_methods_share_one_position(self, numbers):
        cursor = numbers.exec("SELECT a FROM n")
        assert cursor.next_row() == (1,)
        assert cursor.rows() == [(2,), (3,)]
        assert cursor.rows() == []
        assert cursor.next_row() is None
        assert cursor.is_finished

    def test_column_names_keep_duplicates_and_stay_readable(self, numbers):
        cursor = numbers.exec("SELECT a, a, 1 AS b FROM n WHERE a > 5")
        assert cursor.column_names == ("a", "a", "b")

    def test_one_wants_exactly_one(self, numbers):
        assert numbers.exec("SELECT a FROM n WHERE a = 1").one() == (1,)
        none, many = (numbers.exec(f"SELECT a FROM n WHERE a > {low}") for low in (5, 0))
        expected = "Error: Expected exactly one result from SQL query, but got "
        assert message(none.one) == expected + "no results."
        assert message(many.one) == expected + "multiple results."
        assert many.next_row() is None

    def test_the_same_text_run_again_is_an_independent_cursor(self, numbers):
        first = numbers.exec("SELECT a FROM n")
        second = numbers.exec("SELECT a FROM n")
        assert (first.next_row(), second.next_row(), first.next_row()) == ((1,), (1,), (2,))

    def test_a_read_cursor_survives_writes_commits_and_schema_changes(self, numbers):
        cursor = numbers.exec("SELECT a FROM n")
        numbers.exec("INSERT INTO n VALUES (4)")
        numbers.exec("ALTER TABLE n ADD COLUMN z; CREATE INDEX i ON n(a)")
        numbers.commit()
        assert not numbers.is_dirty
        numbers.transaction_sync(lambda: numbers.exec("INSERT INTO n(a) VALUES (5)"))
        assert cursor.rows() == [(1,), (2,), (3,), (4,), (5,)]

    def test_a_table_that_is_being_read_cannot_be_dropped(self, numbers):
        cursor = numbers.exec("SELECT a FROM n")
        locked = "Error: database table is locked: SQLITE_LOCKED"
        assert message(numbers.exec, "DROP TABLE n") == locked
        assert cursor.rows() == [(1,), (2,), (3,)]
        numbers.exec("DROP TABLE n")

    def test_so_is_one_whose_cursor_was_dropped_until_the_turn_is_committed(self, numbers):
        numbers.exec("SELECT a FROM n")
        message(numbers.exec("SELECT a FROM n").one)
        locked = "Error: database table is locked: SQLITE_LOCKED"
        assert message(numbers.exec, "DROP TABLE n") == locked
        numbers.commit()
        gc.collect()  # tracebacks of the errors above
        numbers.exec("DROP TABLE n")

    def test_only_the_last_dropped_ones_are_kept(self, numbers):
        for _ in range(100):
            numbers.exec("SELECT a FROM n")
        assert len(numbers._sql._live) == HELD_MAX

    def roll_back(self, storage):
        def body():
            storage.exec("INSERT INTO n VALUES (4)")
            raise KeyError

        with pytest.raises(KeyError):
            storage.transaction_sync(body)

    def test_a_rollback_ends_it_where_the_schema_had_changed(self, numbers):
        numbers.exec("CREATE TABLE other(a)")
        cursor = numbers.exec("SELECT a FROM n")
        self.roll_back(numbers)
        assert message(cursor.next_row) == ABORTED
        assert cursor.next_row() is None

    def test_other_rollbacks_do_not(self, numbers):
        cursor = numbers.exec("SELECT a FROM n")
        self.roll_back(numbers)
        assert cursor.rows() == [(1,), (2,), (3,)]

    def test_delete_all_ends_it_with_an_error(self, numbers):
        cursor = numbers.exec("SELECT a FROM n")
        ended = numbers.exec("SELECT 1")
        ended.rows()
        numbers.delete_all(keep_alarm=False)
        assert message(cursor.next_row) == DELETED
        assert message(cursor.next_row) == DELETED
        assert message(lambda: cursor.rows_read) == DELETED
        assert cursor.column_names == ("a",)
        assert ended.next_row() is None

    def test_an_unfinished_write_breaks_the_commit(self, numbers):
        numbers.exec("INSERT INTO n VALUES (4) RETURNING a")
        with pytest.raises(CommitFailed) as caught:
            numbers.commit()
        assert str(caught.value.error).startswith("Error: internal error; reference = ")
        assert not numbers.is_dirty
        assert numbers.exec("SELECT count(*) FROM n").one() == (3,)
        numbers.exec("INSERT INTO n VALUES (4)")
        numbers.commit()

    def test_it_breaks_a_synchronous_transaction_too(self, numbers):
        def body():
            numbers.exec("INSERT INTO n VALUES (4) RETURNING a")

        assert message(numbers.transaction_sync, body).startswith("Error: internal error")
        with pytest.raises(CommitFailed):
            numbers.commit()

    def test_a_finished_write_does_not(self, numbers):
        assert numbers.exec("INSERT INTO n VALUES (4), (5) RETURNING a").rows() == [(4,), (5,)]
        numbers.commit()
        assert numbers.exec("SELECT count(*) FROM n").one() == (5,)

    def test_an_unfinished_read_does_not(self, numbers):
        cursor = numbers.exec("SELECT a FROM n")
        numbers.exec("INSERT INTO n VALUES (4)")
        numbers.commit()
        assert cursor.next_row() == (1,)


class TestSurface:
    def test_a_class_without_sql_is_told_how_to_get_it(self, make_storage):
        storage = make_storage(sql_enabled=False)
        text = message(storage.exec, "SELECT 1")
        assert text.startswith("Error: SQL is not enabled for this Durable Object class. To enab")
        assert "directly,set `enableSql = true`" in text
        assert message(lambda: storage.database_size) == text
        assert message(storage.check_sync_kv).startswith(
            "Error: The storage.kv (synchronous KV) API is only available for SQLite-backed"
        )

    def test_the_size_is_that_of_the_pages_in_use(self, storage):
        assert storage.database_size == 4096
        storage.exec("CREATE TABLE t(a)")
        assert storage.database_size == 8192
        storage.exec("INSERT INTO t VALUES (zeroblob(100000))")
        grown = storage.database_size
        storage.exec("DELETE FROM t")
        assert grown > 100_000
        assert storage.database_size == 8192

    def test_counters_are_live(self, numbers):
        cursor = numbers.exec("SELECT a FROM n")
        assert cursor.rows_read == 1
        cursor.next_row()
        assert cursor.rows_read == 2
        written = numbers.exec("INSERT INTO n VALUES (4), (5), (6) RETURNING a")
        written.rows()
        assert written.rows_written == 3

    def test_fts5_and_rtree_work(self, storage):
        storage.exec("CREATE VIRTUAL TABLE f USING fts5(body)")
        storage.exec("INSERT INTO f VALUES ('hello world'), ('goodbye')")
        query = "SELECT highlight(f, 0, '<', '>') FROM f WHERE f MATCH ?"
        assert storage.exec(query, ["hello"]).one() == ("<hello> world",)
        storage.exec("CREATE VIRTUAL TABLE r USING rtree(id, low, high)")
        storage.exec("INSERT INTO r VALUES (1, 0, 5)")
        assert storage.exec("SELECT id FROM r WHERE high > ?", [4.0]).one() == (1,)
        storage.commit()

    def test_a_foreign_connection_sees_what_was_committed(self, numbers, tmp_path):
        numbers.exec("INSERT INTO n VALUES (4)")
        other = apsw.Connection(str(tmp_path / "object.sqlite"))
        assert other.execute("SELECT count(*) FROM n").get == 3
        numbers.commit()
        assert other.execute("SELECT count(*) FROM n").get == 4
        other.close()


class TestMoreLimits:
    def test_triggers_nest_ten_deep(self, storage):
        storage.exec(
            "CREATE TABLE t(a); PRAGMA recursive_triggers = ON;"
            "CREATE TRIGGER x AFTER INSERT ON t WHEN new.a < 50"
            " BEGIN INSERT INTO t VALUES (new.a + 1); END"
        )
        storage.exec("INSERT INTO t VALUES (41)")
        with pytest.raises(JsException, match=r"^Error: triggers nested too deep: SQLITE_ERROR$"):
            storage.exec("INSERT INTO t VALUES (40)")

    def test_a_program_may_be_as_long_as_its_text_allows(self, storage):
        rows = storage.exec("VALUES " + "(1)," * 20_000 + "(1)").rows()
        assert len(rows) == 20_001

    def test_nothing_can_be_attached(self, storage):
        with pytest.raises(JsException, match=r"^Error: not authorized: SQLITE_AUTH$"):
            storage.exec("ATTACH ':memory:' AS other")
