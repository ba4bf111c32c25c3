"""Looks a project over without running it: configuration, classes, and what would not deploy.

The rules are in `emulator.core.config` and `emulator.core.source`; this is the part that reads files.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emulator.core.config.exported import check_exported, check_workers
from emulator.core.config.positions import toml_positions
from emulator.core.source.boundary import check_boundary
from emulator.core.source.findings import Findings
from emulator.core.source.module import Module
from emulator.core.source.names import imported_modules
from emulator.core.source.packages import Installed, check_packages, has_build, is_refused
from emulator.core.source.refusals import check_refusals
from emulator.errors import ConfigError, Diagnostic
from emulator.runtime.config import load_config, main_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.core.config import Config

__all__ = ["Checked", "check_project"]

VENDORED: Final = "python_modules"  # what pywrangler put there is built for Pyodide
_COMPILED: Final = (".so", ".pyd", ".dylib")
_REQUIREMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(slots=True)
class Checked:
    """What was found, in the order of the files; `configs` are those that could be read."""

    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    configs: list[Config] = field(default_factory=list)

    def add(self, errors: Sequence[Diagnostic], warnings: Sequence[Diagnostic]) -> None:
        """Take in what is new: environments repeat what the top level has."""
        for known, items in ((self.errors, errors), (self.warnings, warnings)):
            for item in items:
                told = replace(item, path=_shown(Path(item.path)))
                if told not in known:
                    known.append(told)


def check_project(
    paths: Sequence[Path | None], *, environment: str | None = None, deploys: bool = False
) -> Checked:
    """Check the configurations at these paths and the workers that they name.

    Args:
        paths: the configuration files; None for the one that wrangler would find.
        environment: the only environment to look at; without one, the top level and all of them.
        deploys: look also for what the platform refuses.
    """
    checked = Checked()
    for path in paths:
        config = _check_config(path, environment, checked)
        if config is not None:
            checked.configs.append(config)
    for config in checked.configs:
        _check_source(config, checked, deploys=deploys)
        if deploys:
            _check_tools(config, checked)
    texts = [_text(config) for config in checked.configs]
    for report in check_workers(checked.configs, texts):
        checked.add(report.errors, report.warnings)
    return checked


def _check_config(path: Path | None, environment: str | None, checked: Checked) -> Config | None:
    config = _load(path, environment, checked)
    if config is not None and config.environment is None:
        for name in config.environments:
            _load(Path(str(config.path)), name, checked)
    return config


def _load(path: Path | None, environment: str | None, checked: Checked) -> Config | None:
    try:
        config = load_config(path, environment=environment)
    except ConfigError as exc:
        checked.add(exc.diagnostics, exc.warnings)
        return None
    checked.add((), config.warnings)
    return config


def _text(config: Config) -> str:
    return Path(str(config.path)).read_text(encoding="utf-8-sig")


# --- the worker's source ---------------------------------------------------------------------


class _Sources:
    """The modules of one project, by name, read when they are asked for."""

    def __init__(self, main: Path, checked: Checked) -> None:
        self._main = main
        self._checked = checked
        self._trees: dict[Path, ast.Module | None] = {}
        self._texts: dict[Path, str] = {}

    def tree(self, file: Path) -> ast.Module | None:
        """The syntax tree; None if there is none, which is reported once."""
        if file not in self._trees:
            self._trees[file] = self._parse(file)
        return self._trees[file]

    def file(self, name: str) -> Path | None:
        """The file of a module of the project."""
        place = self._main.parent.joinpath(*name.split("."))
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return file
        return None

    def module(self, name: str) -> Module | None:
        file = self.file(name)
        return None if file is None else self.module_at(file)

    def module_at(self, file: Path) -> Module | None:
        return None if self.tree(file) is None else Module.from_source(self._texts[file])

    def reachable(self) -> list[Path]:
        """The main file and what it imports of the project, directly or not."""
        found = [self._main]
        for file in found:
            tree = self.tree(file)
            for _, name in imported_modules(tree) if tree else ():
                inner = self.file(name)
                if inner is not None and inner not in found:
                    found.append(inner)
        return found

    def own(self) -> set[str]:
        """The top-level names that are the project's, or vendored into it."""
        folders = [self._main.parent, self._main.parent / VENDORED]
        return {entry.stem for folder in folders if folder.is_dir() for entry in folder.iterdir()}

    def _parse(self, file: Path) -> ast.Module | None:
        try:
            self._texts[file] = file.read_text(encoding="utf-8-sig")
            return ast.parse(self._texts[file])
        except SyntaxError as exc:
            problem, line, column = f"SyntaxError: {exc.msg}", exc.lineno, exc.offset
        except (OSError, ValueError) as exc:
            problem, line, column = f"It cannot be read: {exc}.", None, None
        item = Diagnostic(path=str(file), problem=problem, line=line, column=column)
        self._checked.add([item], [])
        return None


