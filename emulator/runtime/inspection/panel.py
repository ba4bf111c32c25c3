"""Everything that the control API needs of one emulator, in one hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.runtime.inspection.live import LiveFeed
from emulator.runtime.inspection.lives import ResidencyBook

if TYPE_CHECKING:
    from emulator.runtime.inspection.objects import Inspector
    from emulator.runtime.journal import Journal

__all__ = ["Panel"]


class Panel:
    """The inspector of an emulator and what goes with it."""

    def __init__(
        self,
        inspector: Inspector,
        journal: Journal,
        *,
        version: str,
        started_ms: int,
        urls: list[str],
    ) -> None:
        self.inspector = inspector
        self.journal = journal
        self.residency = ResidencyBook(inspector)
        self.feed = LiveFeed(inspector)
        self.version = version
        self.started_ms = started_ms
        self.urls = urls

    def close(self) -> None:
        self.feed.close()
