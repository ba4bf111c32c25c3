"""Many objects on disk, some of them touched: memory and file handles stay bounded. Issue 4."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from emulator.assembly import Emulator, run
from emulator.core.ids import IdFactory, unique_key
from emulator.runtime import databases
from emulator.runtime.config import load_config
from emulator.storage.database import Durability, fresh_file
from tests.worlds import write_worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

SOURCE = """
class Box(DurableObject):
    async def add(self, number):
        before = await self.ctx.storage.get("n") or 0
        await self.ctx.storage.put("n", before + number)
        return before + number
"""
HANDLES_BESIDE = 40  # the pool's: what the test itself and the loop have open
KIB_PER_OPEN = 100
KIB_PER_TOUCHED = 16  # an instance that is awake, and its stub
MIB_BESIDE = 12  # caches that grow once


def handles() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident_mib() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def make_files(folder: Path, count: int) -> None:
    """Objects that were constructed once and stored nothing."""
    folder.mkdir(parents=True)
    ids = IdFactory(unique_key("test-worker", "Box"))
    content = fresh_file()
    for number in range(count):
        (folder / f"{ids.from_name(f'object-{number}')}.sqlite").write_bytes(content)


def touch_many(tmp_path: Path, *, on_disk: int, touched: int) -> None:
    config = load_config(write_worker(tmp_path, SOURCE))
    make_files(tmp_path / "state" / "test-worker-Box", on_disk)

    async def main() -> None:
        emulator = Emulator(config, state=tmp_path / "state", durability=Durability.NORMAL)
        async with emulator:
            box = emulator.env.BOX
            await asyncio.gather(*(box.getByName(f"warm-{n}").add(1) for n in range(20)))
            handles_before, resident_before_mib = handles(), resident_mib()
            pool_max = 2 * databases.databases_max(databases.open_files_max())
            for round_number in (1, 2):
                for first in range(0, touched, 50):
                    names = [f"object-{n}" for n in range(first, first + 50)]
                    found = await asyncio.gather(*(box.getByName(name).add(1) for name in names))
                    assert found == [round_number] * 50
                    assert handles() - handles_before <= 3 * pool_max + HANDLES_BESIDE
            grown_mib = resident_mib() - resident_before_mib
            bound_kib = pool_max * KIB_PER_OPEN + touched * KIB_PER_TOUCHED
            assert grown_mib <= MIB_BESIDE + bound_kib / 1024
            assert len(emulator.worker.namespaces["Box"].stored_ids()) == on_disk + 20

    run(main())
    assert not list((tmp_path / "state" / "test-worker-Box").glob("*-wal"))


@pytest.mark.timeout(60)
def test_1000_on_disk_and_200_touched_with_a_small_pool(tmp_path, monkeypatch):
    monkeypatch.setattr(databases, "OPEN_MAX", 32)
    touch_many(tmp_path, on_disk=1000, touched=200)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_50000_on_disk_and_2000_touched(tmp_path):
    touch_many(tmp_path, on_disk=50_000, touched=2000)
