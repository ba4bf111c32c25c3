"""Passes, and fails with --durable-evict=every."""


async def test_everybody_hears_what_is_said(durable):
    ada = await durable.connect("/tea")
    bob = await durable.connect("/tea")
    bob.send("hello")
    assert await ada.receive() == "hello"
    assert await bob.receive() == "hello"
    ada.disconnect()
    bob.disconnect()
