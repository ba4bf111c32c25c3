"""Facets: objects that an object keeps inside itself, each with a class and a file of its own.

A facet is a container like any other: it hibernates by itself, has gates of its own, and fails by
itself. It is known to its parent's container by name, outlives the parent's hibernation, and ends
when the parent breaks. Its class is asked for, by the parent's callback, when it is first called.

Source: spec lifecycle §1.6, where workerd was asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.facets import (
    DELETED,
    REPLACED,
    check_depth,
    check_name,
)
from emulator.core.values import JsException, error, internal_error, js_value, type_error
from emulator.runtime.errors import as_js_error, copy_error
from emulator.runtime.facet_container import Choice, FacetContainer
from emulator.runtime.namespace import ObjectId, TextId
from emulator.runtime.rpc import FunctionCall, LiveFunction
from emulator.runtime.stub import Stub
from emulator.storage.facets import FacetFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.values import JsValue
    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.calls import Call
    from emulator.runtime.delivery import Deliverable, UserObject
    from emulator.runtime.instance import Instance

__all__ = ["Facet", "FacetStub", "Facets", "facets_of"]

NO_STARTUP_OPTIONS = "Callback returned incorrect type; expected 'Promise'"
NO_CLASS = (
    "Incorrect type for the 'class' field on 'StartupOptions': the provided value is not of type "
    "'DurableObjectClass or LoopbackDurableObjectNamespace or LoopbackColoLocalActorNamespace'."
)


def facets_of(container: ActorContainer) -> Facets:
    """The facets of an object, made known by this first access."""
    found = container.facets
    if found is None:
        files = FacetFiles(container.sqlite.path)
        found = container.facets = Facets(container, files, number=0, depth=1)
    return found


class Facets:
    """The facets directly under one object.

    Args:
        number: of the object itself, if it is a facet; 0 for the root.
        depth: how many objects stand above a facet of these.
    """

    def __init__(
        self, parent: ActorContainer, files: FacetFiles, *, number: int, depth: int
    ) -> None:
        self.parent = parent
        self.host = parent.host
        self.worker = parent.namespace.worker
        self.files = files
        self.number = number
        self.depth = depth
        self._running: dict[str, Facet] = {}

    def stub(self, name: str, start: Callable[[], Any]) -> FacetStub:
        """An address of a facet. Raises: JsException for a bad name, or nested too deeply."""
        check_name(name)
        check_depth(self.depth)
        return FacetStub(self, name, LiveFunction(start))

    def facet(self, name: str, start: LiveFunction) -> Facet:
        """The facet that is called now; `start` is asked for its class if it does not run."""
        found = self._running.get(name)
        if found is None:
            found = self._running[name] = Facet(self, name)
            found.begin(start)
        return found

    def find(self, name: str) -> FacetContainer | None:
        found = self._running.get(name)
        return None if found is None else found.container

    def abort(self, name: str, reason: JsException) -> None:
        """End a facet with exactly this error; the next stub starts it again."""
        check_name(name)
        found = self._running.pop(name, None)
        if found is not None:
            found.end(reason)

    def delete(self, name: str) -> None:
        """End a facet and delete what it stored. An unknown name changes nothing."""
        self.abort(name, error(DELETED))
        number = self.files.find(self.number, name)
        if number is not None:
            self.files.remove(number)

    def clone(self, source: str, target: str) -> None:
        """Replace what `target` stored by a copy of what `source` did."""
        check_name(source)
        self.abort(target, error(REPLACED))
        number = self.files.find(self.number, source)
        if number is None:
            self.delete(target)
            return
        running = self.find(source)
        if running is not None:
            running.settle_files()
        self.files.copy(number, self.files.number(self.number, target))

    def delete_all(self) -> None:
        """The object deletes everything that it stores: its facets, too."""
        for name in list(self._running):
            self.abort(name, error(DELETED))
        self.files.remove_children(self.number)

    def break_all(self, reason: JsException) -> None:
        """The object broke."""
        for name in list(self._running):
            self.abort(name, copy_error(reason))

    def forget(self, facet: Facet) -> None:
        """A facet ended by itself."""
        if self._running.get(facet.name) is facet:
            del self._running[facet.name]

    @property
    def containers(self) -> list[FacetContainer]:
        found = (facet.container for facet in self._running.values())
        return [container for container in found if container is not None]

    @property
    def has_client(self) -> bool:
        return any(container.has_client for container in self.containers)

    def close(self) -> None:
        """The object goes: nothing of it runs on, and nobody is told."""
        containers = self.containers
        self._running.clear()
        for container in containers:
            container.close()


class Facet:
    """One facet from its first call on: first it waits for its class, then it has a container."""

    def __init__(self, facets: Facets, name: str) -> None:
        self.facets = facets
        self.name = name
        self.container: FacetContainer | None = None
        self._failure: JsException | None = None
        self._waiting: list[tuple[FacetStub, Deliverable]] = []

    def begin(self, start: LiveFunction) -> None:
        host = self.facets.host
        if not self.name:  # sic
            self.fail(internal_error(host.reference))
        else:
            _StartCall(self, start).ask(host.loop)

    def started(self, choice: Choice) -> None:
        """The class is known: what waited is delivered."""
        if self._failure is not None:
            return  # it was ended meanwhile
        container = self.container = FacetContainer(self, choice)
        container.facets = Facets(
            container, self.facets.files, number=container.number, depth=self.facets.depth + 1
        )
        waiting, self._waiting = self._waiting, []
        for stub, delivery in waiting:
            stub.attached = self.container.deliver(delivery)

    def fail(self, reason: JsException) -> None:
        """It never runs. This is remembered until somebody aborts it (sic)."""
        if self._failure is None:
            self._failure = reason
        waiting, self._waiting = self._waiting, []
        for _, delivery in waiting:
            delivery.fail(copy_error(reason))

    def deliver(self, stub: FacetStub, delivery: Deliverable) -> Instance | None:
        if self._failure is not None:
            delivery.fail(copy_error(self._failure))
        elif self.container is not None:
            return self.container.deliver(delivery)
        else:
            self._waiting.append((stub, delivery))
        return None

    def end(self, reason: JsException) -> None:
        self.fail(reason)
        container, self.container = self.container, None
        if container is None:
            return
        if container.instance is not None:
            container.instance.break_(reason, is_marked=False)
        else:
            container.end_facets(reason)
        container.close()


class FacetStub(Stub):
    """An address of a facet, and the callback that chooses its class."""

    __slots__ = ("facets", "start")

    def __init__(self, facets: Facets, name: str, start: LiveFunction) -> None:
        # `Facets` stands for the namespace: a stub asks it for its host and its containers.
        super().__init__(facets, ObjectId(name))  # type: ignore[arg-type]
        self.facets = facets
        self.start = start

    def _resident(self) -> Instance | None:
        container = self.facets.find(self.id.hex)
        return None if container is None else container.instance

    def deliver(self, call: Call) -> None:
        """Facets are beyond what a test disturbs."""
        self.arrive(call)

    def arrive(self, call: Deliverable) -> None:
        facet = self.facets.facet(self.id.hex, self.start)
        found = facet.deliver(self, call)
        if found is not None:
            self.attached = found


class _StartCall(FunctionCall):
    """The parent's callback is asked which class a facet has."""

    detail: str = "the callback of ctx.facets.get()"

    def __init__(self, facet: Facet, start: LiveFunction) -> None:
        super().__init__(start, [], [])
        self._facet = facet

    def ask(self, loop: Any) -> None:
        self.deliver(loop)

    def run(self, user: UserObject | None) -> Any:
        del user
        result = self.target.function()
        return self._later(result) if hasattr(result, "__await__") else _choice(js_value(result))

    async def _later(self, awaitable: Any) -> Choice:
        return _choice(js_value(await awaitable))

    def succeed(self, value: Any) -> None:
        self.is_settled = True
        self._facet.started(value)

    def fail(self, error: BaseException) -> None:
        self.is_settled = True
        self._facet.fail(as_js_error(error))


def _choice(options: JsValue) -> Choice:
    """Raises: JsException (TypeError)."""
    if not hasattr(options, "_own"):
        raise type_error(NO_STARTUP_OPTIONS)
    members = options._own()
    chosen = getattr(members.get("class"), "_as_choice", None)
    if chosen is None:
        raise type_error(NO_CLASS)
    choice: Choice = chosen()
    given = members.get("id")
    if isinstance(given, str):
        choice.object_id = TextId(given)
    elif given is not None:
        choice.object_id = getattr(given, "_id", None)
    return choice
