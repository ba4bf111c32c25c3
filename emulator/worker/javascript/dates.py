"""`Date`, `performance` and `navigator`.

At import time the clock stands at 0, as on the platform.

Source: ECMAScript Date; spec python-surface §2.1, §2.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.compat import IMPORT_TIME, warn
from emulator.core.values import (
    JsArray,
    JsDate,
    JsObject,
    JsProxy,
    JsValue,
    parse_date,
    to_number,
    to_string,
)
from emulator.core.values.date_parse import time_value
from emulator.worker.javascript.builders import js_class, namespace

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.host import Host

__all__ = ["date_globals"]


def date_globals(host: Callable[[], Host]) -> dict[str, Any]:
    def now_ms() -> int:
        here = host()
        if here.is_importing:
            warn(IMPORT_TIME, "Date.now() is 0 while a worker is imported.")
            return 0
        return here.clock.now_ms()

    def construct(*parts: JsValue) -> JsDate:
        if not parts:
            return JsDate(now_ms())
        if len(parts) > 1:
            return JsDate(_utc(*parts))
        value = parts[0]
        if isinstance(value, JsDate):
            return JsDate(value._ms)
        if isinstance(value, (str, JsProxy)):
            return JsDate(parse_date(to_string(value)))
        return JsDate(to_number(value))

    return {
        "Date": js_class(
            "Date",
            construct,
            {
                "now": now_ms,
                "parse": lambda text=None: parse_date(to_string(text)),
                "UTC": _utc,
            },
            plain=lambda: JsDate(now_ms()).toString(),
        ),
        "performance": namespace(
            {"now": now_ms, "toJSON": lambda: JsObject({"timeOrigin": 0})}, {"timeOrigin": 0}
        ),
        "navigator": namespace(
            {},
            {
                "languages": JsArray(["en"]),
                "language": "en",
                "platform": "",
                "hardwareConcurrency": 1,
                "userAgent": "Cloudflare-Workers",
            },
        ),
    }


def _utc(*parts: JsValue) -> float:
    numbers = [to_number(part) for part in parts[:7]]
    year = numbers[0] if numbers else float("nan")
    if any(x != x or x in (float("inf"), float("-inf")) for x in (year, *numbers)):
        return float("nan")
    fields = [int(x) for x in numbers] + [0, 1, 0, 0, 0, 0][len(numbers) - 1 :]
    if 0 <= fields[0] <= 99:
        fields[0] += 1900
    return time_value(*fields)
