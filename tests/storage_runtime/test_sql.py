"""`ctx.storage.sql`: spec storage §3.1 to §3.5, as user code sees it."""

from __future__ import annotations

import pytest

from tests.storage_runtime.inside import inside, inside_worker, raw, thrown

# What is announced as a trap is measured here all the same.
pytestmark = [
    inside_worker(),
    pytest.mark.filterwarnings("ignore::emulator.errors.CompatWarning"),
]


async def bound(durable, make):
    """`typeof(?)` and `quote(?)` of the values that `make()` gives inside an object."""

    async def body(box):
        return [
            list(raw(box).sql.exec("SELECT typeof(?), quote(?1)", value).raw().next().value)
            for value in make()
        ]

    return await inside(durable, "a", body)


class TestBindings:
    async def test_numbers_are_real(self, durable):
        values = await bound(durable, lambda: [1.5, float("nan"), -0.0, 2.0**53, 7])
        assert values == [
            *(["real", "1.5"], ["null", "NULL"], ["real", "0.0"]),
            *(["real", "9007199254740992.0"], ["real", "7.0"]),
        ]

    async def test_booleans_are_text(self, durable):
        assert await bound(durable, lambda: [True, False]) == [
            ["text", "'true'"],
            ["text", "'false'"],
        ]

    async def test_null_and_undefined_are_null(self, durable):
        def make():
            from pyodide.ffi import jsnull

            return [jsnull, None]

        assert await bound(durable, make) == [["null", "NULL"]] * 2

    async def test_buffers_and_views_are_blobs_of_the_view_alone(self, durable):
        def make():
            from js import ArrayBuffer, Uint8Array

            return [Uint8Array.new([1, 2, 3]).subarray(1), ArrayBuffer.new(2)]

        assert await bound(durable, make) == [["blob", "X'0203'"], ["blob", "X'0000'"]]

    async def test_anything_else_is_its_text(self, durable):
        def make():
            from js import Array, Date, Object

            return [Date.new(0), Object.new(), Array.of(1, 2)]

        assert await bound(durable, make) == [
            ["text", "'Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)'"],
            ["text", "'[object Object]'"],
            ["text", "'1,2'"],
        ]

    async def test_big_integers_and_symbols_are_refused(self, durable):
        async def body(box):
            from js import Symbol

            assert thrown(raw(box).sql.exec, "SELECT ?", 2**60) == (
                "TypeError: Cannot convert a BigInt value to a number"
            )
            assert thrown(raw(box).sql.exec, "SELECT ?", Symbol("q")) == (
                "TypeError: Cannot convert a Symbol value to a string"
            )

        await inside(durable, "a", body)

    async def test_the_query_is_made_a_string_and_must_be_there(self, durable):
        async def body(box):
            from js import Array

            assert raw(box).sql.exec(Array.of("SELECT 1 AS a")).one().a == 1
            assert thrown(raw(box).sql.exec) == (
                "TypeError: Failed to execute 'exec' on 'SqlStorage': "
                "parameter 1 is not of type 'String'."
            )

        await inside(durable, "a", body)


