"""WebSocketServer: a room of WebSocket connections that may sleep while its clients stay connected.

It uses the hibernation API: events arrive as calls of webSocketMessage, webSocketClose and
webSocketError, and after ten idle seconds the instance is discarded while the sockets stay open.
The next event builds a new instance. So nothing is kept on `self`: who is connected is asked of
the runtime, and what belongs to a connection (its id, the time it came) is attached to its socket.

Messages are parsed and printed by JavaScript's JSON, not Python's: clients then get numbers as
every JavaScript server prints them (1.0 is 1, no NaN), compact and with the keys in order.
"""

from contextlib import suppress
from urllib.parse import urlsplit

from js import JSON, Date, Object, WebSocketPair, crypto
from pyodide.ffi import JsException, JsProxy, to_js
from workers import DurableObject, Request, Response

OPEN = 1  # WebSocket.readyState
NO_CODE = 1005  # what webSocketClose is told when the Close frame was empty
CLOSE_CODES_RESERVED = (1004, 1005, 1006, 1015)  # ws.close() refuses them, and all below 1000
CLOSE_REASON_BYTES_MAX = 123


class WebSocketServer(DurableObject):
    """One room. Everybody who connects with the same id meets in the same instance."""

    async def fetch(self, request: Request) -> Response:
        if urlsplit(request.url).path == "/websocket/stats":
            return self.statistics()
        return self.connect()

    def connect(self) -> Response:
        """Accepts a connection, welcomes it and tells the others."""
        client, server = WebSocketPair.new().object_values()
        # An attachment outlives the instance, an attribute would not. A Python dict cannot be
        # attached (DataCloneError), a JavaScript object can.
        me = js_object({"id": crypto.randomUUID(), "connectedAt": Date.now()})
        server.serializeAttachment(me)
        # acceptWebSocket, not accept(): an accepted() socket would keep the object awake.
        self.ctx.acceptWebSocket(server)

        total = len(self.sockets())
        welcome = {
            "type": "connected",
            "id": me.id,
            "message": "Welcome to WebSocket server",
            "totalConnections": total,
        }
        send(server, welcome)
        self.send_to_others(
            server, {"type": "user_connected", "data": {"id": me.id, "totalConnections": total}}
        )
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws: JsProxy, message: str | JsProxy) -> None:
        try:
            # A text frame is a str, a binary frame a JavaScript ArrayBuffer (never bytes).
            text = message if isinstance(message, str) else message.to_bytes().decode()
            value = JSON.parse(text)
        except (JsException, UnicodeDecodeError):
            send(ws, {"type": "error", "message": "Invalid JSON message"})
            return

        # JSON need not be an object: a number, a string, null or an array has no `type`.
        match getattr(value, "type", None):
            case "ping":
                send(ws, {"type": "pong", "timestamp": Date.now()})
            case "broadcast":
                # No data is None, which is JavaScript's undefined, and JSON leaves it out.
                # `"data": null` is another thing: pyodide.ffi.jsnull.
                data = getattr(value, "data", None)
                self.send_to_others(ws, {"type": "broadcast", "data": data})
            case "get_stats":
                me = ws.deserializeAttachment()
                stats = {
                    "totalConnections": len(self.sockets()),
                    "yourId": me.id,
                    "connectedAt": me.connectedAt,
                }
                send(ws, {"type": "stats", "data": stats})
            case _:
                send(ws, {"type": "echo", "data": value, "receivedAt": Date.now()})

    async def webSocketClose(self, ws: JsProxy, code: int, reason: str, wasClean: bool) -> None:
        # Nobody answers the client's Close for us: without this it would wait, and report 1006.
        if code == NO_CODE:
            ws.close()
        else:
            ws.close(sendable_code(code), sendable_reason(reason))
        self.say_goodbye(ws)

    async def webSocketError(self, ws: JsProxy, error: JsProxy) -> None:
        # After a broken or oversize frame this is called instead of webSocketClose, and the
        # runtime has already sent its Close frame.
        self.say_goodbye(ws)

    def say_goodbye(self, ws: JsProxy) -> None:
        """Tells the remaining clients that this one is gone."""
        gone = {
            "id": ws.deserializeAttachment().id,
            "totalConnections": len(self.sockets(leaving=ws)),
        }
        self.send_to_others(ws, {"type": "user_disconnected", "data": gone})

    def statistics(self) -> Response:
        """The answer to GET /websocket/stats."""
        connections = [ws.deserializeAttachment() for ws in self.sockets()]
        body = to_json({"totalConnections": len(connections), "connections": connections})
        return Response(body, headers={"Content-Type": "application/json"})

    def sockets(self, leaving: JsProxy | None = None) -> list[JsProxy]:
        """The open sockets, oldest first, without the one that is leaving.

        Counted anew each time, since a counter would not survive the night. While a socket's
        close is handled it is still listed: hence `leaving`. One that we closed is listed until
        the client answers: hence `readyState`. And `!=`, not `is not`: each time a JavaScript
        object is handed to Python it may come in a new proxy, and proxies of one object are
        equal but not identical (nor hashable: no sets, no dict keys).
        """
        newest_first = list(self.ctx.getWebSockets())
        return [ws for ws in reversed(newest_first) if ws.readyState == OPEN and ws != leaving]

    def send_to_others(self, sender: JsProxy, message: dict[str, object]) -> None:
        text = to_json(message)
        for ws in self.sockets(leaving=sender):
            # One connection that just failed must not cost the others their message.
            with suppress(JsException):
                ws.send(text)


def send(ws: JsProxy, message: dict[str, object]) -> None:
    # Always text: ws.send(b"..") would send the characters b'..', a dict its repr.
    ws.send(to_json(message))


def to_json(message: dict[str, object]) -> str:
    return JSON.stringify(js_object(message))


def js_object(members: dict[str, object]) -> JsProxy:
    """A plain JavaScript object. Without the converter some runtimes would make it a Map."""
    # A Python int of 2**53 - 1 or more would become a BigInt, which JSON refuses to print. The
    # same number as a float stays a JavaScript number, and 1.0 is printed as 1.
    numbers = {name: float(value) for name, value in members.items() if type(value) is int}
    return to_js(members | numbers, dict_converter=Object.fromEntries)


def sendable_code(code: int) -> int:
    """The code itself if ws.close() takes it; 1000 for one that clients may send but we may not."""
    return code if 1000 <= code < 5000 and code not in CLOSE_CODES_RESERVED else 1000


def sendable_reason(reason: str) -> str:
    """The reason, cut to what a Close frame holds without splitting a character."""
    return reason.encode()[:CLOSE_REASON_BYTES_MAX].decode(errors="ignore")
