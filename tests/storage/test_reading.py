"""Looking with SQL: what it tells, and that it can do nothing else."""

from __future__ import annotations

import os

import apsw
import pytest

from emulator.storage.database import Durability, create_file, open_database
from emulator.storage.reading import QueryError, Reader
from emulator.storage.snapshot import Snapshot


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "object.sqlite"
    create_file(path)
    connection = open_database(path, Durability.OFF)
    connection.execute(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT NOT NULL DEFAULT 'x');"
        "INSERT INTO t(v) VALUES ('a'), ('b'); CREATE VIEW w AS SELECT v FROM t;"
        "CREATE VIRTUAL TABLE f USING fts5(b); CREATE TABLE _cf_KV(key TEXT)"
    )
    connection.close()
    return path


@pytest.fixture
def reader(file):
    snapshot = Snapshot(file)
    yield Reader(snapshot)
    snapshot.close()


def test_looking_makes_no_file_and_changes_none(file, reader):
    reader.query("SELECT * FROM t")
    assert os.listdir(file.parent) == [file.name]


def test_a_log_that_a_dead_process_left_is_read_and_stays(file, tmp_path):
    connection = open_database(file, Durability.OFF)
    connection.execute("INSERT INTO t(v) VALUES ('c')")
    folder = tmp_path / "left"
    folder.mkdir()
    for suffix in ("", "-wal", "-shm"):
        name = file.name + suffix
        (folder / name).write_bytes((file.parent / name).read_bytes())
    connection.close()
    before = {f.name: f.read_bytes() for f in folder.iterdir()}
    snapshot = Snapshot(folder / file.name, is_live=False)
    assert Reader(snapshot).query("SELECT count(*) FROM t").rows == [(3,)]
    snapshot.close()
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == before


def test_rows_and_their_limit(reader):
    assert reader.query("SELECT id, v FROM t WHERE id > ?", [1]).rows == [(2, "b")]
    limited = reader.query("SELECT v FROM t", rows_max=1)
    assert (limited.columns, limited.rows, limited.is_truncated) == (["v"], [("a",)], True)
    assert reader.query("SELECT v FROM t WHERE 0").columns == ["v"]
    assert reader.query("SELECT * FROM t", explain=True).rows[0][3].startswith("SCAN t")


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t(v) VALUES ('c')",
        "DROP TABLE t",
        "ATTACH 'other.sqlite' AS o",
        "VACUUM INTO 'copy.sqlite'",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = 1",
        "SELECT load_extension('x')",
        "BEGIN",
        "SELECT 1; DROP TABLE t",
        "nonsense",
        "SELECT ?",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    ],
)
def test_whatever_writes_escapes_or_never_ends_is_refused(reader, tmp_path, monkeypatch, sql):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QueryError):
        reader.query(sql)
    assert reader.query("SELECT count(*) FROM t").rows == [(2,)]
    assert [f.name for f in tmp_path.iterdir()] == ["object.sqlite"]


def test_tables_are_described(reader):
    tables = {table.name: table for table in reader.tables()}
    assert tables["t"].row_count == 2
    assert [(c.name, c.type, c.is_not_null, c.pk, c.default) for c in tables["t"].columns] == [
        ("id", "INTEGER", False, 1, None),
        ("v", "TEXT", True, 0, "'x'"),
    ]
    assert tables["w"].kind == "view"
    assert tables["f"].kind == "virtual"
    assert tables["_cf_KV"].is_internal


def test_a_snapshot_is_a_file_again(file, tmp_path):
    snapshot = Snapshot(file)
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(snapshot.content())
    assert copy.read_bytes() == file.read_bytes()
    assert apsw.Connection(str(copy)).execute("SELECT count(*) FROM t").get == 2
