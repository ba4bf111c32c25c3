"""Runs a function of the test inside an object, as one event of it.

@inside_worker
async def test_it_is_kept(durable):
    async def body(box):
        await box.ctx.storage.put("a", 1)       # as the SDK has it
        raw(box).put("b", 1)                    # as JavaScript has it
    await inside(durable, "name", body)
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import JsException
from emulator.runtime.delivery import Delivery
from tests.worlds import worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.namespace import Namespace

__all__ = [
    "MIGRATIONS",
    "SOURCE",
    "container",
    "hooks",
    "inside",
    "inside_worker",
    "namespace",
    "ran",
    "raw",
    "rejected",
    "sleep",
    "thrown",
]

# `hooks` is the module's: a test puts functions in there that the classes call.
# `ran` are the alarms that ran without one, as at a start before the test's first line.
SOURCE: Final = """
hooks = {}
ran = []

class Box(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        if "construct" in hooks:
            hooks["construct"](self)

    async def alarm(self, info):
        if "alarm" in hooks:
            return await hooks["alarm"](self, info)
        ran.append((self.ctx.id.name, info.retryCount))

    async def fetch(self, request):
        return await hooks["fetch"](self, request)

    async def call(self, *args):
        return await hooks["call"](self, *args)

class NoAlarm(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        if "construct" in hooks:
            hooks["construct"](self)

class Plain(DurableObject):
    async def alarm(self, info):
        pass
"""
MIGRATIONS: Final = [
    {"tag": "v1", "new_sqlite_classes": ["Box", "NoAlarm"], "new_classes": ["Plain"]}
]


def inside_worker(*tests: Any, **config: Any) -> Any:
    """A mark: the test's `durable` has the classes Box, NoAlarm and Plain."""
    mark = worker(SOURCE, **{"migrations": MIGRATIONS, **config})
    return mark(*tests) if tests else mark


def namespace(durable: Any, cls: str = "Box") -> Namespace:
    found: Namespace = durable._emulator.worker.namespaces[cls]
    return found


def hooks(durable: Any) -> dict[str, Any]:
    """The functions that the classes call: construct, alarm, fetch, call."""
    cls = namespace(durable).object_class._class  # type: ignore[attr-defined]
    found: dict[str, Any] = cls.alarm.__globals__["hooks"]
    return found


def ran(durable: Any) -> list[tuple[str, int]]:
    """The alarms that ran without a hook: the object's name, the retry count."""
    cls = namespace(durable).object_class._class  # type: ignore[attr-defined]
    found: list[tuple[str, int]] = cls.alarm.__globals__["ran"]
    return found


def container(durable: Any, name: str = "a", cls: str = "Box") -> ActorContainer:
    objects = namespace(durable, cls)
    return objects.container(objects.id_from_name(name))


async def inside(durable: Any, name: str, body: Callable[[Any], Any], *, cls: str = "Box") -> Any:
    """What `body(instance)` gives, once it was allowed to leave the object."""
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    container(durable, name, cls).deliver(
        Delivery(
            kind="test",
            detail="",
            run=lambda user: body(user.instance),
            succeed=done.set_result,
            fail=done.set_exception,
        )
    )
    return await done


async def sleep(seconds: float) -> None:
    """What user code waits with."""
    from js import scheduler

    await scheduler.wait(seconds * 1000)


def raw(instance: Any) -> Any:
    """The JavaScript object behind `ctx.storage`."""
    return instance.ctx._ctx.storage


def thrown(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The text of the JavaScript error that a call throws at once."""
    try:
        result = function(*args, **kwargs)
    except JsException as exc:
        return str(exc)
    return f"nothing was thrown but {result!r} returned"


async def rejected(promise: Any) -> str:
    """The text of the JavaScript error that a promise is rejected with."""
    try:
        result = await promise
    except JsException as exc:
        return str(exc)
    return f"nothing was thrown but {result!r} returned"
