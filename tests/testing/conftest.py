"""Running pytest inside pytest: fast, in this process, or apart, where the process matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.testing.workers import BOX
from tests.worlds import write_worker

if TYPE_CHECKING:
    from collections.abc import Callable

# pytest-asyncio, which is installed here but need not be there, warns when this is unset.
SETTINGS: Final = ("-o", "asyncio_default_fixture_loop_scope=function", "-W", "error")


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Everything is imported: `pytester` takes away what an inner run imports first."""
    import emulator.testing.server
    from emulator.testing.world import open_world

    assert emulator.testing.server is not None
    with open_world(write_worker(tmp_path_factory.mktemp("warm"), BOX)):
        pass


@pytest.fixture
def run(warm: None, pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Runs pytest in the folder of `pytester`, in this process."""

    def run(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess(*SETTINGS, *arguments)

    return run


@pytest.fixture
def run_apart(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., pytest.RunResult]:
    """Runs pytest in the folder of `pytester`, in a process of its own with `environment`."""

    def run(*arguments: str, **environment: str) -> pytest.RunResult:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return pytester.runpytest_subprocess(*SETTINGS, *arguments)

    return run
