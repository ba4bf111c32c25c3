"""Files as the platform makes and configures them: spec storage §3.6, §7.1."""

from __future__ import annotations

import apsw
import pytest

from emulator.storage.database import (
    Durability,
    create_file,
    fresh_file,
    open_database,
    remove_files,
)


def test_a_fresh_file_is_what_sqlite_itself_writes(tmp_path):
    connection = apsw.Connection(str(tmp_path / "own"))
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.close()
    assert fresh_file() == (tmp_path / "own").read_bytes()
    assert len(fresh_file()) == 4096


@pytest.mark.parametrize(
    ("durability", "synchronous"),
    [(Durability.FULL, 2), (Durability.NORMAL, 1), (Durability.OFF, 0)],
)
def test_a_connection_has_the_platforms_settings(tmp_path, durability, synchronous):
    connection = open_database(tmp_path / "a", durability)

    def pragma(name):
        return connection.execute(f"PRAGMA {name}").get

    assert pragma("synchronous") == synchronous
    assert pragma("journal_mode") == "wal"
    assert pragma("foreign_keys") == 1
    assert pragma("trusted_schema") == 0
    assert pragma("recursive_triggers") == 0
    assert (pragma("page_size"), pragma("encoding"), pragma("auto_vacuum")) == (4096, "UTF-8", 0)
    assert (pragma("user_version"), pragma("application_id")) == (0, 0)
    assert connection.limit(apsw.SQLITE_LIMIT_LENGTH) == 8_388_642
    connection.close()


def test_a_file_in_another_journal_mode_becomes_wal(tmp_path):
    connection = apsw.Connection(str(tmp_path / "a"))
    connection.execute("CREATE TABLE t(a)")
    connection.close()
    connection = open_database(tmp_path / "a", Durability.OFF)
    assert connection.execute("PRAGMA journal_mode").get == "wal"
    assert connection.execute("SELECT name FROM sqlite_schema").get == "t"
    connection.close()


def test_an_existing_file_is_left_alone_and_an_empty_one_filled(tmp_path):
    (tmp_path / "full").write_bytes(b"something")
    (tmp_path / "empty").touch()
    create_file(tmp_path / "full")
    create_file(tmp_path / "empty")
    assert (tmp_path / "full").read_bytes() == b"something"
    assert (tmp_path / "empty").read_bytes() == fresh_file()


def test_a_file_that_is_no_database_leaves_no_connection_behind(tmp_path):
    (tmp_path / "a").write_bytes(b"not a database, but long enough to be read" * 100)
    open_before = len(apsw.connections())
    with pytest.raises(apsw.NotADBError):
        open_database(tmp_path / "a", Durability.OFF)
    assert len(apsw.connections()) == open_before


def test_removing_takes_the_wal_along(tmp_path):
    for name in ("a", "a-wal", "a-shm", "b"):
        (tmp_path / name).touch()
    remove_files(tmp_path / "a", Durability.FULL)
    remove_files(tmp_path / "a", Durability.FULL)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_with_full_durability_every_commit_is_synced(tmp_path):
    """A WAL frame count would not show it: count the syncs of a VFS."""
    synced: list[str] = []

    class File(apsw.VFSFile):
        def xSync(self, flags):
            synced.append("sync")
            super().xSync(flags)

    class Counting(apsw.VFS):
        def __init__(self):
            super().__init__("counting", "", exclude={"xSetSystemCall"})

        def xOpen(self, name, flags):
            return File("", name, flags)

    vfs = Counting()
    create_file(tmp_path / "a")
    counts = {}
    for durability in (Durability.FULL, Durability.NORMAL):
        connection = apsw.Connection(str(tmp_path / "a"), vfs="counting")
        connection.execute(f"PRAGMA synchronous = {durability.value}")
        connection.execute("CREATE TABLE IF NOT EXISTS t(a)")
        connection.execute("INSERT INTO t VALUES (0)")  # a new WAL's header is always synced
        synced.clear()
        for number in range(5):
            connection.execute("INSERT INTO t VALUES (?)", (number,))
        counts[durability] = len(synced)
        connection.close()
    vfs.unregister()
    assert counts == {Durability.FULL: 5, Durability.NORMAL: 0}
