"""Every workload, in the order they run. A new one is one module here and one name in the tuple."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.workloads.blockers import BLOCKERS
from benchmarks.workloads.codec import CODEC
from benchmarks.workloads.frame import FRAME
from benchmarks.workloads.micro import MICRO
from benchmarks.workloads.objects import CALLS, OBJECTS
from benchmarks.workloads.recording import RECORDING
from benchmarks.workloads.reload import RELOAD
from benchmarks.workloads.start import START
from benchmarks.workloads.storage import MANY_OBJECTS, STORAGE
from benchmarks.workloads.testing import TESTING
from benchmarks.workloads.websockets import BROADCAST, IDLE, WAKE, WEB_SOCKETS

if TYPE_CHECKING:
    from benchmarks.contest import Workload

WORKLOADS: Final[tuple[Workload, ...]] = (
    START,
    RELOAD,
    FRAME,
    OBJECTS,
    WEB_SOCKETS,
    BROADCAST,
    WAKE,
    IDLE,
    STORAGE,
    MANY_OBJECTS,
    MICRO,
    CODEC,
    CALLS,
    BLOCKERS,
    TESTING,
    RECORDING,
)
