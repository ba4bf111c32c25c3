"""`ctx.facets`, and the stubs of facets, as JavaScript objects.

Source: spec lifecycle §1.6; the words of refusals are workerd's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from emulator.core.values import (
    JsException,
    JsProxy,
    PyProxy,
    data_clone_error,
    error,
    illegal_parameter,
    js_value,
    to_string,
)
from emulator.core.values.callbacks import is_function
from emulator.core.values.coercion import coerce_key
from emulator.runtime.facets import facets_of
from emulator.worker.javascript.services import Fetcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.facets import Facets
    from emulator.runtime.state import DurableObjectState

__all__ = ["DurableObjectFacets"]

FACETS: Final = "DurableObjectFacets"
BORROWED: Final = (
    "This borrowed proxy was automatically destroyed at the end of a function call. Try using "
    "create_proxy or create_once_callable."
)
_MISSING: Final[Any] = object()


class DurableObjectFacets(JsProxy, js_name=FACETS):
    """`ctx.facets`."""

    __slots__ = ("_state",)

    def __init__(self, state: DurableObjectState) -> None:
        self._state = state

    @property
    def _facets(self) -> Facets:
        return facets_of(self._state.container)

    def get(self, name: Any = _MISSING, callback: Any = None) -> FacetFetcher:
        text = _text("get", 1, name)
        function = js_value(callback)
        if not is_function(function):
            raise illegal_parameter("get", FACETS, 2, "function")
        return FacetFetcher(self._facets.stub(text, _startup(function)))

    def abort(self, name: Any = _MISSING, reason: Any = _MISSING) -> None:
        text = _text("abort", 1, name)
        if reason is _MISSING:
            raise illegal_parameter("abort", FACETS, 2, "Value")
        inside = js_value(reason)
        failure = inside if isinstance(inside, JsException) else error(to_string(inside))
        self._facets.abort(text, failure)

    def delete(self, name: Any = _MISSING) -> None:
        self._facets.delete(_text("delete", 1, name))

    def clone(self, source: Any = _MISSING, target: Any = _MISSING) -> None:
        self._facets.clone(_text("clone", 1, source), _text("clone", 2, target))


def _text(method: str, position: int, value: Any) -> str:
    if value is _MISSING:
        raise illegal_parameter(method, FACETS, position, "string")
    return value if type(value) is str else coerce_key(js_value(value))


def _startup(function: Any) -> Callable[[], Any]:
    """The callback, which is called later: a plain function is dead by then."""

    def dead() -> NoReturn:
        raise error(BORROWED)

    if isinstance(function, PyProxy) and function.is_borrowed:
        return dead
    found: Callable[[], Any] = function
    return found


class FacetFetcher(Fetcher, js_name="Fetcher"):
    """A stub of a facet."""

    def _as_fetcher(self) -> NoReturn:
        raise data_clone_error("Stubs pointing to Durable Object facets are not serializable.")
