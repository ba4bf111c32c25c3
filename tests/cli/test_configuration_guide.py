"""docs/configuration.md: its examples are read, and every option of `durable check` is told."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from emulator.cli.check import check
from emulator.core.config import DevOptions, Rename, parse_config

GUIDE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
HEAD = (
    'main = "w.py"\ncompatibility_date = "2026-11-01"\ncompatibility_flags = ["python_workers"]\n'
)


def test_its_examples_are_right_and_say_the_same() -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    for block in blocks:
        config = parse_config(tomllib.loads(HEAD + block), path="wrangler.toml")
        assert (dict(config.classes), config.warnings) == ({"Hall": "sqlite"}, ())
        assert Rename("Room", "Hall") in config.migrations[-1].steps


def test_every_option_and_field_of_ours_is_in_it() -> None:
    for parameter in check.params:
        assert any(option in GUIDE for option in parameter.opts), parameter.name
    for field in DevOptions.__dataclass_fields__:
        assert f"`{field}`" in GUIDE
