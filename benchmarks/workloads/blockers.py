"""`blockers`: why a thousand objects are awake, asked of all of them at once, in process.

Each object has a timer, both ends of a socket, and a value. An operation is one object's answer, so
the bar of 50 µs is 50 ms for a thousand of them.
"""

from __future__ import annotations

import time
from typing import Final

from benchmarks.figures import Bar
from benchmarks.in_process import InProcess, Operations, Race
from benchmarks.subjects import HERE

__all__ = ["BLOCKERS"]

OBJECTS: Final = 1000
CONFIG: Final = HERE / "projects" / "blockers.toml"


def ask_all() -> Operations:
    """List the blockers of a thousand objects until `count` objects have answered."""
    from emulator.assembly import Emulator, run
    from emulator.runtime.config import load_config
    from emulator.storage.database import Durability

    config = load_config(CONFIG)

    async def timed(count: int) -> float:
        async with Emulator(config, state=None, durability=Durability.OFF) as emulator:
            namespace = emulator.worker.env._members["BUSY"]
            for number in range(OBJECTS):
                await namespace.getByName(str(number)).hold()
            containers = list(namespace._namespace.containers.values())
            containers[0].blockers()
            answered = 0
            start = time.perf_counter()
            while answered < count:
                for container in containers[: count - answered]:
                    container.blockers()
                answered += min(OBJECTS, count - answered)
            return time.perf_counter() - start

    return lambda count: run(timed(count))


def blockers_race() -> Race:
    return Race(
        name="blockers of an object",
        contestants={"durable": ask_all()},
        bars=(Bar(limit=50.0),),
    )


BLOCKERS: Final = InProcess(
    name="blockers",
    title="why a thousand objects are awake, in process",
    races=(blockers_race,),
)
