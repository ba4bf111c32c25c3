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
    here = _Console(host)
    return namespace(
        {
            **{level: here.method(level) for level in LEVELS},
            "trace": lambda *args: here.write("error", f"Trace: {format_message(args)}"),
            "dir": lambda value=None: here.write("log", inspect(value)),
            "table": lambda value=None: here.write("log", inspect(value)),
            "assert": here.check,
            "clear": lambda: None,
            "count": here.count,
            "countReset": here.count_reset,
            "group": here.group,
            "groupCollapsed": here.group,
            "groupEnd": here.group_end,
            "time": here.time,
            "timeLog": here.time_log,
            "timeEnd": here.time_end,
        }
    )


class _Console:
    """What `console` remembers: counters, clocks and the indentation of groups."""

    def __init__(self, host: Callable[[], Host]) -> None:
        self._host = host
        self._counts: dict[str, int] = {}
        self._started_ms: dict[str, int] = {}
        self._indent = ""

    def write(self, level: ConsoleLevel, text: str) -> None:
        here = self._host()
        if here.listener is not None:
            lines = "\n".join(self._indent + line for line in text.split("\n"))
            here.listener(ConsoleMessage(time_ms=here.clock.now_ms(), level=level, text=lines))

    def method(self, level: ConsoleLevel) -> Callable[..., None]:
        return lambda *args: self.write(level, format_message(args))

    def check(self, condition: JsValue = None, *args: JsValue) -> None:
        if js_truthy(condition):
            return
        match args:
            case ():
                self.write("error", "Assertion failed")
            case (str() as first, *rest):
                self.write("error", format_message((f"Assertion failed: {first}", *rest)))
            case _:
                self.write("error", format_message(("Assertion failed", *args)))

    def count(self, label: JsValue = "default") -> None:
        name = to_string(label)
        self._counts[name] = self._counts.get(name, 0) + 1
        self.write("log", f"{name}: {self._counts[name]}")

    def count_reset(self, label: JsValue = "default") -> None:
        self._counts.pop(to_string(label), None)

    def time(self, label: JsValue = "default") -> None:
        self._started_ms[to_string(label)] = self._host().clock.now_ms()

    def time_log(self, label: JsValue = "default", *args: JsValue) -> None:
        name = to_string(label)
        if name in self._started_ms:
            took_ms = self._host().clock.now_ms() - self._started_ms[name]
            self.write("log", f"{name}: {took_ms}ms {format_message(args)}".rstrip())

    def time_end(self, label: JsValue = "default") -> None:
        self.time_log(label)
        self._started_ms.pop(to_string(label), None)

    def group(self, *args: JsValue) -> None:
        if args:
            self.write("log", format_message(args))
        self._indent += "  "

    def group_end(self) -> None:
        self._indent = self._indent[:-2]
