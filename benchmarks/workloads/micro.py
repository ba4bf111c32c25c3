"""`micro`: the yardsticks of this machine, in process.

Later bars are multiples of these: an eager Task is the least an event costs, an fsync the least a
durable commit costs.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from typing import Final

from benchmarks.in_process import InProcess, Operations, Race, calls, coroutine


async def nothing() -> None:
    """An event that never suspends."""


async def eager_tasks(count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count):
        # Finished when the constructor returns; awaiting it would be in the figure.
        _ = asyncio.Task(nothing(), loop=loop, eager_start=True)


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


MICRO: Final = InProcess(
    name="micro",
    title="yardsticks of this machine, in process",
    races=(task_race, fsync_race),
)
