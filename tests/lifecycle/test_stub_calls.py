"""Calls that are given up, pipelined or disposed of; connect() (spec lifecycle §3.4, §6.4, §6.5).

emulator/runtime/aborting.py, pipelining.py, rpc.py; the expected texts are the real runtime's.
"""

from __future__ import annotations

import pytest

from tests.worlds import worker

TOLD = """
from pyodide.ffi import JsException as Failure

async def told(awaitable):
    try:
        return await awaitable
    except Failure as exc:
        flags = ("remote", "retryable", "overloaded", "durableObjectReset")
        return [str(exc), {k: v for k, v in exc.__dict__.items() if k in flags}]

def plain(**members):
    return to_js(members, dict_converter=Object.fromEntries)
"""
CALLEE = (
    TOLD
    + """
class Callee(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.finished = 0
        self.heard = None
        self.released = []

    async def fetch(self, request):
        def note(event):
            self.heard = [str(request.js_object.signal.reason), request.js_object.signal.aborted]
        request.js_object.signal.addEventListener("abort", create_proxy(note))
        await asyncio.sleep(0.5)
        self.finished += 1
        return Response("done")

    async def state(self):
        return [self.finished, self.heard]

    async def parts(self):
        return {"value": 5, "add": lambda n: n + 1, "inner": {"times": lambda n: n * 10}}

    async def function(self):
        return lambda n: n + 1

    async def peer(self):
        return self.env.CALLEE.getByName("peer")

    async def boom(self):
        raise js.TypeError.new("bo")

    async def say(self, text):
        return text + "!"

    async def slow_function(self):
        await asyncio.sleep(0.1)
        return lambda: "slow"

    async def all_of_it(self):
        failure = js.AggregateError.new(
            to_js([js.TypeError.new("a"), js.Error.new("b")]), "agg",
            plain(cause=js.RangeError.new("why")),
        )
        failure.code = 4
        failure.retryable = True
        failure.remote = False
        raise failure
"""
)


def caller(body, **config):
    """A worker whose object Caller runs `body` with the raw stub `b` and the wrapped one `w`."""
    lines = "".join(f"        {line}\n" for line in body.strip("\n").split("\n"))
    source = (
        CALLEE
        + "\nclass Caller(DurableObject):\n    async def run(self):\n"
        + '        b = self.env._env.CALLEE.getByName("b")\n'
        + '        w = self.env.CALLEE.getByName("b")\n'
        + lines
    )
    return worker(source, **config)


async def run(durable):
    return await durable.env.CALLER.getByName("caller").run()


# --- signals -------------------------------------------------------------------------------


@caller(
    """
results = []
for reason in ((), (js.RangeError.new("mine"),)):
    control = js.AbortController.new()
    fetch = told(b.fetch("http://x/", signal=control.signal))
    asyncio.get_running_loop().call_later(0.05, control.abort, *reason)
    results.append(await fetch)
gone = js.AbortController.new()
gone.abort()
results.append(await told(b.fetch("http://x/", signal=gone.signal)))
results.append(await told(b.fetch("http://x/", signal=js.AbortSignal.timeout(30))))
late = js.AbortController.new()
answer = await b.fetch("http://x/", signal=late.signal)
late.abort()
return [*results, answer.status, (await b.state()).to_py()]
"""
)
async def test_an_abort_rejects_the_fetch_at_once_and_the_handler_runs_on(durable):
    aborted = ["AbortError: The operation was aborted", {"retryable": True}]
    timed_out = ["TimeoutError: The operation was aborted due to timeout", {"retryable": True}]
    assert await run(durable) == [
        aborted, ["RangeError: mine", {}], aborted, timed_out, 200, [4, None]
    ]  # fmt: skip


SIGNALLED = """
control = js.AbortController.new()
fetch = told(b.fetch("http://x/", signal=control.signal))
asyncio.get_running_loop().call_later(0.05, control.abort)
await fetch
await asyncio.sleep(0.01)
return (await b.state()).to_py()
"""


@caller(SIGNALLED, compatibility_flags=["python_workers", "enable_request_signal"])
async def test_with_the_flag_the_handler_hears_of_it(durable):
    assert await run(durable) == [0, ["AbortError: The client has disconnected", True]]


@caller(
    """
control = js.AbortController.new()
fetch = told(b.fetch("http://x/", signal=control.signal))
asyncio.get_running_loop().call_later(0.05, control.abort)
return await fetch
"""
)
async def test_a_caller_that_gave_up_waits_for_nothing(durable):
    assert (await run(durable))[1] == {"retryable": True}
    assert durable.why_awake(durable.env.CALLER.getByName("caller")) == []


