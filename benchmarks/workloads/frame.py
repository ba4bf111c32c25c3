"""`frame`: the project's own WebSocketServer, ping/pong, broadcast and the statistics route."""

from __future__ import annotations

from typing import Final

from benchmarks.figures import Better, Figure
from benchmarks.side_by_side import SideBySide, Step, load
from benchmarks.subjects import WEBSOCKET_SERVER

ROOM: Final = "/ws?id={fresh}"
P50: Final = Figure(key="p50", label="p50", unit="us", better=Better.LOWER)
P99: Final = Figure(key="p99", label="p99", unit="us", better=Better.LOWER)
MESSAGES: Final = Figure(key="rate", unit="msg/s", better=Better.HIGHER)
REQUESTS: Final = Figure(key="rate", unit="req/s", better=Better.HIGHER)

FRAME: Final = SideBySide(
    name="frame",
    title="WebSocketServer: ping/pong, broadcast, HTTP statistics",
    project=WEBSOCKET_SERVER,
    steps=(
        Step(name="ping, 1 connection", measure=load("ping", ROOM), figures=(P50, P99)),
        Step(
            name="ping, 50 connections",
            measure=load("ping", ROOM, connections=50),
            figures=(MESSAGES,),
        ),
        Step(
            name="ping, 50 connections x 16",
            measure=load("ping", ROOM, connections=50, window=16),
            figures=(MESSAGES,),
        ),
        Step(
            name="broadcast to 100",
            measure=load("broadcast", ROOM, receivers=100),
            figures=(MESSAGES,),
        ),
        Step(
            name="GET statistics, 32 connections",
            measure=load("http", "/websocket/stats?id={fresh}", connections=32),
            figures=(REQUESTS,),
        ),
    ),
)
