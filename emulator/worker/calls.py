"""How user functions are called: relaxed, that is, with only the arguments they take.

Source: spec python-surface §1 (handlers), Pyodide's `relaxed_call`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["positional_count", "relaxed"]


def relaxed(function: Callable[..., Any], given: int | None = None) -> Callable[..., Any]:
    """`function`, called with only as many positional arguments as it takes.

    The signature is looked at once, here: doing so per call would cost 14 µs.

    Args:
        given: how many arguments it will be called with, where that is known.
    """
    count = positional_count(function)
    if count is None or (given is not None and count >= given):
        return function

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args[:count], **kwargs)

    return call


def positional_count(function: Callable[..., Any]) -> int | None:
    """How many positional arguments `function` takes; None for any number, or if unknown."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
