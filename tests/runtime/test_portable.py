"""Objects as one file: exact, and a stranger's file harms nothing."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from emulator.runtime.portable import PortableError, PortableObject, pack, place, unpack
from emulator.storage.database import fresh_file
from emulator.storage.layout import StateLayout

ID = "0a" * 32


@pytest.fixture
def layout(tmp_path):
    return StateLayout(tmp_path / "do")


def one(**changes):
    told = {"namespace": "w-Box", "id": ID, "name": "<b>", "content": fresh_file(), "alarm_ns": 5}
    return PortableObject(**{**told, **changes})


def edited(change):
    """A portable file whose manifest was changed by `change`."""
    packed = zipfile.ZipFile(io.BytesIO(pack([one()])))
    manifest = json.loads(packed.read("manifest.json"))
    change(manifest)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(f"objects/w-Box/{ID}.sqlite", fresh_file())
        archive.writestr("manifest.json", json.dumps(manifest))
    return written.getvalue()


def test_what_is_packed_is_unpacked(layout):
    objects = [one(), one(id="0b" * 32, name=None, alarm_ns=None)]
    assert unpack(pack(objects), layout) == objects
    assert pack(objects) == pack(objects)
    assert not layout.root.exists()


def test_it_is_put_in_place_over_what_was_there(layout):
    layout.make_class_folder("w-Box")
    file = layout.object_file("w-Box", ID)
    for suffix in (".sqlite", ".sqlite-wal", ".pitr"):
        file.with_suffix(suffix).write_bytes(b"old")
    place(one(), layout)
    assert [f.name for f in file.parent.iterdir()] == [file.name]
    assert file.read_bytes() == fresh_file()


LIES = [
    lambda m: m.update(format="other"),
    lambda m: m.update(version=2),
    lambda m: m.update(objects={}),
    lambda m: m["objects"].append(5),
    lambda m: m["objects"].append(m["objects"][0]),
    lambda m: m["objects"][0].update(id="../../etc/passwd"),
    lambda m: m["objects"][0].update(id=5),
    lambda m: m["objects"][0].update(id=ID.upper()),
    lambda m: m["objects"][0].update(namespace="../up"),
    lambda m: m["objects"][0].update(namespace=".."),
    lambda m: m["objects"][0].update(namespace="nope"),
    lambda m: m["objects"][0].update(name=5),
    lambda m: m["objects"][0].update(alarm_ns="soon"),
    lambda m: m["objects"][0].update(alarm_ns=True),
    lambda m: m["objects"][0].update(bytes=-1),
    lambda m: m["objects"][0].update(bytes=10),
    lambda m: m["objects"][0].update(sha256="0"),
]


@pytest.mark.parametrize("change", LIES, ids=map(str, range(len(LIES))))
def test_a_manifest_that_lies_is_refused(layout, change):
    with pytest.raises(PortableError):
        unpack(edited(change), layout)
    assert not layout.root.exists()


def test_an_entry_that_unpacks_to_more_than_it_says_is_refused(layout):
    with pytest.raises(PortableError):
        unpack(pack([one(content=b"SQLite format 3\0" + b"x" * 100)])[:-30], layout)
    with pytest.raises(PortableError, match="damaged"):
        unpack(pack([one(content=b"no database")]), layout)
