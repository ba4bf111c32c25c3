from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from emulator.errors import (
    ClassNotExportedError,
    ConfigError,
    Diagnostic,
    EmulatorError,
    PortInUseError,
    StateFolderError,
    WorkerLoadError,
    describe_diagnostics,
)

if TYPE_CHECKING:
    from pathlib import Path


def failed_import(path: Path, source: str) -> WorkerLoadError:
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("broken_worker", path)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the source raises
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return WorkerLoadError.from_exception("worker.py", caught.value, root=str(path.parent))


def test_a_syntax_error_shows_file_line_and_caret(tmp_path: Path) -> None:
    path = tmp_path / "worker.py"
    error = failed_import(path, "x = 1\ndef f(:\n    pass\n")
    assert str(error) == (
        f"The worker worker.py could not be loaded: {path}:2: SyntaxError: invalid syntax\n"
        f'  File "{path}", line 2\n'
        "    def f(:\n"
        "          ^\n"
        "SyntaxError: invalid syntax"
    )


def test_only_the_user_s_frames_of_a_failed_import_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "worker.py"
    error = failed_import(path, "def f():\n    import no_such_module\nf()\n")
    assert error.problem == (f"{path}:2: ModuleNotFoundError: No module named 'no_such_module'")
    assert [line.strip() for line in error.details.splitlines() if "File" in line] == [
        f'File "{path}", line 3, in <module>',
        f'File "{path}", line 2, in f',
    ]


def test_an_error_without_text_or_frames_is_still_told(tmp_path: Path) -> None:
    error = WorkerLoadError.from_exception("worker.py", ValueError(), root=str(tmp_path))
    assert error.problem == "worker.py: ValueError: "


def test_a_class_that_is_not_exported_has_wrangler_s_words() -> None:
    """Row 22 of spec: peers §5."""
    error = ClassNotExportedError("i.py", ["Nope", "Other"])
    assert str(error) == (
        "Your Worker depends on the following Durable Objects, which are not exported in your "
        "entrypoint file: Nope, Other.\n"
        "You should export these objects from your entrypoint, i.py."
    )
    assert isinstance(error, WorkerLoadError)


def test_a_taken_port_has_wrangler_s_words() -> None:
    assert str(PortInUseError("127.0.0.1", 8787)) == (
        "Address already in use (127.0.0.1:8787). Please check that you are not already running a "
        "server on this address or specify a different port with --port."
    )


def test_a_state_folder_error_says_what_to_do() -> None:
    error = StateFolderError("/s", "Another process uses it.", hint="Stop it.")
    assert str(error) == "/s: Another process uses it. Stop it."
    assert isinstance(error, EmulatorError)


def test_problems_of_one_value_stand_under_it() -> None:
    def problem(text: str, **fields: object) -> Diagnostic:
        return Diagnostic(path="w.toml", problem=text, **fields)  # type: ignore[arg-type]

    text = describe_diagnostics(
        "w.toml",
        [
            problem("first", line=2, hint="do this\nor that"),
            problem("in a", context="a", line=3, column=4),
            problem("also in a", context="a"),
            problem("two\nlines", context="b"),
        ],
    )
    assert text.splitlines() == [
        "Processing w.toml configuration:",
        "    - w.toml:2: first",
        "      do this",
        "      or that",
        "    - a",
        "      - w.toml:3:4: in a",
        "      - also in a",
        "    - b",
        "      - two",
        "        lines",
    ]


def test_a_config_error_may_have_one_problem() -> None:
    error = ConfigError.single("w.toml", "wrong", key="a", line=1, column=2, hint="right")
    assert (error.key, error.problem, error.line, error.column, error.hint) == (
        "a",
        "wrong",
        1,
        2,
        "right",
    )
