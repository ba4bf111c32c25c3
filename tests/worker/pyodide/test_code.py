"""`pyodide.code`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from emulator.errors import EmulatorError
from emulator.worker.pyodide.code import build_code


@pytest.fixture
def code() -> Any:
    module = ModuleType("pyodide.code")
    build_code(module)
    return module


def test_eval_code_gives_the_last_expression(code: Any) -> None:
    names: dict[str, Any] = {"x": 2}
    assert code.eval_code("y = x + 1\ny * 2", names) == 6
    assert names["y"] == 3
    assert "__pyodide_result__" not in names
    assert code.eval_code("5;", {}) is None
    assert code.eval_code("z = 7", {}, return_mode="last_expr_or_assign") == 7
    assert code.eval_code("7", {}, return_mode="none") is None
    assert code.eval_code("", {}) is None
    assert code.eval_code("a = 1\na", {}, locals={}) == 1


async def test_eval_code_async_awaits(code: Any) -> None:
    async def work() -> int:
        return 5

    assert await code.eval_code_async("await work()", {"work": work}) == 5
    assert await code.eval_code_async("1 + 1", {}) == 2


def test_code_that_awaits_wants_the_async_way(code: Any) -> None:
    with pytest.raises(RuntimeError, match="run_async"):
        code.eval_code("await x", {})
    with pytest.raises(RuntimeError, match="Not yet compiled"):
        code.CodeRunner("1").run()


def test_helpers(code: Any) -> None:
    assert code.find_imports("import a.b, c\nfrom d import e\nfrom . import f") == ["a", "c", "d"]
    assert code.find_imports("no python") == []
    assert code.should_quiet("1; ")
    assert code.relaxed_call(lambda a: a, 1, 2, 3) == 1
    assert code.relaxed_wrap(lambda a, b=0: a + b)(1, 2, 3) == 3


def test_javascript_cannot_be_run(code: Any) -> None:
    with pytest.raises(EmulatorError, match="no JavaScript engine"):
        code.run_js("1 + 1")
