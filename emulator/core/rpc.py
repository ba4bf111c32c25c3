"""Rules of calls between objects: which names can be called, and how much a call may carry.

Source: spec lifecycle §6.1, §6.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.values import (
    ArrayBuffer,
    ArrayBufferView,
    JsArray,
    JsException,
    JsMap,
    JsObject,
    JsSet,
    error,
    type_error,
)
from emulator.core.values.codec import CodecError, dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.core.values import JsValue

__all__ = [
    "MESSAGE_BYTES_MAX",
    "PATH_MAX",
    "RESERVED",
    "STUB_DISPOSED",
    "check_message",
    "check_method",
    "not_implemented",
]

RESERVED: Final = frozenset(
    {"alarm", "webSocketMessage", "webSocketClose", "webSocketError", "dup", "constructor"}
)
MESSAGE_BYTES_MAX: Final = 33_554_432  # workerd: 32 MiB of serialized arguments or results
PATH_MAX: Final = 64  # names in one pipelined path
STUB_DISPOSED: Final = "RPC stub used after being disposed."
_ITEM_BYTES: Final = 2  # the least that a member of a container takes: its tag and its value


def check_method(name: str) -> None:
    """Raises: JsException, a TypeError for a name that is never a method."""
    if name in RESERVED:
        raise type_error(
            f"'{name}' is a reserved method and cannot be called over RPC.", remote=True
        )


def not_implemented(name: str) -> JsException:
    return type_error(f'The RPC receiver does not implement the method "{name}".', remote=True)


def check_message(value: JsValue) -> None:
    """See that a value is small enough to be sent.

    Raises:
        JsException: an Error, for more than 32 MiB.
    """
    least = _least_bytes(value, set())
    if least < MESSAGE_BYTES_MAX // 2:
        return
    try:
        count = len(dumps(value))
    except (JsException, CodecError):  # something in it that only a call can carry
        count = least
    if count > MESSAGE_BYTES_MAX:
        raise error(
            "Serialized RPC arguments or return values are limited to 32MiB, but the size of this "
            f"value was: {count} bytes."
        )


def _least_bytes(value: JsValue, seen: set[int]) -> int:
    """At least half of what `value` takes when it is written, without writing it."""
    kind = type(value)
    if kind is str:
        return len(value)
    if kind is ArrayBuffer:
        return len(value._data)
    if isinstance(value, ArrayBufferView):
        return _least_bytes(value._buffer, seen)
    if kind in _CONTAINERS:
        if id(value) in seen:
            return 0
        seen.add(id(value))
        return sum(_ITEM_BYTES + _least_bytes(item, seen) for item in _CONTAINERS[kind](value))
    return 0


_CONTAINERS: Final[dict[type, Callable[[JsValue], Iterable[JsValue]]]] = {
    JsObject: lambda value: [*value._members, *value._members.values()],
    JsArray: lambda value: value._items,
    JsMap: lambda value: [part for entry in value._entries.values() for part in entry],
    JsSet: lambda value: value._values.values(),
}
