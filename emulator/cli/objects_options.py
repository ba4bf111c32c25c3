"""What the commands of `durable objects` share: arguments with completion, and the way to objects."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.cli.objects_find import Objects

__all__ = [
    "ID_HELP",
    "class_argument",
    "complete_class",
    "complete_object",
    "json_option",
    "object_argument",
    "opened",
]

ID_HELP: Final = "CLASS is a class, a binding or a namespace; OBJECT is a name or an id."


@contextmanager
def opened(ctx: click.Context) -> Iterator[Objects]:
    """The objects that the options of the group name. Raises: ObjectsError."""
    from emulator.cli.objects_find import Objects
    from emulator.cli.state_api import open_api, state_root

    settings = ctx.find_root().meta.get("objects", {})
    root = state_root(settings.get("config"), settings.get("persist_to"))
    with open_api(root) as api:
        yield Objects(api)


def complete_class(ctx: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    del parameter
    try:
        with opened(ctx) as found:
            return [n["class"] for n in found.namespaces() if n["class"].startswith(typed)]
    except Exception:  # completion has nobody to tell
        return []


def complete_object(ctx: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    del parameter
    try:
        with opened(ctx) as found:
            listed = found.listed(ctx.params.get("class_name"))
    except Exception:  # completion has nobody to tell
        return []
    names = [one["name"] or one["id"] for one in listed]
    return [name for name in names if name.startswith(typed)]


class_argument = click.argument("class_name", metavar="CLASS", shell_complete=complete_class)
object_argument = click.argument("ref", metavar="OBJECT", shell_complete=complete_object)
json_option = click.option("--json", "is_json", is_flag=True, help="Print JSON.")
