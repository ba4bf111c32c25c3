"""What a test sees of an object's storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.workers import box_worker

if TYPE_CHECKING:
    from emulator.testing.durable_objects import Durable

pytestmark = box_worker


@pytest.fixture
def box(durable: Durable) -> Any:
    return durable.env.BOX.getByName("a")


async def test_keys_values_and_rows_are_plain_python(durable: Durable, box: Any) -> None:
    await box.fill()
    await box.add(7)
    await box.set_alarm(60)
    view = durable.storage(box)
    assert view.kv == {"list": [1, {"a": None}], "value": 7}
    assert view.tables == ["t"]
    assert view.sql("SELECT x FROM t WHERE id = ?", 1) == [{"x": "one"}]
    assert view.rows("t") == [{"id": 1, "x": "one"}]
    assert view.alarm_ms == durable.clock.now_ms + 60_000
    assert view.size_bytes > 0
    assert "value" in repr(view)


async def test_an_object_that_never_lived_has_nothing(durable: Durable, box: Any) -> None:
    view = durable.storage(box)
    assert (view.kv, view.tables, view.alarm_ms, view.size_bytes) == ({}, [], None, 0)
    assert not durable.is_resident(box)


async def test_looking_neither_wakes_nor_writes(durable: Durable, box: Any) -> None:
    await box.fill()
    await durable.evict(box)
    view = durable.storage(box)
    view.sql("DELETE FROM t")
    view.close()
    assert not durable.is_resident(box)
    assert durable.storage(box).rows("t") == [{"id": 1, "x": "one"}]


async def test_what_is_not_committed_is_not_seen(durable: Durable, box: Any) -> None:
    seen = []

    async def write(instance: Any, ctx: Any) -> None:
        await ctx.storage.put("value", 1)
        seen.append(dict(durable.storage(box).kv))

    await durable.run_in_object(box, write)
    assert seen == [{}]
    assert durable.storage(box).kv == {"value": 1}


async def test_a_block_s_changes_are_told(durable: Durable, box: Any) -> None:
    from emulator.testing.views import Change

    await box.add(1)
    with durable.diff(box) as changed:
        await box.add(1)
        await box.fill()
        await box.set_alarm(60)
    assert changed.kv == {"value": Change(1, 2), "list": Change(None, [1, {"a": None}])}
    assert changed.tables["t"].added == [{"id": 1, "x": "one"}]
    assert changed.alarm_ms == Change(None, durable.clock.now_ms + 60_000)

    with durable.diff(box) as changed:
        await box.clear()
    assert changed.kv == {"list": Change([1, {"a": None}], None)}
    assert changed.tables["t"].removed == [{"id": 1, "x": "one"}]
    assert not changed.tables["t"].added


async def test_a_block_that_changes_nothing_has_an_empty_diff(durable: Durable, box: Any) -> None:
    await box.add(1)
    with durable.diff(box) as changed:
        await box.get()
    assert changed.is_empty
