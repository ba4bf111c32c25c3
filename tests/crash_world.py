"""A process that forks emulators, to be killed at any moment: `python -m tests.crash_world`.

Everything is imported once. For each line of standard input, a job in JSON, a child is forked that
runs it in an emulator of its own on the folder of the job. The child tells what was acknowledged to
it at once, line by line: what it has not told may be lost, what it has told must not.

    {"begun": pid}                  the child is there
    {"put": [object, number]}       the pair of values and the row of that number are acknowledged
    {"alarm": object}               its alarm is acknowledged
    {"refused": text}               an event failed with this
    {"found": {...}}                of a check: what every object has
    {"ended": status}               the child has ended, or was killed
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any, Final

from emulator.assembly import Emulator, run
from emulator.core.values import JsException
from emulator.runtime.config import load_config
from emulator.storage.database import Durability
from tests.worlds import write_worker

SOURCE: Final = """
class Box(DurableObject):
    async def write(self, number, how, padding):
        storage = self.ctx.storage
        storage.sql.exec("CREATE TABLE IF NOT EXISTS t(n INTEGER, pad TEXT)")
        if how == "transaction":
            async def body(txn):
                await txn.put(f"a{number}", number)
                await scheduler.wait(0)
                await txn.put(f"b{number}", number)
                storage.sql.exec("INSERT INTO t VALUES (?, ?)", str(number), padding)
            await storage.transaction(body)
            return
        await storage.put({f"a{number}": number, f"b{number}": number})
        storage.sql.exec("INSERT INTO t VALUES (?, ?)", str(number), padding)
        if how == "sync":
            await storage.sync()

    async def wake_up(self, delay_ms):
        await self.ctx.storage.setAlarm(Date.now() + delay_ms)

    async def alarm(self):
        await self.ctx.storage.put("fired", True)

    async def wait_fired(self):
        while not await self.ctx.storage.get("fired"):
            await scheduler.wait(5)

    async def everything(self):
        storage = self.ctx.storage
        storage.sql.exec("CREATE TABLE IF NOT EXISTS t(n INTEGER, pad TEXT)")
        keys = list(await storage.list())
        rows = [row["n"] for row in storage.sql.exec("SELECT n FROM t ORDER BY n")]
        check = storage.sql.exec("PRAGMA quick_check").one()["quick_check"]
        return {"keys": keys, "rows": rows, "check": check}
"""
OBJECTS: Final = ("x", "y")
ALARMS: Final = 3
WAYS: Final = ("put", "put", "sync", "transaction")


def tell(**message: Any) -> None:
    os.write(1, (json.dumps(message) + "\n").encode())


async def write(job: dict[str, Any], emulator: Emulator) -> None:
    """Write without end, several clients at a time; or until `refusals` events have failed."""
    dice = Random(job["seed"])
    numbers = iter(range(job["first"], 10**9))
    refused = 0

    async def client(name: str) -> None:
        nonlocal refused
        stub = emulator.env.BOX.getByName(name)
        while refused < job.get("refusals", 1):
            number = next(numbers)
            try:
                await stub.write(number, dice.choice(WAYS), "x" * job.get("padding", 10))
            except JsException as exc:
                refused += 1
                tell(refused=str(exc))
                stub = emulator.env.BOX.getByName(name)
            else:
                tell(put=[name, number])

    async def alarms() -> None:
        for number in range(ALARMS):
            name = f"alarm-{job['seed']}-{number}"
            await emulator.env.BOX.getByName(name).wake_up(dice.randint(1, 150))
            tell(alarm=name)

    clients = [client(name) for name in OBJECTS for _ in range(2)]
    if job.get("alarms", True):
        clients.append(alarms())
    await asyncio.gather(*clients)


async def check(job: dict[str, Any], emulator: Emulator) -> None:
    """Tell what is there; the alarms get their time to fire."""
    found = {}
    for name in OBJECTS:
        found[name] = await emulator.env.BOX.getByName(name).everything()
    for name in job["alarms"]:
        async with asyncio.timeout(5):
            await emulator.env.BOX.getByName(name).wait_fired()
    tell(found=found)


async def live(job: dict[str, Any]) -> None:
    config = load_config(job["config"])
    emulator = Emulator(config, state=Path(job["state"]), durability=Durability(job["durability"]))
    async with emulator:
        await {"write": write, "check": check}[job["do"]](job, emulator)


def child(job: dict[str, Any]) -> None:
    if "file_bytes_max" in job:
        limit = job["file_bytes_max"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    run(live(job))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = str(write_worker(Path(folder), SOURCE))
        for line in sys.stdin:
            job = json.loads(line) | {"config": config}
            pid = os.fork()
            if pid == 0:
                status = 1
                with contextlib.suppress(BaseException):
                    # What is printed on the way goes with the child.
                    tell(begun=os.getpid())
                    child(job)
                    status = 0
                os._exit(status)
            _, status = os.waitpid(pid, 0)
            tell(ended=status)


if __name__ == "__main__":
    main()
