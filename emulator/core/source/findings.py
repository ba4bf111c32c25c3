"""Problems of source files, with their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import Diagnostic

if TYPE_CHECKING:
    import ast

__all__ = ["Findings"]


class Findings:
    """The errors and warnings of one file; each line is told once for each problem."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.errors: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []
        self._seen: set[tuple[int, str]] = set()

    def error(self, node: ast.expr | ast.stmt, problem: str, hint: str | None = None) -> None:
        self._add(self.errors, node, problem, hint)

    def warn(self, node: ast.expr | ast.stmt, problem: str, hint: str | None = None) -> None:
        self._add(self.warnings, node, problem, hint)

    def _add(
        self,
        where: list[Diagnostic],
        node: ast.expr | ast.stmt,
        problem: str,
        hint: str | None,
    ) -> None:
        if (node.lineno, problem) in self._seen:
            return
        self._seen.add((node.lineno, problem))
        where.append(
            Diagnostic(
                path=self.path,
                problem=problem,
                line=node.lineno,
                column=node.col_offset + 1,
                hint=hint,
            )
        )
