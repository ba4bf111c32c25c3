"""The plugin as its users meet it: in a process of its own, beside other plugins."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.testing.workers import BOX
from tests.worlds import write_worker

if TYPE_CHECKING:
    from collections.abc import Callable

type Run = Callable[..., pytest.RunResult]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def box(pytester: pytest.Pytester) -> None:
    """The folder of `pytester` has a worker with the class Box."""
    write_worker(pytester.path, BOX)
    pytester.makeini("[pytest]\ndurable_config = wrangler.json\n")


ALONE_AND_XDIST: Final = (
    pytest.param((), id="alone"),
    pytest.param(("-n", "2"), id="xdist", marks=pytest.mark.slow),
)


BASIC: Final = """
import asyncio, random
import pytest

async def test_a_world(durable):
    assert await durable.env.BOX.getByName("a").add() == 1

class TestClass:
    async def test_another_world(self, durable):
        assert await durable.env.BOX.getByName("a").add() == 1

@pytest.mark.parametrize("n", [1, 2])
async def test_parameters(durable, n):
    assert await durable.env.BOX.getByName("a").add(n) == n

def test_not_ours():
    pass
"""
AIOHTTP: Final = """
from aiohttp import web

async def test_their_own_loop(aiohttp_client):
    app = web.Application()
    client = await aiohttp_client(app)
    assert (await client.get("/")).status == 404
"""


@pytest.mark.parametrize(
    "options",
    [
        ("--asyncio-mode=auto",),
        ("--asyncio-mode=strict",),
        ("-p", "anyio", "-o", "anyio_mode=auto", "--asyncio-mode=strict"),
        ("-n", "2"),
    ],
    ids=["auto", "strict", "anyio", "xdist"],
)
def test_it_works_beside_the_others(
    run_apart: Run, pytester: pytest.Pytester, options: Any
) -> None:
    pytester.makepyfile(BASIC)
    run_apart(*options).assert_outcomes(passed=5)


def test_it_works_beside_aiohttp_but_not_in_one_test(
    run_apart: Run, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        test_a=BASIC,
        test_b=AIOHTTP,
        test_c="""
        async def test_both(durable, aiohttp_client):
            pass

        async def test_two_worlds(durable, durable_server):
            pass
        """,
    )
    result = run_apart("--asyncio-mode=auto")
    result.assert_outcomes(passed=6, errors=2)
    result.stdout.fnmatch_lines(
        ["*`durable` and `aiohttp_client` run on different loops: use one of them per test.*"]
    )


def test_the_emulator_is_not_imported_until_it_is_needed(
    run_apart: Run, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_plain():
            ours = {name for name in sys.modules if name.startswith("emulator.")}
            assert ours <= {
                "emulator.testing", "emulator.testing.plugin", "emulator.testing.options"
            }
            assert "aiohttp.web" not in sys.modules or True
        """
    )
    run_apart("-p", "no:aiohttp", "-p", "no:pytest_aiohttp").assert_outcomes(passed=1)


def test_marks_choose_the_configuration_the_variables_and_the_time(
    run: Run, pytester: pytest.Pytester
) -> None:
    other = pytester.mkdir("other")
    write_worker(other, "class Other(DurableObject):\n    async def who(self): return 'other'\n")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.durable(config="other/wrangler.json")
        async def test_config(durable):
            assert await durable.env.OTHER.getByName("a").who() == "other"

        @pytest.mark.durable(vars={"COLOR": "red"})
        async def test_vars(durable):
            assert durable.env.COLOR == "red"

        @pytest.mark.durable(time="real")
        async def test_real_time(durable):
            before = durable.clock.now_ms
            assert before > 1_767_225_600_000 + 86_400_000
            await durable.clock.advance(0.02)
            assert durable.clock.now_ms >= before + 20
            assert await durable.env.BOX.getByName("a").add() == 1
            await durable.evict(durable.env.BOX.getByName("a"))

        @pytest.mark.durable(vars={"COLOR": "red"})
        class TestBoth:
            @pytest.mark.durable(config="other/wrangler.json")
            async def test_outer_and_inner(self, durable):
                assert durable.env.COLOR == "red"
                assert await durable.env.OTHER.getByName("a").who() == "other"
        """
    )
    run("--strict-markers").assert_outcomes(passed=4)


def test_the_configuration_fixture_is_overridden(run_apart: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest
        from tests.worlds import write_worker

        @pytest.fixture
        def durable_config_file(tmp_path):
            return write_worker(
                tmp_path, "class Mine(DurableObject):\\n    async def who(self): return 'mine'\\n"
            )
        """
    )
    pytester.makepyfile(
        """
        async def test_mine(durable):
            assert await durable.env.MINE.getByName("a").who() == "mine"
        """
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    run_apart(PYTHONPATH=root).assert_outcomes(passed=1)


def test_async_fixtures_of_a_world_run_in_it(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        async def counted(durable):
            await durable.env.BOX.getByName("a").add(2)
            return durable.env.BOX.getByName("a")

        @pytest.fixture
        async def client(durable):
            client = await durable.connect("/box/a/")
            yield client
            await client.close()

        async def test_both(durable, counted, client):
            client.send("x")
            assert await client.receive() == "echo x"
            assert await counted.add() == 3
        """
    )
    run("--asyncio-mode=auto").assert_outcomes(passed=1)


def test_module_globals_are_fresh_in_every_test(run: Run, pytester: pytest.Pytester) -> None:
    worker = pytester.path / "worker.py"
    text = worker.read_text().replace("class Box(", "COUNT = []\n\nclass Box(")
    worker.write_text(
        text.replace(
            "async def never(self):",
            "async def count(self):\n        "
            "COUNT.append(1)\n        return len(COUNT)\n\n"
            "    async def never(self):",
        )
    )
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("n", range(3))
        async def test_fresh(durable, n):
            assert await durable.env.BOX.getByName("a").count() == 1
            assert await durable.env.BOX.getByName("b").count() == 2
        """
    )
    run().assert_outcomes(passed=3)


def test_a_failed_test_tells_what_happened_and_how_to_replay_it(
    run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        """
        async def test_fails(durable):
            await durable.env.BOX.getByName("a").add()
            assert False
        """
    )
    result = run("--durable-interleave", "--durable-seed=5", "--durable-evict=every")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "durable: --durable-evict=every --durable-interleave --durable-seed=5",
            "*durable: replay with*",
            "--durable-evict=every --durable-interleave --durable-seed=5",
            "*durable: what happened*",
            "*0.000  Box a  wakes (1.)",
            "*0.000  Box a  > rpc add()",
        ]
    )


