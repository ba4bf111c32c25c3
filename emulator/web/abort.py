"""AbortController and AbortSignal.

Source: DOM standard; texts and order measured on workerd. Proved by tests/web/test_abort.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.values import (
    JsProxy,
    JsValue,
    dom_exception,
    from_js,
    illegal_parameter,
    js_value,
    jsnull,
    type_error,
)
from emulator.web.events import Event, EventTarget
from emulator.web.webidl import MISSING, iterate, to_exception, to_number

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "AbortController",
    "AbortSignal",
    "abort_signal_abort",
    "abort_signal_any",
    "abort_signal_timeout",
]

_ABORTED = "The operation was aborted"
_TIMED_OUT = "The operation was aborted due to timeout"


class AbortSignal(EventTarget, js_name="AbortSignal"):
    """Says once that what it was given to shall stop, and why. User code cannot construct one."""

    onabort: Any = jsnull
    _is_aborted: bool
    _reason: JsValue
    _followers: list[Callable[[], None]]

    def __init__(self) -> None:
        raise type_error("Illegal constructor")

    @classmethod
    def _fresh(cls) -> AbortSignal:
        self = cls.__new__(cls)
        EventTarget.__init__(self)
        self._is_aborted = False
        self._reason = None
        self._followers = []
        return self

    def _abort(self, reason: JsValue = None) -> None:
        """Abort; only the first time counts. Followers of the runtime run before listeners."""
        if self._is_aborted:
            return
        self._is_aborted = True
        self._reason = dom_exception("AbortError", _ABORTED) if reason is None else reason
        followers, self._followers = self._followers, []
        for follow in followers:
            follow()
        if self._has_listeners("abort"):
            self._dispatch(Event._of("abort"))

    def _on_abort(self, follow: Callable[[], None]) -> Callable[[], None]:
        """Have the runtime told of the abort. The answer takes it back."""
        self._followers.append(follow)

        def remove() -> None:
            if follow in self._followers:
                self._followers.remove(follow)

        return remove

    @property
    def aborted(self) -> bool:
        return self._is_aborted

    @property
    def reason(self) -> Any:
        return from_js(self._reason)

    def throwIfAborted(self) -> None:
        if self._is_aborted:
            raise to_exception(self._reason)


class AbortController(JsProxy, js_name="AbortController"):
    """Owns a signal and can abort it."""

    def __init__(self) -> None:
        self._signal = AbortSignal._fresh()

    @property
    def signal(self) -> AbortSignal:
        return self._signal

    def abort(self, reason: Any = None) -> None:
        self._signal._abort(js_value(reason))


def abort_signal_abort(reason: JsValue = None) -> AbortSignal:
    """`AbortSignal.abort`: a signal that is aborted already."""
    signal = AbortSignal._fresh()
    signal._abort(reason)
    return signal


def abort_signal_timeout(
    delay_ms: JsValue = MISSING, *, set_timer: Callable[[float, Callable[[], None]], object]
) -> AbortSignal:
    """`AbortSignal.timeout`. `set_timer(delay_ms, callback)` is the runtime's clock."""
    if delay_ms is MISSING:
        raise illegal_parameter("timeout", "AbortSignal", 1, "number")
    number = to_number(delay_ms)
    signal = AbortSignal._fresh()
    set_timer(
        number if number > 0 else 0.0,
        lambda: signal._abort(dom_exception("TimeoutError", _TIMED_OUT)),
    )
    return signal


def abort_signal_any(signals: JsValue = MISSING) -> AbortSignal:
    """`AbortSignal.any`: aborted as soon as one of `signals` is, for its reason."""
    sources = None if signals is MISSING else iterate(signals)
    if sources is None:
        raise illegal_parameter("any", "AbortSignal", 1, "Array")
    result = AbortSignal._fresh()
    checked: list[AbortSignal] = []
    for position, source in enumerate(sources):
        if not isinstance(source, AbortSignal):
            raise type_error(
                f"Incorrect type for array element {position}: "
                "the provided value is not of type 'AbortSignal'."
            )
        checked.append(source)
    for source in checked:
        if source._is_aborted:
            result._abort(source._reason)
            return result
    for source in checked:
        source._on_abort(lambda source=source: result._abort(source._reason))  # type: ignore[misc]
    return result
