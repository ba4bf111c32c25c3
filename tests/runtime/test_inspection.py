"""Looking at objects without a server: emulator/runtime/inspection."""

from __future__ import annotations

import pytest

from emulator.runtime.inspection.errors import (
    NotUnderstoodError,
    UnknownNamespaceError,
    UnknownObjectError,
)
from emulator.runtime.inspection.lives import ResidencyBook, evict
from emulator.runtime.inspection.objects import Inspector
from emulator.runtime.inspection.storage import Storage, decoded, stored_view
from emulator.runtime.recording import LiveRecorder
from emulator.storage.layout import StateLayout
from tests.worlds import worker

SOURCE = """
class Box(DurableObject):
    async def put(self, key, value):
        await self.ctx.storage.put(key, value)

    async def get(self, key):
        return await self.ctx.storage.get(key)

    async def hold(self):
        setTimeout(create_proxy(lambda: None), 3_600_000)
"""


@pytest.fixture
def inspector(durable):
    emulator = durable.emulator
    host = emulator.worker.host
    host.recorder = host.chronicle = recorder = LiveRecorder(host, host.listener)
    folder = emulator.worker.namespaces["Box"].file_of("0" * 64).parent.parent
    return Inspector(host, lambda: emulator.workers, StateLayout(folder), recorder)


def target(durable, inspector, name="a"):
    namespace = durable.emulator.worker.namespaces["Box"]
    return inspector.target(namespace.unique_key, namespace.ids.from_name(name))


@worker(SOURCE)
async def test_an_object_runs_and_then_it_is_stored(durable, inspector):
    await durable.env.BOX.getByName("a").put("k", 1)
    (view,) = await inspector.views()
    assert (view.name, view.state, view.generation, view.class_name) == ("a", "running", 1, "Box")
    assert view.size_bytes >= 4096
    assert evict(target(durable, inspector))
    (view,) = await inspector.views()
    assert (view.state, view.generation) == ("stored", 1)
    assert not evict(target(durable, inspector))


@worker(SOURCE)
async def test_an_edit_leaves_a_sleeping_object_asleep(durable, inspector):
    await durable.env.BOX.getByName("a").put("k", 1)
    evict(target(durable, inspector))
    await Storage(inspector, target(durable, inspector)).put("k", 2)
    assert target(durable, inspector).container.instance is None
    with stored_view(target(durable, inspector)) as view:
        assert view.entry("k").json == 2
    assert await durable.env.BOX.getByName("a").get("k") == 2


@worker(SOURCE)
async def test_a_refused_value_changes_nothing(durable, inspector):
    await durable.env.BOX.getByName("a").put("k", 1)
    storage = Storage(inspector, target(durable, inspector))
    with pytest.raises(NotUnderstoodError):
        await storage.put("k" * 3_000_000, "x" * 9_000_000)
    assert await durable.env.BOX.getByName("a").get("k") == 1


@worker(SOURCE)
async def test_residency_is_counted_for_whom_somebody_looks_at(durable, inspector):
    await durable.env.BOX.getByName("a").hold()
    book = ResidencyBook(inspector)
    found = target(durable, inspector)
    account = book.look((found.unique_key, found.id))
    await durable.clock.advance(5.5)
    assert (account.awake_s, account.billed_s) == (5.0, 5.0)
    (cause,) = account.by_cause
    assert cause.startswith("timer: a timer (")
    await durable.clock.advance(120)
    assert account.awake_s <= 61  # nobody looked any more


@worker(SOURCE)
async def test_what_is_not_there_is_told(durable, inspector):
    key = durable.emulator.worker.namespaces["Box"].unique_key
    with pytest.raises(UnknownNamespaceError):
        inspector.target("nope", "0" * 64)
    with pytest.raises(UnknownObjectError):
        inspector.target(key, "0" * 64)
    with pytest.raises(NotUnderstoodError):
        inspector.target(key, "../../x")


def test_a_value_that_cannot_be_decoded_is_unreadable_and_nothing_more():
    entry = decoded("<k>", b"\xff\xff\xff")
    assert (entry.type, entry.is_editable, entry.json) == ("unreadable", False, None)
