"""setTimeout and its kin, in a world with a clock of its own."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.core.values import JsException, to_js
from tests.worlds import worker

SOURCE = """
from contextvars import ContextVar
from js import AbortController, clearInterval, clearTimeout, queueMicrotask, setImmediate, setInterval
from js import AbortSignal

variable = ContextVar("variable", default="none")

class Timed(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.log = []

    async def order(self):
        log = self.log
        setTimeout(create_proxy(lambda: log.append("timeout 0")), 0)
        queueMicrotask(create_once_callable(lambda: log.append("microtask")))
        js.Promise.resolve(1).then(lambda _: log.append("then"))
        log.append("sync")
        await asyncio.sleep(1)
        return log

    async def arguments(self):
        setTimeout(create_proxy(lambda *args: self.log.extend(args)), 5, "a", 2)
        await scheduler.wait(10)
        return self.log

    async def cancelled(self):
        handle = setTimeout(create_proxy(lambda: self.log.append("no")), 5)
        clearTimeout(handle)
        clearTimeout(None)
        clearTimeout(5)
        setImmediate(create_proxy(lambda: self.log.append("immediate")))
        await asyncio.sleep(1)
        return self.log

    async def interval(self):
        def tick():
            self.log.append(len(self.log))
            if len(self.log) == 2:
                raise ValueError("tick")
            if len(self.log) == 4:
                clearInterval(handle)
        handle = setInterval(create_proxy(tick), 10)
        await asyncio.sleep(1)
        return self.log

    async def coroutine(self):
        async def work():
            await asyncio.sleep(0.01)
            self.log.append("worked")
        setTimeout(create_proxy(work), 1)
        await asyncio.sleep(1)
        return self.log

    async def contexts(self):
        variable.set("mine")
        loop = asyncio.get_running_loop()
        setTimeout(create_proxy(lambda: self.log.append("timeout " + variable.get())), 1)
        queueMicrotask(create_proxy(lambda: self.log.append("microtask " + variable.get())))
        loop.call_soon(lambda: self.log.append("call_soon " + variable.get()))
        js.Promise.resolve(1).then(lambda _: self.log.append("then " + variable.get()))
        async def task():
            self.log.append("task " + variable.get())
        await asyncio.create_task(task())
        await asyncio.sleep(1)
        return sorted(self.log)

    async def waits(self):
        controller = AbortController.new()
        setTimeout(create_proxy(lambda: controller.abort()), 5)
        started = Date.now()
        await scheduler.wait(20)
        results = [Date.now() - started]
        for signal in (controller.signal, AbortSignal.timeout(7)):
            try:
                await scheduler.wait(1000, signal=signal)
            except JsException as exc:
                results.append(exc.name)
        return results + [Date.now() - started]
"""
TIMED = worker(SOURCE)


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("order", ["sync", "microtask", "then", "timeout 0"]),
        ("arguments", ["a", 2]),
        ("cancelled", ["immediate"]),
        ("interval", [0, 1, 2, 3]),
        ("coroutine", ["worked"]),
        (
            "contexts",
            ["call_soon mine", "microtask none", "task mine", "then mine", "timeout none"],
        ),
        ("waits", [20, "AbortError", "TimeoutError", 27]),
    ],
)
@TIMED
async def test_time_passes_as_javascript_says(durable: Any, method: str, result: Any) -> None:
    assert await getattr(durable.env.TIMED.getByName("a"), method)() == result


@pytest.mark.parametrize(
    ("function", "value", "words"),
    [
        ("setTimeout", None, "Received undefined"),
        ("setTimeout", 1, "Received type number (1)"),
        ("setInterval", "a", "Received type string ('a')"),
        ("setImmediate", to_js({}), "Received an instance of Object ({})"),
        ("setTimeout", True, "Received type boolean (true)"),
    ],
)
def test_only_functions_are_called_later(js: Any, function: str, value: Any, words: str) -> None:
    with pytest.raises(JsException) as caught:
        getattr(js, function)(value)
    text = f'The "callback" argument must be of type function. {words}'
    assert str(caught.value) == f"TypeError: {text}"
    assert caught.value.code == "ERR_INVALID_ARG_TYPE"  # type: ignore[attr-defined]


def test_only_functions_are_microtasks(js: Any) -> None:
    with pytest.raises(JsException, match="parameter 1 is not of type 'function'"):
        js.queueMicrotask(1)
