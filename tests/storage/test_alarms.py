"""The object's own alarm record and bookmark counter: spec storage §4.5, §5, §7.2."""

from __future__ import annotations

import pytest

from emulator.storage.alarms import bookmark_text

TAIL = "00000000-00000000000000000000000000000000"


def test_an_alarm_is_set_moved_and_deleted(storage):
    assert storage.get_alarm_ns() is None
    assert storage.set_alarm_ns(2**62)
    assert storage.get_alarm_ns() == 2**62
    assert storage.set_alarm_ns(5)
    assert storage.set_alarm_ns(None)
    assert storage.get_alarm_ns() is None


def test_what_changes_nothing_writes_nothing(storage):
    assert not storage.set_alarm_ns(None)
    assert not storage.is_dirty
    storage.set_alarm_ns(5)
    storage.commit()
    assert not storage.set_alarm_ns(5)
    assert not storage.is_dirty
    assert not storage.is_alarm_changed
    assert storage.exec("SELECT name FROM sqlite_master").one() == ("_cf_METADATA",)


def test_a_change_is_noted_until_the_transaction_ends(storage):
    storage.kv.put("a", b"")
    assert not storage.is_alarm_changed
    storage.set_alarm_ns(5)
    assert storage.is_alarm_changed
    storage.commit()
    assert not storage.is_alarm_changed
    storage.set_alarm_ns(6)
    storage.rollback()
    assert not storage.is_alarm_changed
    depth = storage.begin_transaction()
    storage.set_alarm_ns(7)
    assert storage.is_alarm_changed
    storage.commit_transaction(depth)
    assert not storage.is_alarm_changed


def test_an_alarm_belongs_to_the_transaction(make_storage):
    storage = make_storage()
    storage.set_alarm_ns(5)
    storage.commit()
    storage.set_alarm_ns(6)
    storage.close()
    assert make_storage().get_alarm_ns() == 5


def test_the_record_has_the_platforms_form(storage):
    storage.set_alarm_ns(5)
    storage.set_alarm_ns(None)
    storage.next_bookmark()
    execute = storage._session.execute
    assert execute("SELECT key, value FROM _cf_METADATA").fetchall() == [(1, None), (2, 0)]
    assert execute("SELECT sql FROM sqlite_schema").get == (
        "CREATE TABLE _cf_METADATA (\n        key INTEGER PRIMARY KEY,\n        value BLOB\n      )"
    )


def test_bookmarks_count_on_across_instances(make_storage):
    storage = make_storage(sql_enabled=False)
    found = [storage.next_bookmark(), storage.next_bookmark()]
    storage.commit()
    storage.close()
    found.append(make_storage().next_bookmark())
    assert found == [f"00000000-{n:08x}-{TAIL}" for n in range(3)]


@pytest.mark.parametrize(
    ("count", "fields"),
    [
        (2**32 - 2, "00000000-fffffffe"),
        (2**32 - 1, "00000001-00000000"),
        (2 * (2**32 - 1) + 5, "00000002-00000005"),
    ],
)
def test_the_counter_carries_one_early(count, fields):
    assert bookmark_text(count) == f"{fields}-{TAIL}"