@pytest.mark.parametrize("options", ALONE_AND_XDIST)
def test_a_seed_is_chosen_printed_and_replays_the_run_byte_for_byte(
    run_apart: Run, pytester: pytest.Pytester, options: Any
) -> None:
    pytester.makepyfile(
        """
        import asyncio, pathlib, random, uuid

        async def test_trace(durable):
            stubs = [durable.env.BOX.getByName(name) for name in "abc"]
            await asyncio.gather(*(stub.add() for stub in stubs * 3), return_exceptions=True)
            unique = durable.env.BOX.get(durable.env.BOX.newUniqueId())
            await unique.say(f"{random.random()}")
            with open("trace", "a") as file:
                file.writelines(f"{event!r}\\n" for event in durable.events)
                file.write("end\\n")
        """
    )
    modes = ("--durable-interleave", "--durable-evict=random", *options)
    first = run_apart(*modes, PYTHONHASHSEED="1")
    first.assert_outcomes(passed=1)
    [line] = [text for text in first.outlines if text.startswith("durable: --durable")]
    seed = line.rpartition(" ")[2]
    run_apart(*modes, seed, PYTHONHASHSEED="2").assert_outcomes(passed=1)
    run_apart(*modes, "--durable-seed=123456").assert_outcomes(passed=1)
    one, two, three, _ = (pytester.path / "trace").read_text().split("end\n")
    assert one == two
    assert one != three


def test_only_crash_safe_tests_run_when_machines_die(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        async def test_trusting(durable):
            pass

        @pytest.mark.crash_safe
        async def test_careful(durable):
            crashes = 0
            for _ in range(50):
                try:
                    await durable.env.BOX.getByName("a").add()
                except Exception:
                    crashes += 1
            assert crashes

        def test_plain():
            pass
        """
    )
    run("--durable-crash=random").assert_outcomes(passed=2, skipped=1)
    run().assert_outcomes(passed=2, failed=1)


def test_an_undisturbed_test_is_left_alone(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.durable(undisturbed=True)
        async def test_lives(durable):
            box = durable.env.BOX.getByName("a")
            await box.add()
            await box.add()
            assert durable.generation(box) == 1
        """
    )
    run("--durable-evict=every", "--durable-interleave").assert_outcomes(passed=1)


def test_traps_fail_if_asked(run: Run, pytester: pytest.Pytester) -> None:
    write_worker(
        pytester.path,
        """
        class Trap(DurableObject):
            async def fall(self):
                self.ctx.waitUntil(asyncio.sleep(1))
        """,
    )
    pytester.makepyfile(
        """
        async def test_trap(durable):
            await durable.env.TRAP.getByName("a").fall()
        """
    )
    run("-W", "ignore").assert_outcomes(passed=1)
    result = run("-W", "ignore", "--durable-compat=error")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*CompatWarning*"])


@pytest.mark.parametrize("options", ALONE_AND_XDIST)
def test_what_tests_leave_behind_is_listed_at_the_end(
    run_apart: Run, pytester: pytest.Pytester, options: Any
) -> None:
    pytester.makepyfile(
        """
        async def test_leaky(durable):
            await durable.connect("/box/a/")
        """
    )
    result = run_apart(*options)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "*durable: left behind by tests*",
            "*test_leaky",
            "  a WebSocket is still connected (*.py:2)",
        ]
    )
    if not options:
        strict = run_apart("-o", "durable_leaks=error")
        strict.assert_outcomes(passed=1, errors=1)
        strict.stdout.fnmatch_lines(["*the test leaves things behind:*"])
        run_apart("-o", "durable_leaks=off").stdout.no_fnmatch_line("*left behind*")


def test_a_hopeless_wait_fails_at_once_and_says_who_waits(
    run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        """
        import asyncio

        async def test_never(durable):
            await durable.env.BOX.getByName("a").never()

        async def test_nobody(durable):
            await asyncio.Event().wait()
        """
    )
    result = run()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*StuckError: The test waits for something that will never happen.",
            "*<object Box a>: rpc never(), at *worker.py:*",
        ]
    )
