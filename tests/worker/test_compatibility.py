"""What dates and flags decide, and the warnings of `emulator.core.compat`."""

from __future__ import annotations

import warnings

import pytest

from emulator.core.compat import TRAPS, is_user_code, warn, warn_at, warn_of_failure
from emulator.core.config.model import Config
from emulator.errors import CompatWarning
from emulator.worker.compatibility import enabled_flags, handler_prefix, is_enabled


def config(date: str, *flags: str) -> Config:
    return Config(main="a.py", compatibility_date=date, compatibility_flags=flags)


@pytest.mark.parametrize(
    ("date", "flags", "prefix"),
    [
        ("2025-08-13", (), "on_"),
        ("2025-08-14", (), ""),
        ("2025-08-13", ("python_no_global_handlers",), ""),
        ("2026-01-01", ("disable_python_no_global_handlers",), "on_"),
    ],
)
def test_handlers_had_a_prefix(date: str, flags: tuple[str, ...], prefix: str) -> None:
    assert handler_prefix(config(date, *flags)) == prefix


def test_flags_are_on_by_date_or_by_name() -> None:
    flag = "python_request_headers_preserve_commas"
    assert not is_enabled(config("2026-02-16"), flag)
    assert is_enabled(config("2026-02-17"), flag)
    assert is_enabled(config("2026-02-16", flag), flag)
    assert not is_enabled(config("2026-02-17", f"disable_{flag}"), flag)
    assert flag in enabled_flags(config("2026-02-17"))
    assert "python_workers" in enabled_flags(config("2020-01-01", "python_workers"))


def test_a_warning_names_the_line_of_user_code_and_the_page() -> None:
    trap = TRAPS[0]
    with pytest.warns(CompatWarning) as caught:
        warn(trap, "Something changes.")
    (warning,) = caught
    assert warning.filename == __file__
    assert str(warning.message) == f"Something changes. {trap.fix} (docs/traps/{trap.page}.md)"


def test_a_place_that_does_not_run_can_be_named() -> None:
    with pytest.warns(CompatWarning) as caught:
        warn_at(TRAPS[0], "There.", "/worker/entry.py", 12)
    assert (caught[0].filename, caught[0].lineno) == ("/worker/entry.py", 12)


def test_a_failure_is_announced_where_it_was_raised() -> None:
    def fail() -> None:
        raise ValueError("it")

    with pytest.raises(ValueError, match="it") as raised:
        fail()
    with pytest.warns(CompatWarning) as caught:
        warn_of_failure(TRAPS[0], "It failed.", raised.value.__traceback__)
    assert caught[0].lineno == fail.__code__.co_firstlineno + 1
    warn_of_failure(TRAPS[0], "No user code.", None)


def test_a_filter_makes_an_error_of_it() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", CompatWarning)
        with pytest.raises(CompatWarning, match="Something changes"):
            warn(TRAPS[0], "Something changes.")


@pytest.mark.parametrize(
    ("module", "is_user"),
    [("worker", True), ("workers.rpc", False), ("workersx", True), ("emulator.web.url", False),
     ("js", False), ("asyncio.tasks", False), ("__main__", True)],
)  # fmt: skip
def test_whose_code_it_is(module: str, is_user: bool) -> None:
    assert is_user_code(module) is is_user


def test_every_trap_has_a_page_and_every_page_a_trap() -> None:
    from pathlib import Path

    pages = {path.stem for path in (Path(__file__).parents[2] / "docs" / "traps").glob("*.md")}
    assert {trap.page for trap in TRAPS} == pages - {"index"}
