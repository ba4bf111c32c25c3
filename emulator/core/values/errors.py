"""JavaScript's errors: one class that is raised here and caught, as `JsException`, by user code.

The platform's texts are API: they are written where the rule stands, and raised through the
helpers below, so that `raise range_error("...")` reads like the row of the spec it implements.

Source: spec python-surface §2.2 (errors), lifecycle §6.5, storage §1.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.proxies import Constructor, Conversion, JsProxy, JsValue

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ERROR_NAMES",
    "DomException",
    "JsException",
    "data_clone_error",
    "dom_exception",
    "error",
    "illegal_parameter",
    "internal_error",
    "range_error",
    "syntax_error",
    "type_error",
]

# The classes of error that JavaScript itself defines; any other name is an `Error` with a name.
ERROR_NAMES: Final = frozenset(
    {
        "Error",
        "TypeError",
        "RangeError",
        "SyntaxError",
        "ReferenceError",
        "EvalError",
        "URIError",
        "AggregateError",
    }
)

# DOMException names that have a legacy code.
_DOM_CODES: Final = {
    "IndexSizeError": 1,
    "HierarchyRequestError": 3,
    "WrongDocumentError": 4,
    "InvalidCharacterError": 5,
    "NoModificationAllowedError": 7,
    "NotFoundError": 8,
    "NotSupportedError": 9,
    "InUseAttributeError": 10,
    "InvalidStateError": 11,
    "SyntaxError": 12,
    "InvalidModificationError": 13,
    "NamespaceError": 14,
    "InvalidAccessError": 15,
    "TypeMismatchError": 17,
    "SecurityError": 18,
    "NetworkError": 19,
    "AbortError": 20,
    "URLMismatchError": 21,
    "QuotaExceededError": 22,
    "TimeoutError": 23,
    "InvalidNodeTypeError": 24,
    "DataCloneError": 25,
}


class JsException(JsProxy, Exception, js_name="Error", py_name="JsException"):
    """A JavaScript Error, and the Python exception that carries it.

    Own properties beside `name` and `message` (`remote`, `code`, `durableObjectReset` …) are
    attributes; one that was never set is missing, as on the platform.
    """

    def __init__(self, name: str = "Error", message: str = "", **properties: JsValue) -> None:
        Exception.__init__(self, message)
        self.name = name
        self.message = message
        self.stack = self.toString()  # the frames are Python's: its traceback has them
        self.__dict__.update(properties)

    __hash__ = Exception.__hash__  # type: ignore[assignment]  # Python raises and groups it

    @property
    def js_error(self) -> JsException:
        return self

    # Pyodide makes the JavaScript error the only argument of the Python exception.
    args = property(lambda self: (self,))

    @property
    def constructor(self) -> Any:  # the class of an error is its name
        return _CONSTRUCTORS.get(self.name, _CONSTRUCTORS["Error"])

    def toString(self) -> str:
        return ": ".join(filter(None, (self.name, self.message)))

    def __str__(self) -> str:
        return self.toString()

    def own_properties(self) -> dict[str, JsValue]:
        """The properties that user code or the runtime put on the error, in order."""
        return {k: v for k, v in self.__dict__.items() if k not in _BUILT_IN and k[:2] != "__"}

    def _own(self) -> dict[str, JsValue]:
        return {k: v for k, v in self.own_properties().items() if k not in _NOT_ENUMERABLE}

    def _to_py(self, conversion: Conversion, depth: int) -> Any:
        del depth
        return conversion.unknown(self)


_BUILT_IN: Final = frozenset({"name", "message", "stack"})
_NOT_ENUMERABLE: Final = frozenset({"cause", "errors"})
_CONSTRUCTORS: Final = {name: Constructor(name) for name in ERROR_NAMES}
_DOM_EXCEPTION: Final = Constructor("DOMException")


class DomException(JsException, js_name="DOMException", py_name="JsException"):
    """A DOMException: its `name` says which, `code` is the legacy number."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(name, message)
        self.code = _DOM_CODES.get(name, 0)

    @property
    def constructor(self) -> Any:
        return _DOM_EXCEPTION

    def own_properties(self) -> dict[str, JsValue]:
        return {k: v for k, v in super().own_properties().items() if k != "code"}

    def _own(self) -> dict[str, JsValue]:
        standard = {"code": self.code, "name": self.name, "message": self.message}
        return standard | {"stack": self.stack} | self.own_properties()


def error(message: str, **properties: JsValue) -> JsException:
    return JsException("Error", message, **properties)


def type_error(message: str, **properties: JsValue) -> JsException:
    return JsException("TypeError", message, **properties)


def range_error(message: str, **properties: JsValue) -> JsException:
    return JsException("RangeError", message, **properties)


def syntax_error(message: str, **properties: JsValue) -> JsException:
    return JsException("SyntaxError", message, **properties)


def dom_exception(name: str, message: str) -> DomException:
    return DomException(name, message)


def data_clone_error(message: str) -> DomException:
    return DomException("DataCloneError", message)


def internal_error(reference: Callable[[], str], **properties: JsValue) -> JsException:
    """What the platform says when it will not say why; `reference` makes the 24 characters."""
    return error(f"internal error; reference = {reference()}", **properties)


def illegal_parameter(method: str, owner: str, position: int, expected: str) -> JsException:
    """WebIDL's refusal of an argument (spec storage §1.3, lifecycle §1.2)."""
    return type_error(
        f"Failed to execute '{method}' on '{owner}': "
        f"parameter {position} is not of type '{expected}'."
    )
