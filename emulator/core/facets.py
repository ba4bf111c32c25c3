"""Rules of facets: objects inside an object, each with a file of its own. Pure.

The index beside the root's file is a list of which facets ever had a file. It begins with eight
bytes of its own; each entry is the number of the parent (0 is the root), the length of the name
and the name in UTF-8, both numbers in two bytes, the low one first. The first entry is number 1.

Source: spec lifecycle §1.6; the bytes are those that the local runtime writes.
Proof: tests/core/test_facets.py.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from emulator.core.values import JsException, error, type_error

__all__ = [
    "DELETED",
    "DEPTH_MAX",
    "MAGIC",
    "REPLACED",
    "Entry",
    "alarm_refusal",
    "check_depth",
    "check_name",
    "decode_index",
    "encode_entry",
]

MAGIC: Final = bytes.fromhex("57efb0c55bcecdc4")
NAME_BYTES_MAX: Final = 256
DEPTH_MAX: Final = 4  # the root counts
DELETED: Final = "Facet was deleted."
REPLACED: Final = "Facet was cloned-over."
_HEAD: Final = struct.Struct("<HH")


@dataclass(frozen=True, slots=True)
class Entry:
    """One facet that has, or had, a file."""

    parent: int
    name: str


def check_name(name: str) -> None:
    """Raises: JsException (TypeError) for a name that is too long."""
    if len(name.encode("utf-8", "surrogatepass")) > NAME_BYTES_MAX:
        raise type_error(f"Facet name is too long (max {NAME_BYTES_MAX} characters).")


def check_depth(depth: int) -> None:
    """Raises: JsException, for an object `depth` levels down that cannot have facets."""
    if depth >= DEPTH_MAX:
        raise error(
            "Facet nesting depth limit exceeded. The maximum depth including the root Durable "
            f"Object is {DEPTH_MAX}."
        )


def alarm_refusal() -> JsException:
    return error("Facets currently cannot set alarms.")


def encode_entry(entry: Entry) -> bytes:
    name = entry.name.encode("utf-8", "surrogatepass")
    return _HEAD.pack(entry.parent, len(name)) + name


def decode_index(content: bytes) -> list[Entry]:
    """The entries in order. What is cut off at the end, or is no index, is left out."""
    entries: list[Entry] = []
    if content[: len(MAGIC)] != MAGIC:
        return entries
    at = len(MAGIC)
    while at + _HEAD.size <= len(content):
        parent, length = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        if at + length > len(content):
            break
        name = content[at : at + length].decode("utf-8", "surrogatepass")
        entries.append(Entry(parent, name))
        at += length
    return entries
