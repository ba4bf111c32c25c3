"""Proof of emulator/storage/snapshot.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw
import pytest

from emulator.storage.database import Durability, create_file, open_database
from emulator.storage.snapshot import Snapshot

if TYPE_CHECKING:
    from pathlib import Path


def test_a_missing_file_is_an_empty_database(tmp_path: Path) -> None:
    snapshot = Snapshot(tmp_path / "none.sqlite")
    assert snapshot.key_values() == {}
    assert snapshot.tables() == []
    assert snapshot.alarm_ns() is None
    assert snapshot.size_bytes == 0
    assert not (tmp_path / "none.sqlite").exists()


def test_a_fresh_file_has_nothing_in_it(tmp_path: Path) -> None:
    path = tmp_path / "fresh.sqlite"
    create_file(path)
    assert Snapshot(path).tables() == []
    path.write_bytes(b"")
    assert Snapshot(path).tables() == []


def test_it_reads_what_is_committed_beside_an_open_connection(tmp_path: Path) -> None:
    path = tmp_path / "open.sqlite"
    connection = open_database(path, Durability.OFF)
    connection.execute("CREATE TABLE t (a, b)")
    connection.execute("INSERT INTO t VALUES (1, 'x'), (2, x'00')")
    connection.execute("BEGIN")
    connection.execute("DELETE FROM t")
    snapshot = Snapshot(path)
    assert snapshot.tables() == ["t"]
    assert snapshot.execute("SELECT a AS n, b FROM t WHERE a > ?", 0) == [
        {"n": 1, "b": "x"},
        {"n": 2, "b": b"\0"},
    ]
    assert snapshot.execute("SELECT a FROM t WHERE a > 9") == []
    connection.execute("COMMIT")
    assert len(snapshot.execute("SELECT a FROM t")) == 2  # it is as it was
    snapshot.close()
    connection.close()


def test_what_is_done_to_it_stays_in_it(tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite"
    connection = open_database(path, Durability.OFF)
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (1)")
    snapshot = Snapshot(path)
    snapshot.execute("DELETE FROM t")
    assert connection.execute("SELECT count(*) FROM t").get == 1
    connection.close()


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.sqlite"
    path.write_bytes(b"not a database at all" * 300)
    with pytest.raises(apsw.Error):
        Snapshot(path)
