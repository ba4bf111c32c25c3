"""Queuing strategies: how many chunks a stream holds, and what a chunk counts.

Source: Streams standard; texts measured on workerd.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from emulator.core.values import JsProxy, JsValue, from_js, js_value, type_error
from emulator.web.webidl import (
    MISSING,
    field_error,
    invoke,
    is_callable,
    is_object,
    member,
    refused_construction,
    to_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ByteLengthQueuingStrategy",
    "CountQueuingStrategy",
    "high_water_mark",
    "size_function",
]


class _QueuingStrategy(JsProxy):
    def __init__(self, init: JsValue = MISSING) -> None:
        if not is_object(init):
            raise refused_construction(self.js_name, 1, "QueuingStrategyInit")
        self._mark = to_number(member(init, "highWaterMark"))

    @property
    def highWaterMark(self) -> Any:
        return from_js(self._mark)


class CountQueuingStrategy(_QueuingStrategy, js_name="CountQueuingStrategy"):
    """Every chunk counts one."""

    def size(self, chunk: Any = None) -> int:
        del chunk
        return 1


class ByteLengthQueuingStrategy(_QueuingStrategy, js_name="ByteLengthQueuingStrategy"):
    """A chunk counts its bytes."""

    def size(self, chunk: Any = None) -> Any:
        return from_js(member(js_value(chunk), "byteLength"))


def high_water_mark(strategy: JsValue, *, default: float) -> float:
    mark = member(strategy, "highWaterMark")
    if mark is None:
        return default
    number = to_number(mark)
    if number != number:
        raise type_error("The value cannot be converted because it is not an integer.")
    if number < 0:
        raise type_error(
            "The value cannot be converted because it is negative and this API expects a "
            "positive bigint."
        )
    return number


def size_function(strategy: JsValue) -> Callable[[JsValue], float] | None:
    """What measures a chunk, None where every chunk counts one."""
    if strategy is None or isinstance(strategy, CountQueuingStrategy):
        return None
    if isinstance(strategy, ByteLengthQueuingStrategy):
        return lambda chunk: _checked(strategy.size(chunk))
    function = member(strategy, "size")
    if function is None:
        return None
    if not is_callable(function):
        raise field_error("size", "StreamQueuingStrategy", "function")
    return lambda chunk: _checked(invoke(function, chunk))


def _checked(size: JsValue) -> float:
    number = to_number(size)
    if not 0 <= number < math.inf:
        raise type_error("The value cannot be converted because it is not an integer.")
    return number
