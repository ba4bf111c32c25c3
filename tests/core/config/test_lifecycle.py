from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.core.config import Config, parse_config
from emulator.core.config.lifecycle import Plan, Record, moves_objects, plan_migrations

HEAD = (
    'main = "w.py"\ncompatibility_date = "2026-11-01"\ncompatibility_flags = ["python_workers"]\n'
)


def config(*entries: str, name: str = "w", rest: str = "") -> Config:
    text = f'name = "{name}"\n{HEAD}{rest}'
    for number, entry in enumerate(entries, start=1):
        text += f'[[migrations]]\ntag = "v{number}"\n{entry}\n'
    return parse_config(tomllib.loads(text), path="wrangler.toml", text=text)


NEW = 'new_sqlite_classes = ["A"]'
RENAME = 'renamed_classes = [{ from = "A", to = "B" }]'
DELETE = 'deleted_classes = ["A"]'


def plan(*configs: Config, record: Record | None = None, **stored: int) -> Plan:
    found = {key.replace("_", "-", 1): count for key, count in stored.items()}
    return plan_migrations(configs, record or Record(), found)


def after(done: Plan) -> Record:
    return Record(done.tags, done.keys)


def texts(done: Plan) -> list[str]:
    return [str(change) for change in done.changes]


def test_a_renamed_class_keeps_its_key_and_so_the_ids_of_its_objects() -> None:
    done = plan(config(NEW, RENAME), w_A=3)
    assert texts(done) == ["Migration v2 of w: A is now B, with 3 objects"]
    assert (done.keys, done.doomed, done.notes) == ({("w", "B"): "w-A"}, (), ())
    assert done.tags == {"w": ("v1", "v2")}


def test_without_objects_a_renamed_class_begins_under_its_own_name() -> None:
    done = plan(config(NEW, RENAME))
    assert (texts(done), done.keys) == ([], {})


def test_a_plan_that_was_carried_out_changes_nothing() -> None:
    done = plan(config(NEW, RENAME), w_A=3)
    again = plan(config(NEW, RENAME), record=after(done), w_A=3)
    assert (texts(again), again.keys, again.doomed) == ([], done.keys, ())


def test_only_entries_after_the_last_applied_one_count() -> None:
    record = Record({"w": ("v1", "v2")}, {})
    done = plan(config(NEW, DELETE, NEW), record=record, w_A=1)
    assert (texts(done), done.doomed) == ([], ())
    assert done.tags == {"w": ("v1", "v2", "v3")}


def test_renames_follow_each_other() -> None:
    done = plan(config(NEW, RENAME, 'renamed_classes = [{ from = "B", to = "C" }]'), w_A=1)
    assert done.keys == {("w", "C"): "w-A"}
    back = plan(config(NEW, RENAME, 'renamed_classes = [{ from = "B", to = "A" }]'), w_A=1)
    assert back.keys == {}


def test_two_classes_may_swap_their_names() -> None:
    swap = (
        'renamed_classes = [{ from = "A", to = "T" }, { from = "B", to = "A" }, '
        '{ from = "T", to = "B" }]'
    )
    done = plan(config('new_sqlite_classes = ["A", "B"]', swap), w_A=1, w_B=2)
    assert done.keys == {("w", "A"): "w-B", ("w", "B"): "w-A"}
    assert done.notes == ()


def test_a_class_that_takes_the_name_of_a_renamed_one_gets_a_key_of_its_own() -> None:
    done = plan(config(NEW, RENAME, NEW), w_A=1)
    assert done.keys == {("w", "B"): "w-A", ("w", "A"): "w-A~2"}
    again = plan(config(NEW, RENAME, NEW), record=after(done), **{"w_A": 1, "w_A~2": 1})
    assert again.keys == done.keys


def test_a_class_with_objects_of_its_own_keeps_them() -> None:
    done = plan(config(NEW, RENAME), w_A=1, w_B=1)
    assert (texts(done), done.keys) == ([], {})
    assert done.notes == (
        "Migration v2 of w: B has objects of its own already, so those of A stay where they are, "
        "in w-A.",
    )


def test_a_deleted_class_is_doomed_with_its_objects() -> None:
    done = plan(config(NEW, DELETE), w_A=1)
    assert texts(done) == ["Migration v2 of w: A is deleted, with 1 object"]
    assert done.doomed == ("w-A",)


def test_a_deleted_class_that_was_renamed_is_doomed_under_its_old_key() -> None:
    done = plan(config(NEW, RENAME, 'deleted_classes = ["B"]'), w_A=1)
    assert (done.doomed, done.keys) == (("w-A",), {})


