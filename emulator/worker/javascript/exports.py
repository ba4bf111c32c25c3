"""What `ctx.exports` has of classes of objects: a namespace, or at least a class for facets.

Source: spec lifecycle §1.5, §1.6; the words of refusals are workerd's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import JsObject, JsProxy, illegal_parameter, js_value, type_error
from emulator.runtime.facet_container import Choice
from emulator.worker.javascript.durable_objects import DurableObjectNamespace

if TYPE_CHECKING:
    from emulator.runtime.delivery import ObjectClass
    from emulator.runtime.namespace import Namespace

__all__ = [
    "DurableObjectClass",
    "LoopbackDurableObjectClass",
    "LoopbackDurableObjectNamespace",
]

_MISSING: Final[Any] = object()


class DurableObjectClass(JsProxy, js_name="DurableObjectClass"):
    """A class with the props that its facet is told."""

    __slots__ = ("_class", "_props")

    def __init__(self, object_class: ObjectClass, props: JsObject | None = None) -> None:
        self._class = object_class
        self._props = props

    def _as_choice(self) -> Choice:
        return Choice(self._class, self._props)


class LoopbackDurableObjectClass(DurableObjectClass, js_name="LoopbackDurableObjectClass"):
    """`ctx.exports.ClassName` of a class that has no namespace."""

    __slots__ = ()
    typeof = "function"

    def __call__(self, options: Any = _MISSING, **kwargs: Any) -> DurableObjectClass:
        return DurableObjectClass(self._class, _props(self.js_name, options, kwargs))


class LoopbackDurableObjectNamespace(
    DurableObjectNamespace, js_name="LoopbackDurableObjectNamespace"
):
    """`ctx.exports.ClassName` of a class that has one."""

    __slots__ = ()
    typeof = "function"

    def __call__(self, options: Any = _MISSING, **kwargs: Any) -> DurableObjectClass:
        props = _props(self.js_name, options, kwargs)
        return DurableObjectClass(self._namespace.object_class, props)

    def _as_choice(self) -> Choice:
        namespace: Namespace = self._namespace
        return Choice(namespace.object_class, None)


def _props(owner: str, options: Any, kwargs: dict[str, Any]) -> JsObject | None:
    """Raises: JsException (TypeError)."""
    given = js_value(options) if options is not _MISSING else None
    if isinstance(given, JsProxy):
        members = {**given._own(), **kwargs}
    elif kwargs:
        members = kwargs
    else:
        raise illegal_parameter("(called as function)", owner, 1, "Options")
    props = js_value(members.get("props"))
    if props is not None and not isinstance(props, JsProxy):
        raise type_error(
            "Incorrect type for the 'props' field on 'Options': the provided value is not of type "
            "'Object'."
        )
    return props if isinstance(props, JsObject) else None
