"""`durable new`: a project that runs, tests and deploys: a worker, an object, its tests, the files."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

__all__ = ["new"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
_NAME_LENGTH_MAX: Final = 63  # it becomes part of a host name
# What a wheel cannot hold under its own name, or tools on the way would read.
_RENAMED: Final = {
    "gitignore": ".gitignore",
    "worker.py.txt": "worker.py",
    "counter.py.txt": "counter.py",
    "test_counter.py.txt": "test_counter.py",
}


@click.command()
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to make it (default: a new folder NAME).",
)
def new(name: str, folder: Path | None) -> None:
    """Make a project NAME with one worker, one Durable Object and its tests."""
    if not _NAME.fullmatch(name) or len(name) > _NAME_LENGTH_MAX:
        raise click.BadParameter(
            "a worker's name has lower-case letters, digits and dashes, 63 at most.",
            param_hint="NAME",
        )
    target = Path(name) if folder is None else folder
    if target.is_dir() and any(target.iterdir()):
        raise click.BadParameter(f"{target} exists and is not empty.", param_hint="NAME")
    for path, text in _files(files("emulator.cli") / "templates" / "project"):
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("{{name}}", name), encoding="utf-8")
        click.echo(f"  {file}")
    click.echo(
        f"\nNow:\n  cd {target}\n  durable dev      # http://localhost:8787/hello counts visits\n"
        "  pytest           # its tests\n  durable check --deploy"
    )


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The files of a template: their paths in the project, and their contents."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.startswith("__"):
            continue
        path = f"{prefix}{_RENAMED.get(entry.name, entry.name)}"
        if entry.is_dir():
            yield from _files(entry, f"{path}/")
        else:
            yield path, entry.read_text(encoding="utf-8")
