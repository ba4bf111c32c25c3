"""Echoes every message, and answers a Close as RFC 6455 has it.

A code that must not be on the wire is a protocol error (1002), a reason that was no UTF-8 is bad
data (1007): the platform hands both over as they came and leaves the answer to the object.
"""

from js import WebSocketPair
from workers import DurableObject, Response, WorkerEntrypoint

NO_CODE = 1005
PROTOCOL_ERROR, BAD_DATA = 1002, 1007
RESERVED = (1004, 1005, 1006, 1015)


def is_allowed(code):
    return 3000 <= code < 5000 or (1000 <= code < 1015 and code not in RESERVED)


class Echo(DurableObject):
    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        ws.send(message)

    async def webSocketClose(self, ws, code, reason, was_clean):
        if code == NO_CODE:
            ws.close()
        elif not is_allowed(code):
            ws.close(PROTOCOL_ERROR)
        elif "\ufffd" in reason:
            ws.close(BAD_DATA)
        else:
            ws.close(code, reason)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.ECHO.getByName("echo").fetch(request.js_object)
