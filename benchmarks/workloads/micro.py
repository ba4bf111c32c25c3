"""`micro`: the yardsticks of this machine, in process.

Later bars are multiples of these: an eager Task is the least an event costs, an fsync the least a
durable commit costs.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from typing import TYPE_CHECKING, Any, Final

from benchmarks.figures import Bar
from benchmarks.in_object import in_object, raw_get, raw_put, raw_query, rpc
from benchmarks.in_process import InProcess, Operations, Race, calls, coroutine

if TYPE_CHECKING:
    from collections.abc import Coroutine

BATCH: Final = 100  # Tasks alive at once in the yardstick


async def nothing() -> None:
    """An event that never suspends."""


async def eager_tasks(count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count):
        # Finished when the constructor returns; awaiting it would be in the figure.
        _ = asyncio.Task(nothing(), loop=loop, eager_start=True)


async def answer(value: int) -> int:
    """An event with an argument and a result, that never suspends."""
    return value


async def batched_tasks(count: int) -> None:
    """The eager Task that the bars were set against (spec: performance §4).

    It starts them a hundred at a time, through a function, and awaits only one that is not done.
    """
    loop = asyncio.get_running_loop()

    def start(coroutine: Coroutine[Any, Any, int]) -> asyncio.Task[int]:
        return asyncio.Task(coroutine, loop=loop, eager_start=True)

    for first in range(0, count, BATCH):
        tasks = [start(answer(number)) for number in range(first, min(first + BATCH, count))]
        for task in tasks:
            if not task.done():
                await task


async def awaited_tasks(count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count):
        await asyncio.Task(nothing(), loop=loop, eager_start=True)


async def scheduled_tasks(count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count):
        await loop.create_task(nothing())


def task_race() -> Race:
    """A Task that starts at once against one that the loop starts."""
    return Race(
        name="start a task",
        contestants={"eager": coroutine(eager_tasks), "create_task": coroutine(scheduled_tasks)},
    )


def writes(sync: bool) -> Operations:
    """Write the same 4 KiB of a file in the temporary folder; `sync` waits for the disk."""
    page = bytes(4096)

    def run(count: int) -> float:
        with tempfile.TemporaryFile() as file:
            number = file.fileno()

            def write() -> None:
                os.pwrite(number, page, 0)
                if sync:
                    os.fsync(number)

            return calls(write)(count)

    return run


def fsync_race() -> Race:
    """What waiting for the disk costs."""
    return Race(
        name="write 4 KiB",
        contestants={"fsync": writes(sync=True), "no sync": writes(sync=False)},
    )


def get_race() -> Race:
    """`await ctx.storage.get(key)` against the statement it makes."""
    return Race(
        name="storage.get",
        contestants={"SDK": in_object("get"), "apsw": raw_get()},
        bars=[Bar(limit=3, against="apsw")],
    )


def put_race() -> Race:
    """`await ctx.storage.put(key, value)` against its statement, both in one transaction."""
    return Race(
        name="storage.put",
        contestants={"SDK": in_object("put"), "apsw": raw_put()},
        bars=[Bar(limit=5, against="apsw")],
    )


def query_race() -> Race:
    """`ctx.storage.sql.exec(query).one()` against the query and a dict of its row."""
    return Race(
        name="sql.exec().one()",
        contestants={"SDK": in_object("query"), "apsw": raw_query()},
        bars=[Bar(limit=8, against="apsw")],
    )


def rpc_race() -> Race:
    """A call of an object's method that does nothing against the least that an event costs."""
    return Race(
        name="call an object",
        contestants={
            "SDK": rpc(),
            "eager": coroutine(batched_tasks),
            "eager, awaited": coroutine(awaited_tasks),
        },
        bars=[Bar(limit=4, against="eager")],
    )


MICRO: Final = InProcess(
    name="micro",
    title="yardsticks of this machine, in process",
    races=(task_race, fsync_race, get_race, put_race, query_race, rpc_race),
)
