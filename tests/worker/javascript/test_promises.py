"""`Promise`: the constructor and the statics."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emulator.core.values import JsException, to_js


async def test_an_executor_settles_it_once(js: Any) -> None:
    def executor(resolve: Any, reject: Any) -> None:
        resolve(to_js([1]))
        reject("late")
        resolve(2)

    assert (await js.Promise.new(executor)).to_py() == [1]


async def test_an_executor_that_raises_rejects(js: Any) -> None:
    def executor(resolve: Any, reject: Any) -> None:
        del resolve, reject
        raise js.TypeError.new("bad")

    with pytest.raises(JsException, match="TypeError: bad"):
        await js.Promise.new(executor)


async def test_no_function_is_no_executor(js: Any) -> None:
    with pytest.raises(JsException, match="Promise resolver undefined is not a function"):
        js.Promise.new()


async def test_resolving_with_a_promise_follows_it(js: Any) -> None:
    inner = js.Promise.withResolvers()
    outer = js.Promise.new(lambda resolve, reject: resolve(inner.promise))
    assert not outer.done()
    inner.resolve("in")
    assert await outer == "in"


async def test_resolving_with_a_python_awaitable_waits_for_it(js: Any) -> None:
    async def work() -> str:
        await asyncio.sleep(0)  # noqa: TID251  # any suspension will do
        return "done"

    assert await js.Promise.resolve(work()) == "done"


async def test_resolve_leaves_a_promise_alone(js: Any) -> None:
    promise = js.Promise.withResolvers().promise
    assert js.Promise.resolve(promise) is promise
    settled = js.Promise.reject(js.Error.new("no"))
    assert js.Promise.resolve(settled) is settled
    with pytest.raises(JsException, match="Error: no"):
        await settled


async def test_a_promise_is_a_future_as_in_pyodide(js: Any) -> None:
    assert isinstance(js.Promise.resolve(1), asyncio.Future)
    assert type(js.Promise.resolve(1)).__name__ == "PyodideFuture"
    assert await js.Promise.resolve(1).then(lambda value: value + 1) == 2


async def test_all_gives_an_array_or_the_first_failure(js: Any) -> None:
    late = js.Promise.withResolvers()
    promise = js.Promise.all([1, late.promise, js.Promise.resolve("c")])
    late.resolve("b")
    assert (await promise).to_py() == [1, "b", "c"]
    assert (await js.Promise.all(js.Array.of(js.Promise.resolve(1), 2))).to_py() == [1, 2]
    with pytest.raises(JsException, match="Error: no"):
        await js.Promise.all([js.Promise.reject(js.Error.new("no")), 1])
    with pytest.raises(JsException, match="undefined is not iterable"):
        await js.Promise.all()


async def test_all_settled_tells_of_each(js: Any) -> None:
    promises = [js.Promise.resolve(1), js.Promise.reject(js.Error.new("no"))]
    first, second = await js.Promise.allSettled(promises)
    assert first.to_py() == {"status": "fulfilled", "value": 1}
    assert (second.status, second.reason.message) == ("rejected", "no")


async def test_race_is_the_first(js: Any) -> None:
    slow, quick = js.Promise.withResolvers(), js.Promise.withResolvers()
    race = js.Promise.race([slow.promise, quick.promise])
    quick.reject(js.Error.new("quick"))
    slow.resolve(1)
    with pytest.raises(JsException, match="quick"):
        await race


async def test_any_is_the_first_success_or_every_failure(js: Any) -> None:
    failing, late = js.Promise.reject(js.Error.new("a")), js.Promise.withResolvers()
    found = js.Promise.any([failing, late.promise])
    late.resolve(5)
    assert await found == 5
    with pytest.raises(JsException) as caught:
        await js.Promise.any([failing])
    assert str(caught.value) == "AggregateError: All promises were rejected"
    assert [error.message for error in caught.value.errors] == ["a"]  # type: ignore[attr-defined]
    with pytest.raises(JsException, match="All promises were rejected"):
        await js.Promise.any([])


async def test_try_catches(js: Any) -> None:
    def fail() -> None:
        raise js.Error.new("now")

    with pytest.raises(JsException, match="now"):
        await getattr(js.Promise, "try")(fail)
    assert await js.Promise.try_(lambda x: x * 2, 4) == 8


async def test_with_resolvers_rejects(js: Any) -> None:
    made = js.Promise.withResolvers()
    made.reject("a text")
    with pytest.raises(JsException, match="a text"):
        await made.promise
