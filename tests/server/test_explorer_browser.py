"""The explorer in a real browser: a person looks at an object and changes it."""

from __future__ import annotations

import json
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp
import pytest

from tests.browser import Console, find_chromium, open_browser
from tests.dev_server import dev_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHROMIUM: Final = find_chromium()
CONFIG: Final = "tests/server/explorer/wrangler.toml"
SCREENSHOTS: Final = os.environ.get("DURABLE_SCREENSHOTS")  # a folder to look at them in
pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.timeout(90),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome is installed"),
]


class Explorer:
    """The page, and a client of the worker beside it."""

    def __init__(self, page: Console, client: aiohttp.ClientSession, base: str) -> None:
        self.page = page
        self.client = client
        self.base = base

    async def fill(self, name: str) -> None:
        async with self.client.get(f"{self.base}/fill", params={"name": name}) as response:
            assert await response.text() == "filled"

    async def open_object(self, title: str, tab: str) -> None:
        await self.page.wait_until(f"{row(title)} !== undefined")
        await self.page.evaluate(f"{row(title)}.click()")
        await self.open_tab(tab)

    async def open_tab(self, tab: str) -> None:
        await self.page.wait_until(f"document.getElementById('tab-{tab}')")
        await self.page.evaluate(f"document.getElementById('tab-{tab}').click()")
        await self.page.wait_until(
            f"document.getElementById('tab-{tab}').getAttribute('aria-selected') === 'true'"
        )

    async def press(self, label: str) -> None:
        found = (
            "[...document.querySelectorAll('#detail button')].find((found) =>"
            f" (found.ariaLabel ?? found.textContent) === {json.dumps(label)})"
        )
        await self.page.wait_until(f"{found} !== undefined")
        await self.page.evaluate(f"{found}.click()")

    async def type(self, field: str, text: str) -> None:
        await self.page.wait_until(f"document.getElementById('{field}')")
        await self.page.evaluate(
            f"(() => {{ const field = document.getElementById('{field}');"
            f" field.value = {json.dumps(text)}; field.dispatchEvent(new Event('input')); }})()"
        )

    async def sees(self, text: str) -> None:
        await self.page.wait_until(
            f"document.getElementById('detail').innerText.includes({json.dumps(text)})"
        )

    async def keep(self, name: str) -> None:
        """A screenshot for people, where one is asked for; it is never empty."""
        picture = await self.page.screenshot()
        assert picture.startswith(b"\x89PNG")
        if SCREENSHOTS:
            (Path(SCREENSHOTS) / f"{name}.png").write_bytes(picture)


def row(title: str) -> str:
    return (
        "[...document.querySelectorAll('.row')].find((found) =>"
        f" found.querySelector('b').textContent === {json.dumps(title)})"
    )


@asynccontextmanager
async def explorer(profile: Path, *, width: int = 1280) -> AsyncIterator[Explorer]:
    assert CHROMIUM is not None, "the tests are skipped without a browser"
    with dev_server(config=CONFIG) as server:
        base = f"http://localhost:{server.port}"
        async with (
            aiohttp.ClientSession() as client,
            open_browser(CHROMIUM, profile) as browser,
        ):
            page = await browser.open_console("about:blank")
            await page.resize(width, 800)
            await page.navigate(f"{base}/cdn-cgi/local/explorer")
            await page.wait_until("document.getElementById('live').textContent === 'live'")
            yield Explorer(page, client, base)
            assert await page.evaluate("window.hacked === undefined")


async def test_an_object_appears_with_its_socket_and_messages_go_both_ways(tmp_path: Path) -> None:
    async with explorer(tmp_path) as seen:
        async with seen.client.ws_connect(f"{seen.base}/ws?name=lobby") as socket:
            await seen.open_object("lobby", "sockets")
            await seen.sees("<b>tag</b>")
            await seen.sees("<i>attached</i>")
            await socket.send_str("ping")
            assert await socket.receive_str(timeout=5) == "echo ping"
            await seen.sees("ping")
            await seen.press("Send on socket 1")
            await seen.type("frame-text", "from the page")
            await seen.press("Send")
            assert await socket.receive_str(timeout=5) == "echo from the page"
            await seen.keep("sockets")
        await seen.sees("No sockets.")


