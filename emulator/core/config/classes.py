"""Whether bindings and classes fit together: what wrangler tells too late, or never.

Message 1 of spec: peers §5; the other checks are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.config.report import as_table, did_you_mean, js_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.config.model import Binding, StorageKind
    from emulator.core.config.report import Report

__all__ = ["check_classes", "check_script_names"]


def check_classes(
    raw: Mapping[str, object],
    bindings: tuple[Binding, ...],
    classes: Mapping[str, StorageKind],
    name: str,
    report: Report,
) -> None:
    """Warn of bound classes of this worker that nothing declares: they get no SQL."""
    field = report.field("durable_objects")
    undeclared = {
        binding.class_name: f"{field}.bindings[{number}].class_name"
        for number, binding in enumerate(bindings)
        if binding.script_name in {None, name} and binding.class_name not in classes
    }
    if not undeclared:
        return
    if raw.get("migrations") or as_table(raw.get("exports")):
        for class_name, key in undeclared.items():
            report.warn(
                key,
                f"No migration creates the class {class_name}, so its storage will have no SQL.",
                hint=did_you_mean(class_name, classes)
                or 'Add it to "new_sqlite_classes" of a [[migrations]] entry.',
            )
        return
    file_name = report.path.replace("\\", "/").rpartition("/")[2]
    report.warn(
        field,
        f"In your {file_name} file, you have configured `durable_objects` exported by this Worker "
        f"({', '.join(undeclared)}), but no live `exports` entry for them. This may not work as "
        "expected until you add a live `durable-object` entry to `exports` for each. Add the "
        "following configuration:",
        hint=_snippet(list(undeclared), is_toml=file_name.endswith(".toml")),
    )


def _snippet(class_names: list[str], *, is_toml: bool) -> str:
    if is_toml:
        return "\n".join(
            f'\n[exports.{name}]\ntype = "durable-object"\nstorage = "sqlite"'
            for name in class_names
        )
    entry = '{ "type": "durable-object", "storage": "sqlite" }'
    entries = ",\n".join(f"  {js_json(name)}: {entry}" for name in class_names)
    return f'\n"exports": {{\n{entries}\n}}'


def check_script_names(
    raw: Mapping[str, object], bindings: tuple[Binding, ...], name: str, report: Report
) -> None:
    """Warn of bindings that name this very worker, by its name or by that of another environment."""
    field = report.field("durable_objects")
    # With an environment the top level's name is another worker's.
    base = raw.get("name") if report.environment is not None else None
    for number, binding in enumerate(bindings):
        key = f"{field}.bindings[{number}].script_name"
        if binding.script_name == name:
            problem = (
                f'"script_name" is this Worker\'s own name, {js_json(name)}, which some versions of '
                "wrangler take for another Worker's."
            )
            report.warn(key, problem, hint='Leave out "script_name": the class is this Worker\'s.')
        elif binding.script_name is not None and binding.script_name == base:
            problem = (
                f'"script_name" names {js_json(base)}, but in this environment the Worker is '
                f"{js_json(name)}: the objects are those of the other one."
            )
            report.warn(key, problem, hint='Leave out "script_name" if this Worker is meant.')
