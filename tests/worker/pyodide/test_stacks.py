"""`run_sync`: synchronous code that waits."""

from __future__ import annotations

import asyncio
import inspect
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import pytest

from emulator.worker.pyodide.stacks import (
    StackPool,
    can_run_sync,
    find_run_sync,
    run_sync,
    use_stacks,
)
from tests.worlds import worker as worlds_worker

LOOPLESS = SimpleNamespace(loop=SimpleNamespace(set_task_factory=lambda factory: None))
variable: ContextVar[int] = ContextVar("variable", default=0)


class Later:
    """Something to wait for, settled by the test."""

    def __init__(self) -> None:
        self.future = asyncio.get_running_loop().create_future()

    async def wait(self) -> Any:
        return await self.future


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)  # noqa: TID251  # lets callbacks run; no time passes


async def test_synchronous_code_waits_while_the_loop_goes_on() -> None:
    later, pool = Later(), StackPool()

    def work() -> str:
        assert can_run_sync()
        return f"got {run_sync(later.wait())}"

    task = asyncio.get_running_loop().create_task(pool.run(work))
    await turns()
    assert not task.done()
    later.future.set_result("it")
    assert await task == "got it"


async def test_exceptions_come_back_where_it_waits() -> None:
    later, pool = Later(), StackPool()

    def work() -> str:
        try:
            run_sync(later.wait())
        except ValueError as exc:
            return f"caught {exc}"
        return "none"

    later.future.set_exception(ValueError("it"))
    assert await pool.run(work) == "caught it"


async def test_what_the_code_raises_leaves_it() -> None:
    def work() -> None:
        raise KeyError("out")

    with pytest.raises(KeyError, match="out"):
        await StackPool().run(work)


async def test_async_code_may_wait_in_both_ways() -> None:
    first, second, pool = Later(), Later(), StackPool()

    async def work() -> tuple[Any, Any]:
        one = await first.wait()
        return one, run_sync(second.wait())

    task = asyncio.get_running_loop().create_task(pool.run(work))
    first.future.set_result(1)
    await turns()
    second.future.set_result(2)
    assert await task == (1, 2)


async def test_several_wait_at_once_and_share_no_stack() -> None:
    laters, pool = [Later() for _ in range(5)], StackPool()
    tasks = [
        asyncio.get_running_loop().create_task(pool.run(lambda later=later: run_sync(later.wait())))
        for later in laters
    ]
    await turns()
    for number, later in reversed(list(enumerate(laters))):
        later.future.set_result(number)
    assert await asyncio.gather(*tasks) == [0, 1, 2, 3, 4]
    assert len(pool._idle) == 5
    assert await pool.run(lambda: 5) == 5
    assert len(pool._idle) == 5


async def test_the_code_runs_in_the_context_of_its_task() -> None:
    later, pool = Later(), StackPool()

    def work() -> int:
        variable.set(7)
        run_sync(later.wait())
        return variable.get()

    async def outer() -> tuple[int, int]:
        return await pool.run(work), variable.get()

    task = asyncio.get_running_loop().create_task(outer())
    await turns()
    later.future.set_result(None)
    assert await task == (7, 7)
    assert variable.get() == 0


async def test_the_current_task_stays_the_current_task() -> None:
    pool = StackPool()

    def work() -> bool:
        return asyncio.current_task() is task

    task = asyncio.current_task()
    assert await pool.run(work)


async def test_a_cancelled_task_ends_the_code() -> None:
    later, pool, ended = Later(), StackPool(), []

    def work() -> None:
        try:
            run_sync(later.wait())
        finally:
            ended.append(True)

    task = asyncio.get_running_loop().create_task(pool.run(work))
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]
    assert len(pool._idle) == 1


async def test_stacks_nest() -> None:
    later, pool = Later(), StackPool()

    async def inner() -> Any:
        return await pool.run(lambda: run_sync(later.wait()))

    def outer() -> Any:
        return run_sync(inner())

    task = asyncio.get_running_loop().create_task(pool.run(outer))
    await turns()
    later.future.set_result("deep")
    assert await task == "deep"


async def test_without_a_stack_nothing_waits() -> None:
    later = Later()
    waiting = later.wait()
    assert not can_run_sync()
    with pytest.raises(RuntimeError, match="No suspender"):
        run_sync(waiting)
    assert inspect.getcoroutinestate(waiting) == inspect.CORO_CLOSED


def test_a_worker_gets_stacks_if_its_source_names_what_needs_them() -> None:
    worker: Any = SimpleNamespace(stacks=None, host=LOOPLESS)
    find_run_sync(worker, b"import json")
    assert worker.stacks is None
    find_run_sync(worker, b"from workers import wsgi")
    pool = worker.stacks
    assert isinstance(pool, StackPool)
    use_stacks(worker)
    assert worker.stacks is pool


TASKS = """
import asyncio
from pyodide.ffi import run_sync
from workers import DurableObject


class Box(DurableObject):
    async def work(self, n):
        def wait():
            return run_sync(asyncio.sleep(0.01, n))
        return wait() + wait()

    async def tasks(self):
        made = [asyncio.create_task(self.work(n)) for n in range(3)]
        return list(await asyncio.gather(*made))

    async def cancelled(self):
        task = asyncio.create_task(self.work(1))
        task.cancel()
        late = asyncio.create_task(self.work(2))
        await asyncio.sleep(0)
        late.cancel()
        outcomes = await asyncio.gather(task, late, return_exceptions=True)
        return [type(outcome).__name__ for outcome in outcomes]

    async def waits(self):
        self.task = asyncio.create_task(self.work(5))
"""


@worlds_worker(TASKS)
async def test_tasks_of_user_code_can_wait_too(durable):
    assert await durable.env.BOX.getByName("a").tasks() == [0, 2, 4]


@worlds_worker(TASKS)
async def test_a_task_that_is_cancelled_before_or_while_it_waits_ends(durable):
    outcomes = await durable.env.BOX.getByName("a").cancelled()
    assert outcomes == ["CancelledError", "CancelledError"]
