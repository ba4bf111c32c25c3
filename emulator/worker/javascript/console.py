"""`console`: lines for the developer.

Source: spec lifecycle §8 (log, info and debug to stdout, warn and error to stderr).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from emulator.core.events import ConsoleMessage
from emulator.core.values import JsFunction, JsObject, JsProxy, JsValue, js_value, to_string
from emulator.core.values.json import stringify

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.events import ConsoleLevel
    from emulator.runtime.host import Host

__all__ = ["console"]

LEVELS = ("debug", "info", "log", "warn", "error")


def console(host: Callable[[], Host]) -> JsObject:
    """The object `console`."""

    def method(level: str) -> Callable[..., None]:
        def write(*args: JsValue) -> None:
            here = host()
            if here.listener is not None:
                text = " ".join(map(_shown, args))
                record = ConsoleMessage(
                    time_ms=here.clock.now_ms(), level=cast("ConsoleLevel", level), text=text
                )
                here.listener(record)

        return write

    members: dict[str, JsValue] = {name: JsFunction(name, method(name)) for name in LEVELS}
    members["trace"] = members["debug"]
    return JsObject(members)


def _shown(value: Any) -> str:
    inside = js_value(value)
    if isinstance(inside, JsProxy) and inside.js_name in ("Object", "Array"):
        try:
            return str(stringify(inside))
        except Exception:
            return to_string(inside)
    return to_string(inside)
