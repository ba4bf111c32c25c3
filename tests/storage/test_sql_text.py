"""Where statements end: spec storage §3.2."""

from __future__ import annotations

import pytest

from emulator.storage.limited_changes import without_limit
from emulator.storage.sql_text import split_statements, storable_text


@pytest.mark.parametrize(
    ("query", "leading", "last"),
    [
        ("select 1", (), "select 1"),
        ("select 1;", (), "select 1;"),
        ("select 1; \n", (), "select 1;"),
        ("select 1; select 2", ("select 1;",), " select 2"),
        ("select 1;;", ("select 1;",), None),
        ("select 1; -- c", ("select 1;",), None),
        ("select 1 -- c; d", (), "select 1 -- c; d"),
        ("select 1 /* ; */; select ';'", ("select 1 /* ; */;",), " select ';'"),
        (";;select 1", (), ";;select 1"),
        ("/* a */ select 1", (), "/* a */ select 1"),
        ("", (), None),
        (" \n", (), None),
        (";", (), None),
        ("-- c", (), None),
        ("/* c", (), None),
        ("/* a */ -- b", (), None),
        (
            "create trigger t after insert on a begin select 1; select 2; end; select 3",
            ("create trigger t after insert on a begin select 1; select 2; end;",),
            " select 3",
        ),
        ('select "a;b", `c;d`, [e;f]; select 2', ('select "a;b", `c;d`, [e;f];',), " select 2"),
        ("select 1; \udc00", ("select 1;",), " \udc00"),
    ],
)
def test_statements_end_where_sqlite_says(query, leading, last):
    found = split_statements(query)
    assert (found.leading, found.last) == (leading, last)


def test_the_size_is_in_bytes():
    assert split_statements("é\ud800").utf8_bytes == 5
    assert split_statements("x" * 5000).utf8_bytes == 5000


def test_storable_text_is_what_reading_would_give():
    assert storable_text("a😀é") == "a😀é"
    assert storable_text("\ud800") == "���"


@pytest.mark.parametrize(
    ("statement", "word", "expected"),
    [
        (
            "delete from t limit 1",
            "limit",
            "delete from t  WHERE rowid IN (SELECT rowid FROM t  limit 1\n)",
        ),
        (
            'delete from "a b" where x = ? order by y limit ?;',
            "order",
            'delete from "a b"  WHERE rowid IN '
            '(SELECT rowid FROM "a b" where x = ?  order by y limit ?\n)',
        ),
        (
            "update or ignore t set a = (select 1 where 1), b = 'where' where c limit 1",
            "limit",
            "update or ignore t set a = (select 1 where 1), b = 'where'  WHERE rowid IN "
            "(SELECT rowid FROM t where c  limit 1\n)",
        ),
        ("select 1 limit limit", "limit limit", None),
        ("delete from t wher x", "x", None),
    ],
)
def test_limits_of_changes_are_put_into_words_that_sqlite_takes(statement, word, expected):
    assert without_limit(statement, statement.index(word)) == expected
