"""The class's alarms: spec storage §4.5, §6.4, §7.2."""

from __future__ import annotations

import apsw
import pytest

from emulator.errors import StateFolderError
from emulator.storage.database import Durability
from emulator.storage.metadata import AlarmIndex

A, B = "a" * 64, "b" * 64


@pytest.fixture
def open_index(tmp_path):
    made = []

    def open_it():
        index = AlarmIndex(tmp_path / "metadata.sqlite", durability=Durability.OFF)
        made.append(index)
        return index

    yield open_it
    for index in made:
        index.close()


def rows(tmp_path):
    connection = apsw.Connection(str(tmp_path / "metadata.sqlite"))
    found = connection.execute("SELECT * FROM _cf_ALARM").fetchall()
    connection.close()
    return found


def test_the_file_has_the_platforms_form(open_index, tmp_path):
    open_index().close()
    connection = apsw.Connection(str(tmp_path / "metadata.sqlite"))
    assert connection.execute("SELECT sql FROM sqlite_schema").get == (
        "CREATE TABLE _cf_ALARM (\n      actor_id TEXT PRIMARY KEY,\n"
        "      scheduled_time INTEGER,\n      actor_name TEXT\n    ) WITHOUT ROWID"
    )
    connection.close()


def test_alarms_survive_with_their_names(open_index):
    index = open_index()
    index.set(A, 20, "room")
    index.set(B, 10, None)
    index.close()
    found = [(alarm.actor_id, alarm.scheduled_ns, alarm.actor_name) for alarm in open_index().all()]
    assert found == [(B, 10, None), (A, 20, "room")]


def test_a_known_name_is_kept(open_index, tmp_path):
    index = open_index()
    index.set(A, 20, "room")
    index.set(A, 30, None)
    assert index.get(A).actor_name == "room"
    assert rows(tmp_path) == [(A, 30, "room")]


def test_deleting_is_idempotent(open_index, tmp_path):
    index = open_index()
    index.set(A, 20, None)
    index.delete(A)
    index.delete(A)
    assert (index.all(), rows(tmp_path)) == ([], [])


@pytest.mark.parametrize(
    ("scheduled", "own", "before", "after"),
    [
        (None, 50, 50, 50),  # set: known before the commit
        (50, 40, 40, 40),  # moved earlier: before
        (50, 60, 50, 60),  # moved later: after
        (50, None, 50, None),  # deleted: after
        (50, 50, 50, 50),
        (None, None, None, None),
    ],
)
def test_it_is_never_later_than_the_objects_own_record(open_index, scheduled, own, before, after):
    index = open_index()
    if scheduled is not None:
        index.set(A, scheduled, "room")

    def now():
        alarm = index.get(A)
        return None if alarm is None else alarm.scheduled_ns

    index.before_commit(A, own, "room")
    assert now() == before
    index.after_commit(A, own, "room")
    assert now() == after


def test_a_file_of_an_older_runtime_stays_one_that_it_can_open(open_index, tmp_path):
    connection = apsw.Connection(str(tmp_path / "metadata.sqlite"))
    connection.execute(
        "CREATE TABLE _cf_ALARM (actor_id TEXT PRIMARY KEY, scheduled_time INTEGER) WITHOUT ROWID"
    )
    connection.execute("INSERT INTO _cf_ALARM VALUES (?, 7)", (A,))
    connection.close()
    index = open_index()
    assert index.get(A).scheduled_ns == 7
    index.set(A, 8, "room")
    assert index.get(A).actor_name == "room"
    index.close()
    connection = apsw.Connection(str(tmp_path / "metadata.sqlite"))
    assert connection.execute("SELECT * FROM _cf_ALARM").fetchall() == [(A, 8)]
    connection.close()


def test_half_a_surrogate_pair_in_a_name_does_no_harm(open_index):
    open_index().set(A, 5, "x\ud800")
    assert open_index().get(A).actor_name == "x���"


@pytest.mark.parametrize("what", ["folder", "garbage"])
def test_an_unusable_file_is_told(open_index, tmp_path, what):
    path = tmp_path / "metadata.sqlite"
    path.mkdir() if what == "folder" else path.write_bytes(b"garbage" * 1000)
    with pytest.raises(StateFolderError, match="cannot be used"):
        open_index()
