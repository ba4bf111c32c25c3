"""`objects` and `calls`: a request through the worker, with and without an object; calls in process.

Each sample of `calls` opens an emulator of its own, outside the time that is measured.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from benchmarks.figures import Bar, Better, Figure
from benchmarks.in_process import InProcess, Operations, Race, coroutine
from benchmarks.side_by_side import SideBySide, Step, load
from benchmarks.subjects import HERE, Project
from benchmarks.workloads.micro import batched_tasks, writes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

THING: Final = Project(
    config=HERE / "projects" / "objects.toml",
    module=HERE / "workerd" / "objects.mjs",
    objects={"Thing": "THING"},
)


def rate(*bars: Bar) -> tuple[Figure, ...]:
    return (Figure(key="rate", unit="req/s", better=Better.HIGHER, bars=bars),)


OBJECTS: Final = SideBySide(
    name="objects",
    title="HTTP through the worker to an object, and the worker alone",
    project=THING,
    steps=(
        Step(
            name="worker and object, 32 connections",
            measure=load("http", "/object", connections=32),
            figures=rate(Bar(limit=1.2, against="workerd")),
        ),
        Step(
            name="worker and object, 1 connection",
            measure=load("http", "/object", connections=1),
            figures=rate(Bar(limit=1.0, against="workerd")),
        ),
        Step(
            name="worker only, 32 connections",
            measure=load("http", "/worker", connections=32),
            figures=rate(Bar(limit=0.6, against="workerd"), Bar(limit=0.7, against="aiohttp")),
        ),
    ),
)


def inside(body: Callable[[Any, int], Awaitable[float]]) -> Operations:
    """Run `body(env.THING, count)` in an emulator with a folder that exists as long as it does.

    It takes the time itself, and returns the seconds of `count` operations.
    """
    from emulator.assembly import Emulator, run
    from emulator.runtime.config import load_config

    config = load_config(THING.config)

    async def timed(count: int) -> float:
        async with Emulator(config, state=None) as emulator:
            namespace = emulator.worker.env._members["THING"]
            await namespace.getByName("a").nothing()  # constructing it is another race
            return await body(namespace, count)

    return lambda count: run(timed(count))


async def call(namespace: Any, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        await namespace.getByName("a").nothing()
    return time.perf_counter() - start


async def construct(namespace: Any, count: int) -> float:
    await construct_with_file(namespace, count)
    for container in namespace._namespace.containers.values():
        container.hibernate()
    start = time.perf_counter()
    for number in range(count):
        await namespace.getByName(str(number)).nothing()
    return time.perf_counter() - start


async def construct_with_file(namespace: Any, count: int) -> float:
    start = time.perf_counter()
    for number in range(count):
        await namespace.getByName(str(number)).nothing()
    return time.perf_counter() - start


async def construct_and_write(namespace: Any, count: int) -> float:
    start = time.perf_counter()
    for number in range(count):
        await namespace.getByName(str(number)).put()
    return time.perf_counter() - start


def call_race() -> Race:
    """A stub and a call of a method that never waits, against a Task."""
    return Race(
        name="getByName and RPC",
        contestants={"durable": inside(call), "eager Task": coroutine(batched_tasks)},
        bars=(Bar(limit=7.0, against="eager Task"),),
    )


def construct_race() -> Race:
    """The first call of an object that has its file already: it slept, and is constructed anew."""
    return Race(
        name="construct an object",
        contestants={"durable": inside(construct)},
        bars=(Bar(limit=500.0),),
    )


def file_race() -> Race:
    """The first call of an object that is new: its file is made, as workerd makes it."""
    return Race(
        name="construct an object with its file",
        contestants={"durable": inside(construct_with_file), "fsync": writes(sync=True)},
        bars=(Bar(limit=8.0, against="fsync"),),
    )


def first_value_race() -> Race:
    """... and it keeps a value: SQLite syncs the log's header, the folder and the commit."""
    return Race(
        name="construct an object and keep a value",
        contestants={"durable": inside(construct_and_write), "fsync": writes(sync=True)},
    )


CALLS: Final = InProcess(
    name="calls",
    title="calls of objects, in process",
    races=(call_race, construct_race, file_race, first_value_race),
)
