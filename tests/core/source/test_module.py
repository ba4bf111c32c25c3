from __future__ import annotations

import pytest

from emulator.core.source.module import ExportedClass, Module, find_class


def found(source: str, name: str = "Room", **others: str) -> ExportedClass:
    modules = {key.replace("__", "."): Module.from_source(text) for key, text in others.items()}
    return find_class(name, Module.from_source(source), modules.get)


OBJECT = "from workers import DurableObject\nclass Room(DurableObject): pass\n"


def test_a_class_is_found_with_its_line_and_what_it_is() -> None:
    assert found(OBJECT) == ExportedClass("class", 2, is_object=True)
    assert found("class Room: pass") == ExportedClass("class", 1, is_object=False)


@pytest.mark.parametrize(
    "source",
    [
        "import workers\nclass Room(workers.DurableObject): pass",
        "from workers import DurableObject\nclass Base(DurableObject): pass\nclass Room(Base): pass",
        "from workers import DurableObject\nclass Room(Mixin, DurableObject): pass",
        "from rooms import Room",
        "from rooms import Room as R\nRoom = R",
        "from rooms import *",
        "from rooms import Room as Base\nclass Room(Base): pass",
        f"if True:\n  {OBJECT.replace(chr(10), chr(10) + '  ')}",
        f"try:\n  from nowhere import x\nexcept ImportError:\n  {OBJECT.replace(chr(10), chr(10) + '  ')}",
    ],
)
def test_an_object_is_recognised(source: str) -> None:
    answer = found(source, rooms=OBJECT)
    assert (answer.kind, answer.is_object) == ("class", True)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("", "missing"),
        ("class Rom: pass", "missing"),
        ("from rooms import *", "missing"),
        ("def Room(): pass", "no class"),
        ("Room = 1", "no class"),
        ("Room: object = {}", "unknown"),
        ("Room = make()", "unknown"),
        ("from package import Room", "unknown"),
        ("from package import *", "unknown"),
        ("from . import rooms", "unknown"),
        ("globals()['Room'] = 1", "unknown"),
        ("globals().update(Room=1)", "unknown"),
        ("def __getattr__(name): pass", "unknown"),
        ("for Room in (): pass\nelse:\n  from package import Room", "unknown"),
    ],
)
def test_what_is_no_class_of_the_project_is_told_apart(source: str, kind: str) -> None:
    assert found(source, rooms="class Other: pass").kind == kind


def test_a_base_that_cannot_be_told_is_no_mistake() -> None:
    assert found("from package import Base\nclass Room(Base): pass").is_object is None
    assert found("class Room(make()): pass").is_object is None
    assert found("class Room(a.Base): pass").is_object is None
    assert found("class Room(Room): pass").is_object is None


def test_an_entrypoint_is_no_object() -> None:
    source = "from workers import WorkerEntrypoint\nclass Room(WorkerEntrypoint): pass"
    assert found(source).is_object is False
    renamed = source.replace("import WorkerEntrypoint", "import WorkerEntrypoint as W")
    assert found(renamed.replace("(WorkerEntrypoint)", "(W)")).is_object is False
    assert found("from js import Object\nclass Room(Object): pass").is_object is False


def test_modules_that_import_each_other_are_left() -> None:
    assert found("from rooms import Room", rooms="from rooms import Room").kind == "unknown"
