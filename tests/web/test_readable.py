from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.values import (
    JsArray,
    JsException,
    JsObject,
    PyProxy,
    Uint8Array,
    jsnull,
    to_js,
)
from emulator.web.readable import ReadableStream, readable_from
from emulator.web.readers import ReadableStreamDefaultReader
from emulator.web.response import Response
from emulator.web.strategies import ByteLengthQueuingStrategy, CountQueuingStrategy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

LOCKED = "TypeError: This ReadableStream is currently locked to a reader."
RELEASED = "TypeError: This ReadableStream reader has been released."


def make(strategy: Any = None, **members: Any) -> ReadableStream:
    source = {k: PyProxy(v) if callable(v) else v for k, v in members.items()}
    return ReadableStream(JsObject(source), strategy)


def full(*chunks: Any) -> ReadableStream:
    def start(controller: Any) -> None:
        for chunk in chunks:
            controller.enqueue(chunk)
        controller.close()

    return make(start=start)


async def refused(awaitable: Any) -> str:
    with pytest.raises(JsException) as info:
        await awaitable
    return str(info.value)


def refused_now(call: Callable[[], Any]) -> str:
    with pytest.raises(JsException) as info:
        call()
    return str(info.value)


async def test_a_source_is_started_at_once_and_pulled_when_read() -> None:
    log: list[Any] = []

    def pull(controller: Any) -> None:
        log.append(f"pull {controller.desiredSize}")
        controller.enqueue("x")

    stream = make(
        start=lambda controller: log.append("start"),
        pull=pull,
        cancel=lambda reason: log.append(f"cancel {reason}"),
    )
    log.append("made")
    reader = stream.getReader()
    for _ in range(2):
        assert (await reader.read()).value == "x"
    await reader.cancel("why")
    end = await reader.read()
    assert (end.value, end.done) == (None, True)
    assert log[:3] == ["start", "made", "pull 1"]
    assert log[-1] == "cancel why"


async def test_nobody_pulls_beyond_the_high_water_mark() -> None:
    log: list[Any] = []

    def pull(controller: Any) -> None:
        log.append(controller.desiredSize)
        controller.enqueue("x")

    make(JsObject({"highWaterMark": 3}), pull=pull)
    make(JsObject({"highWaterMark": 0}), pull=lambda controller: log.append("never"))
    loop = asyncio.get_running_loop()
    turned = loop.create_future()
    loop.call_soon(turned.set_result, None)
    await turned
    assert log == [3, 2, 1]


async def test_an_async_pull_is_awaited_and_not_repeated_meanwhile() -> None:
    gate = asyncio.Event()
    log: list[str] = []

    async def pull(controller: Any) -> None:
        log.append("pull")
        await gate.wait()
        controller.enqueue("x")
        controller.close()

    reader = make(JsObject({"highWaterMark": 0}), pull=pull).getReader()
    first, second = reader.read(), reader.read()
    gate.set()
    assert ((await first).value, (await second).done) == ("x", True)
    assert log == ["pull"]


async def test_an_async_start_delays_the_first_pull() -> None:
    log: list[str] = []
    gate = asyncio.Event()

    async def start(controller: Any) -> None:
        await gate.wait()
        log.append("started")

    def pull(controller: Any) -> None:
        log.append("pull")
        controller.close()

    reader = make(start=start, pull=pull).getReader()
    read = reader.read()
    assert log == []
    gate.set()
    assert (await read).done
    assert log == ["started", "pull"]


async def test_a_throwing_start_or_pull_breaks_the_stream() -> None:
    def fail(controller: Any) -> None:
        raise JsException("RangeError", "q")

    assert await refused(make(start=fail).getReader().read()) == "RangeError: q"
    assert await refused(make(pull=fail).getReader().read()) == "RangeError: q"


async def test_a_python_exception_stays_what_it_is() -> None:
    def fail(controller: Any) -> None:
        raise ValueError("kept")

    with pytest.raises(ValueError, match="kept"):
        await make(pull=fail).getReader().read()


async def test_a_borrowed_pull_has_died_with_the_call_that_brought_it() -> None:
    source = JsObject({"pull": PyProxy(lambda controller: None, is_borrowed=True)})
    text = await refused(ReadableStream(source).getReader().read())
    assert text.startswith(
        "Error: This borrowed proxy was automatically destroyed at the end of a function call."
    )


