"""A room that announces nobody: arrivals cost one handshake, whoever else is there."""

import json
import time
from urllib.parse import parse_qs, urlsplit

from js import WebSocketPair
from workers import DurableObject, Response, WorkerEntrypoint


class Quiet(DurableObject):
    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, text):
        message = json.loads(text)
        if message["type"] == "ping":
            ws.send(compact({"type": "pong", "timestamp": int(time.time() * 1000)}))
        else:
            news = compact({"type": "broadcast", "data": message["data"]})
            for other in self.ctx.getWebSockets():
                if other != ws:
                    other.send(news)

    async def webSocketClose(self, ws, code, reason, was_clean):
        if code == 1000:
            ws.close(code, reason)


# An encoder of its own: json.dumps makes a new one at every call with separators.
compact = json.JSONEncoder(separators=(",", ":")).encode


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        name = parse_qs(urlsplit(request.url).query)["id"][0]
        return await self.env.QUIET.getByName(name).fetch(request.js_object)