class TestResults:
    async def test_a_row_is_an_object_in_javascripts_order(self, durable):
        async def body(box):
            cursor = raw(box).sql.exec(
                "SELECT 9007199254740993 a, 1.0 b, 1 AS '10', 2 AS '2', 5 AS a, x'0102' d, "
                "NULL e, 7 AS __proto__"
            )
            row = cursor.one()
            assert list(row.object_keys()) == ["2", "10", "a", "b", "d", "e"]
            assert (row.a, row.b, row.d.js_name) == (5, 1, "ArrayBuffer")
            names = ["a", "b", "10", "2", "a", "d", "e", "__proto__"]
            assert list(cursor.columnNames) == names

        await inside(durable, "a", body)

    async def test_integers_are_numbers_with_their_loss(self, durable):
        async def body(box):
            value = raw(box).sql.exec("SELECT 9007199254740993 v").one().v
            assert (type(value), value) == (float, 2.0**53)
            assert raw(box).sql.exec("SELECT 5.0 v").one().v == 5

        await inside(durable, "a", body)

    async def test_raw_rows_are_arrays(self, durable):
        async def body(box):
            rows = raw(box).sql.exec("VALUES (1, 'x'), (2, NULL)").raw()
            assert str(rows) == "[object RawIterator]"
            from pyodide.ffi import jsnull

            assert [list(row) for row in rows.toArray()] == [[1, "x"], [2, jsnull]]

        await inside(durable, "a", body)

    async def test_the_sdk_converts_rows(self, durable):
        async def body(box):
            sql = box.ctx.storage.sql
            row = sql.exec("SELECT 1 AS a, x'01' AS b, NULL AS c").one()
            assert (row.a, bytes(row["b"]), row["c"]) == (1, b"\x01", None)
            assert list(sql.exec("VALUES (1), (2)")) == [{"column1": 1}, {"column1": 2}]

        await inside(durable, "a", body)


class TestCursor:
    async def test_next_gives_the_rows_then_done_for_ever(self, durable):
        async def body(box):
            cursor = raw(box).sql.exec("VALUES (1), (2)")
            assert (cursor.next().done, cursor.next().value.column1) == (False, 2)
            for _ in range(2):
                end = cursor.next()
                assert (end.done, end.value) == (True, None)

        await inside(durable, "a", body)

    async def test_all_ways_to_read_share_one_position(self, durable):
        async def body(box):
            cursor = raw(box).sql.exec("VALUES (1), (2), (3), (4)")
            assert cursor.next().value.column1 == 1
            assert next(iter(cursor)).column1 == 2
            assert list(cursor.raw().next().value) == [3]
            assert [row.column1 for row in cursor.toArray()] == [4]
            assert len(cursor.toArray()) == 0

        await inside(durable, "a", body)

    async def test_one_wants_exactly_one(self, durable):
        async def body(box):
            sql = raw(box).sql
            text = "Error: Expected exactly one result from SQL query, but got "
            assert thrown(sql.exec("SELECT 1 WHERE 0").one) == text + "no results."
            assert thrown(sql.exec("VALUES (1), (2)").one) == text + "multiple results."

        await inside(durable, "a", body)

    async def test_its_text_and_the_classes(self, durable):
        async def body(box):
            sql = raw(box).sql
            assert (str(sql), str(sql.exec("SELECT 1"))) == (
                "[object SqlStorage]",
                "[object Cursor]",
            )
            assert (sql.Cursor.typeof, sql.Statement.typeof) == ("function", "function")
            assert thrown(sql.Cursor.new) == "TypeError: Illegal constructor"

        await inside(durable, "a", body)

    @pytest.mark.parametrize("name", ["prepare", "ingest", "setMaxPageCountForTest"])
    async def test_experimental_methods_are_not_there(self, durable, name):
        async def body(box):
            assert not hasattr(raw(box).sql, name)

        await inside(durable, "a", body)

    async def test_the_size_of_a_fresh_object(self, durable):
        async def body(box):
            assert raw(box).sql.databaseSize == 4096

        await inside(durable, "a", body)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELEC 1", 'near "SELEC": syntax error at offset 0: SQLITE_ERROR'),
        ("SELECT * FROM nope", "no such table: nope: SQLITE_ERROR"),
        ("SELECT 1; -- more", "SQL code did not contain a statement."),
        ("SELECT ?", "Wrong number of parameter bindings for SQL query."),
        ("SELECT * FROM _cf_KV", "no such table: _cf_KV: SQLITE_ERROR"),
        ("ATTACH 'x' AS y", "not authorized: SQLITE_AUTH"),
    ],
)
async def test_errors_have_the_platforms_words(durable, query, text):
    async def body(box):
        assert thrown(raw(box).sql.exec, query) == f"Error: {text}"

    await inside(durable, "a", body)
