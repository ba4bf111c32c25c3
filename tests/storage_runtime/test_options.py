"""`durable dev --durability` and `--pitr`: what the command passes on."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from emulator.cli import serving
from emulator.cli.dev import dev
from tests.worlds import write_worker

SOURCE = "class Box(DurableObject):\n    pass\n"


@pytest.fixture
def passed_on(tmp_path, monkeypatch):
    """Run the command with options; what it would serve with."""
    config = write_worker(tmp_path, SOURCE)

    def run(*options):
        found = []
        monkeypatch.setattr(
            serving, "serve_until_stopped", lambda _configs, passed, _load: found.append(passed)
        )
        done = CliRunner().invoke(dev, ["-c", str(config), *options])
        return found, done

    return run


@pytest.mark.parametrize(
    ("options", "durability", "pitr"),
    [
        ((), None, None),
        (("--durability", "normal"), "normal", None),
        (("--durability", "full", "--pitr"), "full", True),
    ],
)
def test_options_are_passed_on(passed_on, options, durability, pitr):
    found, done = passed_on(*options)
    assert done.exit_code == 0, done.output
    assert [(passed.durability, passed.pitr) for passed in found] == [(durability, pitr)]


def test_off_is_no_durability_for_people(passed_on):
    _, done = passed_on("--durability", "off")
    assert done.exit_code == 2
    assert "'off' is not one of 'full', 'normal'" in done.output
