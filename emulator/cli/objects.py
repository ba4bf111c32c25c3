"""`durable objects`: list, show, edit, carry and compare what objects keep (docs/state-tools.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emulator.cli.objects_options import (
    ID_HELP,
    class_argument,
    complete_class,
    complete_object,
    json_option,
    object_argument,
    opened,
)

if TYPE_CHECKING:
    from emulator.cli.objects_find import Found

__all__ = ["objects"]


@click.group(epilog=ID_HELP)
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The configuration file (default: the nearest wrangler file from this folder up).",
)
@click.option(
    "--persist-to",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The objects' files are in DIR/v3/do (default: .wrangler/state beside the file).",
)
@click.pass_context
def objects(ctx: click.Context, config: Path | None, persist_to: Path | None) -> None:
    """Look at stored objects and change them.

    Through the server if one runs on the state folder, else in the files. Looking wakes no object
    and changes nothing.
    """
    ctx.find_root().meta["objects"] = {"config": config, "persist_to": persist_to}


@objects.command("ls")
@click.argument("class_name", metavar="[CLASS]", required=False, shell_complete=complete_class)
@json_option
@click.pass_context
def list_objects(ctx: click.Context, class_name: str | None, is_json: bool) -> None:
    """List the objects of a class, or of all."""
    from emulator.cli.objects_output import object_table, print_json

    with opened(ctx) as found:
        listed = found.listed(class_name)
    if is_json:
        print_json(listed)
    else:
        click.echo(object_table(listed))


@objects.command()
@class_argument
@object_argument
@json_option
@click.pass_context
def show(ctx: click.Context, class_name: str, ref: str, is_json: bool) -> None:
    """Show one object: state, sockets, why it is awake, tables, keys."""
    from emulator.cli.objects_output import object_page, print_json

    with opened(ctx) as found:
        one = found.find(class_name, ref)
        shown = {
            **one.ask("GET", "").result,
            "tables": one.ask("GET", "/sql/tables").result,
            "kv": (page := one.ask("GET", "/kv", {"limit": "20"})).result,
            "kv_total": page.info["total"],
        }
    if is_json:
        print_json(shown)
    else:
        click.echo(object_page(shown))


# --- keys and values -------------------------------------------------------------------------


@objects.group(epilog=ID_HELP)
def kv() -> None:
    """Keys and values, decoded."""


@kv.command("ls")
@class_argument
@object_argument
@click.option("--prefix", default="", help="Only keys that begin with this.")
@json_option
@click.pass_context
def kv_list(ctx: click.Context, class_name: str, ref: str, prefix: str, is_json: bool) -> None:
    """List the keys with a short form of their values."""
    from emulator.cli.objects_output import kv_table, print_json

    with opened(ctx) as found:
        entries = found.find(class_name, ref).entries(prefix)
    if is_json:
        print_json(entries)
    else:
        click.echo(kv_table(entries))


@kv.command("get")
@class_argument
@object_argument
@click.argument("key")
@click.option("--json", "is_json", is_flag=True, help="With type and size.")
@click.pass_context
def kv_get(ctx: click.Context, class_name: str, ref: str, key: str, is_json: bool) -> None:
    """Print a value as typed JSON (docs/control-api.md)."""
    from emulator.cli.objects_output import print_json

    with opened(ctx) as found:
        entry = found.find(class_name, ref).ask("GET", "/kv/value", {"key": key}).result
    print_json(entry if is_json else entry["value"])


@kv.command("put")
@class_argument
@object_argument
@click.argument("key")
@click.argument("value")
@click.option("--text", "is_text", is_flag=True, help="VALUE is a text, not typed JSON.")
@click.pass_context
def kv_put(
    ctx: click.Context, class_name: str, ref: str, key: str, value: str, is_text: bool
) -> None:
    """Put typed JSON under a key, such as '{"n": 1}' or '{"$bigint": "5"}'."""
    given: Any = value
    if not is_text:
        try:
            given = json.loads(value)
        except ValueError:
            raise click.BadParameter("VALUE is no JSON; a text needs --text.") from None
    with opened(ctx) as found:
        found.find(class_name, ref).ask("PUT", "/kv/value", {"key": key}, {"value": given})


@kv.command("rm")
@class_argument
@object_argument
@click.argument("key")
@click.pass_context
def kv_remove(ctx: click.Context, class_name: str, ref: str, key: str) -> None:
    """Delete a key."""
    with opened(ctx) as found:
        found.find(class_name, ref).ask("DELETE", "/kv/value", {"key": key})


# --- SQL, alarm, life --------------------------------------------------------------------------


@objects.command()
@class_argument
@object_argument
@click.argument("query")
@click.option("--write", "mode", flag_value="write", help="Let the statement write.")
@click.option("--explain", "mode", flag_value="explain", help="Show the plan of the query.")
@click.option("--param", "params", multiple=True, metavar="JSON", help="For a ?, in order.")
@json_option
@click.pass_context
def sql(
    ctx: click.Context,
    class_name: str,
    ref: str,
    query: str,
    mode: str | None,
    params: tuple[str, ...],
    is_json: bool,
) -> None:
    """Run SQL; it only reads, unless --write says otherwise."""
    from emulator.cli.objects_output import print_json, row_table

    try:
        bindings = [json.loads(param) for param in params]
    except ValueError:
        raise click.BadParameter("a --param is JSON: 1, null, '\"text\"'") from None
    body = {"sql": query, "params": bindings, "mode": mode or "read", "limit": 10_000}
    with opened(ctx) as found:
        rows = found.find(class_name, ref).ask("POST", "/sql/query", body=body).result
    if is_json:
        print_json(rows)
    else:
        click.echo(row_table(rows))


@objects.command()
@class_argument
@object_argument
@click.option("--set", "due", metavar="WHEN", help="Milliseconds since the epoch, or +SECONDS.")
@click.option("--delete", "is_delete", is_flag=True, help="Delete the alarm.")
@click.option("--run", "is_run", is_flag=True, help="Deliver it now; wakes the object.")
@json_option
@click.pass_context
def alarm(
    ctx: click.Context,
    class_name: str,
    ref: str,
    due: str | None,
    is_delete: bool,
    is_run: bool,
    is_json: bool,
) -> None:
    """Show an object's alarm, or change it."""
    from emulator.cli.objects_output import alarm_line, print_json

    if (due is not None) + is_delete + is_run > 1:
        raise click.UsageError("--set, --delete and --run exclude each other.")
    with opened(ctx) as found:
        one = found.find(class_name, ref)
        if due is not None:
            one.ask("PUT", "/alarm", body={"due_ms": _due_ms(due)})
        elif is_delete:
            one.ask("DELETE", "/alarm")
        elif is_run:
            _say_ran(one)
        state = one.ask("GET", "/alarm").result
    if is_json:
        print_json(state)
    else:
        click.echo(alarm_line(state))


