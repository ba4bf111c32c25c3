"""The pytest plugin: async tests that ask for `durable` run inside a virtual world of their own.

Registered as a pytest11 entry point, so nothing of the emulator is imported until a test needs
it; otherwise coverage would miss every import-time line.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from emulator.testing.durable_objects import Durable

FIXTURE = "durable"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "durable_config",
        "the configuration file of the worker under test, relative to the ini file "
        "(default: the nearest wrangler file)",
        default="",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "durable(config=...): the configuration file of the worker under test"
    )


@pytest.fixture
def durable_config_file(request: pytest.FixtureRequest) -> Path | None:
    """The configuration of the worker under test; override it to make one per test."""
    return _config_file(request)


@pytest.fixture
def durable(
    request: pytest.FixtureRequest, durable_config_file: Path | None
) -> Iterator[Durable]:
    """A fresh world: the worker of the configuration, its own storage, its own clock."""
    from emulator.testing.world import open_world

    if "aiohttp_client" in request.fixturenames:
        raise pytest.UsageError(
            "`durable` and `aiohttp_client` run on different loops: use one of them per test. "
            "durable.fetch() and durable.connect() need no server."
        )
    with open_world(durable_config_file) as (world, runner):
        request.node.stash[_RUNNER] = runner
        yield world


_RUNNER: pytest.StashKey[asyncio.Runner] = pytest.StashKey()


def _config_file(request: pytest.FixtureRequest) -> Path | None:
    marker = request.node.get_closest_marker("durable")
    named = marker.kwargs.get("config") if marker is not None else None
    named = named or request.config.getini("durable_config")
    if not named:
        return None
    base = request.config.inipath.parent if request.config.inipath else request.config.rootpath
    return base / str(named)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item] | None:
    # pytest-asyncio (auto mode) and anyio claim coroutine functions while they are collected,
    # before any call hook of ours. So a test that wants our loop is collected as a plain function
    # that runs it there.
    if not inspect.iscoroutinefunction(obj) or not collector.istestfunction(obj, name):
        return None
    if FIXTURE not in inspect.signature(obj).parameters:
        return None
    items: list[Any] = list(collector._genfunctions(name, obj))
    for item in items:
        item.obj = _inside_world(item.obj, item)
    return items


def _inside_world(
    test: Callable[..., Coroutine[Any, Any, None]], item: pytest.Item
) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        item.stash[_RUNNER].run(test(*args, **kwargs))

    return run
