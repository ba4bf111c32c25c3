"""The jobs of the workloads on bare aiohttp: no objects, gates, boundary or storage rules.

What a hand-written server would do, and so the ceiling for one built on aiohttp. Run as
`python -m benchmarks.aiohttp_server`; prints its address once it serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
import uuid
from collections import defaultdict
from typing import Any

from aiohttp import WSMsgType, web

type Message = dict[str, Any]


class Room:
    """The sockets of one id, oldest first, each with its id and the time it connected (ms)."""

    def __init__(self) -> None:
        self.sockets: dict[web.WebSocketResponse, tuple[str, int]] = {}

    async def serve(self, socket: web.WebSocketResponse) -> None:
        """Welcome the socket, answer it until it closes, tell the others."""
        name = str(uuid.uuid4())
        self.sockets[socket] = (name, int(time.time() * 1000))
        count = len(self.sockets)
        welcome = "Welcome to WebSocket server"
        await socket.send_str(
            dumps({"type": "connected", "id": name, "message": welcome, "totalConnections": count})
        )
        news: Message = {"id": name, "totalConnections": count}
        await self.send_others(socket, {"type": "user_connected", "data": news})
        try:
            # A client may be gone before its answer.
            with contextlib.suppress(ConnectionError):
                async for frame in socket:
                    if frame.type is WSMsgType.TEXT:
                        await self.answer(socket, frame.data)
        finally:
            del self.sockets[socket]
            news = {"id": name, "totalConnections": len(self.sockets)}
            await self.send_others(socket, {"type": "user_disconnected", "data": news})

    async def answer(self, socket: web.WebSocketResponse, text: str) -> None:
        """One message: ping, broadcast, get_stats or anything else to echo."""
        try:
            message = json.loads(text)
        except ValueError:
            await socket.send_str(dumps({"type": "error", "message": "Invalid JSON message"}))
            return
        now_ms = int(time.time() * 1000)
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "ping":
            await socket.send_str(dumps({"type": "pong", "timestamp": now_ms}))
        elif kind == "broadcast":
            await self.send_others(socket, {"type": "broadcast", "data": message.get("data")})
        elif kind == "get_stats":
            name, since_ms = self.sockets[socket]
            count = len(self.sockets)
            data = {"totalConnections": count, "yourId": name, "connectedAt": since_ms}
            await socket.send_str(dumps({"type": "stats", "data": data}))
        else:
            await socket.send_str(dumps({"type": "echo", "data": message, "receivedAt": now_ms}))

    async def send_others(self, sender: web.WebSocketResponse, message: Message) -> None:
        text = dumps(message)
        for socket in list(self.sockets):
            if socket is not sender:
                with contextlib.suppress(ConnectionError):
                    await socket.send_str(text)

    def statistics(self) -> Message:
        connections = [{"id": name, "connectedAt": ms} for name, ms in self.sockets.values()]
        return {"totalConnections": len(connections), "connections": connections}


# Compact JSON, as JSON.stringify writes it. json.dumps would make a new encoder at every call.
dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def application() -> web.Application:
    """One route per job."""
    rooms: defaultdict[str, Room] = defaultdict(Room)

    def room(request: web.Request) -> Room:
        return rooms[request.query.get("id") or "default"]

    async def web_socket(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await room(request).serve(socket)
        return socket

    crowds: defaultdict[str, set[web.WebSocketResponse]] = defaultdict(set)

    async def quiet(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        crowd = crowds[request.query["id"]]
        crowd.add(socket)
        try:
            with contextlib.suppress(ConnectionError):
                async for frame in socket:
                    message = json.loads(frame.data)
                    if message["type"] == "ping":
                        now_ms = int(time.time() * 1000)
                        await socket.send_str(dumps({"type": "pong", "timestamp": now_ms}))
                        continue
                    news = dumps({"type": "broadcast", "data": message["data"]})
                    for other in list(crowd):
                        if other is not socket:
                            with contextlib.suppress(ConnectionError):
                                await other.send_str(news)
        finally:
            crowd.discard(socket)
        return socket

    async def statistics(request: web.Request) -> web.Response:
        return web.json_response(room(request).statistics(), dumps=dumps)

    app = web.Application()

    async def hello(request: web.Request) -> web.Response:
        del request
        return web.Response(text="hello from the server")

    app.router.add_get("/object", hello)
    app.router.add_get("/worker", hello)
    app.router.add_get("/ws", web_socket)
    app.router.add_get("/quiet", quiet)
    app.router.add_get("/websocket/stats", statistics)
    return app


async def serve() -> None:
    """Serve on a free port of 127.0.0.1 until SIGTERM."""
    runner = web.AppRunner(application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    print(f"Ready on http://localhost:{runner.addresses[0][1]}", flush=True)
    await stopped.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
