"""From the loaded document to a Config, or to one ConfigError that lists every mistake.

Wrangler's rules and words (spec: peers §5); what it lets pass silently and then does not work is
told here: misspelt keys with the likely name, classes that no migration creates.
"""

from __future__ import annotations

import re
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from emulator.core.config.bindings import check_unique_names, parse_bindings, parse_vars
from emulator.core.config.migrations import parse_classes
from emulator.core.config.model import COMPATIBILITY_DATE_DEFAULT, Config, DevOptions
from emulator.core.config.report import Report, as_table, did_you_mean, js_json
from emulator.core.config.services import (
    parse_absent,
    parse_assets,
    parse_required_secrets,
    parse_services,
)
from emulator.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.config.model import Binding, DurabilityName, StorageKind

__all__ = ["parse_config"]

_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_-]*|")
_TOP_LEVEL: Final = tuple(
    """
    $schema send_metrics keep_vars dev site wasm_modules text_blobs data_blobs alias addresses
    dependencies_instrumentation pages_build_output_dir env legacy_env
    name main compatibility_date compatibility_flags account_id base_dir rules build no_bundle
    minify keep_names find_additional_modules preserve_file_names tsconfig jsx_factory jsx_fragment
    triggers route routes workers_dev preview_urls limits placement assets migrations exports
    observability logpush upload_source_maps python_modules access cache previews compliance_region
    first_party_worker logfwdr
    vars durable_objects secrets define services kv_namespaces queues r2_buckets d1_databases
    workflows containers cloudchamber tail_consumers streaming_tail_consumers send_email unsafe
    vectorize ai_search_namespaces ai_search hyperdrive analytics_engine_datasets browser ai images
    stream media version_metadata dispatch_namespaces mtls_certificates pipelines
    secrets_store_secrets artifacts ratelimits unsafe_hello_world flagship worker_loaders
    vpc_services vpc_networks
    """.split()  # noqa: SIM905 - ninety lines of quoted words would be harder to read
)
_DEV_STRINGS: Final = (
    "ip", "inspector_ip", "local_protocol", "upstream_protocol", "host", "container_engine",
    "durability",
)  # fmt: skip
_DEV_NUMBERS: Final = ("port", "inspector_port")
_DEV_BOOLEANS: Final = (
    "enable_containers", "generate_types", "pitr", "legacy_kv", "auto_reply_to_close",
    "lenient_frames",
)  # fmt: skip


def parse_config(raw: Mapping[str, object], *, path: str, text: str = "") -> Config:
    """Check a loaded configuration.

    Args:
        raw: what the TOML or JSON reader returned.
        path: the file as the user knows it; a Config keeps it and messages name it.
        text: the file's content, where the mistakes' lines are found.

    Raises:
        ConfigError: with every error of the file; warnings are in the Config instead.
    """
    report = Report(path, text)
    name = _parse_name(raw.get("name"), report)
    date = _parse_date(raw.get("compatibility_date"), report)
    flags = _parse_flags(raw.get("compatibility_flags"), report)
    main = _parse_main(raw.get("main"), flags, report)
    bindings = parse_bindings(raw.get("durable_objects"), report)
    variables = parse_vars(raw.get("vars"), report)
    classes = parse_classes(raw, report)
    dev = _parse_dev(raw.get("dev"), report)
    services = parse_services(raw.get("services"), report)
    assets = parse_assets(raw.get("assets"), report)
    secrets_required = parse_required_secrets(raw.get("secrets"), report)
    absent = parse_absent(raw, report)
    check_unique_names(raw, report)
    report.unexpected("top-level", raw, _TOP_LEVEL, prefix="")
    if report.errors:
        raise ConfigError(path, report.errors)
    _check_classes(bindings, classes, name, is_declared=_declares_classes(raw), report=report)
    return Config(
        path=path,
        name=name,
        main=main,
        compatibility_date=date,
        compatibility_flags=flags,
        bindings=bindings,
        classes=MappingProxyType(classes),
        vars=variables,
        secrets_required=secrets_required,
        services=services,
        assets=assets,
        absent=absent,
        dev=dev,
        warnings=tuple(report.warnings),
    )