def _shown(file: Path) -> str:
    """A path as people want it: from the current folder on, if it is in there."""
    here = Path.cwd()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)


def _check_source(config: Config, checked: Checked, *, deploys: bool) -> None:
    main = main_path(config)
    sources = _Sources(main, checked)
    module = sources.module_at(main)
    if module is not None:
        report = check_exported(config, _text(config), module, sources.module)
        checked.add(report.errors, report.warnings)
    files = sources.reachable()  # a mistake of syntax in any of them is told
    if not deploys:
        return
    own, environment = sources.own(), _Environment()
    for file in files:
        tree = sources.tree(file)
        if tree is None:
            continue
        findings = Findings(str(file))
        check_refusals(tree, findings)
        check_packages(tree, findings, own=own, installed=environment.find)
        check_boundary(tree, findings, date=config.compatibility_date)
        checked.add(
            sorted(findings.errors, key=lambda item: item.line or 0),
            sorted(findings.warnings, key=lambda item: item.line or 0),
        )


class _Environment:
    """The packages that are installed here."""

    def __init__(self) -> None:
        self._packages = metadata.packages_distributions()

    def find(self, module: str) -> Installed | None:
        """The package of a module; of several, the one that Pyodide has, if any."""
        names = self._packages.get(module)
        if not names:
            return None
        package = next((name for name in names if has_build(name)), names[0])
        return Installed(package, _compiled_file(package))


def _compiled_file(package: str) -> str | None:
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        return None
    return next((file.name for file in files if file.suffix in _COMPILED), None)


# --- the tools that deploy ---------------------------------------------------------------------


def _check_tools(config: Config, checked: Checked) -> None:
    """What `pywrangler deploy` needs beside the worker."""
    path = Path(str(config.path))
    if path.name not in {"wrangler.toml", "wrangler.jsonc"}:
        problem = "pywrangler reads wrangler.toml and wrangler.jsonc only."
        hint = f"Rename the file, or deploy with `pywrangler deploy -c {path.name}`."
        checked.add([], [Diagnostic(path=str(path), problem=problem, hint=hint)])
    pyproject = path.parent / "pyproject.toml"
    if not pyproject.is_file():
        problem = "There is no pyproject.toml beside the configuration; pywrangler needs one."
        hint = "`durable new` shows what belongs in it."
        checked.add([], [Diagnostic(path=str(path), problem=problem, hint=hint)])
        return
    _check_requirements(pyproject, checked)


def _check_requirements(pyproject: Path, checked: Checked) -> None:
    import tomllib

    text = pyproject.read_text(encoding="utf-8")
    try:
        requirements = tomllib.loads(text).get("project", {}).get("dependencies", [])
    except tomllib.TOMLDecodeError as exc:
        item = Diagnostic(path=str(pyproject), problem=f"Invalid TOML document: {exc}")
        checked.add([item], [])
        return
    places = toml_positions(text).places
    for number, requirement in enumerate(requirements):
        name = _REQUIREMENT.match(str(requirement))
        if name is None or not is_refused(name[0], _compiled_file(name[0])):
            continue
        place = places.get(f"project.dependencies[{number}]")
        item = Diagnostic(
            path=str(pyproject),
            problem=f"The package {name[0]} has compiled code and Pyodide has no build of it.",
            line=place.line if place else None,
            column=place.column if place else None,
            hint='Move it to a dependency group ("dev") if only tests need it.',
        )
        checked.add([item], [])
