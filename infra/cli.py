"""The command line `care`. Each command says what it does; what goes wrong is told in a sentence."""

import asyncio
import json
import os
import sys
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from infra.local.errors import StackError

app = typer.Typer(help="Care coordination: nobody who was referred is lost.", no_args_is_help=True, add_completion=False)
out = Console()
Port = Annotated[int, typer.Option(help="The port of the four services.")]
Name = Annotated[str, typer.Option(help="Which local stack.")]


@app.command()
def up(port: Port = 8080, name: Name = "default") -> None:
    """Serve the four services on one port, supervised; Ctrl-C stops."""
    from infra.serve import serve

    _run(serve(out, name=name, port=port))


@app.command()
def demo(*, keep: Annotated[bool, typer.Option(help="Keep the stack running afterwards.")] = False) -> None:
    """Play Mr Dale's six weeks through the real stack and tell the story."""
    from infra.demo.play import play

    _run(play(out, keep=keep))


@app.command()
def token(
    scope: Annotated[list[str], typer.Argument(help="Scopes, for example referrals:refer")],
    actor: str = "developer",
    organisation: str = "CLCH",
    role: str = "clinician",
    hours: int = 12,
    name: Name = "default",
) -> None:
    """Issue a development token for a local stack."""
    from infra.keys import load_or_make
    from infra.local.home import stack_folders

    sys.stdout.write(load_or_make(stack_folders(name).root).token(actor, organisation, role, scope, timedelta(hours=hours)) + "\n")


@app.command()
def migrate(
    database_url: Annotated[str, typer.Option(envvar="DATABASE_URL", help="The address of the database for its owner.")],
    password: Annotated[str, typer.Option(envvar="CARE_DATABASE_PASSWORD", help="The password of the contexts' own roles.")],
    roles: Annotated[str, typer.Option(envvar="CARE_DATABASE_ROLES", help="What the names of those roles begin with.")] = "care",
) -> None:
    """Bring every schema to its newest version, and make the contexts' roles."""
    from infra.migrate import migrate as bring_up
    from infra.roles import Roles

    _run(bring_up(database_url, Roles(roles, password)))
    out.print("Every schema is at its newest version.")


@app.command()
def topics(bootstrap: Annotated[str, typer.Option(envvar="KAFKA_BOOTSTRAP_SERVERS")]) -> None:
    """Create the declared topics that are absent."""
    from infra.product import layout_of_environment
    from infra.topics import declarations
    from shared.messaging.topics import create

    made = _run(create(bootstrap, declarations(), layout_of_environment()))
    out.print(f"Created: {', '.join(made)}" if made else "Every topic was there already.")


@app.command()
def parked(context: str, name: Name = "default") -> None:
    """List the records that a context could not apply."""
    from infra.operate import list_parked

    waiting = _run(list_parked(context, name))
    table = Table("id", "topic", "parked at", "key", "reason", title=f"{context}: {len(waiting)} parked")
    for each in waiting:
        table.add_row(
            str(each.id), each.record.topic, f"{each.parked_at:%Y-%m-%d %H:%M:%S}", (each.record.key or b"").decode(), each.reason
        )
    out.print(table)


@app.command()
def replay(
    context: str,
    first: Annotated[int, typer.Argument(help="The id of the oldest record to replay; those of its key follow.")],
    name: Name = "default",
) -> None:
    """Apply a parked record and those that wait behind it."""
    from infra.operate import replay_parked

    out.print(f"Applied: {_run(replay_parked(context, first, name))}")


@app.command("import-risk")
def import_risk(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)], name: Name = "default") -> None:
    """Import the risk scores of the whole registered population from a CSV file."""
    from infra.risk import import_risk_file

    sys.stdout.write(json.dumps(_run(import_risk_file(file, Console(stderr=True), name))) + "\n")


def main() -> None:
    """Runs a command; a fault that a person can mend is a sentence on standard error and exit code 1."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    app()


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return asyncio.run(work)
    except StackError as problem:
        Console(stderr=True).print(f"[bold red]{problem}[/]")
        raise typer.Exit(1) from problem
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
