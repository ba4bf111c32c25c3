"""The gated loop, seen from inside one object: emulator/runtime/gates.py, spec lifecycle §5.1."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest

from emulator.runtime.gates import GatedLoop, current_gate
from tests.worlds import worker

BOX = """
class Box(DurableObject):
    async def hello(self):
        return "hello"

    async def boom(self):
        asyncio.get_running_loop().call_soon(int, "no number")

    async def forgotten(self):
        async def fails():
            raise ValueError("nobody waits for me")
        self.task = asyncio.create_task(fails())
        await asyncio.sleep(0.01)
        self.task = None
"""
pytestmark = pytest.mark.worker(BOX)
tag = ContextVar("tag", default="nobody's")


@pytest.fixture
def inside(durable):
    """The live instance of one object, for scheduling work as if its code did."""
    return Inside(durable)


class Inside:
    def __init__(self, durable):
        self._durable = durable
        self.log = []

    async def wake(self):
        stub = self._durable.env.BOX.getByName("a")
        await stub.hello()
        self.instance = self._durable._find(stub).instance
        self.loop = self.instance.loop
        return self.instance

    def run(self, function, *args, **options):
        """Call `function` as code of the object would: in its context."""
        return self.instance.context.copy().run(function, *args, **options)

    def soon(self, *args):
        return self.run(self.loop.call_soon, self.log.append, *args)

    def shut(self):
        """Open a critical section that lasts until the future that is returned is settled."""
        ended = self.loop.create_future()
        self.run(self.instance.block_concurrency_while, lambda: ended)
        return ended


async def test_a_handle_waits_at_a_shut_gate_and_runs_after_it_opened(durable, inside):
    await inside.wake()
    ended = inside.shut()
    await durable.settle()
    inside.soon("parked")
    await durable.settle()
    assert inside.log == []
    ended.set_result(None)
    await durable.settle()
    assert inside.log == ["parked"]


async def test_parked_handles_keep_their_order_and_go_before_later_ones(durable, inside):
    await inside.wake()
    ended = inside.shut()
    await durable.settle()
    for number in range(5):
        inside.soon(number)
    await durable.settle()
    ended.set_result(None)
    ended.add_done_callback(lambda _: inside.soon("later"))
    await durable.settle()
    assert inside.log == [0, 1, 2, 3, 4, "later"]


async def test_a_handle_that_is_cancelled_while_parked_never_runs(durable, inside):
    await inside.wake()
    ended = inside.shut()
    await durable.settle()
    inside.soon("first")
    cancelled = inside.soon("cancelled")
    inside.soon("last")
    await durable.settle()
    cancelled.cancel()
    ended.set_result(None)
    await durable.settle()
    assert inside.log == ["first", "last"]


async def test_each_parked_handle_runs_in_its_own_context(durable, inside):
    await inside.wake()
    ended = inside.shut()
    await durable.settle()

    def note():
        inside.log.append(tag.get())

    for name in ("one", "two"):
        context = inside.instance.context.copy()
        context.run(tag.set, name)
        inside.loop.call_soon(note, context=context)
    await durable.settle()
    ended.set_result(None)
    await durable.settle()
    assert inside.log == ["one", "two"]
    assert tag.get() == "nobody's"


async def test_a_timer_that_strikes_while_the_gate_is_shut_waits_at_it(durable, inside):
    await inside.wake()
    ended = inside.shut()
    inside.run(inside.loop.call_later, 1.0, inside.log.append, "struck")
    await durable.clock.advance(2)
    assert inside.log == []
    ended.set_result(None)
    await durable.settle()
    assert inside.log == ["struck"]


async def test_a_timer_that_struck_and_is_cancelled_at_the_gate_never_runs(durable, inside):
    await inside.wake()
    ended = inside.shut()
    timer = inside.run(inside.loop.call_later, 1.0, inside.log.append, "struck")
    await durable.clock.advance(2)
    timer.cancel()
    ended.set_result(None)
    await durable.settle()
    assert inside.log == []


async def test_a_pending_timer_keeps_the_object_awake_until_it_is_cancelled(durable, inside):
    instance = await inside.wake()
    timer = inside.run(inside.loop.call_later, 60.0, inside.log.append, "struck")
    await durable.clock.advance(30)
    assert not instance.is_dead
    [blocker] = instance.blockers()
    assert (blocker.kind, blocker.age_s) == ("timer", 30.0)
    assert __file__ in blocker.source
    timer.cancel()
    timer.cancel()
    await durable.clock.advance(9.9)
    assert not instance.is_dead
    await durable.clock.advance(0.2)
    assert instance.is_dead


async def test_what_comes_from_another_thread_passes_the_gate_too(durable, inside):
    await inside.wake()
    ended = inside.shut()
    await durable.settle()
    context = inside.instance.context.copy()
    call = inside.loop.call_soon_threadsafe
    thread = threading.Thread(
        target=call, args=(inside.log.append, "from a thread"), kwargs={"context": context}
    )
    with inside.loop.hold():
        thread.start()
        thread.join()
    await durable.settle()
    assert inside.log == []
    ended.set_result(None)
    await durable.settle()
    assert inside.log == ["from a thread"]


async def test_a_thread_without_a_context_is_nobodys(durable, inside):
    await inside.wake()
    inside.shut()
    await durable.settle()
    with inside.loop.hold():
        thread = threading.Thread(
            target=inside.loop.call_soon_threadsafe, args=(inside.log.append, "host")
        )
        thread.start()
        thread.join()
    await durable.settle()
    assert inside.log == ["host"]


async def test_host_work_passes_every_gate(durable, inside):
    await inside.wake()
    inside.shut()
    await durable.settle()
    inside.instance.host.soon(inside.log.append, "host")
    await durable.settle()
    assert inside.log == ["host"]
    assert current_gate.get() is None


async def test_code_of_an_object_runs_in_a_context_that_names_its_gate(durable, inside):
    instance = await inside.wake()
    inside.run(inside.loop.call_soon, lambda: inside.log.append(current_gate.get()))
    await durable.settle()
    assert inside.log == [instance.gate.root]


async def test_a_task_of_an_object_is_remembered_until_it_is_gone(durable, inside):
    instance = await inside.wake()

    async def waits():
        await asyncio.Event().wait()

    task = inside.run(inside.loop.create_task, waits())
    assert task in instance.tasks
    await durable.settle()
    task.cancel()
    await durable.settle()
    assert task.cancelled()


async def test_what_a_callback_of_the_object_raises_is_reported_with_its_name(durable, capsys):
    await durable.env.BOX.getByName("a").boom()
    await durable.settle()
    assert "Box a: " in (told := capsys.readouterr().err)
    assert "invalid literal for int()" in told
    assert durable.is_resident(durable.env.BOX.getByName("a"))


async def test_what_a_forgotten_task_raises_is_reported_with_its_name(durable, capsys):
    await durable.env.BOX.getByName("a").forgotten()
    await durable.settle()
    told = capsys.readouterr().err
    assert "Box a: " in told
    assert "nobody waits for me" in told


@pytest.mark.filterwarnings("ignore:There are no threads")
@worker(
    """
    class Box(DurableObject):
        async def compute(self):
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(None, sum, [1, 2, 3])
    """
)
async def test_an_object_has_no_threads_as_on_the_platform(durable):
    with pytest.raises(Exception, match="can't start new thread"):
        await durable.env.BOX.getByName("a").compute()


def test_without_an_object_it_is_an_ordinary_loop():
    async def main():
        loop = asyncio.get_running_loop()
        log = []
        loop.call_soon(log.append, "soon")
        loop.call_later(0, log.append, "later")
        task = loop.create_task(asyncio.Event().wait())
        await asyncio.wait([task], timeout=0.001)
        task.cancel()
        problems = []
        loop.set_exception_handler(lambda _, context: problems.append(context))
        loop.call_exception_handler({"message": "a problem"})
        return log, problems

    with asyncio.Runner(loop_factory=GatedLoop) as runner:
        log, problems = runner.run(main())
    assert log == ["soon", "later"]
    assert problems == [{"message": "a problem"}]
