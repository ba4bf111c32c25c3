"""Every exception of the emulator itself, in one tree.

* EmulatorError
    * ConfigError               the configuration file: all its problems, each with its place
    * WorkerLoadError           the worker's code could not be loaded
        * ClassNotExportedError   ... it lacks the class that a binding names
    * PortInUseError            the dev server's address is taken
    * StateFolderError          the folder that keeps the objects' files cannot be used

and one warning, `CompatWarning`, for what the platform loses or changes without a word.

Each says what went wrong, where, and what to do. The text is built from typed fields, so that the
command line, the tests and the explorer tell the same story. Errors of the *platform* are not here:
they carry the platform's class and words (`emulator.core.values.errors`).
"""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ClassNotExportedError",
    "CompatWarning",
    "ConfigError",
    "Diagnostic",
    "EmulatorError",
    "PortInUseError",
    "StateFolderError",
    "WorkerLoadError",
]

_PACKAGE: Final = os.path.dirname(os.path.abspath(__file__)) + os.sep


class EmulatorError(Exception):
    """Base class of every exception defined by the emulator."""


class CompatWarning(UserWarning):
    """User code walks into a trap: the platform would lose or change something silently.

    The emulator does the same as the platform, and says so. docs/traps/ has a page for each.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One problem of a configuration file; a warning or, inside a ConfigError, an error.

    `problem` has wrangler's exact words where wrangler has any. `line` and `column` count from 1
    and are None where the place is unknown. `context` names the value that contains the problem
    (one binding of many). `hint` is what to do about it, in our words.
    """

    path: str
    problem: str
    key: str | None = None
    line: int | None = None
    column: int | None = None
    context: str | None = None
    hint: str | None = None

    @property
    def place(self) -> str:
        """`file:line:column`, as far as known."""
        parts = [self.path, *(str(n) for n in (self.line, self.column) if n is not None)]
        return ":".join(parts)


class ConfigError(EmulatorError):
    """The configuration cannot be used. Its text lists every problem; the fields are the first's.

    Args:
        path: the configuration file as the user named it.
        diagnostics: at least one problem.
        warnings: what else is odd. They are not in the text.
    """

    def __init__(
        self, path: str, diagnostics: Sequence[Diagnostic], warnings: Sequence[Diagnostic] = ()
    ) -> None:
        assert diagnostics, "a ConfigError has at least one problem"
        super().__init__(describe_diagnostics(path, diagnostics))
        self.path = path
        self.diagnostics = tuple(diagnostics)
        self.warnings = tuple(warnings)

    @classmethod
    def single(
        cls,
        path: str,
        problem: str,
        *,
        key: str | None = None,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> ConfigError:
        """An error with one problem."""
        only = Diagnostic(path=path, problem=problem, key=key, line=line, column=column, hint=hint)
        return cls(path, [only])

    @property
    def key(self) -> str | None:
        return self.diagnostics[0].key

    @property
    def problem(self) -> str:
        return self.diagnostics[0].problem

    @property
    def line(self) -> int | None:
        return self.diagnostics[0].line

    @property
    def column(self) -> int | None:
        return self.diagnostics[0].column

    @property
    def hint(self) -> str | None:
        return self.diagnostics[0].hint


class WorkerLoadError(EmulatorError):
    """The worker's module could not be imported.

    Args:
        main: the entry-point file as the configuration names it.
        problem: one line: what is wrong and, where known, in which file and line.
        details: the lines below it: source line and caret, or the user's part of a traceback.
    """

    def __init__(self, main: str, problem: str, *, details: str = "") -> None:
        text = f"The worker {main} could not be loaded: {problem}"
        super().__init__(f"{text}\n{details}" if details else text)
        self.main = main
        self.problem = problem
        self.details = details

    @classmethod
    def from_exception(cls, main: str, exc: BaseException, *, root: str) -> WorkerLoadError:
        """Tell of `exc`, raised while the worker was imported.

        Frames before the first one in a file under the folder `root` are the loader's and are left
        out. A SyntaxError brings its own file, line and caret.
        """
        report = traceback.TracebackException.from_exception(exc)
        frames = list(report.stack)
        while frames and not frames[0].filename.startswith(root):
            del frames[0]
        # The import system's frames say nothing, be they Python's or the loader's.
        frames = [
            frame for frame in frames if not frame.filename.startswith(("<frozen ", _PACKAGE))
        ]
        report.stack = traceback.StackSummary.from_list(frames)
        line = frames[-1].lineno if frames else None
        filename = frames[-1].filename if frames else main
        if isinstance(exc, SyntaxError):
            report.stack = traceback.StackSummary.from_list([])
            filename, line = exc.filename or main, exc.lineno
        # One line, whatever the message: the whole of it follows in the details.
        message = f"{type(exc).__name__}: {exc.msg if isinstance(exc, SyntaxError) else exc}"
        place = f"{filename}:{line}" if line is not None else filename
        details = "".join(report.format(chain=False)).rstrip()
        return cls(main, f"{place}: {message.splitlines()[0]}", details=details)


class ClassNotExportedError(WorkerLoadError):
    """Bindings name classes that the entry-point file does not have (wrangler's words)."""

    def __init__(self, main: str, class_names: Sequence[str]) -> None:
        problem = (
            "Your Worker depends on the following Durable Objects, which are not exported in your "
            f"entrypoint file: {', '.join(class_names)}.\n"
            f"You should export these objects from your entrypoint, {main}."
        )
        super().__init__(main, problem)
        self.args = (problem,)
        self.class_names = tuple(class_names)


class PortInUseError(EmulatorError):
    """Another program listens on the address (wrangler's words)."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"Address already in use ({host}:{port}). Please check that you are not already running "
            "a server on this address or specify a different port with --port."
        )
        self.host = host
        self.port = port


class StateFolderError(EmulatorError):
    """The folder of the objects' files cannot be used: not writable, in use, not a folder."""

    def __init__(self, path: str, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{path}: {problem}{f' {hint}' if hint else ''}")
        self.path = path
        self.problem = problem
        self.hint = hint


def describe_diagnostics(path: str, diagnostics: Sequence[Diagnostic]) -> str:
    """The tree that wrangler prints, each item with its place and its hint."""
    lines = [f"Processing {path} configuration:"]
    context: str | None = None
    for item in diagnostics:
        if item.context is not None and item.context != context:
            lines.append(f"    - {item.context}")
        context = item.context
        indent = "      " if context is not None else "    "
        first, *rest = item.problem.split("\n")
        place = f"{item.place}: " if item.line is not None else ""
        lines.append(f"{indent}- {place}{first}")
        lines += [f"{indent}  {line}" for line in rest]
        if item.hint is not None:
            lines += [f"{indent}  {line}" for line in item.hint.split("\n")]
    return "\n".join(lines)
