from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emulator.core.values import JsBigInt, JsException, JsObject, PyProxy, jsnull, to_js
from emulator.web.readable import ReadableStream
from emulator.web.response import Response
from emulator.web.transform import FixedLengthStream, IdentityTransformStream, TransformStream

NOT_BUFFER = (
    "TypeError: This TransformStream is being used as a byte stream, but received an object of "
    "non-ArrayBuffer/ArrayBufferView type on its writable side."
)


def make(*strategies: Any, **members: Any) -> TransformStream:
    return TransformStream(JsObject({k: PyProxy(v) for k, v in members.items()}), *strategies)


async def refused(awaitable: Any) -> str:
    with pytest.raises(JsException) as info:
        await awaitable
    return str(info.value)


async def turn() -> None:
    loop = asyncio.get_running_loop()
    turned = loop.create_future()
    loop.call_soon(turned.set_result, None)
    await turned


async def test_a_write_waits_for_its_reader() -> None:
    stream = TransformStream()
    writer, reader = stream.writable.getWriter(), stream.readable.getReader()
    written = writer.write("x")
    await turn()
    assert (written.done(), writer.desiredSize) == (False, 0)
    assert (await reader.read()).value == "x"
    assert await written is None
    closing = writer.close()
    assert (await reader.read()).done
    await closing


async def test_a_transformer_changes_multiplies_and_flushes() -> None:
    def transform(chunk: Any, controller: Any) -> None:
        controller.enqueue(f"{chunk}!")
        controller.enqueue(f"{chunk}?")

    stream = make(
        start=lambda controller: controller.enqueue("s"),
        transform=transform,
        flush=lambda controller: controller.enqueue("f"),
    )
    writer = stream.writable.getWriter()
    writer.write("a")
    writer.close()
    assert [chunk async for chunk in stream.readable] == ["s", "a!", "a?", "f"]


async def test_a_filter_that_gives_nothing_lets_the_next_chunk_in() -> None:
    def transform(chunk: Any, controller: Any) -> None:
        if chunk > 2:
            controller.enqueue(chunk)

    stream = make(transform=transform)
    writer = stream.writable.getWriter()
    read = stream.readable.getReader().read()
    for number in range(4):
        await writer.write(number)
    assert (await read).value == 3


async def test_async_members_are_awaited() -> None:
    log: list[str] = []

    async def start(controller: Any) -> None:
        await turn()
        log.append("started")

    async def transform(chunk: Any, controller: Any) -> None:
        await turn()
        log.append("transformed")
        controller.enqueue(chunk)

    stream = make(start=start, transform=transform)
    writer = stream.writable.getWriter()
    writer.write("a")
    writer.close()
    assert [chunk async for chunk in stream.readable] == ["a"]
    assert log == ["started", "transformed"]


async def test_a_throwing_transformer_breaks_both_sides() -> None:
    def transform(chunk: Any, controller: Any) -> None:
        raise JsException("Error", "tt")

    stream = make(transform=transform)
    written = stream.writable.getWriter().write(1)
    assert await refused(stream.readable.getReader().read()) == "Error: tt"
    assert await refused(written) == "Error: tt"


async def test_a_throwing_flush_breaks_both_sides() -> None:
    def flush(controller: Any) -> None:
        raise JsException("Error", "fl")

    stream = make(flush=flush)
    closed = stream.writable.getWriter().close()
    assert await refused(closed) == "Error: fl"
    assert await refused(stream.readable.getReader().read()) == "Error: fl"


async def test_terminate_ends_the_one_side_and_breaks_the_other() -> None:
    def transform(chunk: Any, controller: Any) -> None:
        controller.enqueue(1)
        controller.terminate()

    stream = make(transform=transform)
    writer, reader = stream.writable.getWriter(), stream.readable.getReader()
    written = writer.write(1)
    assert ((await reader.read()).value, (await reader.read()).done) == (1, True)
    assert await written is None
    assert await refused(writer.write(2)) == "TypeError: The transform stream has been terminated"


async def test_an_error_of_the_controller_breaks_both_sides() -> None:
    def transform(chunk: Any, controller: Any) -> None:
        controller.error(JsException("Error", "ce"))

    stream = make(transform=transform)
    written = stream.writable.getWriter().write(1)
    assert await refused(stream.readable.getReader().read()) == "Error: ce"
    assert await written is None


async def test_cancel_and_abort_cross() -> None:
    log: list[Any] = []
    stream = make(cancel=log.append)
    writer = stream.writable.getWriter()
    await stream.readable.cancel(JsException("Error", "cx"))
    assert await refused(writer.write(1)) == "Error: cx"
    other = make(cancel=log.append)
    await other.writable.getWriter().abort(JsException("Error", "ab"))
    assert await refused(other.readable.getReader().read()) == "Error: ab"
    assert [str(reason) for reason in log] == ["Error: cx", "Error: ab"]