# --- connect -------------------------------------------------------------------------------


@caller(
    """
results = []
for args in ((), ("nowhere",)):
    try:
        b.connect(*args)
    except Failure as exc:
        results.append(str(exc))
results.append((await told(b.connect("host:1").opened))[0])
results.append((await told(b.connect(plain(hostname="host", port=1)).closed))[0])
return results
"""
)
async def test_connect_is_refused_in_the_platforms_words(durable):
    refused = "Error: proxy request failed, cannot connect to the specified address"
    assert await run(durable) == [
        "TypeError: Failed to execute 'connect' on 'Fetcher': parameter 1 is not of type "
        "'SocketAddress or string'.",
        "TypeError: Specified address is missing port.",
        refused,
        refused,
    ]


# --- pipelining ----------------------------------------------------------------------------


@caller(
    """
return [
    await b.parts().value,
    await b.parts().add(2),
    await b.parts().inner.times(4),
    await b.function()(3),
    await b.slow_function()(),
    await b.peer().say("hello"),
    await b.parts().value.then(create_proxy(lambda value: value + 1)),
]
"""
)
async def test_what_a_result_has_is_called_before_it_is_there(durable):
    assert await run(durable) == [5, 3, 40, 4, "slow", "hello!", 6]


@caller(
    """
return [
    await told(b.parts()()),
    await told(b.parts().value()),
    await told(b.function().nothing()),
    await told(b.parts().zip.zap),
    await told(b.parts().value.deep()),
    (await told(b.boom().any.thing()))[0],
    await told(b.parts().add(plain(no=object()))),
]
"""
)
async def test_a_path_that_leads_nowhere_is_refused(durable):
    result = await run(durable)
    remote = {"remote": True}
    lacks = 'TypeError: The RPC receiver does not implement the method "{}".'
    assert result[:6] == [
        ['TypeError: "(this)" is not a function.', remote],
        ['TypeError: "value" is not a function.', remote],
        [lacks.format("nothing"), remote],
        [lacks.format("zip"), remote],
        [lacks.format("deep"), remote],
        "TypeError: bo",
    ]
    assert result[6][0].startswith("DataCloneError: ")


@caller(
    """
path = b.parts()
try:
    for _ in range(70):
        path = path.next
except Failure as exc:
    return str(exc)
"""
)
async def test_a_path_has_64_names_at_most(durable):
    expected = "TypeError: RPC pipelined property path is too deep (max 64)."
    assert await run(durable) == expected


@caller("return await b.function()(1)")
async def test_a_result_that_was_only_called_is_let_go(durable):
    assert await run(durable) == 2
    assert durable.why_awake(durable.env.CALLEE.getByName("b")) == []


# --- disposal ------------------------------------------------------------------------------

DISPOSED = """
function = await b.function()
copy = function.dup()
first = await function(1)
js.Reflect.get(function, js.Symbol.dispose)()
return [first, await told(function(1)), await copy(5)]
"""


@caller(DISPOSED)
async def test_a_stub_that_was_disposed_of_is_used_no_more(durable):
    disposed = ["Error: RPC stub used after being disposed.", {}]
    assert await run(durable) == [2, disposed, 6]


WITH = """
try:
    with await b.function() as function:
        first = await function(1)
except TypeError as exc:
    return str(exc)
return [first, (await told(function(1)))[0]]
"""


@caller(WITH)
async def test_with_disposes_of_a_stub_on_the_newest_runtime(durable):
    assert await run(durable) == [2, "Error: RPC stub used after being disposed."]


@caller(WITH, compatibility_date="2026-05-01")
async def test_older_proxies_are_no_context_managers(durable):
    expected = "'JsProxy' object does not support the context manager protocol"
    assert await run(durable) == expected


@caller(
    """
held = [await b.function() for _ in range(200)]
self.held = held
self.used = [await function(n) for n, function in enumerate(held)]
return self.used == [n + 1 for n in range(200)]
"""
)
async def test_200_stubs_are_held_and_disposed_of(durable):
    import js

    assert await run(durable)
    target = durable.env.CALLEE.getByName("b")
    assert [blocker.kind for blocker in durable.why_awake(target)] == ["stub"] * 200

    def dispose(instance, ctx):
        for function in instance.held:
            js.Reflect.get(function, js.Symbol.dispose)()

    await durable.run_in_object(durable.env.CALLER.getByName("caller"), dispose)
    assert durable.why_awake(target) == []


