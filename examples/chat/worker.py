"""A chat room that survives hibernation: nothing that matters is kept on `self`.

Who is in the room is asked of the runtime, a member's name is attached to the socket, and what was
said is in the object's database.
"""

from urllib.parse import parse_qs, urlsplit

from js import Object, WebSocketPair
from pyodide.ffi import to_js
from workers import DurableObject, Response, WorkerEntrypoint


class Room(DurableObject):
    """One room. `GET /<room>?name=<name>` with an upgrade joins it."""

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.ctx.storage.sql.exec(
            "CREATE TABLE IF NOT EXISTS said (id INTEGER PRIMARY KEY, name TEXT, text TEXT)"
        )

    async def fetch(self, request):
        name = parse_qs(urlsplit(request.url).query)["name"][0]
        client, server = WebSocketPair.new().object_values()
        server.serializeAttachment(to_js({"name": name}, dict_converter=Object.fromEntries))
        self.ctx.acceptWebSocket(server)
        self.tell_all(f"* {name} joins")
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        name = ws.deserializeAttachment().name
        await self.say(name, message)

    async def webSocketClose(self, ws, code, reason, clean):
        ws.close()
        self.tell_all(f"* {ws.deserializeAttachment().name} leaves", leaving=ws)

    async def say(self, name, text):
        """Write it down, then tell everybody; returns how many things have been said."""
        sql = self.ctx.storage.sql
        sql.exec("INSERT INTO said (name, text) VALUES (?, ?)", name, text)
        self.tell_all(f"{name}: {text}")
        return sql.exec("SELECT count(*) AS n FROM said").one().n

    def tell_all(self, line, leaving=None):
        for ws in reversed(list(self.ctx.getWebSockets())):
            if ws != leaving:
                ws.send(line)


class Default(WorkerEntrypoint):
    """Hands every request to the room that its path names."""

    async def fetch(self, request):
        room = urlsplit(request.url).path.strip("/")
        return await self.env.ROOM.getByName(room).fetch(request.js_object)
