"""The pool of open connections: issue 4, item 7."""

from __future__ import annotations

import pytest

from emulator.storage.databases import Databases


@pytest.fixture
def crowd(make_storage):
    """A pool of two, and storages by number."""
    pool = Databases(open_max=2)
    return pool, lambda number: make_storage(str(number), databases=pool)


def is_open(*storages):
    return [storage.is_open for storage in storages]


def touch(*storages):
    for storage in storages:
        storage.get_alarm_ns()


def test_what_is_not_used_is_not_opened(crowd):
    pool, make = crowd
    storage = make(0)
    storage.create()
    assert storage.exists_on_disk
    assert pool.statistics().open == 0


def test_a_sweep_closes_what_was_not_used_since_the_last(crowd):
    pool, make = crowd
    first, second, third = (make(n) for n in range(3))
    touch(first, second, third)
    assert pool.sweep() == 0
    touch(first)
    assert pool.sweep() == 1
    assert is_open(first, second, third) == [True, False, True]
    touch(second)
    assert pool.statistics() == (3, 3, 4, 1)


def test_what_fits_is_left_open(crowd):
    pool, make = crowd
    first, second = make(0), make(1)
    touch(first, second)
    for _ in range(3):
        assert pool.sweep() == 0


def test_dirty_ones_and_those_with_cursors_or_settings_stay_open(make_storage):
    pool = Databases(open_max=0)
    dirty, reading, setting, transacting, idle = (
        make_storage(name, databases=pool) for name in ("d", "r", "s", "t", "i")
    )
    touch(idle)
    dirty.kv.put("a", b"")
    cursor = reading.exec("VALUES (1), (2)")
    setting.exec("PRAGMA foreign_keys = off")
    depth = transacting.begin_transaction()
    for _ in range(3):
        pool.sweep()
    assert is_open(dirty, reading, setting, transacting, idle) == [True, True, True, True, False]
    dirty.commit()
    assert cursor.rows() == [(1,), (2,)]
    transacting.commit_transaction(depth)
    for _ in range(3):
        pool.sweep()
    assert is_open(dirty, reading, setting, transacting) == [False, False, True, False]


def test_nobody_notices_that_a_connection_was_closed(make_storage):
    pool = Databases(open_max=0)
    storage = make_storage(databases=pool)
    storage.kv.put("a", b"1")
    storage.exec("CREATE TABLE t(a); INSERT INTO t VALUES (1), (2)")
    storage.commit()
    iterator = storage.kv.iterate
    pool.sweep(is_pressing=True)
    assert not storage.is_open
    assert storage.kv.get("a") == b"1"
    assert iterator is not None
    pool.sweep(is_pressing=True)
    assert storage.exec("SELECT last_insert_rowid()").one() == (2,)


def test_an_opening_sweeps_when_the_pool_is_twice_its_size(crowd):
    pool, make = crowd
    for number in range(20):
        touch(make(number))
    assert pool.statistics().open_peak <= 4


def test_the_pool_says_once_that_it_is_crowded(make_storage):
    told = []
    pool = Databases(open_max=2, on_crowded=lambda: told.append(1))
    for number in range(4):
        touch(make_storage(str(number), databases=pool))
    assert told == [1]


def test_an_ended_storage_leaves_the_pool(crowd):
    pool, make = crowd
    storage = make(0)
    touch(storage)
    storage.close()
    assert pool.statistics().open == 0


def test_closing_the_pool_suspends_what_is_idle(crowd):
    pool, make = crowd
    idle, dirty = make(0), make(1)
    touch(idle)
    dirty.kv.put("a", b"")
    pool.close()
    assert is_open(idle, dirty) == [False, True]
