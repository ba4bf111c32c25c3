"""Objects that are awake for the sake of a timer and of sockets, and keep a value."""

from js import WebSocketPair, setTimeout
from pyodide.ffi import create_proxy
from workers import DurableObject, Response, WorkerEntrypoint


class Busy(DurableObject):
    async def hold(self):
        self.client, server = WebSocketPair.new().object_values()
        self.client.accept()
        server.accept()
        setTimeout(create_proxy(lambda: None), 1_000_000)
        await self.ctx.storage.put("key", "value")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("nothing to see")