async def test_keys_and_values_are_edited(tmp_path: Path) -> None:
    async with explorer(tmp_path) as seen:
        await seen.fill("lobby")
        await seen.open_object("lobby", "storage")
        await seen.sees("greeting")
        await seen.sees("<script>alert(2)</script>")
        await seen.press("Edit greeting")
        await seen.type("kv-value", '{"to": "everybody"}')
        await seen.press("Save")
        await seen.sees("everybody")
        await seen.keep("storage")
        await seen.press("New key")
        await seen.type("kv-key", "new")
        await seen.type("kv-value", "not JSON")
        await seen.press("Save")
        await seen.sees("This is not JSON")
        await seen.press("Cancel")


async def test_tables_are_read_and_statements_run(tmp_path: Path) -> None:
    async with explorer(tmp_path) as seen:
        await seen.fill("lobby")
        await seen.open_object("lobby", "sql")
        await seen.press("note (3)")
        await seen.sees("second")
        await seen.keep("sql")
        await seen.type("sql", "DELETE FROM note")
        await seen.press("Run")
        await seen.page.wait_until("document.querySelector('#detail .problem') !== null")
        await seen.page.evaluate("document.getElementById('sql-writes').click()")
        await seen.type("sql", "UPDATE note SET text = 'changed' WHERE id = 2")
        await seen.press("Run")
        await seen.sees("1 written")
        await seen.press("note (3)")
        await seen.sees("changed")


async def test_an_alarm_is_run_and_the_timeline_and_the_console_grow(tmp_path: Path) -> None:
    async with explorer(tmp_path) as seen:
        await seen.fill("lobby")
        await seen.open_object("lobby", "overview")
        await seen.sees("Due in 59 min")
        await seen.press("Run now")
        await seen.sees("No alarm is set.")
        await seen.keep("overview")
        await seen.open_tab("console")
        await seen.sees("ding dong")
        await seen.open_tab("timeline")
        await seen.sees("alarm")
        count = "document.querySelectorAll('.events li').length"
        before = await seen.page.evaluate(count)
        await seen.fill("lobby")
        await seen.page.wait_until(f"{count} > {before}")
        await seen.keep("timeline")


async def test_an_object_is_hibernated_and_looking_does_not_wake_it(tmp_path: Path) -> None:
    async with explorer(tmp_path) as seen:
        await seen.fill("lobby")
        await seen.open_object("lobby", "overview")
        await seen.sees("running")
        await seen.press("Hibernate")
        await seen.sees("stored: nothing of it is in memory")
        for tab in ("sockets", "storage", "sql", "timeline", "console", "overview"):
            await seen.open_tab(tab)
        await seen.sees("stored: nothing of it is in memory")


async def test_hostile_names_are_text(tmp_path: Path) -> None:
    name = "<img src=x onerror=window.hacked=1>"
    async with explorer(tmp_path) as seen:
        await seen.fill(name)
        await seen.open_object(name, "overview")
        await seen.sees(name)
        await seen.open_tab("timeline")
        await seen.sees(name)
        assert await seen.page.evaluate("document.querySelector('img[src=x]')") is None


async def test_it_fits_a_phone(tmp_path: Path) -> None:
    async with explorer(tmp_path, width=390) as seen:
        await seen.fill("lobby")
        await seen.page.wait_until(f"{row('lobby')} !== undefined")
        await seen.keep("phone-list")
        await seen.open_object("lobby", "overview")
        wide = "document.documentElement.scrollWidth > innerWidth"
        for tab in ("overview", "sockets", "storage", "sql", "timeline"):
            await seen.open_tab(tab)
            assert not await seen.page.evaluate(wide)
            await seen.keep(f"phone-{tab}")
        await seen.press("All objects")
        await seen.page.wait_until("!document.querySelector('main').classList.contains('chosen')")


async def test_the_keyboard_goes_everywhere(tmp_path: Path) -> None:
    async with explorer(tmp_path) as seen:
        for name in ("ada", "bob"):
            await seen.fill(name)
        await seen.page.wait_until("document.querySelectorAll('.row').length === 2")
        await seen.page.evaluate("document.getElementById('list').focus()")
        for expected in ("Room ada", "Room bob"):
            await seen.page.press("ArrowDown")
            await seen.sees(expected)
        await seen.page.evaluate("document.getElementById('tab-overview').focus()")
        await seen.page.press("ArrowRight")
        await seen.page.wait_until("document.activeElement.id === 'tab-sockets'")
