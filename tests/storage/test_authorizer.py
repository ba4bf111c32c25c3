"""What user code's SQL may touch when there is something to touch: spec storage §3.8."""

from __future__ import annotations

import pytest

from emulator.core.values.errors import JsException
from emulator.storage.authorizer import is_internal_name

NOT_AUTHORIZED = "Error: not authorized: SQLITE_AUTH"


@pytest.fixture
def storage_with_tables(storage):
    storage.kv.put("a", b"1")
    storage.set_alarm_ns(5)
    storage.exec("CREATE TABLE m(a)")
    storage.commit()
    return storage


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT * FROM _cf_KV", "Error: access to _cf_KV.key is prohibited: SQLITE_AUTH"),
        ("SELECT * FROM _CF_kv", "Error: access to _cf_KV.key is prohibited: SQLITE_AUTH"),
        ("INSERT INTO _cf_KV VALUES ('a', 1)", NOT_AUTHORIZED),
        ("DELETE FROM _cf_METADATA", NOT_AUTHORIZED),
        ("DROP TABLE _cf_KV", NOT_AUTHORIZED),
        ("ALTER TABLE _cf_KV ADD COLUMN z", NOT_AUTHORIZED),
        ("ALTER TABLE _cf_KV RENAME TO m2", NOT_AUTHORIZED),
        ("CREATE INDEX i ON _cf_KV(value)", NOT_AUTHORIZED),
        ("CREATE INDEX _cf_i ON m(a)", NOT_AUTHORIZED),
        ("CREATE TRIGGER t AFTER INSERT ON _cf_KV BEGIN SELECT 1; END", NOT_AUTHORIZED),
        ("ALTER TABLE m RENAME TO [_cf_m]", NOT_AUTHORIZED),
        ("ALTER TABLE m RENAME -- c\n TO `_Cf_m`", NOT_AUTHORIZED),
        ("PRAGMA table_info(_cf_KV)", NOT_AUTHORIZED),
        ("PRAGMA table_info = '_cf_KV'", NOT_AUTHORIZED),
    ],
)
def test_internal_tables_are_out_of_reach(storage_with_tables, query, expected):
    with pytest.raises(JsException) as caught:
        storage_with_tables.exec(query)
    assert str(caught.value) == expected
    assert storage_with_tables.kv.get("a") == b"1"


def test_they_are_visible_by_name(storage_with_tables):
    names = storage_with_tables.exec("SELECT name FROM sqlite_master ORDER BY name").rows()
    assert names == [("_cf_KV",), ("_cf_METADATA",), ("m",)]
    listed = {row[1] for row in storage_with_tables.exec("PRAGMA table_list").rows()}
    assert "_cf_KV" in listed


def test_a_view_of_one_can_be_made_but_not_read(storage_with_tables):
    storage_with_tables.exec("CREATE VIEW v AS SELECT value FROM _cf_KV")
    with pytest.raises(JsException, match="prohibited"):
        storage_with_tables.exec("SELECT * FROM v")


def test_a_trigger_cannot_reach_one(storage_with_tables):
    storage_with_tables.exec("CREATE TRIGGER t AFTER INSERT ON m BEGIN DELETE FROM _cf_KV; END")
    with pytest.raises(JsException, match="not authorized"):
        storage_with_tables.exec("INSERT INTO m VALUES (1)")


def test_a_column_may_be_renamed_so_even_with_the_words_in_a_text(storage_with_tables):
    storage_with_tables.exec("ALTER TABLE m RENAME COLUMN a TO _cf_a")
    storage_with_tables.exec("ALTER TABLE m RENAME TO n")
    storage_with_tables.exec("INSERT INTO n VALUES ('rename to _cf_x')")
    assert storage_with_tables.exec("SELECT _cf_a FROM n").one() == ("rename to _cf_x",)


@pytest.mark.parametrize("name", ["_cf_", "_cf_x", "_CF_x", "_Cf_KV"])
def test_internal_names(name):
    assert is_internal_name(name)


@pytest.mark.parametrize("name", [None, "", "_cf", "_cfx", "cf_", "x_cf_"])
def test_public_names(name):
    assert not is_internal_name(name)
