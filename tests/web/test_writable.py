from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.values import JsException, JsObject, PyProxy, jsnull
from emulator.web.writable import WritableStream, WritableStreamDefaultWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.web.abort import AbortSignal

LOCKED = "TypeError: This WritableStream is currently locked to a writer."
CLOSED = "TypeError: This WritableStream has been closed."
RELEASED = "TypeError: This WritableStream writer has been released."


def make(strategy: Any = None, **members: Any) -> WritableStream:
    return WritableStream(JsObject({k: PyProxy(v) for k, v in members.items()}), strategy)


async def refused(awaitable: Any) -> str:
    with pytest.raises(JsException) as info:
        await awaitable
    return str(info.value)


def refused_now(call: Callable[[], Any]) -> str:
    with pytest.raises(JsException) as info:
        call()
    return str(info.value)


async def test_a_sink_gets_start_chunks_and_close_in_order() -> None:
    log: list[Any] = []

    async def write(chunk: Any, controller: Any) -> None:
        log.append(f"> {chunk}")
        await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.001)
        log.append(f"< {chunk}")

    stream = make(
        start=lambda controller: log.append(controller.constructor.name),
        write=write,
        close=lambda: log.append("close"),
    )
    writer = stream.getWriter()
    writer.write("a")
    writer.write({"b": 1})
    await writer.close()
    assert log == [
        "WritableStreamDefaultController",
        "> a",
        "< a",
        "> {'b': 1}",
        "< {'b': 1}",
        "close",
    ]
    assert (writer.desiredSize, await writer.closed) == (0, None)


async def test_ready_is_pending_while_the_queue_is_full() -> None:
    gates: list[asyncio.Future[None]] = []

    def write(chunk: Any, controller: Any) -> Any:
        gates.append(asyncio.get_running_loop().create_future())
        return gates[-1]

    writer = make(write=write).getWriter()
    assert (writer.ready.done(), writer.desiredSize) == (True, 1)
    written = writer.write(1)
    ready = writer.ready
    assert (ready.done(), writer.desiredSize, written.done()) == (False, 0, False)
    gates[0].set_result(None)
    await written
    await ready
    assert writer.desiredSize == 1


async def test_abort_lets_the_running_write_end_and_rejects_the_rest() -> None:
    log: list[Any] = []
    gate = asyncio.get_running_loop().create_future()
    seen: list[AbortSignal] = []

    async def write(chunk: Any, controller: Any) -> None:
        seen.append(controller.signal)
        await gate
        log.append(f"wrote {chunk}")

    writer = make(write=write, abort=lambda reason: log.append(f"abort {reason}")).getWriter()
    first, second = writer.write(1), writer.write(2)
    aborted = writer.abort("Z")
    assert seen[0].aborted
    gate.set_result(None)
    await aborted
    assert await first is None
    assert await refused(second) == "Error: Z"
    assert log == ["wrote 1", "abort Z"]
    assert writer.desiredSize is jsnull
    for late in (writer.write(3), writer.close(), writer.closed, writer.ready):
        assert await refused(late) == "Error: Z"


async def test_a_throwing_write_breaks_the_stream() -> None:
    def write(chunk: Any, controller: Any) -> None:
        raise JsException("Error", "wt")

    writer = make(write=write).getWriter()
    closed = writer.closed
    for broken in (writer.write(1), writer.write(2), closed, writer.ready):
        assert await refused(broken) == "Error: wt"


async def test_a_throwing_start_breaks_the_stream() -> None:
    def start(controller: Any) -> None:
        raise JsException("Error", "st")

    assert await refused(make(start=start).getWriter().write(1)) == "Error: st"

    async def late(controller: Any) -> None:
        await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.001)
        raise JsException("Error", "late")

    assert await refused(make(start=late).getWriter().write(1)) == "Error: late"


async def test_an_async_start_delays_the_first_write() -> None:
    gate = asyncio.get_running_loop().create_future()
    log: list[str] = []

    async def start(controller: Any) -> None:
        await gate
        log.append("started")

    writer = make(start=start, write=lambda chunk, controller: log.append(chunk)).getWriter()
    written = writer.write("a")
    assert log == []
    gate.set_result(None)
    await written
    assert log == ["started", "a"]


async def test_a_controller_can_break_the_stream() -> None:
    held: list[Any] = []
    writer = make(start=held.append).getWriter()
    held[0].error(JsException("Error", "ce"))
    assert await refused(writer.write(1)) == "Error: ce"


async def test_a_closed_stream_takes_nothing() -> None:
    writer = WritableStream().getWriter()
    await writer.close()
    assert await refused(writer.write(1)) == CLOSED
    assert await refused(writer.close()) == CLOSED
    await writer.abort("ignored")


async def test_a_lock_is_exclusive() -> None:
    stream = WritableStream()
    writer = stream.getWriter()
    assert stream.locked
    assert refused_now(stream.getWriter) == LOCKED
    assert await refused(stream.close()) == LOCKED
    assert await refused(stream.abort()) == LOCKED
    closed = writer.closed
    writer.releaseLock()
    assert not stream.locked
    assert await refused(closed) == RELEASED
    for dead in (writer.write(1), writer.close(), writer.abort(), writer.closed, writer.ready):
        assert await refused(dead) == RELEASED
    assert refused_now(lambda: writer.desiredSize) == RELEASED
    await stream.close()


async def test_an_unlocked_stream_can_be_aborted() -> None:
    log: list[Any] = []
    await make(abort=log.append).abort("why")
    assert log == ["why"]


async def test_a_throwing_size_function_breaks_the_stream() -> None:
    def size(chunk: Any) -> int:
        raise JsException("Error", "sz")

    writer = make(JsObject({"size": PyProxy(size)})).getWriter()
    assert await refused(writer.write(1)) == "Error: sz"


def test_the_arguments_are_checked() -> None:
    assert refused_now(lambda: WritableStream(5)) == (
        "TypeError: Failed to construct 'WritableStream': constructor parameter 1 is not of type "
        "'UnderlyingSink'."
    )
    assert refused_now(lambda: WritableStreamDefaultWriter(JsObject())) == (
        "TypeError: Failed to construct 'WritableStreamDefaultWriter': constructor parameter 1 "
        "is not of type 'WritableStream'."
    )
