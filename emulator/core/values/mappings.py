"""What Pyodide gives to anything that has JavaScript's or Python's idea of keys.

Source: Pyodide's JsMutableMap; spec python-surface §2.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.proxies import JsProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MappingMethods"]

_MISSING: Final = object()


class MappingMethods(JsProxy):
    """Python's mapping methods, on top of item access."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        raise NotImplementedError

    def __setitem__(self, key: Any, value: Any) -> None:
        raise NotImplementedError

    def __delitem__(self, key: Any) -> None:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError

    def get(self, key: Any, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def pop(self, key: Any, default: Any = _MISSING) -> Any:
        try:
            value = self[key]
        except KeyError:
            if default is _MISSING:
                raise
            return default
        del self[key]
        return value

    def popitem(self) -> tuple[Any, Any]:
        for key in self:
            return key, self.pop(key)
        raise KeyError

    def setdefault(self, key: Any, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            self[key] = default
            return default

    def update(self, other: Any = (), /, **members: Any) -> None:
        pairs = other.items() if hasattr(other, "items") else other
        for key, value in pairs:
            self[key] = value
        for key, value in members.items():
            self[key] = value

    def clear(self) -> None:
        for key in list(self):
            del self[key]
