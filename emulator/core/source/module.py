"""Which classes a module exports, read from its source: nothing is imported.

What cannot be told (a star import of a package, `globals()`, a class made by a call) is answered
with "unknown", so that a check never refuses what would run.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["ExportedClass", "Module", "find_class"]

type Kind = Literal["class", "no class", "missing", "unknown"]
type Resolve = Callable[[str], "Module | None"]  # a module of the project by its name

_DEPTH_MAX = 20  # of imports that lead from one module to the next


@dataclass(frozen=True, slots=True)
class ExportedClass:
    """What a name of a module is. `line` is where, 0 if unknown; `is_object`: None if unknown."""

    kind: Kind
    line: int = 0
    is_object: bool | None = None


@dataclass(slots=True)
class Module:
    """The names at the top level of one module."""

    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> module, name there
    others: dict[str, ast.stmt] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    is_dynamic: bool = False

    @classmethod
    def from_source(cls, source: str) -> Module:
        """Raises: SyntaxError, ValueError (null bytes)."""
        module = cls()
        module._add(ast.parse(source).body)
        return module

    def names(self) -> list[str]:
        return [*self.classes, *self.imports]

    def _add(self, body: Iterable[ast.stmt]) -> None:
        for node in body:
            match node:
                case ast.ClassDef():
                    self.classes[node.name] = node
                case ast.ImportFrom(module=str(module), level=0):
                    self._add_import(module, node.names)
                case ast.ImportFrom():  # relative: the platform has no package around the worker
                    self.is_dynamic = True
                case ast.FunctionDef(name="__getattr__"):
                    self.is_dynamic = True
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self.others[node.name] = node
                case ast.Assign() | ast.AnnAssign():
                    self._add_assignment(node)
                case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                    self._add_inner(node)
                case ast.Expr():
                    self.is_dynamic |= _may_define(node)
                case _:
                    pass

    def _add_import(self, module: str, names: list[ast.alias]) -> None:
        for alias in names:
            if alias.name == "*":
                self.stars.append(module)
            else:
                self.imports[alias.asname or alias.name] = (module, alias.name)

    def _add_assignment(self, node: ast.Assign | ast.AnnAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        self.is_dynamic |= any(isinstance(target, ast.Subscript) for target in targets)
        for target in targets:
            for name in ast.walk(target):
                if isinstance(name, ast.Name):
                    self.others[name.id] = node

    def _add_inner(self, node: ast.If | ast.Try | ast.With | ast.For | ast.While) -> None:
        for field_name in ("body", "orelse", "finalbody"):
            self._add(getattr(node, field_name, ()))
        for handler in getattr(node, "handlers", ()):
            self._add(handler.body)


def _may_define(node: ast.Expr) -> bool:
    """Whether a statement like `globals().update(...)` or `exec(...)` may make names."""
    return any(
        isinstance(name, ast.Name) and name.id in {"globals", "exec", "setattr"}
        for name in ast.walk(node)
    )


def find_class(name: str, module: Module, resolve: Resolve, depth: int = 0) -> ExportedClass:
    """What `name` is in `module`, through imports of other modules of the project."""
    if depth > _DEPTH_MAX:
        return ExportedClass("unknown")
    if name in module.classes:
        node = module.classes[name]
        return ExportedClass("class", node.lineno, _is_object(node, module, resolve, depth))
    if name in module.imports:
        source, original = module.imports[name]
        inner = resolve(source)
        return find_class(original, inner, resolve, depth + 1) if inner else _foreign(source)
    if name in module.others:
        return _described(module.others[name], module, resolve, depth)
    for star in module.stars:
        inner = resolve(star)
        found = find_class(name, inner, resolve, depth + 1) if inner else ExportedClass("unknown")
        if found.kind != "missing":
            return found
    return ExportedClass("unknown" if module.is_dynamic else "missing")


def _foreign(source: str) -> ExportedClass:
    return ExportedClass("unknown", is_object=False if source in {"js", "pyodide"} else None)


def _described(node: ast.stmt, module: Module, resolve: Resolve, depth: int) -> ExportedClass:
    match node:
        case ast.Assign(value=ast.Name(id=other)):
            return find_class(other, module, resolve, depth + 1)
        case ast.Assign(value=ast.Constant() | ast.List() | ast.Dict() | ast.Tuple()):
            return ExportedClass("no class", node.lineno)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return ExportedClass("no class", node.lineno)
        case _:
            return ExportedClass("unknown", node.lineno)


def _is_object(node: ast.ClassDef, module: Module, resolve: Resolve, depth: int) -> bool | None:
    """Whether it derives from DurableObject; None if a base cannot be told."""
    if not node.bases:
        return False
    answers = []
    for base in node.bases:
        if isinstance(base, ast.Attribute):
            answers.append(True if base.attr == "DurableObject" else None)
        elif not isinstance(base, ast.Name):
            answers.append(None)
        elif module.imports.get(base.id) == ("workers", "DurableObject"):
            answers.append(True)
        elif module.imports.get(base.id) == ("workers", "WorkerEntrypoint"):
            answers.append(False)
        elif base.id == node.name:
            answers.append(None)
        else:
            answers.append(find_class(base.id, module, resolve, depth + 1).is_object)
    if True in answers:
        return True
    return None if None in answers else False
