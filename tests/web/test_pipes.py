from __future__ import annotations

from typing import Any

import pytest

from emulator.core.values import JsException, JsObject, PyProxy
from emulator.web.abort import AbortController
from emulator.web.readable import ReadableStream
from emulator.web.transform import TransformStream
from emulator.web.writable import WritableStream


def readable(**members: Any) -> ReadableStream:
    return ReadableStream(JsObject({k: PyProxy(v) for k, v in members.items()}))


def writable(**members: Any) -> WritableStream:
    return WritableStream(JsObject({k: PyProxy(v) for k, v in members.items()}))


def full(*chunks: Any) -> ReadableStream:
    def start(controller: Any) -> None:
        for chunk in chunks:
            controller.enqueue(chunk)
        controller.close()

    return readable(start=start)


async def refused(awaitable: Any) -> str:
    with pytest.raises(JsException) as info:
        await awaitable
    return str(info.value)


async def test_a_pipe_moves_every_chunk_and_closes() -> None:
    log: list[Any] = []
    source = full("a", "b")
    target = writable(write=lambda c, _: log.append(c), close=lambda: log.append("close"))
    await source.pipeTo(target)
    assert log == ["a", "b", "close"]
    assert (source.locked, target.locked) == (False, False)


async def test_prevent_close_leaves_the_destination_open() -> None:
    log: list[Any] = []
    target = writable(write=lambda c, _: log.append(c), close=lambda: log.append("close"))
    await full("a").pipeTo(target, preventClose=True)
    await full("b").pipeTo(target, {"preventClose": True})
    assert log == ["a", "b"]


async def test_an_error_of_the_source_aborts_the_destination() -> None:
    log: list[Any] = []
    source = readable(start=lambda c: c.error(JsException("Error", "se")))
    target = writable(abort=lambda r: log.append(str(r)))
    assert await refused(source.pipeTo(target)) == "Error: se"
    assert log == ["Error: se"]


async def test_an_error_of_the_destination_cancels_the_source() -> None:
    log: list[Any] = []

    def write(chunk: Any, controller: Any) -> None:
        raise JsException("Error", "de")

    source = readable(start=lambda c: c.enqueue(1), cancel=lambda r: log.append(str(r)))
    assert await refused(source.pipeTo(writable(write=write))) == "Error: de"
    assert log == ["Error: de"]


async def test_a_destination_that_fails_wakes_a_silent_pipe() -> None:
    held: list[Any] = []
    log: list[Any] = []
    source = readable(cancel=lambda r: log.append(str(r)))
    piped = source.pipeTo(writable(start=held.append))
    held[0].error(JsException("Error", "gone"))
    assert await refused(piped) == "Error: gone"
    assert log == ["Error: gone"]


async def test_a_signal_stops_a_pipe_on_both_sides() -> None:
    log: list[Any] = []
    controller = AbortController()
    piped = readable(cancel=lambda r: log.append(f"cancel {r}")).pipeTo(
        writable(abort=lambda r: log.append(f"abort {r}")), signal=controller.signal
    )
    controller.abort(JsException("Error", "S"))
    assert await refused(piped) == "Error: S"
    assert sorted(log) == ["abort Error: S", "cancel Error: S"]


async def test_a_pipe_checks_what_it_is_given() -> None:
    assert await refused(full().pipeTo(JsObject())) == (
        "TypeError: Failed to execute 'pipeTo' on 'ReadableStream': "
        "parameter 1 is not of type 'WritableStream'."
    )
    locked = writable()
    locked.getWriter()
    assert await refused(full().pipeTo(locked)) == (
        "TypeError: This WritableStream is currently locked to a writer"
    )
    closed = writable()
    await closed.close()
    assert await refused(full(1).pipeTo(closed)) == (
        "TypeError: This destination writable stream is closed."
    )
    assert await refused(full().pipeTo(writable(), signal=5)) == (
        "TypeError: Incorrect type for the 'signal' field on 'PipeToOptions': "
        "the provided value is not of type 'AbortSignal'."
    )
    with pytest.raises(JsException, match="'readable' field on 'Transform'"):
        full().pipeThrough(JsObject())
    with pytest.raises(JsException, match="'writable' field on 'Transform'"):
        full().pipeThrough(JsObject({"readable": full()}))


async def test_pipe_through_answers_the_readable_side() -> None:
    transform = TransformStream()
    result = full("a", "b").pipeThrough(transform)
    assert result is transform.readable
    assert [chunk async for chunk in result] == ["a", "b"]


async def test_both_branches_of_a_tee_get_everything() -> None:
    stream = full("a", "b")
    first, second = stream.tee()
    assert stream.locked
    assert [chunk async for chunk in first] == ["a", "b"]
    assert [chunk async for chunk in second] == ["a", "b"]


async def test_a_branch_that_waits_gets_what_the_other_asked_for() -> None:
    held: list[Any] = []
    first, second = readable(start=held.append).tee()
    one, two = first.getReader().read(), second.getReader().read()
    held[0].enqueue("x")
    assert ((await one).value, (await two).value) == ("x", "x")


async def test_a_broken_source_breaks_both_branches() -> None:
    def pull(controller: Any) -> None:
        controller.error(JsException("Error", "t"))

    first, second = readable(pull=pull).tee()
    assert await refused(first.getReader().read()) == "Error: t"
    assert await refused(second.getReader().read()) == "Error: t"


async def test_the_source_is_cancelled_when_both_branches_are() -> None:
    log: list[Any] = []
    first, second = readable(cancel=log.append).tee()
    await first.cancel("1")
    assert log == []
    await second.cancel("2")
    assert log == ["2"]
