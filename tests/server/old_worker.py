"""A worker for compatibility dates before there was an SDK."""

from js import Response, WebSocketPair


async def on_fetch(request):
    client, server = WebSocketPair.new().object_values()
    server.accept()
    return Response.new(None, status=101, webSocket=client)
