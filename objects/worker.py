"""The router: finds the WebSocketServer that a request names and hands the request over.

    WS  /ws?id=<name>                 join the room <name>
    GET /websocket/stats?id=<name>    who is in the room, as JSON

Without an id the room is "default". This file and its neighbour import only what Cloudflare
offers, so they run here and deploy there as they are.
"""

from urllib.parse import parse_qs, urlsplit

from websocket_server import WebSocketServer
from workers import Request, Response, WorkerEntrypoint

# A Durable Object class is found because the main module exports it.
__all__ = ["Default", "WebSocketServer"]


class Default(WorkerEntrypoint):
    """The worker's default export: every request from the network arrives here."""

    async def fetch(self, request: Request) -> Response:
        url = urlsplit(request.url)
        match url.path:
            case "/ws":
                if request.headers.get("Upgrade", "").lower() != "websocket":
                    return Response("Expected Upgrade: websocket", status=426)
            case "/websocket/stats":
                # Not `request.method`: that is an enum, which knows no PROPFIND and would raise.
                if request.js_object.method not in ("GET", "HEAD"):
                    return Response(
                        "Method Not Allowed", status=405, headers={"Allow": "GET, HEAD"}
                    )
            case _:
                return Response("Not Found", status=404)

        stub = self.env.WEBSOCKET_SERVER.getByName(room_name(url.query))
        # The request goes on as it came, so a WebSocket ends in the object, not in this worker,
        # and the object may sleep while the connection stays open.
        return await stub.fetch(request.js_object)


def room_name(query: str) -> str:
    """The first `id` of a query string, percent-decoded; missing and empty mean "default"."""
    ids = parse_qs(query, keep_blank_values=True).get("id", [""])
    return ids[0] or "default"
