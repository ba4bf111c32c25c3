"""Traps of the platform: where it loses or changes data without a word, and how we speak of it.

The behaviour is the platform's; here it is announced as a `CompatWarning` with the file and line
of the user's code. docs/traps/ has a page for each.

Source: spec python-surface §2.5.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from emulator.errors import CompatWarning

if TYPE_CHECKING:
    from types import FrameType, TracebackType

__all__ = [
    "TRAPS",
    "Trap",
    "is_called_by_user",
    "is_user_code",
    "user_frame",
    "warn",
    "warn_at",
    "warn_of_failure",
]


@dataclass(frozen=True, slots=True)
class Trap:
    """One trap: its page in docs/traps, and what to write instead."""

    page: str
    fix: str


SEND_BYTES: Final = Trap("websocket-send-bytes", "Send a JavaScript buffer: ws.send(to_js(data)).")
WAIT_UNTIL: Final = Trap(
    "wait-until-coroutine",
    "Pass a task: ctx.waitUntil(asyncio.create_task(...)), or use workers.wait_until.",
)
LISTENER: Final = Trap(
    "event-listener-proxy",
    "Keep a proxy: addEventListener(type, create_proxy(function)), or assign ws.onmessage.",
)
SQL_INTEGER: Final = Trap(
    "sql-integer-is-real", "Write CAST(? AS INTEGER), or give the column the type INTEGER."
)
SQL_BOOLEAN: Final = Trap("sql-boolean-is-text", "Bind int(value).")
SQL_OBJECT: Final = Trap("sql-object-is-text", "Bind a text that you can read back: json.dumps().")
SQL_RAW_BYTES: Final = Trap(
    "sql-raw-bytes", "Bind to_js(data), or use ctx.storage.sql, which converts."
)
RPC_KEYS: Final = Trap("rpc-integer-keys", "Use text for keys, and convert on both sides.")
DATETIME: Final = Trap(
    "naive-datetime", "Send value.timestamp(), or value.isoformat() where the zone matters."
)
TO_JS_DICT: Final = Trap(
    "to-js-dict",
    "Say which you want: to_js(value, dict_converter=Object.fromEntries) is an Object everywhere.",
)
IMPORT_TIME: Final = Trap(
    "import-time", "Ask for it inside a handler; only there the clock and entropy exist."
)
THREADS: Final = Trap("threads-and-processes", "Use asyncio; `async def` runs without a thread.")
SECTION_FAILED: Final = Trap(
    "failed-critical-section", "Catch the exception inside the callback of blockConcurrencyWhile()."
)

TRAPS: Final = (
    *(SEND_BYTES, WAIT_UNTIL, LISTENER, SQL_INTEGER, SQL_BOOLEAN, SQL_OBJECT, SQL_RAW_BYTES),
    *(RPC_KEYS, DATETIME, TO_JS_DICT, IMPORT_TIME, THREADS, SECTION_FAILED),
)

# The modules between user code and the boundary: the emulator, the SDK on top, the machinery.
_NOT_USER: Final = (
    *("emulator", "workers", "pyodide", "js", "asgi", "asyncio", "contextvars", "threading"),
    *("concurrent", "subprocess", "importlib", "random", "uuid", "secrets", "greenlet"),
)


def is_user_code(module: str) -> bool:
    """Whether the module with that name stands neither for us nor for the SDK."""
    return module.partition(".")[0] not in _NOT_USER


def user_frame(depth: int = 1) -> FrameType | None:
    """The nearest frame of user code, seen from `depth` frames above the caller."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None and not is_user_code(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return frame


def warn(trap: Trap, problem: str) -> None:
    """Announce `trap` at the line of user code that runs now.

    Raises:
        CompatWarning: where the user's filters make errors of it.
    """
    frame = user_frame(2)
    if frame is not None:
        warn_at(trap, problem, frame.f_code.co_filename, frame.f_lineno, frame.f_globals)


def warn_at(
    trap: Trap, problem: str, filename: str, line: int, names: dict[str, Any] | None = None
) -> None:
    """Announce `trap` at a place that is not running, or not any more."""
    registry = None if names is None else names.setdefault("__warningregistry__", {})
    warnings.warn_explicit(
        f"{problem} {trap.fix} (docs/traps/{trap.page}.md)",
        CompatWarning,
        filename,
        line,
        module=filename if names is None else names.get("__name__", filename),
        registry=registry,
    )


def warn_of_failure(trap: Trap, problem: str, trace: TracebackType | None) -> None:
    """Announce `trap` at the line of user code where an exception came from."""
    found = None
    while trace is not None:
        if is_user_code(trace.tb_frame.f_globals.get("__name__", "")):
            found = trace
        trace = trace.tb_next
    if found is not None:
        frame = found.tb_frame
        warn_at(trap, problem, frame.f_code.co_filename, found.tb_lineno, frame.f_globals)


def is_called_by_user() -> bool:
    """Whether user code called the boundary itself, and not the SDK on its behalf."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] != "emulator":
            return is_user_code(module)
        frame = frame.f_back
    return False
