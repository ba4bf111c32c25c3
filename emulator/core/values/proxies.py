"""The ground of the value model: what a JavaScript value is on the Python side.

A primitive is a Python primitive: undefined is `None`, null is `jsnull`, a boolean is `bool`, a
number is `int` (integral and safe) or `float`, a BigInt is `JsBigInt`, a string is `str` (lone
surrogates allowed). Everything else is an instance of a subclass of `JsProxy`.

Invariants:

  V1  A JavaScript value is a primitive or a `JsProxy`; a bare Python object is never one. It
      crosses into JavaScript as a `PyProxy` (values/convert.py) and is unwrapped on its way back.
  V2  A number inside JavaScript may be any `float`; on its way to Python it becomes an `int` if
      it is integral and below 2**53 (`-0.0` included, as Pyodide does).
  V3  Proxies compare by JavaScript identity and are not hashable.
  V4  User code sees one class, `pyodide.ffi.JsProxy`, whatever the JavaScript class is.

Source: spec python-surface §2.2. Proved by tests/core/values/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "HOLE",
    "MAX_SAFE_INTEGER",
    "PRIMITIVES",
    "Constructor",
    "Conversion",
    "ConversionError",
    "JsBigInt",
    "JsNull",
    "JsProxy",
    "JsValue",
    "jsnull",
]

type JsValue = Any
"""A primitive or a JsProxy (V1). Python's type system cannot say more without naming every class."""

MAX_SAFE_INTEGER: Final = 2**53 - 1


class JsNull:
    """The class of `jsnull`, JavaScript's null: falsy, and not equal to None."""

    __slots__ = ()
    __module__ = "pyodide.ffi"

    typeof = "object"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "jsnull"

    def __reduce__(self) -> str:
        return "jsnull"


jsnull: Final = JsNull()


class JsBigInt(int):
    """A JavaScript BigInt."""

    __slots__ = ()
    __module__ = "pyodide.ffi"


PRIMITIVES: Final = frozenset({str, int, float, bool, type(None), JsNull, JsBigInt})


class Constructor:
    """What `value.constructor` answers where no exported class stands behind it."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"function {self.name}() {{ [native code] }}"

    def new(self, *_: Any) -> NoReturn:
        from emulator.core.values.errors import type_error  # which stands on this module

        raise type_error("Illegal constructor")


class ConversionError(Exception):
    """A conversion met a value that has no counterpart on the other side."""

    __module__ = "pyodide.ffi"


class Conversion:
    """One call of `to_py`: its default converter, and what it has converted so far."""

    __slots__ = ("default_converter", "memo")

    def __init__(self, default_converter: Callable[..., Any] | None) -> None:
        self.default_converter = default_converter
        self.memo: dict[int, Any] = {}

    def convert(self, value: JsValue, depth: int = -1) -> Any:
        if type(value) in PRIMITIVES:
            return value
        return value._to_py(self, depth)

    def unknown(self, value: JsValue) -> Any:
        """What becomes of an object that has no Python counterpart."""
        converter = self.default_converter
        if converter is None:
            return value
        return converter(value, self.convert, self._remember)

    def _remember(self, value: JsValue, result: Any) -> None:
        self.memo[id(value)] = result


class JsProxy:
    """A JavaScript object as Python code holds it.

    A subclass names its JavaScript class: `class JsMap(JsProxy, js_name="Map")`. A public method
    or property of it is visible to user code under its JavaScript name.
    """

    __slots__ = ()
    __module__ = "pyodide.ffi"

    constructor: ClassVar[Any] = Constructor("Object")
    js_name: ClassVar[str] = "Object"
    typeof: ClassVar[str] = "object"

    def __init_subclass__(cls, js_name: str | None = None, py_name: str = "JsProxy") -> None:
        # Error texts such as "'JsProxy' object is not subscriptable" are made by CPython from
        # the class name, so the classes bear the platform's (V4).
        cls.__name__ = cls.__qualname__ = py_name
        cls.__module__ = "pyodide.ffi"
        if js_name is not None:
            cls.js_name = js_name
            if "constructor" not in cls.__dict__:
                cls.constructor = Constructor(js_name)

    if not TYPE_CHECKING:  # mypy shall still find our own misspelled attributes

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(name)  # the bare name, as Pyodide says

    __hash__ = None  # type: ignore[assignment]  # (V3): typeshed has no word for it

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __repr__(self) -> str:
        return self.toString()

    def __str__(self) -> str:
        return self.toString()

    def toString(self) -> str:
        return f"[object {self.js_name}]"

    def toLocaleString(self) -> str:
        return self.toString()

    def valueOf(self) -> JsValue:
        return self

    @property
    def js_id(self) -> int:
        return id(self)

    def to_py(self, *, depth: int = -1, default_converter: Callable[..., Any] | None = None) -> Any:
        """Convert deeply to Python. An object without a counterpart goes to `default_converter`."""
        return self._to_py(Conversion(default_converter), depth)

    def _to_py(self, conversion: Conversion, depth: int) -> Any:
        del depth
        return conversion.unknown(self)

    def object_keys(self) -> Any:
        """`Object.keys`, as an Array."""
        return _array(self._own())

    def object_values(self) -> Any:
        """`Object.values`, as an Array."""
        return _array(self._own().values())

    def object_entries(self) -> Any:
        """`Object.entries`, as an Array of pairs."""
        return _array(_array(pair) for pair in self._own().items())

    def _own(self) -> dict[str, JsValue]:
        """The own enumerable string properties, in JavaScript's order."""
        return {}


def _array(items: Iterable[JsValue]) -> Any:
    from emulator.core.values.arrays import JsArray  # which stands on this module

    return JsArray(list(items))


class _Hole(JsProxy):
    """The absence inside a holey array. It never leaves the array that has it."""

    __slots__ = ()

    def _to_py(self, conversion: Conversion, depth: int) -> Any:
        del conversion, depth


HOLE: Final = _Hole()
