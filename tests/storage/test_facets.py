"""The files of facets (spec lifecycle §1.6, storage §7.1). emulator/storage/facets.py."""

from __future__ import annotations

import pytest

from emulator.storage.facets import FacetFiles


@pytest.fixture
def files(tmp_path):
    return FacetFiles(tmp_path / "abc.sqlite")


def test_numbers_are_given_in_order_and_kept(files, tmp_path):
    assert files.find(0, "a") is None
    assert [files.number(0, "a"), files.number(0, "b"), files.number(1, "a")] == [1, 2, 3]
    assert files.number(0, "b") == 2
    again = FacetFiles(tmp_path / "abc.sqlite")
    assert [again.find(0, "a"), again.find(0, "b"), again.find(1, "a")] == [1, 2, 3]
    assert list(again.children(0)) == [(1, "a"), (2, "b")]
    assert again.path(3).name == "abc.3.sqlite"


def test_a_facet_goes_with_those_inside_it(files):
    for parent, name in ((0, "a"), (1, "inner"), (0, "b")):
        files.path(files.number(parent, name)).write_bytes(b"data")
    files.remove(1)
    assert [files.path(n).exists() for n in (1, 2, 3)] == [False, False, True]
    files.remove_children(0)
    assert not files.path(3).exists()


def test_a_copy_replaces_what_was_there(files):
    files.path(files.number(0, "a")).write_bytes(b"one")
    files.path(files.number(1, "inner")).write_bytes(b"two")
    files.path(files.number(0, "b")).write_bytes(b"old")
    files.copy(1, 3)
    assert files.path(3).read_bytes() == b"one"
    assert files.path(files.number(3, "inner")).read_bytes() == b"two"
