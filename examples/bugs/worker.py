"""Three mistakes. Each passes an ordinary test, and each shows in production."""

from urllib.parse import urlsplit

from js import WebSocketPair, setInterval
from pyodide.ffi import create_proxy
from workers import DurableObject, Response, WorkerEntrypoint


class ForgetfulRoom(DurableObject):
    """Keeps its members on `self`: after ten idle seconds the sockets are there, the list is not."""

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.members = []

    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        self.members.append(server)  # the mistake: ask self.ctx.getWebSockets() instead
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        for member in self.members:
            member.send(message)


class TicketShop(DurableObject):
    """Reads, asks somebody else, then writes: while it waits, another buyer reads the same."""

    async def stock(self, tickets):
        await self.ctx.storage.put("left", tickets)

    async def buy(self):
        left = await self.ctx.storage.get("left")
        # The mistake: other calls come in while this one waits. Read after it, or ask first.
        price = await self.env.PRICES.getByName("today").price()
        await self.ctx.storage.put("left", left - 1)
        return price

    async def left(self):
        return await self.ctx.storage.get("left")


class Prices(DurableObject):
    async def price(self):
        return 20


class Sleepless(DurableObject):
    """Starts a timer that nobody stops: the object is billed for ever."""

    async def start(self):
        self.beats = 0
        # The mistake: an alarm would let the object sleep in between.
        setInterval(create_proxy(self.beat), 30_000)

    def beat(self):
        self.beats += 1


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        room = urlsplit(request.url).path.strip("/")
        return await self.env.ROOM.getByName(room).fetch(request.js_object)
