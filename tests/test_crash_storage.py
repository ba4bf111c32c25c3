"""SIGKILL, a full disk, a file-size limit: what was acknowledged is there, nothing is there by half.

The writers are in tests/crash_world.py. `make test` kills 20 times, `make soak` 200 times.
Spec storage §4.2, §4.4, §4.5, §6.4; issue 4.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parent.parent
INTERNAL: Final = "Error: internal error; reference = "
KILLS: Final = 20
KILLS_SOAK: Final = 200
LIFE_MAX_S: Final = 0.12  # after the first acknowledgement
REPLY_TIMEOUT_S: Final = 30.0


@dataclass
class Crashes:
    """The parent of the writers, and what they were told."""

    process: subprocess.Popen[str]
    state: Path
    durability: str = "full"
    acknowledged: dict[str, set[int]] = field(default_factory=lambda: {"x": set(), "y": set()})
    alarms: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    kills: int = 0

    def begin(self, **job: Any) -> None:
        whole = {"state": str(self.state), "durability": self.durability, **job}
        assert self.process.stdin is not None, "the pipe was asked for"
        self.process.stdin.write(json.dumps(whole) + "\n")
        self.process.stdin.flush()

    def messages(self) -> Iterator[dict[str, Any]]:
        """What the child tells, up to its end."""
        assert self.process.stdout is not None, "the pipe was asked for"
        watchdog = threading.Timer(REPLY_TIMEOUT_S, self.process.kill)
        watchdog.start()
        try:
            for line in self.process.stdout:
                message = json.loads(line)
                yield message
                if "ended" in message:
                    return
            raise AssertionError("the parent of the writers has died")
        finally:
            watchdog.cancel()

    def note(self, message: dict[str, Any]) -> None:
        if "put" in message:
            name, number = message["put"]
            self.acknowledged[name].add(number)
        elif "alarm" in message:
            self.alarms.append(message["alarm"])
        elif "refused" in message:
            self.refused.append(message["refused"])

    def write_until_killed(self, seed: int, after_s: float, **job: Any) -> None:
        """Kill a writer `after_s` after the first acknowledgement."""
        first = max((n for numbers in self.acknowledged.values() for n in numbers), default=0)
        # Numbers that were written but not acknowledged must not come again.
        self.begin(do="write", seed=seed, first=first + 1000, **job)
        pid, timer = 0, None
        for message in self.messages():
            pid = message.get("begun", pid)
            self.note(message)
            if "put" in message and timer is None:
                timer = threading.Timer(after_s, os.kill, (pid, signal.SIGKILL))
                timer.start()
            if "ended" in message:
                assert message["ended"] == signal.SIGKILL
        self.kills += 1

    def write_until_refused(self, **job: Any) -> None:
        """Write until so many events have failed; the writer ends by itself."""
        self.begin(do="write", seed=0, first=1, alarms=False, **job)
        for message in self.messages():
            self.note(message)
        assert message["ended"] == 0, "the writer ends well, whatever its objects met"

    def check(self) -> None:
        """What was acknowledged is there, pairs and rows agree, alarms fire."""
        self.begin(do="check", alarms=self.alarms)
        told = {key: value for message in self.messages() for key, value in message.items()}
        assert told["ended"] == 0, f"the check failed, not all of {self.alarms} fired"
        for name, found in told["found"].items():
            assert found["check"] == "ok"
            a, b = ({int(k[1:]) for k in found["keys"] if k[0] == letter} for letter in "ab")
            assert a == b == set(found["rows"]), "a write is there by half"
            assert len(found["rows"]) == len(a), "a write is there twice"
            assert self.acknowledged[name] <= a, "an acknowledged write is lost"
        self.alarms.clear()


@pytest.fixture
def crashes(tmp_path: Path) -> Iterator[Crashes]:
    with open_crashes(tmp_path / "state") as found:
        yield found


@contextlib.contextmanager
def open_crashes(state: Path, *, before: tuple[str, ...] = ()) -> Iterator[Crashes]:
    process = subprocess.Popen(
        [*before, sys.executable, "-m", "tests.crash_world"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Crashes(process, state)
    finally:
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None, "the pipes were asked for"
            pipe.close()
        process.terminate()
        process.wait()


def kill_often(crashes: Crashes, kills: int) -> None:
    dice = Random(kills)
    for seed in range(kills):
        crashes.durability = "normal" if seed % 4 == 3 else "full"
        crashes.write_until_killed(seed, dice.uniform(0, LIFE_MAX_S))
        crashes.check()
    assert sum(len(numbers) for numbers in crashes.acknowledged.values()) > kills


@pytest.mark.timeout(60)
def test_killed_at_random_points_nothing_acknowledged_is_lost_and_alarms_fire(crashes):
    kill_often(crashes, KILLS)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_200_times(crashes):
    kill_often(crashes, KILLS_SOAK)


@pytest.mark.timeout(60)
def test_a_limit_of_file_size_resets_objects_and_loses_nothing(crashes):
    crashes.write_until_refused(file_bytes_max=100_000, refusals=6, padding=2000)
    assert len(crashes.refused) >= 6
    assert all(text.startswith(INTERNAL) for text in crashes.refused)
    assert sum(len(numbers) for numbers in crashes.acknowledged.values()) > 10
    crashes.check()


@pytest.mark.timeout(60)
def test_a_full_disk_resets_objects_and_loses_nothing(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    with open_crashes(disk / "state", before=inside_small_disk(disk)) as crashes:
        crashes.write_until_refused(refusals=6, padding=2000)
        assert len(crashes.refused) >= 6
        assert all(text.startswith(INTERNAL) for text in crashes.refused)
        assert sum(len(numbers) for numbers in crashes.acknowledged.values()) > 10
        crashes.begin(do="check", alarms=[])
        told = {key: value for message in crashes.messages() for key, value in message.items()}
        for name, found in told["found"].items():
            assert crashes.acknowledged[name] <= set(found["rows"])


def inside_small_disk(folder: Path) -> tuple[str, ...]:
    """The beginning of a command that runs with a full-in-no-time disk at `folder`."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root can mount a small disk")
    mount = f'mount -t tmpfs -o size=600k tmpfs {folder} && exec "$@"'
    command = ("unshare", "-m", "sh", "-c", mount, "sh")
    if subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    return command
