"""Passes, and fails with --durable-interleave."""

import asyncio


async def test_every_ticket_is_sold_once(durable):
    shop = durable.env.SHOP.getByName("main")
    await shop.stock(100)
    for _ in range(10):
        await asyncio.gather(shop.buy(), shop.buy())
    assert await shop.left() == 80
