"""`pyodide.code`: running Python from text, and calling functions leniently.

Source: Pyodide 314's documentation of pyodide.code.
"""

from __future__ import annotations

import ast
import inspect
import sys
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

from emulator.errors import EmulatorError
from emulator.worker.calls import relaxed

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, ModuleType

__all__ = ["build_code"]

type ReturnMode = Literal["last_expr", "last_expr_or_assign", "none"]
_RESULT: Final = "__pyodide_result__"


class NoJavaScriptError(EmulatorError):
    """`run_js` was called, which only a JavaScript engine can do."""

    def __init__(self) -> None:
        super().__init__(
            "pyodide.code.run_js() would have to run JavaScript. The emulator has no JavaScript "
            "engine: write the code in Python, with the names of the module js."
        )


class CodeRunner:
    """Python source, compiled to be run several times."""

    __module__ = "pyodide.code"

    def __init__(
        self,
        source: str,
        *,
        return_mode: ReturnMode = "last_expr",
        mode: str = "exec",
        quiet_trailing_semicolon: bool = True,
        filename: str = "<exec>",
        flags: int = 0,
    ) -> None:
        del mode
        self.filename = filename
        self.flags = flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self.ast = ast.parse(source, filename)
        if quiet_trailing_semicolon and should_quiet(source):
            return_mode = "none"
        self._keep_result(return_mode)
        self.code: CodeType | None = None

    def _keep_result(self, return_mode: ReturnMode) -> None:
        """Store the value of the last statement under a name of its own."""
        last = self.ast.body[-1] if self.ast.body else None
        value: ast.expr | None = None
        if return_mode == "none" or last is None:
            return
        if isinstance(last, ast.Expr):
            value = self.ast.body.pop().value  # type: ignore[attr-defined]
        elif return_mode == "last_expr_or_assign" and isinstance(last, ast.Assign):
            target = last.targets[0]
            value = ast.Name(target.id, ast.Load()) if isinstance(target, ast.Name) else None
        if value is not None:
            kept = ast.Assign([ast.Name(_RESULT, ast.Store())], value)
            self.ast.body.append(ast.fix_missing_locations(ast.copy_location(kept, last)))

    def compile(self) -> CodeRunner:
        self.code = compile(self.ast, self.filename, "exec", flags=self.flags)
        return self

    def _started(
        self, globals_: dict[str, Any] | None, locals_: dict[str, Any] | None
    ) -> tuple[Any, dict[str, Any]]:
        if self.code is None:
            raise RuntimeError("Not yet compiled")
        if globals_ is None:
            globals_ = vars(sys.modules["__main__"])
        names = globals_ if locals_ is None else locals_
        return eval(self.code, globals_, names), names  # it is what it does

    def run(
        self, globals: dict[str, Any] | None = None, locals: dict[str, Any] | None = None
    ) -> Any:
        coroutine, names = self._started(globals, locals)
        if inspect.iscoroutine(coroutine):
            coroutine.close()
            raise RuntimeError("The code uses top-level await. Use run_async().")
        return names.pop(_RESULT, None)

    async def run_async(
        self, globals: dict[str, Any] | None = None, locals: dict[str, Any] | None = None
    ) -> Any:
        coroutine, names = self._started(globals, locals)
        if inspect.iscoroutine(coroutine):
            await coroutine
        return names.pop(_RESULT, None)


def eval_code(
    source: str,
    globals: dict[str, Any] | None = None,
    locals: dict[str, Any] | None = None,
    **options: Any,
) -> Any:
    """Run `source`; the value of its last expression."""
    return CodeRunner(source, **options).compile().run(globals, locals)


async def eval_code_async(
    source: str,
    globals: dict[str, Any] | None = None,
    locals: dict[str, Any] | None = None,
    **options: Any,
) -> Any:
    """Run `source`, which may await at its top level; the value of its last expression."""
    return await CodeRunner(source, **options).compile().run_async(globals, locals)


def find_imports(source: str) -> list[str]:
    """The top-level modules that `source` imports; none if it cannot be parsed."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(dict.fromkeys(alias.name.partition(".")[0] for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found[node.module.partition(".")[0]] = None
    return list(found)


def should_quiet(source: str, /) -> bool:
    """Whether the last statement ends with a semicolon."""
    return source.rstrip().endswith(";")


def run_js(code: str, /) -> NoReturn:
    del code
    raise NoJavaScriptError


def relaxed_call(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call `func` with only the arguments that it takes."""
    return relaxed(func)(*args, **kwargs)


def build_code(module: ModuleType) -> None:
    vars(module).update(
        CodeRunner=CodeRunner,
        eval_code=eval_code,
        eval_code_async=eval_code_async,
        find_imports=find_imports,
        relaxed_call=relaxed_call,
        relaxed_wrap=relaxed,
        run_js=run_js,
        should_quiet=should_quiet,
    )
