"""A room with something of everything that the explorer shows."""

from urllib.parse import parse_qs, urlsplit

from js import Date, WebSocketPair, console
from pyodide.ffi import to_js
from workers import DurableObject, Response, WorkerEntrypoint


class Room(DurableObject):
    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server, to_js(["first", "<b>tag</b>"]))
        server.serializeAttachment("<i>attached</i>")
        return Response(None, status=101, web_socket=client)

    async def fill(self):
        await self.ctx.storage.put("greeting", "hello")
        await self.ctx.storage.put("<img src=x onerror=alert(1)>", "<script>alert(2)</script>")
        sql = self.ctx.storage.sql
        sql.exec("CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY, text TEXT)")
        sql.exec("INSERT INTO note(text) VALUES ('first'), ('second'), ('third')")
        await self.ctx.storage.setAlarm(Date.now() + 3_600_000)

    async def touch(self):
        return None

    async def alarm(self, info):
        await self.ctx.storage.put("rang", "yes")
        console.log("ding dong")

    async def webSocketMessage(self, ws, message):
        ws.send(f"echo {message}")

    async def webSocketClose(self, ws, code, reason, was_clean):
        ws.close(code, reason)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlsplit(str(request.url))
        [name] = parse_qs(url.query)["name"]
        room = self.env.ROOM.getByName(name)
        if url.path == "/ws":
            return await room.fetch(request.js_object)
        if url.path == "/touch":
            await room.touch()
            return Response("touched")
        await room.fill()
        return Response("filled")
