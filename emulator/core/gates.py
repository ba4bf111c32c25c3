"""The input gate of one object: which of its waiting work may run next.

Pure. A `Gate` is the root gate of an instance or a critical section inside another gate
(`blockConcurrencyWhile`, `transaction`). Work carries the gate it was started under; the
`InputGate` says whether that work may run now, and keeps it in order while it may not.

Invariants, proved in tests/core/test_gates.py:

  G1  Work runs only if its gate, or the nearest gate around it that has not ended, is innermost.
  G2  Parked work leaves in the order it came; work that comes later queues behind it.
  G3  Sections of one gate run one at a time, in the order they were asked for, and before
      anything that is parked on that gate.
  G4  What was parked inside a section that ended goes in front of what its parent parked.

Source: workerd io-gate.h as measured in spec lifecycle §5.1, §5.2.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from emulator.core.values.errors import error

__all__ = ["SECTION_DEPTH_MAX", "Gate", "InputGate"]

SECTION_DEPTH_MAX: Final = 64  # spec lifecycle §5.2
NESTED_TOO_DEEPLY: Final = "blockConcurrencyWhile() calls are nested too deeply."


class Gate:
    """The root gate of an instance, or one critical section."""

    __slots__ = ("depth", "has_ended", "owner", "parent", "parked", "waiting_sections")

    def __init__(self, owner: Any, parent: Gate | None = None) -> None:
        self.owner = owner
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.has_ended = False
        self.parked: deque[Any] = deque()
        self.waiting_sections: deque[Any] = deque()


class InputGate:
    """The gate of one instance: a root, and the sections that are open inside it."""

    __slots__ = ("innermost", "root")

    def __init__(self, owner: Any) -> None:
        self.root = Gate(owner)
        self.innermost = self.root

    def effective(self, gate: Gate) -> Gate:
        """The gate that stands for `gate` now: itself, or what is around it once it has ended."""
        while gate.has_ended and gate.parent is not None:
            gate = gate.parent
        return gate

    def admits(self, gate: Gate) -> bool:
        """Whether work of `gate` may run now, ahead of nothing that is parked (G1, G2)."""
        innermost = self.innermost
        if gate is not innermost and self.effective(gate) is not innermost:
            return False
        return not (innermost.parked or innermost.waiting_sections)

    def park(self, gate: Gate, work: Any) -> None:
        self.effective(gate).parked.append(work)

    def ask(self, gate: Gate, section: Any) -> None:
        """Queue `section` to be opened inside `gate`.

        Raises:
            JsException: the section would be nested deeper than 64.
        """
        around = self.effective(gate)
        if around.depth >= SECTION_DEPTH_MAX:
            raise error(NESTED_TOO_DEEPLY)
        around.waiting_sections.append(section)

    def next_section(self) -> Any | None:
        """The section to open now, taken from the queue (G3)."""
        waiting = self.innermost.waiting_sections
        return waiting.popleft() if waiting else None

    def open(self) -> Gate:
        """Open a section inside the innermost gate."""
        self.innermost = Gate(self.root.owner, self.innermost)
        return self.innermost

    def close(self, section: Gate) -> None:
        """End the innermost section; its parent is innermost again (G4)."""
        assert section is self.innermost, "sections end from the inside out"
        assert section.parent is not None, "the root gate never ends"
        section.has_ended = True
        self.innermost = section.parent
        self.innermost.parked.extendleft(reversed(section.parked))
        section.parked.clear()

    def next_parked(self) -> Any | None:
        parked = self.innermost.parked
        return parked.popleft() if parked else None

    @property
    def is_idle(self) -> bool:
        """No section is open and nothing waits."""
        root = self.root
        return self.innermost is root and not (root.parked or root.waiting_sections)