def _parse_name(value: object, report: Report) -> str:
    if value is None:
        return "worker"  # as wrangler dev calls it; part of the objects' ids
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    report.error(
        "name",
        'Expected "name" to be of type string, alphanumeric and lowercase with dashes only but '
        f"got {js_json(value)}.",
    )
    return ""


def _parse_date(value: object, report: Report) -> str:
    field = "compatibility_date"
    if value is None:
        report.warn(
            "",
            "No compatibility_date was specified. Using the date of the emulated runtime: "
            f"{COMPATIBILITY_DATE_DEFAULT}.",
            hint=f'Add the following to the file: {field} = "{COMPATIBILITY_DATE_DEFAULT}"',
        )
        return COMPATIBILITY_DATE_DEFAULT
    if not isinstance(value, str):
        report.required(field, value, "string")
        return ""
    if "\u2013" in value or "\u2014" in value:
        report.error(
            field,
            f'"{field}" field should use ISO-8601 accepted hyphens (-) rather than en-dashes '
            "(\u2013) or em-dashes (\u2014).",
        )
    try:
        datetime.fromisoformat(re.sub("[\u2013\u2014]", "-", value))
    except ValueError:
        report.error(
            field,
            f'"{field}" field should be a valid ISO-8601 date (YYYY-MM-DD), but got '
            f"{js_json(value)}.",
        )
    return value


def _parse_flags(value: object, report: Report) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(flag, str) for flag in value):
        return tuple(value)
    report.error(
        "compatibility_flags",
        f'Expected "compatibility_flags" to be of type string array but got {js_json(value)}.',
    )
    # One mistake, one message: the flag itself is not missed on top of it.
    return ("python_workers",)


def _parse_main(value: object, flags: tuple[str, ...], report: Report) -> str:
    if value is None:
        report.error(
            "",
            "Missing entry-point to Worker script or to assets directory",
            hint='Add the following to the file: main = "objects/worker.py"',
        )
        return ""
    if not isinstance(value, str):
        report.required("main", value, "string")
        return ""
    if not value.endswith(".py"):
        report.error(
            "main",
            f"The entry-point {js_json(value)} is not a Python file; this emulator runs Python "
            "Workers only.",
        )
    elif "python_workers" not in flags:
        report.error(
            "main",
            "The `python_workers` compatibility flag is required to use Python.",
            hint='Add the following to the file: compatibility_flags = ["python_workers"]',
        )
    return value


def _parse_dev(raw: object, report: Report) -> DevOptions:
    if raw is None:
        return DevOptions()
    if not report.required("dev", raw, "object") or not isinstance(raw, dict):
        return DevOptions()
    kinds = {
        **dict.fromkeys(_DEV_STRINGS, "string"),
        **dict.fromkeys(_DEV_NUMBERS, "number"),
        **dict.fromkeys(_DEV_BOOLEANS, "boolean"),
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


def _declares_classes(raw: Mapping[str, object]) -> bool:
    return bool(raw.get("migrations")) or bool(as_table(raw.get("exports")))


def _check_classes(
    bindings: tuple[Binding, ...],
    classes: Mapping[str, StorageKind],
    name: str,
    *,
    is_declared: bool,
    report: Report,
) -> None:
    """Warn of bound classes of this worker that nothing declares: they get no SQL (message 1)."""
    undeclared = {
        binding.class_name: f"durable_objects.bindings[{number}].class_name"
        for number, binding in enumerate(bindings)
        if binding.script_name in {None, name} and binding.class_name not in classes
    }
    if not undeclared:
        return
    if is_declared:
        for class_name, key in undeclared.items():
            report.warn(
                key,
                f"No migration creates the class {class_name}, so its storage will have no SQL.",
                hint=did_you_mean(class_name, classes)
                or 'Add it to "new_sqlite_classes" of a [[migrations]] entry.',
            )
        return
    file_name = re.split(r"[\\/]", report.path)[-1]
    snippet = "\n".join(
        f'\n[exports.{class_name}]\ntype = "durable-object"\nstorage = "sqlite"'
        for class_name in undeclared
    )
    report.warn(
        "durable_objects",
        f"In your {file_name} file, you have configured `durable_objects` exported by this Worker "
        f"({', '.join(undeclared)}), but no live `exports` entry for them. This may not work as "
        "expected until you add a live `durable-object` entry to `exports` for each. Add the "
        "following configuration:",
        hint=snippet,
    )
