"""From what a test holds (the SDK's wrappers) to what the runtime knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.testing.errors import NotANamespace, NotAStub
from emulator.worker.entrypoint import PythonObject
from emulator.worker.javascript.durable_objects import DurableObjectNamespace, DurableObjectStub

if TYPE_CHECKING:
    from emulator.runtime.delivery import UserObject
    from emulator.runtime.namespace import Namespace
    from emulator.runtime.stub import Stub

__all__ = ["namespace_of", "stub_of", "user_parts"]


def _unwrapped(value: Any) -> Any:
    return getattr(value, "__dict__", {}).get("_binding", value)


def stub_of(value: Any) -> Stub:
    """Raises: NotAStub."""
    raw = _unwrapped(value)
    if not isinstance(raw, DurableObjectStub):
        raise NotAStub(value)
    stub: Stub = raw.__dict__["_stub"]
    return stub


def namespace_of(value: Any) -> Namespace:
    """Raises: NotANamespace."""
    raw = _unwrapped(value)
    if not isinstance(raw, DurableObjectNamespace):
        raise NotANamespace(value)
    return raw._namespace


def user_parts(user: UserObject) -> tuple[Any, Any]:
    """The user's own instance, and the `ctx` it was constructed with."""
    assert isinstance(user, PythonObject), "the objects of a world are Python's"
    return user.instance, getattr(user.instance, "ctx", None)
