from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from emulator.cli.signals import EXIT_CODE_FORCED, stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_to_stop_on_the_loop(number: signal.Signals) -> None:
    async def main() -> None:
        stop = asyncio.Event()
        with stop_signals(asyncio.get_running_loop(), stop.set):
            os.kill(os.getpid(), number)
            await asyncio.wait_for(stop.wait(), 5)

    before = signal.getsignal(number)
    asyncio.run(main())
    assert signal.getsignal(number) is before


def test_a_second_signal_ends_even_a_loop_that_user_code_keeps_busy() -> None:
    program = (
        "import asyncio, os, signal\n"
        "from emulator.cli.signals import stop_signals\n"
        "async def main():\n"
        "    with stop_signals(asyncio.get_running_loop(), lambda: None):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        print('busy', flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        while True: pass\n"
        "asyncio.run(main())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=15
    )
    assert (result.returncode, result.stdout) == (EXIT_CODE_FORCED, "busy\n")
