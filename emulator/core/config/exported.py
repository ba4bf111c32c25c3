"""Whether the classes that a configuration names are in the worker's source (message 22, and ours)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.config.report import Report, did_you_mean
from emulator.core.source.module import find_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.core.config.model import Config
    from emulator.core.source.module import Module, Resolve

__all__ = ["check_exported", "check_workers"]


def check_exported(config: Config, text: str, module: Module, resolve: Resolve) -> Report:
    """What is wrong with the classes of `config`, whose file has the content `text`.

    Args:
        resolve: finds another module of the project.
    """
    report = Report(str(config.path), text, environment=config.environment)
    bindings = _keys_of_bindings(config, report)
    missing = []
    for name, key in bindings.items():
        found = find_class(name, module, resolve)
        if found.kind in {"missing", "no class"}:
            missing.append(name)
        elif found.is_object is False:
            report.warn(
                key,
                f"The class {name} ({config.main}:{found.line}) does not derive from "
                "DurableObject, so it has no `self.ctx` and cannot be called.",
                hint=f"Write `class {name}(DurableObject):`.",
            )
    if missing:
        hints = [hint for name in missing if (hint := did_you_mean(name, module.names()))]
        report.error(
            bindings[missing[0]],
            "Your Worker depends on the following Durable Objects, which are not exported in your "
            f"entrypoint file: {', '.join(missing)}.\n"
            f"You should export these objects from your entrypoint, {config.main}.",
            hint="\n".join(hints) or None,
        )
    for name in config.classes:
        if name not in bindings and find_class(name, module, resolve).kind == "missing":
            report.warn(
                _key_of_class(config, name),
                f"The migrations create the class {name}, which {config.main} does not export.",
                hint=did_you_mean(name, module.names())
                or 'Export it, or end it with "deleted_classes" in a new migration.',
            )
    return report


def check_workers(configs: Sequence[Config], texts: Sequence[str]) -> list[Report]:
    """Whether bindings to other workers lead to one of these, and to a class of it."""
    by_name = {config.name: config for config in configs}
    reports = []
    for config, text in zip(configs, texts, strict=True):
        report = Report(str(config.path), text, environment=config.environment)
        field = report.field("durable_objects")
        for number, binding in enumerate(config.bindings):
            if binding.script_name is None or len(configs) == 1:
                continue
            key = f"{field}.bindings[{number}]"
            other = by_name.get(binding.script_name)
            if other is None:
                report.warn(
                    f"{key}.script_name",
                    f'No configuration given with -c has the name "{binding.script_name}", so '
                    f"env.{binding.name} is not connected.",
                    hint=did_you_mean(binding.script_name, by_name),
                )
            elif binding.class_name not in other.classes:
                report.warn(
                    f"{key}.class_name",
                    f"The Worker {other.name} has no class {binding.class_name} in its migrations.",
                    hint=did_you_mean(binding.class_name, other.classes),
                )
        reports.append(report)
    for number, config in enumerate(configs):
        if by_name[config.name] is not config:
            reports[number].error("name", f'Two Workers have the name "{config.name}".')
    return reports


def _keys_of_bindings(config: Config, report: Report) -> dict[str, str]:
    field = report.field("durable_objects")
    return {
        binding.class_name: f"{field}.bindings[{number}].class_name"
        for number, binding in enumerate(config.bindings)
        if binding.script_name in {None, config.name}
    }


def _key_of_class(config: Config, name: str) -> str:
    for number, migration in enumerate(config.migrations):
        for step in migration.steps:
            if name in {getattr(step, "class_name", None), getattr(step, "new", None)}:
                return f"exports.{name}" if migration.tag is None else f"migrations[{number}]"
    return ""
