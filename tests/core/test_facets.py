"""The rules of facets (spec lifecycle §1.6). emulator/core/facets.py."""

from __future__ import annotations

import pytest

from emulator.core.facets import (
    MAGIC,
    Entry,
    check_depth,
    check_name,
    decode_index,
    encode_entry,
)
from emulator.core.values import JsException

ENTRIES = [Entry(0, "s"), Entry(0, "c1"), Entry(2, "innen-ä")]
# As the real runtime wrote it for facets "s", "c1", "c3", "c4", "x" and "d" of one object.
RECORDED = bytes.fromhex(
    "57efb0c55bcecdc4000001007300000200633100000200633300000200633400000100780000010064"
)


def test_the_index_is_the_runtimes():
    entries = [Entry(0, name) for name in ("s", "c1", "c3", "c4", "x", "d")]
    assert decode_index(RECORDED) == entries
    assert MAGIC + b"".join(map(encode_entry, entries)) == RECORDED


def test_an_index_is_read_as_it_was_written():
    assert decode_index(MAGIC + b"".join(map(encode_entry, ENTRIES))) == ENTRIES


@pytest.mark.parametrize("cut", range(1, 12))
def test_an_entry_that_was_cut_off_is_left_out(cut):
    content = MAGIC + b"".join(map(encode_entry, ENTRIES))
    assert decode_index(content[:-cut])[:2] == ENTRIES[:2]
    assert len(decode_index(content[:-1])) == 2


def test_what_is_no_index_has_no_entries():
    assert decode_index(b"") == decode_index(b"something else") == []


def test_names_and_depth_have_limits():
    check_name("x" * 256)
    check_depth(3)
    with pytest.raises(JsException, match=r"Facet name is too long \(max 256 characters\)"):
        check_name("é" * 129)
    with pytest.raises(JsException, match="Facet nesting depth limit exceeded"):
        check_depth(4)
