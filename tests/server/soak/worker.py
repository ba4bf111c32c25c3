"""A room that checks its clients: what arrives on a socket must be numbered without a gap.

The last number is attached to the socket, so that it is still known after the room has slept.
"""

import json

from js import Object, WebSocketPair
from pyodide.ffi import to_js
from workers import DurableObject, Response, WorkerEntrypoint


def plain(members):
    return to_js(members, dict_converter=Object.fromEntries)


class Room(DurableObject):
    async def fetch(self, request):
        if request.url.endswith("/count"):
            return Response(str(sum(ws.readyState == 1 for ws in self.ctx.getWebSockets())))
        client, server = WebSocketPair.new().object_values()
        server.serializeAttachment(plain({"last": 0}))
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, text):
        message = json.loads(text)
        last = ws.deserializeAttachment().last
        if message["n"] != last + 1:
            ws.send(f"gap: {last} then {message['n']}")
        ws.serializeAttachment(plain({"last": message["n"]}))
        if "all" in message:
            news = json.dumps({"from": message["all"], "b": message["b"]})
            for other in self.ctx.getWebSockets():
                other.send(news)
        if message.get("put"):
            await self.ctx.storage.put(message["put"], message["n"])
        ws.send(json.dumps({"n": message["n"], "pad": "x" * message.get("pad", 0)}))

    async def webSocketClose(self, ws, code, reason, was_clean):
        if was_clean:
            ws.close(code)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.ROOM.getByName("soak").fetch(request.js_object)
