"""`sqlite3.connect` and open state folders: design §3."""

from __future__ import annotations

import sqlite3

import pytest

from emulator.errors import StateFolderError
from emulator.storage.guard import FolderGuard


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "state"
    (root / "w-C").mkdir(parents=True)
    return root


@pytest.fixture
def guard(folder):
    guard = FolderGuard(folder, exceptions=[folder / "notebook.sqlite"])
    guard.open()
    guard.open()
    yield guard
    guard.close()
    guard.close()


def connect(target, **options):
    sqlite3.connect(target, **options).close()


def test_a_peek_into_an_open_folder_is_refused_and_told_the_way(folder, guard):
    path = folder / "w-C" / "a.sqlite"
    for target in (path, str(path), bytes(path)):
        with pytest.raises(StateFolderError, match=r"durable\.storage\(stub\)"):
            connect(target)
    assert not path.exists()


def test_so_are_uris_relative_paths_and_links(folder, guard, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder / "w-C")
    targets = [
        ("a.sqlite", False),
        (f"{tmp_path}/link/w-C/a.sqlite", False),
        (f"file:{folder}/w-C/a%2Esqlite?mode=ro", True),
        (f"file://{folder}/w-C/a.sqlite", True),
    ]
    for target, is_uri in targets:
        with pytest.raises(StateFolderError):
            connect(target, uri=is_uri)


def test_other_files_are_free(folder, guard, tmp_path):
    connect(tmp_path / "own.sqlite")
    connect(folder / "notebook.sqlite")
    connect(":memory:")
    connect("")
    connect("file::memory:?cache=private", uri=True)


def test_a_closed_folder_is_free_again(folder):
    guard = FolderGuard(folder)
    guard.open()
    guard.close()
    connect(folder / "w-C" / "a.sqlite")