async def test_a_borrowed_start_still_lives() -> None:
    seen: list[Any] = []
    ReadableStream(JsObject({"start": PyProxy(seen.append, is_borrowed=True)}))
    assert seen[0].constructor.name == "ReadableStreamDefaultController"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: ReadableStream(5),
            "Failed to construct 'ReadableStream': constructor parameter 1 is not of type "
            "'UnderlyingSource'.",
        ),
        (lambda: make(type="foo"), '"foo" is not a valid type of ReadableStream.'),
        (
            lambda: make(start=5),
            "Incorrect type for the 'start' field on 'UnderlyingSource': "
            "the provided value is not of type 'function'.",
        ),
        (
            lambda: make(JsObject({"highWaterMark": -1})),
            "The value cannot be converted because it is negative and this API expects a "
            "positive bigint.",
        ),
        (
            lambda: make(JsObject({"highWaterMark": float("nan")})),
            "The value cannot be converted because it is not an integer.",
        ),
        (
            lambda: make().getReader(mode="foo"),
            "mode must be undefined or 'byob' in call to getReader().",
        ),
        (
            lambda: make().getReader(mode="byob"),
            "This ReadableStream does not support BYOB reads.",
        ),
        (
            lambda: readable_from(5),
            "Failed to execute 'from' on 'ReadableStream': "
            "parameter 1 is not of type 'AsyncGenerator'.",
        ),
        (
            lambda: ReadableStreamDefaultReader(JsObject()),
            "Failed to construct 'ReadableStreamDefaultReader': constructor parameter 1 is not "
            "of type 'ReadableStream'.",
        ),
        (
            CountQueuingStrategy,
            "Failed to construct 'CountQueuingStrategy': constructor parameter 1 is not of type "
            "'QueuingStrategyInit'.",
        ),
    ],
)
def test_refusals_have_the_platforms_words(call: Any, text: str) -> None:
    assert refused_now(call) == f"TypeError: {text}"


async def test_a_controller_refuses_what_comes_too_late() -> None:
    held: list[Any] = []
    make(start=held.append)
    held[0].close()
    assert refused_now(lambda: held[0].enqueue(1)) == "TypeError: Unable to enqueue"
    assert refused_now(held[0].close) == "TypeError: This ReadableStream is closed."
    held[0].error("late")
    assert held[0].desiredSize == 0


async def test_an_error_empties_the_queue_and_the_desired_size() -> None:
    held: list[Any] = []
    stream = make(start=held.append)
    held[0].enqueue("lost")
    held[0].error(JsException("Error", "er"))
    assert held[0].desiredSize is jsnull
    assert await refused(stream.getReader().read()) == "Error: er"


async def test_a_lock_is_exclusive() -> None:
    stream = make()
    reader = stream.getReader()
    assert stream.locked
    assert refused_now(stream.getReader) == LOCKED
    assert await refused(stream.cancel()) == LOCKED
    assert refused_now(stream.tee) == LOCKED.replace("reader.", "reader,")
    assert refused_now(stream.__aiter__) == LOCKED
    reader.releaseLock()
    assert not stream.locked


async def test_a_released_reader_is_dead() -> None:
    reader = make().getReader()
    pending, closed = reader.read(), reader.closed
    reader.releaseLock()
    assert await refused(pending) == RELEASED
    assert await refused(closed) == RELEASED
    for dead in (reader.read(), reader.closed, reader.cancel()):
        assert await refused(dead) == RELEASED


async def test_closed_settles_with_the_stream() -> None:
    held: list[Any] = []
    reader = make(start=held.append).getReader()
    closed = reader.closed
    assert not closed.done()
    held[0].close()
    assert await closed is None
    assert await full().getReader().closed is None


async def test_cancel_is_quiet_when_over_and_loud_when_broken() -> None:
    stream = make()
    assert [await stream.cancel(), await stream.cancel()] == [None, None]

    def fail(reason: Any) -> None:
        raise JsException("Error", "cn")

    assert await refused(make(cancel=fail).cancel()) == "Error: cn"
    broken = make(start=lambda controller: controller.error(JsException("Error", "er")))
    assert await refused(broken.cancel()) == "Error: er"


async def test_python_iterates_asynchronously() -> None:
    assert [chunk async for chunk in full("a", 1, 2.0)] == ["a", 1, 2]
    async for chunk in full("a", "b"):
        assert chunk == "a"
        break


