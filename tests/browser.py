"""A real headless Chromium, driven through its DevTools protocol.

Enough of the protocol for one thing: to type into a page's console and to read what it logs.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
import signal
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

START_TIMEOUT_S: Final = 15.0
EVENT_TIMEOUT_S: Final = 5.0
LISTENING: Final = re.compile(rb"DevTools listening on (ws://\S+)")
QUIET: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--remote-debugging-port=0",
)


def find_chromium() -> str | None:
    """The path of an installed browser, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


class Browser:
    """A running browser. Commands are sent one at a time; events that come meanwhile are kept."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._events: deque[dict[str, Any]] = deque()

    async def command(
        self, method: str, params: dict[str, Any], session_id: str | None = None
    ) -> dict[str, Any]:
        """Raises: AssertionError if the browser refuses; TimeoutError."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        await self._socket.send_json(message | ({"sessionId": session_id} if session_id else {}))
        while (answer := await self._receive()).get("id") != self._number:
            self._events.append(answer)
        assert "error" not in answer, f"{method}: {answer}"
        result: dict[str, Any] = answer["result"]
        return result

    async def wait_event(self, method: str, session_id: str) -> dict[str, Any]:
        """The parameters of a page's next event of that name, kept or to come."""
        passed: list[dict[str, Any]] = []
        while True:
            event = self._events.popleft() if self._events else await self._receive()
            if event.get("method") == method and event.get("sessionId") == session_id:
                self._events.extendleft(reversed(passed))
                params: dict[str, Any] = event["params"]
                return params
            passed.append(event)

    async def open_console(self, url: str) -> Console:
        """Opens a tab and waits until it has loaded."""
        target = (await self.command("Target.createTarget", {"url": "about:blank"}))["targetId"]
        attached = {"targetId": target, "flatten": True}
        session_id = (await self.command("Target.attachToTarget", attached))["sessionId"]
        await self.command("Page.enable", {}, session_id)
        await self.command("Page.navigate", {"url": url}, session_id)
        await self.wait_event("Page.loadEventFired", session_id)
        await self.command("Runtime.enable", {}, session_id)
        return Console(self, target, session_id)

    async def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._socket.receive_json(timeout=EVENT_TIMEOUT_S)
        return message


class Console:
    """The console of one tab."""

    def __init__(self, browser: Browser, target_id: str, session_id: str) -> None:
        self._browser = browser
        self._target_id = target_id
        self._session_id = session_id

    async def run(self, source: str) -> None:
        """Runs what a person types: a `const` stays known to the next call.

        Raises: AssertionError if it throws.
        """
        # replMode is what makes it a console and not a script.
        params = {"expression": source, "replMode": True}
        result = await self._browser.command("Runtime.evaluate", params, self._session_id)
        assert "exceptionDetails" not in result, result["exceptionDetails"]

    async def evaluate(self, source: str) -> Any:
        """The value of an expression; a promise is waited for.

        Raises: AssertionError if it throws.
        """
        params = {"expression": source, "awaitPromise": True, "returnByValue": True}
        result = await self._browser.command("Runtime.evaluate", params, self._session_id)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    async def wait_until(self, condition: str) -> None:
        """Wait until an expression is true in the page; it may throw before.

        Raises: TimeoutError; AssertionError with the page's text if it takes too long.
        """
        look = (
            "new Promise((done) => { const end = performance.now() + 4000;"
            f" const look = () => {{ try {{ if ({condition}) return done(true); }} catch {{}}"
            " if (performance.now() > end) return done(false); setTimeout(look, 20); }; look(); })"
        )
        if not await self.evaluate(look):
            text = await self.evaluate("document.body.innerText")
            raise AssertionError(f"it never became true: {condition}\n{text}")

    async def navigate(self, url: str) -> None:
        """Go there, and wait until it has loaded."""
        await self._browser.command("Page.navigate", {"url": url}, self._session_id)
        await self._browser.wait_event("Page.loadEventFired", self._session_id)

    async def press(self, key: str) -> None:
        """A key goes down and up, as on a keyboard."""
        for kind in ("keyDown", "keyUp"):
            params = {"type": kind, "key": key}
            await self._browser.command("Input.dispatchKeyEvent", params, self._session_id)

    async def resize(self, width: int, height: int) -> None:
        """Show the page as on a screen of so many CSS pixels."""
        params = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        await self._browser.command("Emulation.setDeviceMetricsOverride", params, self._session_id)

    async def screenshot(self) -> bytes:
        """What is seen, as a PNG."""
        found = await self._browser.command("Page.captureScreenshot", {}, self._session_id)
        return base64.b64decode(found["data"])

    async def next_logged(self) -> list[Any]:
        """The arguments of the next console.log call, as values."""
        event = await self._browser.wait_event("Runtime.consoleAPICalled", self._session_id)
        return [await self._value(argument) for argument in event["args"]]

    async def close(self) -> None:
        """Closes the tab."""
        await self._browser.command("Target.closeTarget", {"targetId": self._target_id})

    async def _value(self, remote: dict[str, Any]) -> Any:
        if "objectId" not in remote:
            return remote.get("value")
        declaration = "function () { return this }"
        params = {"functionDeclaration": declaration, "returnByValue": True}
        params["objectId"] = remote["objectId"]
        told = await self._browser.command("Runtime.callFunctionOn", params, self._session_id)
        return told["result"]["value"]


@asynccontextmanager
async def open_browser(executable: str, profile: Path) -> AsyncIterator[Browser]:
    """Starts a browser with an empty profile and ends it, with all its processes."""
    process = await asyncio.create_subprocess_exec(
        executable,
        *QUIET,
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None, "the pipe was asked for"
    try:
        url = await _wait_listening(process.stderr)
        async with aiohttp.ClientSession() as client, client.ws_connect(url) as socket:
            browser = Browser(socket)
            yield browser
            await browser.command("Browser.close", {})
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


async def _wait_listening(stderr: asyncio.StreamReader) -> str:
    printed = b""
    async with asyncio.timeout(START_TIMEOUT_S):
        async for line in stderr:
            printed += line
            found = LISTENING.search(line)
            if found is not None:
                return found[1].decode()
    raise AssertionError(f"the browser did not start:\n{printed.decode(errors='replace')}")
