"""The plain fields: `name`, `main`, `compatibility_date`, `compatibility_flags`.

Messages 16, 17 and 24 of spec: peers §5.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

from emulator.core.config.model import COMPATIBILITY_DATE_DEFAULT
from emulator.core.config.report import js_json

if TYPE_CHECKING:
    from emulator.core.config.report import Report

__all__ = ["is_worker_name", "parse_date", "parse_flags", "parse_main", "parse_name"]

_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_-]*|")


def is_worker_name(value: str) -> bool:
    return _NAME.fullmatch(value) is not None


def parse_name(value: object, report: Report) -> str:
    if value is None:
        return "worker"  # as wrangler dev calls it; part of the objects' ids
    if isinstance(value, str) and is_worker_name(value):
        return value
    report.error(
        "name",
        'Expected "name" to be of type string, alphanumeric and lowercase with dashes only but '
        f"got {js_json(value)}.",
    )
    return ""


def parse_date(value: object, report: Report) -> str:
    field = "compatibility_date"
    if value is None:
        report.warn(
            "",
            "No compatibility_date was specified. Using the date of the emulated runtime: "
            f"{COMPATIBILITY_DATE_DEFAULT}.",
            hint=f'Add the following to the file: {field} = "{COMPATIBILITY_DATE_DEFAULT}"',
        )
        return COMPATIBILITY_DATE_DEFAULT
    if not isinstance(value, str):
        report.required(field, value, "string")
        return ""
    if "\u2013" in value or "\u2014" in value:
        report.error(
            field,
            f'"{field}" field should use ISO-8601 accepted hyphens (-) rather than en-dashes '
            "(\u2013) or em-dashes (\u2014).",
        )
    try:
        datetime.fromisoformat(re.sub("[\u2013\u2014]", "-", value))
    except ValueError:
        report.error(
            field,
            f'"{field}" field should be a valid ISO-8601 date (YYYY-MM-DD), but got '
            f"{js_json(value)}.",
        )
    return value


def parse_flags(value: object, report: Report) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(flag, str) for flag in value):
        return tuple(value)
    report.error(
        "compatibility_flags",
        f'Expected "compatibility_flags" to be of type string array but got {js_json(value)}.',
    )
    # One mistake, one message: the flag itself is not missed on top of it.
    return ("python_workers",)


def parse_main(value: object, flags: tuple[str, ...], report: Report) -> str:
    if value is None:
        report.error(
            "",
            "Missing entry-point to Worker script or to assets directory",
            hint='Add the following to the file: main = "objects/worker.py"',
        )
        return ""
    if not isinstance(value, str):
        report.required("main", value, "string")
        return ""
    if not value.endswith(".py"):
        report.error(
            "main",
            f"The entry-point {js_json(value)} is not a Python file; this emulator runs Python "
            "Workers only.",
        )
    elif "python_workers" not in flags:
        report.error(
            "main",
            "The `python_workers` compatibility flag is required to use Python.",
            hint='Add the following to the file: compatibility_flags = ["python_workers"]',
        )
    return value