async def test_a_cancelled_reader_frees_a_waiting_writer() -> None:
    stream = TransformStream()
    written = stream.writable.getWriter().write("x")
    await stream.readable.cancel(JsException("Error", "gone"))
    assert await refused(written) == "Error: gone"


async def test_an_abort_frees_a_write_that_nobody_reads() -> None:
    writer = TransformStream().writable.getWriter()
    first, second = writer.write(1), writer.write(2)
    await writer.abort(JsException("Error", "ab"))
    assert await refused(first) == await refused(second) == "Error: ab"


async def test_strategies_are_taken() -> None:
    held: list[Any] = []
    mark = JsObject({"highWaterMark": 5})
    stream = make(mark, JsObject({"highWaterMark": 2}), start=held.append)
    assert (stream.writable.getWriter().desiredSize, held[0].desiredSize) == (5, 2)
    held[0].error("x")
    assert held[0].desiredSize is jsnull


async def test_an_identity_stream_passes_bytes() -> None:
    stream = IdentityTransformStream()
    writer, reader = stream.writable.getWriter(), stream.readable.getReader()
    written = writer.write("hé")
    assert (await reader.read()).value.to_bytes() == "hé".encode()
    await written


@pytest.mark.parametrize("chunk", [5, jsnull])
async def test_an_identity_stream_takes_buffers_and_strings_only(chunk: Any) -> None:
    stream = IdentityTransformStream()
    stream.readable.getReader().read()
    assert await refused(stream.writable.getWriter().write(chunk)) == NOT_BUFFER


async def test_a_byob_reader_takes_a_written_chunk_in_pieces() -> None:
    stream = IdentityTransformStream()
    stream.writable.getWriter().write(to_js(b"abcdef"))
    reader = stream.readable.getReader(mode="byob")
    assert (await reader.read(to_js(bytes(4)))).value.to_bytes() == b"abcd"
    assert (await reader.read(to_js(bytes(4)))).value.to_bytes() == b"ef"


async def test_a_fixed_length_is_kept() -> None:
    stream = FixedLengthStream(5)
    writer = stream.writable.getWriter()
    writer.write(to_js(b"hello"))
    writer.close()
    assert await Response(stream.readable).text() == "hello"


async def test_too_few_bytes_break_the_reader() -> None:
    stream = FixedLengthStream(9)
    writer = stream.writable.getWriter()
    writer.write(to_js(b"hello"))
    writer.close()
    assert await refused(Response(stream.readable).text()) == (
        "TypeError: FixedLengthStream did not see all expected bytes before close()."
    )


async def test_too_many_bytes_are_refused() -> None:
    stream = FixedLengthStream(3)
    stream.readable.getReader().read()
    assert await refused(stream.writable.getWriter().write(to_js(b"hello"))) == (
        "TypeError: Attempt to write too many bytes through a FixedLengthStream."
    )


@pytest.mark.parametrize(
    ("length", "text"),
    [
        ("x", "The value cannot be converted because it is not an integer."),
        (
            -1,
            "The value cannot be converted because it is negative and this API expects a "
            "positive bigint.",
        ),
        (2**54, "FixedLengthStream requires an integer expected length less than 2^53."),
    ],
)
async def test_a_fixed_length_is_checked(length: Any, text: str) -> None:
    with pytest.raises(JsException) as info:
        FixedLengthStream(length)
    assert str(info.value) == f"TypeError: {text}"
    assert FixedLengthStream(JsBigInt(5)).constructor.name == "FixedLengthStream"


def test_the_arguments_are_checked() -> None:
    with pytest.raises(JsException, match="constructor parameter 1 is not of type 'bigint'"):
        FixedLengthStream()
    with pytest.raises(JsException, match="constructor parameter 1 is not of type 'Transformer'"):
        TransformStream(5)


async def test_a_long_stream_needs_the_memory_of_two_chunks() -> None:
    chunk, count = to_js(bytes(1 << 16)), 64
    stream = IdentityTransformStream()
    most_queued = 0

    def pull(controller: Any) -> None:
        nonlocal produced
        produced += 1
        if produced > count:
            controller.close()
        else:
            controller.enqueue(chunk)

    produced = read = 0
    source = ReadableStream(JsObject({"pull": PyProxy(pull)}))
    async for part in source.pipeThrough(stream):
        read += 1
        assert part.byteLength == 1 << 16
        most_queued = max(most_queued, produced - read)
    assert read == count
    assert most_queued <= 3
