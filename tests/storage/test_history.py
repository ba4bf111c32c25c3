"""The past of one database: invariants 1 to 5 of emulator/storage/history.py, spec storage §5."""

from __future__ import annotations

import random

import pytest

from emulator.core.values.errors import JsException
from emulator.errors import StateFolderError
from emulator.storage import history as history_module
from emulator.storage.history import History

DAY_MS = 24 * 3_600_000


class World:
    """An object's storage and its past, as the runtime drives them."""

    def __init__(self, make_storage, **options):
        self.make_storage = make_storage
        self.storage = make_storage()
        self.storage.create()
        self.history = History(self.storage.path, **options)
        self.now_ms = 1_000_000
        self.record()

    def record(self):
        self.now_ms += 1000
        return self.history.record(self.storage.content(), self.now_ms)

    def put(self, value):
        self.storage.kv.put("k", value)
        self.storage.commit()
        return self.record()

    @property
    def value(self):
        return self.storage.kv.get("k")

    def bookmark(self):
        return self.history.bookmark(self.history.last)

    def restart(self):
        """The process ends and another one starts."""
        self.storage.close()
        self.storage = self.make_storage()
        self.history = History(self.storage.path)
        if self.history.is_restore_due():
            content = self.storage.content()
            self.storage.release()
            self.history.restore(content, self.now_ms)
        self.record()


@pytest.fixture
def world(make_storage):
    return World(make_storage)


def test_every_change_is_a_version_and_no_change_is_none(world):  # 1
    assert [world.put(b"1"), world.record(), world.put(b"2"), world.record()] == [2, 2, 3, 3]


def test_bookmarks_grow_as_texts(world):
    bookmarks = [world.history.bookmark(n) for n in (1, 9, 10, 255, 2**32 - 1, 2**32, 2**40)]
    assert bookmarks == sorted(bookmarks)
    assert bookmarks[0] == "00000000-00000001-00000000-" + "0" * 32


def test_a_restore_happens_at_the_next_start_and_can_be_undone(world):  # 4
    world.put(b"1")
    then = world.bookmark()
    world.put(b"2")
    undo = world.history.ask_for_restore(then)
    assert world.value == b"2"
    world.put(b"3")
    world.restart()
    assert world.value == b"1"
    world.history.ask_for_restore(undo)
    world.restart()
    assert world.value == b"3"
    world.restart()
    assert world.value == b"3"


def test_the_restored_file_is_the_old_one_byte_for_byte(world):  # 2
    world.put(b"x" * 50_000)
    then, before = world.bookmark(), world.storage.content()
    world.storage.exec("DROP TABLE IF EXISTS t; CREATE TABLE t(a); INSERT INTO t VALUES (1)")
    world.put(b"y" * 200)
    world.storage.exec("DELETE FROM t")
    world.put(b"")
    world.history.ask_for_restore(then)
    world.restart()
    assert world.storage.content() == before
    assert world.storage.exec("PRAGMA quick_check").one() == ("ok",)
    world.storage.release()
    assert world.storage.path.read_bytes() == before


def test_what_was_asked_for_last_counts(world):
    first = world.bookmark()
    world.put(b"1")
    second = world.bookmark()
    world.put(b"2")
    world.history.ask_for_restore(first)
    world.history.ask_for_restore(second)
    world.restart()
    assert world.value == b"1"


def test_a_time_has_the_bookmark_of_what_was_stored_then(world):
    world.put(b"1")
    then_ms, then = world.now_ms, world.bookmark()
    world.now_ms += DAY_MS
    world.put(b"2")
    history = world.history
    assert history.bookmark_for_time(then_ms + DAY_MS // 2) == then
    assert history.bookmark_for_time(world.now_ms + DAY_MS) == world.bookmark()
    assert history.bookmark_for_time(0) == history.bookmark(1)


def test_only_so_many_versions_are_kept_and_those_are_whole(make_storage):  # 3
    world = World(make_storage, versions_max=5)
    contents = {}
    for number in range(20):
        world.storage.exec(f"CREATE TABLE t{number}(a)")
        version = world.put(bytes([number]) * (1000 * (number % 7)))
        contents[version] = world.storage.content()
    last = world.history.last
    for version in range(last - 4, last + 1):
        with world.history._open() as connection:
            pages = history_module._pages_of(connection, version)
            assert b"".join(pages) == contents[version]
    with pytest.raises(JsException, match="is not kept any more"):
        world.history.ask_for_restore(world.history.bookmark(last - 5))


def test_what_is_too_old_goes_but_the_last_version_stays(world):  # 3
    old = world.bookmark()
    world.put(b"1")
    world.now_ms += 31 * DAY_MS
    world.put(b"2")
    with pytest.raises(JsException, match="is not kept any more"):
        world.history.ask_for_restore(old)
    world.now_ms += 31 * DAY_MS
    assert world.record() == world.history.last


@pytest.mark.parametrize(
    "bookmark",
    ["", "x", "00000000-00000009-00000000-" + "0" * 32, "00000000-00000001-00000001-" + "0" * 32],
)
def test_what_is_no_bookmark_is_refused(world, bookmark):
    with pytest.raises(JsException, match="is not one of this Durable Object"):
        world.history.ask_for_restore(bookmark)
    assert not world.history.is_restore_due()


def test_a_crash_in_the_middle_of_a_restore_leads_to_the_same_end(world, monkeypatch):  # 4
    world.put(b"1")
    then = world.bookmark()
    world.put(b"2")
    undo = world.history.ask_for_restore(then)

    def crash(*_):
        raise OSError("the power went")

    with monkeypatch.context() as broken:
        broken.setattr(history_module.os, "replace", crash)
        with pytest.raises(StateFolderError, match="the power went"):
            world.restart()
    world.restart()
    assert world.value == b"1"
    world.history.ask_for_restore(undo)
    world.restart()
    assert world.value == b"2"


def test_what_happened_while_nobody_recorded_is_a_version_at_the_next_start(world):
    world.storage.kv.put("k", b"unseen")
    world.storage.commit()
    before = world.history.last
    world.restart()
    assert world.history.last == before + 1


def test_a_past_that_is_no_database_is_told(world):
    world.history.path.write_bytes(b"garbage" * 1000)
    with pytest.raises(StateFolderError, match=r"\.pitr: cannot be used"):
        world.put(b"1")


def test_it_is_closed_between_its_uses(world):  # 5
    world.put(b"1")
    names = {path.name for path in world.history.path.parent.iterdir()}
    assert names == {"object.sqlite", "object.sqlite-wal", "object.sqlite-shm", "object.pitr"}


@pytest.mark.parametrize("seed", range(3))
def test_any_version_comes_back(make_storage, seed):  # 2
    dice = random.Random(seed)
    world = World(make_storage)
    values = {}
    for _ in range(30):
        world.put(dice.randbytes(dice.choice([0, 10, 5000, 30_000])))
        values[world.bookmark()] = world.value
        if dice.random() < 0.3:
            bookmark = dice.choice(list(values))
            world.history.ask_for_restore(bookmark)
            world.restart()
            assert world.value == values[bookmark]
            values[world.bookmark()] = world.value