def _say_ran(one: Found) -> None:
    from emulator.cli.state_api import ObjectsError

    ran = one.ask("POST", "/alarm/run").result
    if ran["error"] is not None:
        raise ObjectsError(f"alarm() failed: {ran['error']}")


def _due_ms(text: str) -> int:
    from emulator.runtime.clock import SystemClock

    try:
        if text.startswith("+"):
            return SystemClock().now_ms() + round(float(text) * 1000)
        return int(text)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text!r} is neither milliseconds nor +SECONDS.") from None


@objects.command()
@class_argument
@object_argument
@click.option("--force", is_flag=True, help="End what keeps it awake, too.")
@click.pass_context
def evict(ctx: click.Context, class_name: str, ref: str, force: bool) -> None:
    """Discard an object's instance. Storage and sockets stay."""
    from emulator.cli.objects_output import blocker_lines
    from emulator.cli.state_api import ObjectsError

    with opened(ctx) as found:
        try:
            done = found.find(class_name, ref).ask("POST", "/evict", body={"force": force}).result
        except ObjectsError as exc:
            blockers = (exc.result or {}).get("blockers", [])
            raise ObjectsError("\n".join([str(exc), *blocker_lines(blockers)])) from None
    click.echo("evicted" if done["evicted"] else "it sleeps already")


@objects.command("rm")
@class_argument
@object_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def remove(ctx: click.Context, class_name: str, ref: str, yes: bool) -> None:
    """Delete an object: storage, alarm, sockets, name."""
    with opened(ctx) as found:
        one = found.find(class_name, ref)
        if not yes:
            click.confirm(f"Delete {one.title} and everything it stored?", abort=True)
        one.ask("DELETE", "")


# --- carrying and comparing ----------------------------------------------------------------------


@objects.command("export")
@click.argument("class_name", metavar="[CLASS]", required=False, shell_complete=complete_class)
@click.argument("refs", metavar="[OBJECT]...", nargs=-1, shell_complete=complete_object)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("objects.zip"),
    show_default=True,
    help="The file to write.",
)
@click.pass_context
def export_objects(
    ctx: click.Context, class_name: str | None, refs: tuple[str, ...], output: Path
) -> None:
    """Write objects into one file: all, a class, or some of it."""
    with opened(ctx) as found:
        content, count = found.export(class_name, refs)
    try:
        output.write_bytes(content)
    except OSError as exc:
        raise click.FileError(str(output), exc.strerror or "") from exc
    click.echo(f"{count} objects written to {output}")


@objects.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Replace objects that exist.")
@click.pass_context
def import_objects(ctx: click.Context, file: Path, replace: bool) -> None:
    """Take objects in from a file of `export`."""
    settings = ctx.find_root().meta["objects"]
    from emulator.cli.state_api import state_root

    root = state_root(settings["config"], settings["persist_to"])
    (root / "v3" / "do").mkdir(parents=True, exist_ok=True)
    with opened(ctx) as found:
        taken = found.take(file.read_bytes(), replace=replace)
    click.echo(f"{len(taken)} objects imported")


@objects.command()
@class_argument
@object_argument
@click.argument("other", metavar="[OTHER]", required=False, shell_complete=complete_object)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare with the object in a file of `export`.",
)
@json_option
@click.pass_context
def diff(
    ctx: click.Context,
    class_name: str,
    ref: str,
    other: str | None,
    file: Path | None,
    is_json: bool,
) -> None:
    """Compare what two objects keep, or an object and its export. Exit code 1 if it differs."""
    from emulator.cli.objects_diff import contents, contents_of_file, difference
    from emulator.cli.objects_output import diff_lines, print_json

    if (other is None) == (file is None):
        raise click.UsageError("Name another object, or a file with --file.")
    with opened(ctx) as found:
        one = found.find(class_name, ref)
        mine = contents(one)
        theirs = (
            contents(found.find(class_name, other))
            if other is not None
            else contents_of_file(file or Path(), one)
        )
    changes = difference(mine, theirs)
    if is_json:
        print_json(changes)
    else:
        for line in diff_lines(changes):
            click.echo(line)
    ctx.exit(1 if any(changes.values()) else 0)
