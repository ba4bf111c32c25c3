"""Rows of the specification, asked from inside an object.

A file of cases/ holds them: a line `## claim`, the body of an async function (with `ctx`, `env`,
`storage`, `raw` for the raw ctx, and the names of worker.py), and `-> ` with the repr of what it
returns or the error that it raises. docs/compatibility/*.toml names them by their claims.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from emulator.testing.durable_objects import Durable

HERE = Path(__file__).parent
pytestmark = pytest.mark.durable(config="tests/compatibility/wrangler.toml")


class Case(NamedTuple):
    claim: str
    source: str
    expected: str


def read_cases(file: Path) -> list[Case]:
    cases = []
    for block in file.read_text(encoding="utf-8").split("\n## ")[1:]:
        claim, _, rest = block.partition("\n")
        source, _, expected = rest.rstrip().rpartition("\n-> ")
        cases.append(Case(f"{file.stem}: {claim}", source, expected))
    return cases


CASES = [case for file in sorted((HERE / "cases").glob("*.txt")) for case in read_cases(file)]


@pytest.mark.parametrize("case", CASES, ids=[case.claim for case in CASES])
async def test_inside(durable: Durable, case: Case) -> None:
    assert await durable.env.PROBE.getByName("a").run(case.source) == case.expected
