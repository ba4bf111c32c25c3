"""A server under test as a child process: started, asked, measured, stopped.

1. Nothing waits without a limit: a server that does not say it is ready, dies or stops answering
   becomes `Failed` with the end of its error output.
2. Its standard output is always drained, so that a server that logs is never blocked by us.
3. It runs in a session of its own, so that whatever it started is stopped with it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

from benchmarks.errors import Failed, tail

if TYPE_CHECKING:
    from collections.abc import Sequence

READY_TIMEOUT_S: Final = 30.0
ANSWER_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 5.0
QUIET_TIMEOUT_S: Final = 5.0
QUIET_WINDOW_S: Final = 0.1
OUTPUT_KEPT_BYTES: Final = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start a server: `ready` finds the port (group 1) in its standard output."""

    command: Sequence[str]
    cwd: Path
    ready: re.Pattern[bytes]
    stop_signal: signal.Signals = signal.SIGTERM
    ready_timeout_s: float = READY_TIMEOUT_S


class Server:
    """A running server; a context manager that stops it."""

    def __init__(self, name: str, launch: Launch, folder: Path) -> None:
        """Start the process and return once it says it is ready.

        Args: folder holds its error output, and the state the command was told to put there.
        Raises: Failed.
        """
        self.name = name
        self.started_s = time.perf_counter()
        self._stop_signal = launch.stop_signal
        self._ready = launch.ready
        self._ready_timeout_s = launch.ready_timeout_s
        self._output = b""
        self._port: int | None = None
        self._heard = threading.Event()
        self._errors = folder / "stderr.txt"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                launch.command,
                cwd=launch.cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        assert self._process.stdout is not None, "stdout was asked to be a pipe"
        self._reader = threading.Thread(
            target=self._read_output, args=(self._process.stdout,), daemon=True
        )
        self._reader.start()
        try:
            self.port = self._wait_port()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def get(self, path: str) -> bytes:
        """GET `path` over a fresh connection; the whole answer, which must be a 200.

        Raises: Failed. A plain socket: a client library's imports would be in the measurement.
        """
        try:
            with socket.create_connection(("127.0.0.1", self.port), ANSWER_TIMEOUT_S) as sock:
                request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
                sock.sendall(request.encode())
                answer = b"".join(iter(lambda: sock.recv(65536), b""))
        except OSError as exc:
            raise self.failure(f"GET {path}: {exc}") from exc
        if not answer.startswith(b"HTTP/1.1 200"):
            raise self.failure(f"GET {path} answered {answer[:200]!r}")
        return answer

    def resident_mib(self) -> float:
        """Resident memory of the process in MiB."""
        try:
            text = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            ps = ["ps", "-o", "rss=", "-p", str(self.pid)]
            text = "VmRSS:" + subprocess.run(ps, capture_output=True, text=True, check=True).stdout
        found = re.search(r"VmRSS:\s*(\d+)", text)
        if found is None:
            raise self.failure("its resident memory cannot be read")
        return int(found[1]) / 1024

    def wait_quiet(self) -> None:
        """Return when the process has stopped using the processor, at the latest after 5 s.

        What one load leaves behind (goodbyes to a hundred sockets) must not slow the next one.
        """
        deadline = time.perf_counter() + QUIET_TIMEOUT_S
        before = self._processor_ticks()
        while time.perf_counter() < deadline:
            time.sleep(QUIET_WINDOW_S)
            now = self._processor_ticks()
            if now - before <= 1:
                return
            before = now

    def failure(self, problem: str) -> Failed:
        """A Failed that names the server, the problem and the end of its error output."""
        status = self._process.poll()
        ended = "" if status is None else f" (the process ended with status {status})"
        errors = self._errors.read_text(errors="replace")
        logged = errors if errors.strip() else self._output.decode(errors="replace")
        return Failed(f"{problem}{ended}\n{tail(logged)}")

    def stop(self) -> None:
        """Stop the process and all it started; idempotent."""
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _wait_port(self) -> int:
        if not self._heard.wait(self._ready_timeout_s):
            raise self.failure(f"did not say it was ready within {self._ready_timeout_s:g} s")
        if self._port is None:
            # Its output ended: wait for the exit status too, it belongs into the message.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_S)
            raise self.failure("did not start")
        return self._port

    def _read_output(self, stdout: IO[bytes]) -> None:
        """Drain standard output in a thread of its own (2), keeping the end of it."""
        while chunk := os.read(stdout.fileno(), OUTPUT_KEPT_BYTES):
            self._output = (self._output + chunk)[-OUTPUT_KEPT_BYTES:]
            if self._port is None and (found := self._ready.search(self._output)):
                self._port = int(found[1])
                self._heard.set()
        self._heard.set()

    def _processor_ticks(self) -> int:
        """User and system time of the process, in clock ticks; 0 where /proc is missing."""
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])
        return 0
