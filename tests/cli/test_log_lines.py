"""The lines of `durable dev` (emulator/cli/log_lines.py)."""

from __future__ import annotations

import asyncio
import io
import json

import pytest

from emulator.cli.log_lines import LEVELS, READY, Log
from emulator.core.events import (
    AlarmRan,
    ConsoleMessage,
    Event,
    RequestServed,
    SocketEnded,
    WorkerError,
)

pytestmark = pytest.mark.asyncio


def served(**fields: object) -> RequestServed:
    values: dict[str, object] = {
        "time_ms": 0,
        "method": "GET",
        "path": "/ws?id=a",
        "status": 101,
        "reason": "Switching Protocols",
        "duration_ms": 3.4,
        "object": "WebSocketServer a",
    }
    return RequestServed(**{**values, **fields})  # type: ignore[arg-type]


def console(level: str) -> ConsoleMessage:
    return ConsoleMessage(time_ms=0, level=level, text="a")  # type: ignore[arg-type]


def alarm(**fields: object) -> AlarmRan:
    return AlarmRan(time_ms=0, object="Room a", duration_ms=3, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event", "out", "err"),
    [
        (served(), "GET /ws?id=a 101 → WebSocketServer a  3 ms\n", ""),
        (served(status=200, object=None), "GET /ws?id=a 200  3 ms\n", ""),
        (
            SocketEnded(time_ms=0, path="/ws", object="Room a", code=1000, duration_ms=12_345),
            "WS /ws closed 1000 → Room a  12.3 s\n",
            "",
        ),
        (
            SocketEnded(time_ms=0, path="/ws", object=None, code=None, duration_ms=12),
            "WS /ws lost  12 ms\n",
            "",
        ),
        (alarm(), "ALARM ok → Room a  3 ms\n", ""),
        (
            alarm(has_failed=True, retry_in_ms=2000.0),
            "ALARM failed, again in 2000 ms → Room a  3 ms\n",
            "",
        ),
        (console("log"), "a\n", ""),
        (console("info"), "a\n", ""),
        (console("warn"), "", "a\n"),
        (console("error"), "", "a\n"),
        (console("debug"), "", ""),  # wrangler's default level
        (WorkerError(time_ms=0, object="A name", text="boom"), "", "error in A name: boom\n"),
        (WorkerError(time_ms=0, object=None, text="boom"), "", "error: boom\n"),
        (Event(time_ms=0), "", ""),
    ],
)
async def test_every_record_is_a_line_on_its_stream(
    event: Event, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Log()(event)
    await asyncio.sleep(0)  # noqa: TID251 - the next round of the loop
    assert capsys.readouterr() == (out, err)


async def test_a_path_of_a_million_bytes_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    Log()(served(path="/" + "x" * 1_000_000))
    await asyncio.sleep(0)  # noqa: TID251 - the next round of the loop
    assert capsys.readouterr().out == f"GET /{'x' * 199}... 101 → WebSocketServer a  3 ms\n"


async def test_names_do_not_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    Log()(served(path="/\x1b[2J", object="Room a\r\nGET /forged 200\u202e"))
    await asyncio.sleep(0)  # noqa: TID251 - the next round of the loop
    assert capsys.readouterr().out == (
        "GET /\\x1b[2J 101 → Room a\\r\\nGET /forged 200\\u202e  3 ms\n"
    )


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", "debug log info warn error"),
        ("log", "log info warn error"),
        ("info", "info warn error"),
        ("warn", "warn error"),
        ("error", "error"),
        ("none", ""),
    ],
)
async def test_levels_are_wrangler_s(
    level: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log(level=level)  # type: ignore[arg-type]
    for name in ("debug", "log", "info", "warn", "error"):
        log(ConsoleMessage(time_ms=0, level=name, text=name))  # type: ignore[arg-type]
    found = capsys.readouterr()
    assert (found.out + found.err).split() == shown.split()


async def test_the_level_can_be_changed_round_and_round() -> None:
    log = Log()
    assert [log.next_level() for _ in LEVELS] == ["info", "warn", "error", "none", "debug", "log"]


async def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(is_json=True)
    log.say("Ready on x", kind="ready", url="http://x")
    log.say("some\ntext")
    log(served(path="/\x1b\n"))
    log(WorkerError(time_ms=5, object="Room a", text="boom\nbang"))
    found = capsys.readouterr()
    out = [json.loads(line) for line in found.out.splitlines()]
    assert out[0] == {"type": "ready", "level": "info", "url": "http://x"}
    assert out[1] == {"type": "message", "level": "info", "text": "some\ntext"}
    assert (out[2]["type"], out[2]["path"], out[2]["object"]) == (
        "request_served",
        "/\x1b\n",
        "WebSocketServer a",
    )
    (error,) = [json.loads(line) for line in found.err.splitlines()]
    assert (error["type"], error["level"], error["text"]) == ("worker_error", "error", "boom\nbang")


async def test_an_error_has_the_user_s_lines_first_and_all_of_them_for_debug(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (
        "Traceback (most recent call last):\n"
        '  File "/work/w.py", line 3, in fetch\n'
        "    return json.loads(text)\n"
        "           ~~~~~~~~~~^^^^^^\n"
        '  File "/python/json.py", line 9, in loads\n'
        "    raise ValueError(1)\n"
        "ValueError: 1"
    )
    event = WorkerError(time_ms=0, object=None, text="text", trace=text)
    Log(roots=["/work"])(event)
    assert capsys.readouterr().err.splitlines() == [
        "error: ValueError: 1",
        '  File "/work/w.py", line 3, in fetch',
        "    return json.loads(text)",
        "  ... and 1 frame of libraries",
    ]
    Log(roots=["/work"], level="debug")(event)
    assert capsys.readouterr().err == f"error: {text}\n"


async def test_a_terminal_that_cannot_show_a_sign_gets_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    log = Log()
    log(served())
    await asyncio.sleep(0)  # noqa: TID251 - the next round of the loop
    log.say("")
    assert raw.getvalue() == b"GET /ws?id=a 101 \\u2192 WebSocketServer a  3 ms\n\n"


async def test_a_reader_that_is_gone_does_not_stop_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stdout", closed)
    Log()(served())
    await asyncio.sleep(0)  # noqa: TID251 - the next round of the loop


async def test_the_requests_of_one_round_are_written_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Pipe(io.StringIO):
        flushes = 0

        def flush(self) -> None:
            self.flushes += 1

    pipe = Pipe()
    monkeypatch.setattr("sys.stdout", pipe)
    log = Log()
    log(served(path="/a"))
    log(ConsoleMessage(time_ms=0, level="log", text="between"))
    flushed_for_the_console = pipe.flushes
    log(served(path="/b"))
    await asyncio.sleep(0)  # noqa: TID251 - the next round of the loop
    assert pipe.flushes == flushed_for_the_console + 1
    assert [line.split(" 101")[0] for line in pipe.getvalue().splitlines()] == [
        "GET /a",
        "between",
        "GET /b",
    ]


async def test_ready_is_said_at_every_level(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(level="none")
    log.say("Ready on http://localhost:8787", kind=READY)
    log.say("something else")
    assert capsys.readouterr().out == "Ready on http://localhost:8787\n"
