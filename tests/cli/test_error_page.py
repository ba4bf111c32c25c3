from __future__ import annotations

import html
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from emulator.cli.error_page import error_page

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://localhost:8787/a?b=1"
EVIL = '<script>alert("x")</script>&amp;'


class Tags(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(text: str, *, method: str = "GET", url: str = URL, root: str = "/w") -> Tags:
    page = error_page(text, method, url, [root])
    assert page is not None
    return Tags(page)


def test_it_shows_the_error_and_the_source_around_it(tmp_path: Path) -> None:
    file = tmp_path / "w.py"
    file.write_text("\n".join(f"line{n} = {n}" for n in range(1, 21)))
    trace = f'Traceback (most recent call last):\n  File "{file}", line 10, in fetch\n    x\nE: why'
    page = page_of(trace, root=str(tmp_path))
    assert "GET /a failed" in page.text
    assert f"{file}:10 in fetch" in page.text
    assert [n for n in range(1, 21) if f"line{n} =" in page.text] == list(range(6, 15))


def test_everything_is_escaped(tmp_path: Path) -> None:
    file = tmp_path / "w.py"
    file.write_text(EVIL)
    trace = (
        f'Traceback (most recent call last):\n  File "{file}", line 1, in {EVIL}\n'
        f"    {EVIL}\nE: {EVIL}\n"
    )
    for text in (EVIL, trace, trace.replace(str(file), f"{EVIL}.py")):
        page = page_of(text, method=EVIL, url=f"http://localhost/{EVIL}", root=str(tmp_path))
        assert "script" not in page.tags
        assert EVIL in page.text
        assert html.escape(EVIL) not in page.text


@pytest.mark.parametrize(
    ("host", "is_shown"),
    [
        ("localhost:1", True),
        ("127.0.0.1:1", True),
        ("[::1]:1", True),
        ("a.localhost", True),
        ("evil.example", False),
        ("127.evil.example", False),
        ("localhost.evil.example", False),
    ],
)
def test_a_foreign_name_gets_no_page(host: str, is_shown: bool) -> None:
    assert (error_page("Error: x", "GET", f"http://{host}/", []) is not None) is is_shown
