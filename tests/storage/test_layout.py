"""Paths of a state folder: spec storage §7.1."""

from __future__ import annotations

import pytest

from emulator.errors import StateFolderError
from emulator.storage.layout import StateLayout

ID = "17b9c02dbda6e9c745127ef7d9696c3635c42bb3ccac1167181fd5ab69d1ca32"


def test_files_lie_where_the_local_tools_put_them(tmp_path):
    layout = StateLayout(tmp_path)
    assert layout.object_file("my-worker-Counter", ID) == (
        tmp_path / "my-worker-Counter" / f"{ID}.sqlite"
    )
    assert layout.metadata_file("-Counter") == tmp_path / "-Counter" / "metadata.sqlite"


@pytest.mark.parametrize(
    "bad", ["", ID[:-1], ID + "0", ID.upper(), "../" + ID[3:], ID[:-1] + "\n", "g" * 64, "٣" * 64]
)
def test_only_64_lower_case_hex_digits_become_a_path(tmp_path, bad):
    with pytest.raises(StateFolderError, match="not an object id"):
        StateLayout(tmp_path).object_file("w-C", bad)


@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "a\\b", "a\0b", "x" * 256])
def test_a_unique_key_is_one_plain_path_segment(tmp_path, bad):
    with pytest.raises(StateFolderError):
        StateLayout(tmp_path).class_folder(bad)


def test_existing_objects_are_found_and_nothing_else(tmp_path):
    layout = StateLayout(tmp_path / "do")
    assert layout.unique_keys() == []
    assert list(layout.object_ids("w-C")) == []
    folder = layout.make_class_folder("w-C")
    layout.make_class_folder("w-B")
    for name in (f"{ID}.sqlite", f"{ID}.sqlite-wal", "metadata.sqlite", f"{ID[:-1]}x.sqlite"):
        (folder / name).touch()
    assert layout.unique_keys() == ["w-B", "w-C"]
    assert list(layout.object_ids("w-C")) == [ID]


def test_a_file_in_the_folders_place_is_told(tmp_path):
    (tmp_path / "w-C").touch()
    with pytest.raises(StateFolderError, match="cannot be made"):
        StateLayout(tmp_path).make_class_folder("w-C")
