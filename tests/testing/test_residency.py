"""How long objects are awake, and what it would cost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.workers import box_worker
from tests.worlds import worker

if TYPE_CHECKING:
    from emulator.testing.durable_objects import Durable


@pytest.fixture
def box(durable: Durable) -> Any:
    return durable.env.BOX.getByName("a")


@box_worker
async def test_an_idle_object_is_awake_for_ten_seconds_and_costs_nothing(
    durable: Durable, box: Any
) -> None:
    await box.add()
    await durable.clock.advance(100)
    found = durable.residency(box)
    assert found.awake_s == pytest.approx(10)
    assert found.billed_s == 0
    assert found.by_cause == {}


@box_worker
async def test_a_timer_is_billed_under_its_line(durable: Durable, box: Any) -> None:
    await box.timer(30)
    await durable.clock.advance(100)
    found = durable.residency(box)
    assert found.awake_s == pytest.approx(40)
    assert found.billed_s == pytest.approx(30)
    [(cause, seconds)] = found.by_cause.items()
    assert cause.startswith("timer: a timer (")
    assert "worker.py:" in cause
    assert seconds == pytest.approx(30)


@box_worker
async def test_reasons_overlap_but_are_billed_once(durable: Durable, box: Any) -> None:
    call = asyncio.ensure_future(box.wait(5))
    await box.timer(8)
    await durable.clock.advance(50)
    assert await call == "waited"
    found = durable.residency(box)
    assert found.billed_s == pytest.approx(8)
    assert sum(found.by_cause.values()) > 8


@box_worker
async def test_an_object_that_never_lived_costs_nothing(durable: Durable, box: Any) -> None:
    assert durable.residency(box).awake_s == 0


@worker(
    """
    class Beat(DurableObject):
        async def start(self):
            js.setInterval(create_proxy(lambda: None), 1000)
    """
)
async def test_an_interval_keeps_its_line_when_it_strikes_again(durable: Durable) -> None:
    beat = durable.env.BEAT.getByName("a")
    await beat.start()
    await durable.clock.advance(30)
    [(cause, seconds)] = durable.residency(beat).by_cause.items()
    assert "worker.py:" in cause
    assert seconds == pytest.approx(30)
