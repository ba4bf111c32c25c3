"""The platform's own classes in storage, in attachments and in calls, as user code sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.worlds import worker

if TYPE_CHECKING:
    from emulator.testing.durable_objects import Durable

BOX = """
class Box(DurableObject):
    async def keep(self):
        storage = self.ctx.storage
        await storage.put("h", js.Headers.new([["Content-Type", "x"]]))
        await storage.put("r", js.Request.new("http://a/b", method="PUT"))
        await storage.put("b", js.Blob.new(to_js(["abc"])))
        request, blob = await storage.get("r"), await storage.get("b")
        return [(await storage.get("h")).get("content-type"), request.method, await blob.text()]

    async def refused(self):
        texts = []
        for value in (js.Response.new("x"), js.File.new(to_js(["x"]), "n")):
            try:
                await self.ctx.storage.put("k", value)
            except JsException as exc:
                texts.append(exc.message)
        return texts

    def attach(self):
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        server.serializeAttachment(js.Headers.new([["a", "b"]]))
        return server.deserializeAttachment().get("a")

    def cloned(self):
        return js.structuredClone(js.Headers.new([["a", "b"]])).get("a")

"""


@worker(BOX)
async def test_headers_requests_and_blobs_can_be_stored(durable: Durable) -> None:
    assert await durable.env.BOX.getByName("a").keep() == ["x", "PUT", "abc"]


@worker(BOX)
async def test_what_cannot_be_stored_is_refused_in_the_platforms_words(durable: Durable) -> None:
    assert await durable.env.BOX.getByName("a").refused() == [
        "ReadableStream can only be serialized for RPC.",
        'Could not serialize object of type "File". This type does not support serialization.',
    ]


@worker(BOX)
async def test_headers_can_be_attached_and_cloned(durable: Durable) -> None:
    box = durable.env.BOX.getByName("a")
    assert await box.attach() == "b"
    assert await box.cloned() == "b"
