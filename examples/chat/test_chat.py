"""The tests of the chat room. They pass with every `--durable-...` option, too."""

import pytest


async def test_everybody_hears_what_is_said(durable):
    ada = await durable.connect("/tea?name=ada")
    assert await ada.receive() == "* ada joins"
    bob = await durable.connect("/tea?name=bob")
    assert await ada.receive() == await bob.receive() == "* bob joins"

    bob.send("hello")
    assert await ada.receive() == "bob: hello"
    assert await bob.receive() == "bob: hello"

    await bob.close()
    assert await ada.receive() == "* bob leaves"
    await ada.close()


async def test_the_room_sleeps_while_its_members_stay(durable):
    room = durable.env.ROOM.getByName("tea")
    ada = await durable.connect("/tea?name=ada")
    await ada.receive()
    durable.assert_can_hibernate(room)

    await durable.clock.advance(3600)
    assert not durable.is_resident(room)
    assert durable.residency(room).billed_s == 0

    ada.send("still here")
    assert await ada.receive() == "ada: still here"
    await ada.close()


@pytest.mark.crash_safe
async def test_what_was_acknowledged_is_never_lost(durable):
    acknowledged = 0
    for number in range(20):
        try:
            await durable.env.ROOM.getByName("tea").say("ada", f"line {number}")
        except Exception:  # the machine died: nobody promised us anything
            continue
        acknowledged += 1
    rows = durable.storage(durable.env.ROOM.getByName("tea")).rows("said")
    assert len(rows) >= acknowledged