# --- errors --------------------------------------------------------------------------------


@caller(
    """
try:
    await b.all_of_it()
except Failure as exc:
    return [
        exc.name, exc.message, exc.code, exc.retryable, exc.remote,
        exc.durableObjectId == b.id.toString(), str(exc.cause),
        [str(inner) for inner in exc.errors],
    ]
"""
)
async def test_an_error_keeps_class_cause_parts_and_flags(durable):
    assert await run(durable) == [
        "AggregateError", "agg", 4, True, True, True, "RangeError: why",
        ["TypeError: a", "Error: b"],
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["Error", "TypeError", "RangeError", "SyntaxError", "EvalError"])
@worker(
    TOLD
    + """
class Callee(DurableObject):
    async def fail(self, name):
        raise getattr(js, name).new("why")
"""
)
async def test_the_standard_classes_of_errors_cross(durable, name):
    from pyodide.ffi import JsException

    with pytest.raises(JsException) as caught:
        await durable.env.CALLEE.getByName("a").fail(name)
    assert (caught.value.name, caught.value.constructor.name) == (name, name)


# --- stubs and namespaces as objects ---------------------------------------------------------


@caller(
    """
def refused(action):
    try:
        action()
    except Exception as exc:
        return str(exc)
ns = self.env._env.CALLEE
own = ns.idFromName("a")
def name_it():
    own.name = "x"
def place_it():
    own.jurisdiction = "eu"
def name_stub():
    b.name = "x"
def own_method():
    return 5
b.foo = own_method
return [
    refused(ns.constructor.new), refused(name_it), refused(place_it), refused(name_stub),
    b.foo(), b.name, b.id.name, ns.newUniqueId().name, ns.get(ns.newUniqueId()).name,
    hasattr(b, "then"), hasattr(b, "anything"), str(b), str(await ns.getByName("a").peer()),
]
"""
)
async def test_a_stub_has_a_name_an_id_and_methods_by_any_name(durable):
    read_only = "TypeError: Cannot assign to read only property '{}' of object '#<{}>'"
    assert await run(durable) == [
        "TypeError: Illegal constructor",
        read_only.format("name", "DurableObjectId"),
        read_only.format("jurisdiction", "DurableObjectId"),
        read_only.format("name", "DurableObject"),
        5, "b", "b", None, None, False, True, "[object DurableObject]", "[object Fetcher]",
    ]  # fmt: skip


@caller(
    """
say = b.say
fetch = b.fetch
return [await say("bound"), (await fetch("http://x/")).status]
"""
)
async def test_methods_of_a_stub_are_bound(durable):
    assert await run(durable) == ["bound!", 200]


@caller(
    """
from workers import import_from_javascript
module = import_from_javascript("cloudflare:workers")
names = ("DurableObject", "RpcPromise", "RpcProperty", "RpcStub", "RpcTarget", "ServiceStub",
         "WorkerEntrypoint", "WorkflowEntrypoint", "env", "exports", "waitUntil", "withEnv")
return [[n for n in names if not hasattr(module, n)], module.exports.Callee.idFromName("a").name]
"""
)
async def test_the_module_of_the_platform_has_its_names(durable):
    assert await run(durable) == [[], "a"]


@caller(
    "return [self.ctx.exports, self.ctx.props.object_keys().to_py()]",
    compatibility_date="2025-11-16",
)
async def test_before_the_date_there_are_no_exports(durable):
    assert await run(durable) == [None, []]


@caller(
    """
async def fails():
    raise ValueError("nobody waits for this")
task = asyncio.get_running_loop().create_task(fails())
def strikes():
    raise ValueError("from a timer")
setTimeout(create_proxy(strikes), 10)
self.ctx.waitUntil(js.Promise.reject(js.Error.new("silent")))
await asyncio.sleep(0.1)
del task
return "unharmed"
"""
)
async def test_errors_that_nobody_handles_are_logged_and_reset_nothing(durable):
    assert await run(durable) == "unharmed"
    assert await durable.env.CALLER.getByName("caller").run() == "unharmed"
    texts = " ".join(str(getattr(entry, "text", "")) for entry in durable.log)
    assert "from a timer" in texts
    assert "silent" not in texts


@caller(
    "return [str(self.ctx.id.name), b.say.__class__.__name__ != '', await told(b.say('x', 'y'))]"
)
async def test_a_method_is_called_with_exactly_what_was_given(durable):
    result = await run(durable)
    assert "takes 2 positional arguments but 3 were given" in result[2][0]
