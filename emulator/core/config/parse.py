"""From the loaded document to a Config, or to one ConfigError that lists every mistake.

Wrangler's rules and words (spec: peers §5); what it lets pass silently and then does not work is
told here: misspelt keys with the likely name, classes that no migration creates.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from emulator.core.config.bindings import check_unique_names, parse_bindings, parse_vars
from emulator.core.config.classes import check_classes, check_script_names
from emulator.core.config.dev import parse_dev
from emulator.core.config.environments import TOP_LEVEL, environment_names, with_environment
from emulator.core.config.fields import parse_date, parse_flags, parse_main, parse_name
from emulator.core.config.migrations import parse_classes
from emulator.core.config.model import Config
from emulator.core.config.report import Report, as_table
from emulator.core.config.services import (
    parse_absent,
    parse_assets,
    parse_required_secrets,
    parse_services,
)
from emulator.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.errors import Diagnostic

__all__ = ["parse_config"]


def parse_config(
    raw: Mapping[str, object], *, path: str, text: str = "", environment: str | None = None
) -> Config:
    """Check a loaded configuration.

    Args:
        raw: what the TOML or JSON reader returned.
        path: the file as the user knows it; a Config keeps it and messages name it.
        text: the file's content, where the mistakes' lines are found.
        environment: the `[env.NAME]` that is wanted; None for the top level.

    Raises:
        ConfigError: with every error of the file; warnings are in the Config instead.
    """
    top = Report(path, text)
    top.repeated_keys()
    top.unexpected("top-level", raw, TOP_LEVEL, prefix="")
    if environment is None:
        return _finish(_parse(raw, raw, top), raw, [top])
    # As wrangler does, the top level is checked too; what depends on the whole only once.
    _parse_fields(raw, top)
    own = as_table(as_table(raw.get("env")).get(environment))
    report = Report(path, text, environment=environment, overridden=frozenset(own))
    effective = with_environment(raw, environment, report, top)
    return _finish(_parse(effective, raw, report), raw, [top, report])


def _finish(config: Config, raw: Mapping[str, object], reports: list[Report]) -> Config:
    """The config with its warnings. Raises: ConfigError, if there are errors."""
    errors = _unique([item for report in reports for item in report.errors])
    warnings = _unique([item for report in reports for item in report.warnings])
    if errors:
        raise ConfigError(str(config.path), errors, warnings)
    return replace(
        config,
        environment=reports[-1].environment,
        environments=environment_names(raw),
        warnings=tuple(warnings),
    )


def _unique(items: list[Diagnostic]) -> list[Diagnostic]:
    """Without what an environment has only inherited from the top level, and its mistake with it."""
    found: dict[tuple[str | None, int | None, str], Diagnostic] = {}
    for item in items:
        found.setdefault((item.key, item.line, item.problem), item)
    return list(found.values())


def _parse_fields(raw: Mapping[str, object], report: Report) -> None:
    """The checks that look at one field alone."""
    parse_name(raw.get("name"), report)
    if raw.get("compatibility_date") is not None:
        parse_date(raw.get("compatibility_date"), report)
    parse_flags(raw.get("compatibility_flags"), report)
    parse_bindings(raw.get("durable_objects"), report)
    parse_vars(raw.get("vars"), report)
    parse_classes(raw, report)
    parse_services(raw.get("services"), report)
    parse_assets(raw.get("assets"), report)
    parse_required_secrets(raw.get("secrets"), report)


def _parse(raw: Mapping[str, object], file: Mapping[str, object], report: Report) -> Config:
    """A Config, to be used only if nothing was reported as an error.

    Args:
        raw: the configuration that counts.
        file: the whole document, which differs from it if an environment is wanted.
    """
    name = parse_name(raw.get("name"), report)
    date = parse_date(raw.get("compatibility_date"), report)
    flags = parse_flags(raw.get("compatibility_flags"), report)
    main = parse_main(raw.get("main"), flags, report)
    bindings = parse_bindings(raw.get("durable_objects"), report)
    variables = parse_vars(raw.get("vars"), report)
    classes, migrations = parse_classes(raw, report)
    dev = parse_dev(file.get("dev"), report)
    services = parse_services(raw.get("services"), report)
    assets = parse_assets(raw.get("assets"), report)
    secrets_required = parse_required_secrets(raw.get("secrets"), report)
    absent = parse_absent(raw, report)
    check_unique_names(raw, report)
    if not report.errors:
        check_classes(raw, bindings, classes, name, report)
        check_script_names(file, bindings, name, report)
    return Config(
        path=report.path,
        name=name,
        main=main,
        compatibility_date=date,
        compatibility_flags=flags,
        bindings=bindings,
        classes=MappingProxyType(classes),
        migrations=migrations,
        vars=variables,
        secrets_required=secrets_required,
        services=services,
        assets=assets,
        absent=absent,
        dev=dev,
    )