async def test_the_iterator_of_values_can_be_returned() -> None:
    log: list[Any] = []
    stream = make(start=lambda c: c.enqueue("a"), cancel=log.append)
    iterator = stream.values()
    first = await iterator.next()
    assert (first.value, first.done) == ("a", False)
    await iterator.return_("r")
    assert (log, stream.locked, (await iterator.next()).done) == (["r"], False, True)


async def test_a_stream_of_an_iterable() -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1
        yield 2

    assert [x async for x in readable_from(JsArray(["a", 1, jsnull]))] == ["a", 1, jsnull]
    assert [x async for x in readable_from("ab")] == ["a", "b"]
    assert [x async for x in readable_from(PyProxy([1, {"k": 1}]))] == [1, {"k": 1}]
    assert [x async for x in readable_from(PyProxy(numbers()))] == [1, 2]


async def test_a_size_function_measures() -> None:
    sizes: list[Any] = []

    def start(controller: Any) -> None:
        controller.enqueue("abc")
        sizes.append(controller.desiredSize)

    make(JsObject({"highWaterMark": 10, "size": PyProxy(len)}), start=start)
    byte_length = ByteLengthQueuingStrategy(JsObject({"highWaterMark": 10}))
    make(byte_length, start=lambda c: (c.enqueue(to_js(b"12")), sizes.append(c.desiredSize)))
    assert sizes == [7, 8]
    assert (byte_length.highWaterMark, byte_length.size(to_js(b"123"))) == (10, 3)
    count = CountQueuingStrategy(JsObject({"highWaterMark": 2}))
    assert (count.highWaterMark, count.size(9)) == (2, 1)


async def test_a_throwing_size_function_breaks_the_stream() -> None:
    def size(chunk: Any) -> int:
        raise JsException("Error", "sz")

    stream = make(
        JsObject({"size": PyProxy(size)}), start=lambda controller: controller.enqueue("abc")
    )
    assert await refused(stream.getReader().read()) == "Error: sz"


def byte_stream(*chunks: bytes) -> ReadableStream:
    def start(controller: Any) -> None:
        for chunk in chunks:
            controller.enqueue(to_js(chunk))
        controller.close()

    return make(type="bytes", start=start)


def view(size: int) -> Uint8Array:
    return to_js(bytes(size))


async def test_a_byob_reader_fills_the_callers_buffer() -> None:
    reader = byte_stream(b"abcdef", b"gh").getReader(mode="byob")
    seen = []
    while not (result := await reader.read(view(4))).done:
        seen.append(result.value.to_bytes())
    assert seen == [b"abcd", b"ef", b"gh"]
    assert result.value.byteLength == 0


async def test_read_at_least_waits_for_enough() -> None:
    reader = byte_stream(b"ab", b"cd", b"ef").getReader(mode="byob")
    result = await reader.readAtLeast(3, view(5))
    assert result.value.to_bytes() == b"abcd"


async def test_a_body_is_a_byte_stream() -> None:
    reader = Response("abcdef").body.getReader(mode="byob")
    assert (await reader.read(view(4))).value.to_bytes() == b"abcd"
    assert (await reader.read(view(4))).value.to_bytes() == b"ef"
    assert (await reader.read(view(4))).done


async def test_byte_streams_take_buffers_only() -> None:
    held: list[Any] = []
    stream = make(type="bytes", start=held.append)
    controller = held[0]
    assert (controller.constructor.name, controller.desiredSize, controller.byobRequest) == (
        "ReadableByteStreamController",
        0,
        jsnull,
    )
    assert "not of type 'BufferSource'" in refused_now(lambda: controller.enqueue("abc"))
    reader = stream.getReader({"mode": "byob"})
    assert await refused(reader.read(view(0))) == (
        'TypeError: You must call read() on a "byob" reader with a positive-sized TypedArray '
        "object."
    )
    assert await refused(reader.read(5)) == (
        "TypeError: Failed to execute 'read' on 'ReadableStreamBYOBReader': "
        "parameter 1 is not of type 'ArrayBufferView'."
    )


async def test_a_cancelled_read_loses_no_chunk() -> None:
    held: list[Any] = []
    stream = make(start=held.append)
    waiting = asyncio.ensure_future(stream._next())  # noqa: TID251
    turned = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(turned.set_result, None)
    await turned
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    held[0].enqueue("x")
    assert (await stream.getReader().read()).value == "x"
