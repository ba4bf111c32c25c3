"""Everything that happens to an object is a record. Proof of emulator/runtime/events.py."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.workers import box_worker

if TYPE_CHECKING:
    from emulator.testing.durable_objects import Durable

pytestmark = box_worker


@pytest.fixture
def box(durable: Durable) -> Any:
    return durable.env.BOX.getByName("a")


def told(durable: Durable) -> list[str]:
    return [line.strip().split("  ", 1)[1] for line in durable.timeline().splitlines()]


async def test_a_life_is_told_from_its_beginning_to_its_end(durable: Durable, box: Any) -> None:
    await box.add()
    with pytest.raises(Exception, match="no"):
        await box.fails()
    await durable.clock.advance(10)
    assert told(durable) == [
        "Box a  wakes (1.)",
        "Box a  > rpc add()",
        "Box a  commits",
        "Box a  < rpc add()",
        "Box a  > rpc fails()",
        "Box a  < rpc fails(): ValueError: no",
        "Box a  sleeps",
    ]


async def test_so_are_sockets(durable: Durable) -> None:
    client = await durable.connect("/box/a/")
    client.send("héé")
    await client.receive()
    await client.close(1000)
    lines = told(durable)
    assert "Box a  accepts a socket red" in lines
    assert "Box a  > websocket webSocketMessage" in lines
    assert "Box a  sends text, 10 bytes" in lines
    assert "Box a  sends close, 0 bytes" in lines


async def test_so_are_alarms_and_what_the_test_does(durable: Durable, box: Any) -> None:
    await box.set_alarm(5)
    durable.fail_next("rpc", on=box)
    durable.delay_next("rpc", 2, on=box)
    with pytest.raises(Exception, match="lost"):
        await box.add()
    await durable.crash(box)
    lines = told(durable)
    assert f"Box a  alarm at {durable.clock.now_ms + 3000}" in lines
    assert "Box a  ** rpc delayed by 2 s" in lines
    assert "Box a  ** rpc fails" in lines
    assert "Box a  ** crash" in lines
    assert "Box a  breaks: Error: Network connection lost." in lines


async def test_events_that_were_cut_off_are_counted(durable: Durable, box: Any) -> None:
    await box.timer(60)
    call = box.wait(60)
    await durable.settle()
    await durable.evict(box, force=True)
    with pytest.raises(Exception, match="evicted"):
        await call
    assert "Box a  sleeps, 1 event(s) cut off" in told(durable)


async def test_a_record_holds_plain_values_and_stays_as_it_is(durable: Durable, box: Any) -> None:
    await box.add()
    for event in durable.events:
        assert eval(repr(event), vars(__import__("emulator.core.events", fromlist=["*"]))) == event
    with pytest.raises(FrozenInstanceError):
        durable.events[0].time_ms = 0  # type: ignore[misc]


async def test_an_object_without_a_name_is_told_by_its_id(durable: Durable) -> None:
    unique = durable.env.BOX.get(durable.env.BOX.newUniqueId())
    await unique.add()
    assert told(durable)[0] == f"Box {unique.id.toString()[:8]}  wakes (1.)"


async def test_a_long_story_is_cut_at_its_beginning(durable: Durable, box: Any) -> None:
    for _ in range(30):
        await box.add()
    assert durable.timeline().splitlines()[0].strip() == "... 51 earlier"