def test_files_that_may_be_of_a_class_s_second_life_are_kept() -> None:
    done = plan(config(NEW, DELETE, NEW), w_A=1)
    assert (texts(done), done.doomed) == ([], ())
    assert done.notes == (
        "Migration v2 of w: the objects of A are kept, since A is created again later and they "
        "may belong to that class.",
    )
    known = plan(config(NEW, DELETE, NEW), record=Record({"w": ("v1",)}, {}), w_A=1)
    assert known.doomed == ("w-A",)


TRANSFER = 'transferred_classes = [{ from = "A", from_script = "other", to = "B" }]'


def test_a_transferred_class_comes_with_the_key_of_the_other_worker() -> None:
    done = plan(config(TRANSFER), other_A=2)
    assert texts(done) == ["Migration v1 of w: A of other is now B, with 2 objects"]
    assert done.keys == {("w", "B"): "other-A"}


def test_a_worker_that_still_has_the_transferred_class_begins_it_anew() -> None:
    done = plan(config(TRANSFER), config(NEW, name="other"), other_A=2)
    assert done.keys == {("w", "B"): "other-A", ("other", "A"): "other-A~2"}


EXPORTS = """
[exports.B]
type = "durable-object"
storage = "sqlite"
[exports.A]
type = "durable-object"
state = "renamed"
renamed_to = "B"
[exports.Gone]
type = "durable-object"
state = "deleted"
[exports.Came]
type = "durable-object"
state = "expecting-transfer"
transfer_from = "other"
storage = "sqlite"
"""


def test_exports_say_what_became_of_classes_and_may_be_applied_again() -> None:
    whole = config(rest=EXPORTS)
    done = plan(whole, w_A=1, w_Gone=1, other_Came=1)
    assert texts(done) == [
        "Exports of w: A is now B, with 1 object",
        "Exports of w: Gone is deleted, with 1 object",
        "Exports of w: Came of other is now Came, with 1 object",
    ]
    again = plan(whole, record=after(done), w_A=1, other_Came=1)
    assert (texts(again), again.keys, again.notes) == ([], done.keys, ())


def test_a_key_whose_folder_is_gone_is_forgotten_when_the_class_began_anew() -> None:
    record = Record({"w": ("v1", "v2")}, {("w", "B"): "w-A"})
    assert plan(config(NEW, RENAME), record=record, w_B=1).keys == {}
    assert plan(config(NEW, RENAME), record=record).keys == {("w", "B"): "w-A"}


@pytest.mark.parametrize(
    ("entry", "moves"), [('new_classes = ["C"]', False), (RENAME, True), (DELETE, True)]
)
def test_a_reload_may_add_classes_but_not_move_objects(entry: str, moves: bool) -> None:
    assert moves_objects(config(NEW, entry), config(NEW)) == moves
    assert not moves_objects(config(NEW), config(NEW, entry))


NAMES = st.sampled_from(["A", "B", "C"])


@st.composite
def histories(draw: st.DrawFn) -> list[str]:
    live: set[str] = set()
    entries = []
    for _ in range(draw(st.integers(1, 8))):
        absent = sorted({"A", "B", "C"} - live)
        kind = draw(st.sampled_from(["new", "rename", "delete"]))
        if kind == "new" and absent:
            name = draw(st.sampled_from(absent))
            live.add(name)
            entries.append(f'new_sqlite_classes = ["{name}"]')
        elif kind == "rename" and live and absent:
            old, new = draw(st.sampled_from(sorted(live))), draw(st.sampled_from(absent))
            live.remove(old)
            live.add(new)
            entries.append(f'renamed_classes = [{{ from = "{old}", to = "{new}" }}]')
        elif kind == "delete" and live:
            name = draw(st.sampled_from(sorted(live)))
            live.remove(name)
            entries.append(f'deleted_classes = ["{name}"]')
    return entries


@given(histories())
def test_applied_one_by_one_every_class_has_the_objects_it_was_given(entries: list[str]) -> None:
    """Each life of a class stores one object; renames carry it, deletes end it."""
    record, stored, owned = Record(), {}, {}
    for number, entry in enumerate(entries, start=1):
        now = config(*entries[:number])
        done = plan_migrations([now], record, stored)
        assert done.notes == ()
        for key in done.doomed:
            del stored[key]
        record = after(done)
        # What the history says of who owns which object.
        match entry.split('"')[0], entry.split('"')[1::2]:
            case "new_sqlite_classes = [", [name]:
                owned[name] = f"life {number}"
            case "deleted_classes = [", [name]:
                del owned[name]
            case _, [old, new]:
                owned[new] = owned.pop(old)
        keys = {name: done.keys.get(("w", name), f"w-{name}") for name in now.classes}
        assert len(set(keys.values())) == len(keys)
        for name, key in keys.items():
            assert stored.setdefault(key, owned[name]) == owned[name]
        assert set(stored) == set(keys.values())
