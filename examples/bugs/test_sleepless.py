"""Fails as it is expected to: assert_can_hibernate names the line of the timer."""

import pytest


@pytest.mark.xfail(reason="Sleepless.start() starts a timer", strict=True)
async def test_the_object_can_hibernate(durable):
    sleepless = durable.env.SLEEPLESS.getByName("a")
    await sleepless.start()
    durable.assert_can_hibernate(sleepless)


async def test_what_it_costs(durable):
    sleepless = durable.env.SLEEPLESS.getByName("a")
    await sleepless.start()
    await durable.clock.advance(60)
    assert durable.residency(sleepless).billed_s == 60
