"""Faults at a named place. F1, F2 of emulator/runtime/faults.py."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.workers import box_worker

if TYPE_CHECKING:
    from emulator.testing.durable_objects import Durable

pytestmark = box_worker


@pytest.fixture
def box(durable: Durable) -> Any:
    return durable.env.BOX.getByName("a")


def again(durable: Durable) -> Any:
    return durable.env.BOX.getByName("a")


# --- failing -------------------------------------------------------------------------------


async def test_a_failed_commit_resets_the_object_and_undoes_the_write(
    durable: Durable, box: Any
) -> None:
    await box.add(1)
    durable.fail_next("commit", on=box, error=OSError("disk full"))
    with pytest.raises(Exception, match="disk full"):
        await box.add(1)
    assert await again(durable).add(1) == 2
    assert durable.generation(box) == 2


async def test_without_an_error_a_commit_fails_in_the_platform_s_words(
    durable: Durable, box: Any
) -> None:
    durable.fail_next("commit")
    with pytest.raises(Exception, match="internal error; reference = "):
        await box.add()


async def test_a_lost_request_never_arrives(durable: Durable, box: Any) -> None:
    durable.fail_next("rpc", on=box)
    with pytest.raises(Exception, match="Network connection lost") as caught:
        await box.add()
    assert caught.value.retryable is True
    assert await box.add() == 1


async def test_a_lost_reply_was_a_call_that_took_place(durable: Durable, box: Any) -> None:
    durable.fail_next("rpc", on=box, lose="reply", error="the answer is lost")
    with pytest.raises(Exception, match="the answer is lost"):
        await box.add()
    assert await box.get() == 1


async def test_a_fetch_fails_apart_from_rpc(durable: Durable, box: Any) -> None:
    durable.fail_next("fetch", on=box, error=TypeError("no way"))
    assert await box.add() == 1
    with pytest.raises(Exception, match="TypeError: no way"):
        await box.fetch("http://x/")
    assert await (await box.fetch("http://x/")).text() == "value 2"


async def test_a_fault_strikes_only_the_object_it_is_for(durable: Durable, box: Any) -> None:
    durable.fail_next("rpc", on=box)
    assert await durable.env.BOX.getByName("b").add() == 1
    with pytest.raises(Exception, match="Network connection lost"):
        await box.add()


async def test_a_failed_alarm_is_retried_as_if_the_handler_had_raised(
    durable: Durable, box: Any
) -> None:
    durable.fail_next("alarm", on=box, error="not yet")
    await box.set_alarm(1)
    await durable.clock.advance(30)
    assert await box.runs() == [[1, True]]


async def test_a_failed_send_breaks_the_connection_for_both(durable: Durable, box: Any) -> None:
    client = await durable.connect("/box/a/")
    durable.fail_next("send", on=box)
    client.send("hello")
    assert (await client.wait_closed()).code == 1006
    assert client.pending == 0
    await durable.settle()
    assert durable.storage(box).kv["closed"] == 1006


# --- delays --------------------------------------------------------------------------------


async def test_a_delayed_call_lets_none_of_its_stub_pass(durable: Durable, box: Any) -> None:
    durable.delay_next("rpc", 5, on=box)
    slow = [asyncio.ensure_future(box.add()) for _ in range(3)]
    await durable.clock.advance(4.9)
    assert not durable.is_resident(box)
    assert await again(durable).add() == 1  # another stub is another way
    await durable.clock.advance(0.2)
    assert [await call for call in slow] == [2, 3, 4]


async def test_a_delayed_commit_holds_what_leaves(durable: Durable, box: Any) -> None:
    durable.delay_next("commit", 3, on=box)
    call = asyncio.ensure_future(box.add())
    await durable.clock.advance(2.9)
    assert not call.done()
    assert durable.storage(box).kv == {}
    await durable.clock.advance(0.2)
    assert await call == 1


async def test_a_delayed_message_lets_none_of_its_socket_pass(durable: Durable, box: Any) -> None:
    first, second = await durable.connect("/box/a/"), await durable.connect("/box/a/")
    durable.delay_next("send", 2, on=box)
    first.send("1")
    first.send("2")
    second.send("3")
    assert await second.receive() == "echo 3"
    assert first.pending == 0
    await durable.clock.advance(2)
    assert [await first.receive(), await first.receive()] == ["echo 1", "echo 2"]


async def test_a_delayed_alarm_comes_later(durable: Durable, box: Any) -> None:
    await box.set_alarm(1)
    durable.delay_next("alarm", 10, on=box)
    await durable.clock.advance(10.5)
    assert await box.runs() is None
    await durable.clock.advance(1)
    assert await box.runs() == [[0, False]]


# --- mistakes ------------------------------------------------------------------------------


async def test_an_unknown_operation_is_refused(durable: Durable) -> None:
    from emulator.testing.errors import TestError

    with pytest.raises(TestError, match="there are alarm, commit, fetch, rpc, send"):
        durable.fail_next("put")  # type: ignore[arg-type]
    with pytest.raises(TestError, match="only rpc and fetch have a reply"):
        durable.fail_next("commit", lose="reply")


async def test_a_fault_that_never_struck_is_left_behind(durable: Durable) -> None:
    durable.fail_next("alarm")
    [line] = durable.find_leaks()
    assert line.startswith("a fault for the next alarm never struck (")
    assert "test_faults.py:" in line
