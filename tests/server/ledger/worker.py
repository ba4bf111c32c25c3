"""Writes an entry down, then tells everybody: nobody may hear of what is not written."""

from js import WebSocketPair
from workers import DurableObject, Response, WorkerEntrypoint


class Ledger(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS entry (n INTEGER PRIMARY KEY, text TEXT)")

    async def fetch(self, request):
        if request.url.endswith("/entries"):
            rows = self.ctx.storage.sql.exec(
                "SELECT count(*) AS count, coalesce(max(n), 0) AS last FROM entry"
            ).one()
            return Response(f"{int(rows.count)} {int(rows.last)}")
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        for _ in range(10):
            self.ctx.storage.sql.exec("INSERT INTO entry (text) VALUES (?)", "x" * 500)
        last = self.ctx.storage.sql.exec("SELECT max(n) AS n FROM entry").one().n
        for other in self.ctx.getWebSockets():
            other.send(f"written {int(last)}")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.LEDGER.getByName("a").fetch(request.js_object)
