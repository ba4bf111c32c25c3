"""The pytest plugin: async tests that ask for `durable` run inside a world of their own.

Registered as a pytest11 entry point, so nothing of the emulator is imported until a test needs
it; otherwise coverage would miss every import-time line.

Proof: tests/testing/test_plugin.py.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from typing import TYPE_CHECKING, Any, Final

import pytest

from emulator.testing import options

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterator
    from pathlib import Path

    from emulator.core.config import Config
    from emulator.testing.durable_objects import Durable
    from emulator.testing.server import DurableServer
    from emulator.testing.world import Workshop, World

FIXTURES: Final = frozenset({"durable", "durable_server"})
LEAKS: Final = ("report", "error", "off")
_WORKSHOP: Final = pytest.StashKey["Workshop"]()
_WORLD: Final = pytest.StashKey["World"]()
_LEFT: Final = pytest.StashKey[list[str]]()
_ALL_LEFT: Final = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    for mark in options.MARKS:
        config.addinivalue_line("markers", mark)
    if config.getini("durable_leaks") not in LEAKS:
        raise pytest.UsageError(f"durable_leaks must be one of {', '.join(LEAKS)}")
    options.settle_seed(config)
    config.stash[_ALL_LEFT] = {}


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    # xdist gives its workers the command line, which may not have named a seed.
    node.workerinput[options.WORKER_SEED] = node.config.option.durable_seed


def pytest_report_header(config: pytest.Config) -> str | None:
    modes = options.modes_text(config)
    return f"durable: {modes}" if modes else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not options.is_crashing(config):
        return
    skip = pytest.mark.skip(reason="not marked crash_safe, and machines die in this run")
    for item in items:
        if FIXTURES & _fixture_names(item) and item.get_closest_marker("crash_safe") is None:
            item.add_marker(skip)


# --- fixtures ------------------------------------------------------------------------------


@pytest.fixture
def durable_config_file(request: pytest.FixtureRequest) -> Path | Config | None:
    """The configuration of the worker under test; override it to make one per test."""
    return _config_file(request)


@pytest.fixture
def durable(
    request: pytest.FixtureRequest, durable_config_file: Path | Config | None
) -> Iterator[Durable]:
    """A fresh world: the worker of the configuration, its own storage, its own clock."""
    from emulator.testing.world import open_world

    _refuse_other_loops(request)
    _heed_traps(request.config)
    asked = options.world_options(request.node, is_real_time=False)
    with open_world(durable_config_file, options=asked, workshop=_workshop(request.config)) as (
        durable,
        world,
    ):
        request.node.stash[_WORLD] = world
        yield durable
        world.run(durable.settle())
        _note_leaks(request.node, durable)
    del request.node.stash[_WORLD]


@pytest.fixture
def durable_server(
    request: pytest.FixtureRequest, durable_config_file: Path | Config | None
) -> Iterator[DurableServer]:
    """A world in real time behind a real port, for browsers and foreign clients."""
    from emulator.testing.server import open_server
    from emulator.testing.world import open_world

    _refuse_other_loops(request)
    _heed_traps(request.config)
    asked = options.world_options(request.node, is_real_time=True)
    with open_world(durable_config_file, options=asked, workshop=_workshop(request.config)) as (
        durable,
        world,
    ):
        request.node.stash[_WORLD] = world
        is_async = getattr(request.node.obj, "__durable__", False)
        with open_server(durable, world, has_own_thread=not is_async) as server:
            yield server
            if is_async:
                world.run(durable.settle())
            else:
                server.run(durable.settle())
            _note_leaks(request.node, durable)
    del request.node.stash[_WORLD]


def _heed_traps(config: pytest.Config) -> None:
    """--durable-compat=error, until the end of the test, whatever its other filters say."""
    if config.option.durable_compat is not None:
        from emulator.errors import CompatWarning

        warnings.filterwarnings("error", category=CompatWarning)


def _refuse_other_loops(request: pytest.FixtureRequest) -> None:
    names = set(request.fixturenames)
    if "aiohttp_client" in names:
        raise pytest.UsageError(
            "`durable` and `aiohttp_client` run on different loops: use one of them per test. "
            "durable.fetch() and durable.connect() need no server; durable_server has a real port."
        )
    if names >= FIXTURES:
        raise pytest.UsageError(
            "`durable` and `durable_server` are two worlds: use one of them per test. "
            "durable_server.durable is the `durable` of the server's world."
        )


def _config_file(request: pytest.FixtureRequest) -> Path | None:
    named = options.mark_of(request.node).get("config")
    named = named or request.config.getini("durable_config")
    if not named:
        return None
    base = request.config.inipath.parent if request.config.inipath else request.config.rootpath
    return base / str(named)


def _workshop(config: pytest.Config) -> Workshop:
    from emulator.testing.world import Workshop

    return config.stash.setdefault(_WORKSHOP, Workshop())


# --- running async tests and fixtures in the world -------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item] | None:
    # pytest-asyncio (auto mode) and anyio claim coroutine functions while they are collected,
    # before any call hook of ours. So a test that wants our loop is collected as a plain function
    # that runs it there.
    if not inspect.iscoroutinefunction(obj) or not collector.istestfunction(obj, name):
        return None
    items: list[Any] = list(collector._genfunctions(name, obj))
    if not any(FIXTURES & _fixture_names(item) for item in items):
        return None
    for item in items:
        item.obj = _inside_world(item.obj, item)
    return items


def _fixture_names(item: pytest.Item) -> frozenset[str]:
    return frozenset(getattr(item, "fixturenames", ()))


def _inside_world(
    test: Callable[..., Coroutine[Any, Any, None]], item: pytest.Item
) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        item.stash[_WORLD].run(test(*args, **kwargs))

    run.__durable__ = True  # type: ignore[attr-defined]
    return run


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """An async fixture of a test that has a world runs in that world, too."""
    func = fixturedef.func
    is_generator = inspect.isasyncgenfunction(func)
    if not (is_generator or inspect.iscoroutinefunction(func)) or request.scope != "function":
        return (yield)
    names = FIXTURES & set(request.fixturenames)
    if not names or not getattr(getattr(request.node, "obj", None), "__durable__", False):
        return (yield)
    request.getfixturevalue(min(names))
    world: World = request.node.stash[_WORLD]
    fixturedef.func = _generated(func, world) if is_generator else _awaited(func, world)  # type: ignore[misc]
    try:
        return (yield)
    finally:
        fixturedef.func = func  # type: ignore[misc]


def _awaited(func: Callable[..., Any], world: World) -> Callable[..., Any]:
    @functools.wraps(func)
    def fixture(*args: Any, **kwargs: Any) -> Any:
        return world.run(func(*args, **kwargs))

    return _plain(fixture)


def _generated(func: Callable[..., Any], world: World) -> Callable[..., Any]:
    @functools.wraps(func)
    def fixture(*args: Any, **kwargs: Any) -> Iterator[Any]:
        values = func(*args, **kwargs)
        yield world.run(anext(values))
        if world.run(anext(values, _END)) is not _END:
            raise pytest.UsageError(f"the fixture {func.__name__} yields more than once")

    return _plain(fixture)


_END: Final = object()


def _plain(fixture: Callable[..., Any]) -> Callable[..., Any]:
    """Without the way back to the async function: whoever unwraps it would run it elsewhere."""
    del fixture.__wrapped__  # type: ignore[attr-defined]
    return fixture


# --- reports ---------------------------------------------------------------------------------


def _note_leaks(item: pytest.Item, durable: Durable) -> None:
    how = item.config.getini("durable_leaks")
    if how == "off":
        return
    item.stash[_LEFT] = durable.find_leaks()
    if how == "error" and item.stash[_LEFT]:
        lines = "\n".join(f"  {line}" for line in item.stash[_LEFT])
        pytest.fail(f"the test leaves things behind:\n{lines}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and report.failed and _WORLD in item.stash:
        durable = item.stash[_WORLD].durable
        modes = options.modes_text(item.config)
        if modes:
            report.sections.append(("durable: replay with", modes))
        report.sections.append(("durable: what happened", durable.timeline()))
    if report.when == "teardown" and item.stash.get(_LEFT, None):
        report.durable_left = item.stash[_LEFT]  # type: ignore[attr-defined]
    return report


class _Collector:
    """Gathers what tests left behind, in the process that writes the summary."""

    def __init__(self, config: pytest.Config) -> None:
        self._left = config.stash[_ALL_LEFT]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        left = getattr(report, "durable_left", None)
        if left:
            self._left[report.nodeid] = left


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.pluginmanager.register(_Collector(session.config), "durable-leaks")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    left = config.stash[_ALL_LEFT]
    if not left:
        return
    terminalreporter.section("durable: left behind by tests")
    for nodeid, lines in left.items():
        terminalreporter.line(nodeid)
        for line in lines:
            terminalreporter.line(f"  {line}")
