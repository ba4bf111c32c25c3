"""What structured clone says of a value that it cannot copy.

Source: spec storage §1.3, lifecycle §6.3; the rows of classes were measured on the runtime.
"""

from __future__ import annotations

from typing import Final

from emulator.core.values.border import PyProxy
from emulator.core.values.boxed import JsSymbol
from emulator.core.values.errors import DomException, data_clone_error
from emulator.core.values.iterators import JsIterator
from emulator.core.values.proxies import JsProxy, JsValue
from emulator.core.values.text import to_string

__all__ = ["clone_refusal"]

# JavaScript's own classes; the platform's are refused by the name of their type.
_BUILT_IN: Final = frozenset({"Promise", "WeakMap", "WeakRef", "WeakSet", "Object"})
# The platform's classes that have words of their own.
_TEXTS: Final = {
    "ReadableStream": "ReadableStream can only be serialized for RPC.",
    "WritableStream": "WritableStream can only be serialized for RPC.",
    "AbortSignal": "AbortSignal serialization is not enabled.",
    "Fetcher": "ServiceStub cannot be serialized in this context.",
    "DurableObject": "ServiceStub cannot be serialized in this context.",
    "ServiceStub": "ServiceStub cannot be serialized in this context.",
}


def clone_refusal(value: JsValue) -> DomException:
    """The DataCloneError that names `value`."""
    if isinstance(value, PyProxy):
        return data_clone_error(f"{_of_python_object(value)} could not be cloned.")
    if not isinstance(value, JsProxy):
        return data_clone_error("[object Object] could not be cloned.")
    if isinstance(value, (JsSymbol, JsIterator)) or value.typeof == "function":
        return data_clone_error(f"{to_string(value)} could not be cloned.")
    if value.js_name in _BUILT_IN:
        return data_clone_error(f"#<{value.js_name}> could not be cloned.")
    text = _TEXTS.get(value.js_name)
    if text is None:
        text = (
            f'Could not serialize object of type "{value.js_name}". '
            "This type does not support serialization."
        )
    return data_clone_error(text)


def _of_python_object(value: PyProxy) -> str:
    target = value.unwrap()
    if getattr(type(target), "js_name", None) == "Promise":
        return "#<Promise>"
    # Pyodide's proxy of a callable is a JavaScript function with an empty body.
    return "function(){}" if callable(target) else "[object Object]"
