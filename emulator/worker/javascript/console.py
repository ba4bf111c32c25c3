"""`console`: lines for the developer.

Source: spec lifecycle §8 (log, info and debug to stdout, warn and error to stderr).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.events import ConsoleMessage
from emulator.core.values import JsObject, JsValue, js_truthy, to_string
from emulator.worker.javascript.builders import namespace
from emulator.worker.javascript.inspect import format_message, inspect

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.events import ConsoleLevel
    from emulator.runtime.host import Host

__all__ = ["console"]

LEVELS: Final[tuple[ConsoleLevel, ...]] = ("debug", "info", "log", "warn", "error")


def console(host: Callable[[], Host]) -> JsObject:
    """The object `console`."""
    counts: dict[str, int] = {}
    started_ms: dict[str, int] = {}
    indent = ""

    def write(level: ConsoleLevel, text: str) -> None:
        here = host()
        if here.listener is not None:
            lines = "\n".join(indent + line for line in text.split("\n")) if indent else text
            here.listener(ConsoleMessage(time_ms=here.clock.now_ms(), level=level, text=lines))

    def method(level: ConsoleLevel) -> Callable[..., None]:
        return lambda *args: write(level, format_message(args))

    def check(condition: JsValue = None, *args: JsValue) -> None:
        if not js_truthy(condition):
            first = args[0] if args and isinstance(args[0], str) else None
            head = "Assertion failed" if not args else "Assertion failed:"
            rest = args if first is None else (f"{head} {first}", *args[1:])
            write("error", format_message(rest if first is not None else (head, *args)))

    def count(label: JsValue = "default") -> None:
        name = to_string(label)
        counts[name] = counts.get(name, 0) + 1
        write("log", f"{name}: {counts[name]}")

    def time(label: JsValue = "default") -> None:
        started_ms[to_string(label)] = host().clock.now_ms()

    def elapsed(label: JsValue = "default", *args: JsValue) -> None:
        name = to_string(label)
        if name in started_ms:
            took_ms = host().clock.now_ms() - started_ms[name]
            write("log", " ".join([f"{name}: {took_ms}ms", *([format_message(args)] if args else [])]))

    def time_end(label: JsValue = "default") -> None:
        elapsed(label)
        started_ms.pop(to_string(label), None)

    def group(*args: JsValue) -> None:
        nonlocal indent
        if args:
            write("log", format_message(args))
        indent += "  "

    def group_end() -> None:
        nonlocal indent
        indent = indent[:-2]

    return namespace(
        {
            **{level: method(level) for level in LEVELS},
            "trace": lambda *args: write("error", f"Trace: {format_message(args)}".rstrip(": ")),
            "dir": lambda value=None, *_: write("log", inspect(value)),
            "table": lambda value=None, *_: write("log", inspect(value)),
            "assert": check,
            "clear": lambda: None,
            "count": count,
            "countReset": lambda label="default": counts.pop(to_string(label), None) and None,
            "group": group,
            "groupCollapsed": group,
            "groupEnd": group_end,
            "time": time,
            "timeLog": elapsed,
            "timeEnd": time_end,
        }
    )
