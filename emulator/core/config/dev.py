"""The table `[dev]` (message 18 of spec: peers §5): wrangler's fields, and ours beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.config.model import DevOptions
from emulator.core.config.report import js_json

if TYPE_CHECKING:
    from emulator.core.config.model import DurabilityName
    from emulator.core.config.report import Report

__all__ = ["parse_dev"]

_STRINGS: Final = (
    "ip", "inspector_ip", "local_protocol", "upstream_protocol", "host", "container_engine",
    "durability",
)  # fmt: skip
_NUMBERS: Final = ("port", "inspector_port")
_BOOLEANS: Final = (
    "enable_containers", "generate_types", "pitr", "legacy_kv", "auto_reply_to_close",
    "lenient_frames",
)  # fmt: skip


def parse_dev(raw: object, report: Report) -> DevOptions:
    if raw is None:
        return DevOptions()
    if not report.required("dev", raw, "object") or not isinstance(raw, dict):
        return DevOptions()
    kinds = {
        **dict.fromkeys(_STRINGS, "string"),
        **dict.fromkeys(_NUMBERS, "number"),
        **dict.fromkeys(_BOOLEANS, "boolean"),
    }
    report.unexpected("dev", raw, tuple(kinds), prefix="dev.")
    right = {
        key: raw[key]
        for key, kind in kinds.items()
        if key in raw and report.required(f"dev.{key}", raw[key], kind)
    }
    port = right.get("port", DevOptions().port)
    if port != int(port) or not 0 <= port <= 65_535:
        problem = f'Expected "dev.port" to be a whole number from 0 to 65535 but got {port}.'
        report.error("dev.port", problem)
    return DevOptions(
        ip=right.get("ip", DevOptions().ip),
        port=int(port),
        durability=_durability(right.get("durability", "full"), report),
        pitr=right.get("pitr", False),
        legacy_kv=right.get("legacy_kv", False),
        auto_reply_to_close=right.get("auto_reply_to_close", False),
        lenient_frames=right.get("lenient_frames", False),
    )


def _durability(value: str, report: Report) -> DurabilityName:
    if value == "normal":
        return "normal"
    if value != "full":
        problem = f'Expected "dev.durability" to be "full" or "normal" but got {js_json(value)}.'
        report.error("dev.durability", problem)
    return "full"
