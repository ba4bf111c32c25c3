"""Generates docs/compatibility.md from docs/compatibility/*.toml, one file per page of the spec.

    python docs/build.py            write the page
    python docs/build.py --check    exit with 1 if the page is stale or a row is wrong

A page file:

    title = "Storage"                  its heading
    order = 3                          its place on the page
    [sections]
    "§1.1" = "Methods"                 every section that has rows, in order

    [[row]]
    section = "§1.1"
    claim = "what the platform does"
    tests = ["tests/storage/test_kv.py::test_ranges"]       it works here, and this proves it

A row has exactly one of: `tests`; `differs` (what is otherwise here, on purpose; it may have `tests`
too); `missing` (what is not there yet) with the number of the `issue` that brings it; `untested`
(true, or what to look at), which is to be driven to zero. A test is `path::name`; where functions of
a file are in a class, `path::Class::name`; parametrized ones are named without their parameters.
"""

from __future__ import annotations

import argparse
import ast
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
DATA: Final = ROOT / "docs" / "compatibility"
PAGE: Final = ROOT / "docs" / "compatibility.md"
STATUSES: Final = ("works", "differs", "later", "untested")
KEYS: Final = frozenset({"section", "claim", "tests", "differs", "missing", "issue", "untested"})
INTRO: Final = """\
# Compatibility

What the platform does, row by row of the specification, and whether it is so here. The rows are
measured behaviour of the real runtime (workerd), local storage on disk.

- **works**: it is so, and the tests named prove it
- **differs**: it is otherwise here, on purpose, for the reason given
- **later**: it is not there yet; the issue that brings it is named
- **untested**: it is written, but no test says so yet

This page is generated: edit `docs/compatibility/*.toml`, then run `python docs/build.py`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One claim about the platform, and how it stands here."""

    section: str
    claim: str
    status: str
    note: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the specification: section names by number, and their rows."""

    title: str
    order: int
    sections: dict[str, str]
    rows: tuple[Row, ...]


class WrongRowError(Exception):
    """A row does not have the form above; the text says which and why."""


def read_row(data: dict[str, Any], sections: dict[str, str]) -> Row:
    """Raises: WrongRowError."""
    section, claim = data.get("section"), data.get("claim")
    if section not in sections or not claim:
        raise WrongRowError(f"{section}: {claim!r} needs a claim and one of the page's sections")
    if unknown := data.keys() - KEYS:
        raise WrongRowError(f"{section}: {claim!r} has unknown keys {sorted(unknown)}")
    kinds = [kind for kind in ("differs", "missing", "untested") if kind in data]
    if "tests" in data and kinds != ["differs"]:
        kinds.append("tests")
    if len(kinds) != 1 or ("missing" in data) != ("issue" in data):
        raise WrongRowError(
            f"{section}: {claim!r} needs one of tests, differs, missing with issue, untested"
        )
    tests = tuple(data.get("tests", ()))
    match kinds[0]:
        case "tests" if tests:
            status, note = "works", ""
        case "differs":
            status, note = "differs", data["differs"]
        case "missing":
            status, note = "later", f"{data['missing']} (issue {data['issue']})"
        case "untested":
            status, note = "untested", "" if data["untested"] is True else data["untested"]
        case _:
            raise WrongRowError(f"{section}: {claim!r} names no test")
    return Row(section=section, claim=claim, status=status, note=note, tests=tests)


def read_page(file: Path) -> Page:
    """Raises: WrongRowError, tomllib.TOMLDecodeError."""
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    sections = data["sections"]
    try:
        rows = tuple(read_row(row, sections) for row in data["row"])
    except WrongRowError as exc:
        raise WrongRowError(f"{file.name}: {exc}") from None
    if without := sections.keys() - {row.section for row in rows}:
        raise WrongRowError(f"{file.name}: no rows in {sorted(without)}")
    return Page(title=data["title"], order=data["order"], sections=sections, rows=rows)


# --- the page ---------------------------------------------------------------------------------


def render(pages: list[Page]) -> str:
    parts = [INTRO, *_summary(pages)]
    for page in pages:
        parts.append(f"\n## {page.title}\n")
        for section, name in page.sections.items():
            parts += [f"\n### {section} {name}\n", "\n| platform | status | |\n|---|---|---|\n"]
            parts += [_line(row) for row in page.rows if row.section == section]
    return "".join(parts)


def _summary(pages: list[Page]) -> list[str]:
    head = " | ".join(STATUSES)
    parts = [f"\n| page | rows | {head} |\n|---|{'---|' * (len(STATUSES) + 1)}\n"]
    for page in pages:
        counts = Counter(row.status for row in page.rows)
        numbers = " | ".join(str(counts[status]) for status in STATUSES)
        parts.append(f"| {page.title} | {len(page.rows)} | {numbers} |\n")
    return parts


def _line(row: Row) -> str:
    proof = ", ".join(
        f"[{test.rpartition('::')[2]}](../{test.partition('::')[0]})" for test in row.tests
    )
    remark = "; ".join(part for part in (_cell(row.note), proof) if part)
    return f"| {_cell(row.claim)} | {row.status} | {remark} |\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# --- the tests it names -----------------------------------------------------------------------


def tests_of(file: Path) -> set[str]:
    """The names of a test file's functions, those in classes also as Class::name."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    names |= {inner.name, f"{node.name}::{inner.name}"}
    return names


def missing_tests(pages: list[Page]) -> list[str]:
    """The tests that rows name and that do not exist."""
    known: dict[str, set[str]] = {}
    missing = []
    for test in dict.fromkeys(test for page in pages for row in page.rows for test in row.tests):
        path, _, name = test.partition("::")
        if path not in known:
            known[path] = tests_of(ROOT / path) if (ROOT / path).is_file() else set()
        if name.partition("[")[0] not in known[path]:
            missing.append(test)
    return missing


def main() -> int:
    parser = argparse.ArgumentParser(description="Generate docs/compatibility.md.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if it is stale")
    options = parser.parse_args()
    try:
        pages = sorted(map(read_page, DATA.glob("*.toml")), key=lambda page: page.order)
    except (WrongRowError, tomllib.TOMLDecodeError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    problems = [f"no such test: {test}" for test in missing_tests(pages)]
    text = render(pages)
    if not options.check:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        problems.append(f"{PAGE.relative_to(ROOT)} is stale; run: python docs/build.py")
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
