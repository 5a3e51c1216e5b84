"""The command line `care`. Each command says what it does; what goes wrong is told in a sentence."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.errors import StackError

app = typer.Typer(help="Care coordination: nobody who was referred is lost.", no_args_is_help=True, add_completion=False)
out = Console()
Port = Annotated[int, typer.Option(help="The port of the four services.")]
Context = Annotated[str, typer.Argument(help="referrals, rapid_care, mdt or navigation")]
Name = Annotated[str, typer.Option(help="Which local stack.")]


@app.command()
def up(port: Port = 8080, name: Name = "default") -> None:
    """Serve the four services on one port, supervised; Ctrl-C stops."""
    from infra.dev_stack.serve import serve

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
    from infra.dev_stack.dev_secrets import load
    from infra.dev_stack.local.paths import stack_folders

    if os.environ.get("CARE_JWKS"):
        raise StackError("CARE_JWKS is given: whoever holds its keys issues the tokens.")
    keys = load(stack_folders(name).root)
    if keys is None:
        raise StackError(f"The stack “{name}” has no keys yet: start it with `care up`.")
    sys.stdout.write(keys.token(actor, organisation, role, scope, timedelta(hours=hours)) + "\n")


@app.command()
def migrate(
    database_url: Annotated[str, typer.Option(envvar="DATABASE_URL", help="The address of the database for its owner.")],
    password: Annotated[str, typer.Option(envvar="CARE_DATABASE_PASSWORD", help="The password of the contexts' own roles.")],
    roles: Annotated[str, typer.Option(envvar="CARE_DATABASE_ROLE_PREFIX", help="What the names of those roles begin with.")] = "care",
) -> None:
    """Bring every schema to its newest version, and make the contexts' roles."""
    from infra.deploy.database_roles import Roles
    from infra.deploy.migrate import migrate as bring_up

    _run(bring_up(database_url, Roles(roles, password)))
    out.print("Every schema is at its newest version.")


@app.command()
def topics(
    bootstrap: Annotated[str, typer.Option(envvar="KAFKA_BOOTSTRAP_SERVERS")],
    database_url: Annotated[
        str, typer.Option(envvar="DATABASE_URL", help="The owner's; topics that had to be made are given their logs again.")
    ] = "",
    *,
    recreate: Annotated[
        bool, typer.Option("--recreate", help="Delete them first, while no worker runs; the relays send their logs again.")
    ] = False,
) -> None:
    """Create the declared topics that are absent."""
    from infra.deploy.topic_recovery import ensure_topics
    from infra.deploy.topic_recreate import recreate_topics
    from infra.deploy.topics import declarations, layout_of_environment
    from shared.messaging.topics import create

    if recreate and not database_url:
        raise StackError("Name the owner's database in DATABASE_URL: the relays must know that their logs are to be sent again.")
    if recreate:
        made = _run(recreate_topics(bootstrap, database_url))
    elif database_url:
        made = _run(ensure_topics(bootstrap, database_url, layout_of_environment()))
    else:
        made = _run(create(bootstrap, declarations(), layout_of_environment()))
    out.print(f"Created: {', '.join(made)}" if made else "Every topic was there already.")


@app.command()
def parked(
    context: Context,
    name: Name = "default",
    *,
    acknowledge: Annotated[
        bool, typer.Option("--acknowledge", help="Say that you have seen them: a consumer that stopped at them goes on.")
    ] = False,
) -> None:
    """List the records and the deadlines that a context could not apply."""
    from infra.operations.replay import acknowledge_parked, list_parked

    records, deadlines = _run(list_parked(context, name))
    rows = [(each.id, each.record.topic, each.parked_at, _text(each.record.key), each.reason) for each in records]
    _print_table(f"{context}: {len(records)} parked", ("id", "topic", "parked at", "key", "reason"), rows)
    rows = [(each.id, each.kind, each.due_at, str(each.subject), each.reason) for each in deadlines]
    _print_table(f"{context}: {len(deadlines)} parked deadlines", ("id", "kind", "due at", "subject", "reason"), rows)
    if acknowledge:
        _run(acknowledge_parked(context, name))


@app.command()
def replay(
    context: Context,
    record: Annotated[int | None, typer.Argument(help="The id of a parked record; all of its key are replayed, oldest first.")] = None,
    topic: Annotated[str | None, typer.Option(help="All parked records of this topic, each with those of its key.")] = None,
    deadline: Annotated[int | None, typer.Option(help="The id of a parked deadline.")] = None,
    name: Name = "default",
    *,
    everything: Annotated[bool, typer.Option("--all", help="Everything that is parked, deadlines too.")] = False,
) -> None:
    """Apply parked records and those that wait behind them; let parked deadlines be acted on."""
    from infra.operations.replay import Replayed, replay_deadlines, replay_records

    if [record, topic, deadline].count(None) + (not everything) != len(("record", "topic", "deadline")):
        raise StackError("Say what to replay: the id of a record, or one of --topic, --deadline, --all.")
    if deadline is not None or everything:
        out.print(f"Deadlines that are acted on again: {_run(replay_deadlines(context, name, deadline))}")
    if deadline is None:
        done: Replayed = _run(replay_records(context, name, record=record, topic=topic))
        out.print(f"Applied: {done.applied}")
        if done.failed:
            raise StackError(" ".join([*done.failed, "Those behind them still wait."]))


@app.command()
def prune_log(
    keep: Annotated[
        int | None, typer.Option(envvar="CARE_EVENT_LOG_RETENTION_DAYS", help="For how many days the event logs are kept.")
    ] = None,
    name: Name = "default",
) -> None:
    """Remove the months of the event logs that are older than they are kept for; what is unsent stays."""
    from infra.operations.event_log import PruneResult
    from infra.operations.event_log import prune as prune_logs

    done: PruneResult = _run(prune_logs(name, keep))
    out.print(f"Removed: {', '.join(done.removed) or 'no month'}, and {done.rows} single rows.")
    if done.unsent:
        raise StackError(f"These hold what Kafka has not acknowledged and stay: {', '.join(done.unsent)}.")


@app.command()
def republish(
    context: Context,
    since: Annotated[datetime, typer.Option(help="From when on, UTC: 2026-11-01 or 2026-11-01T09:00:00.")],
    topic: Annotated[str | None, typer.Option(help="Only this topic.")] = None,
    name: Name = "default",
) -> None:
    """Send a part of a context's log to Kafka once more; whoever applied it already ignores it."""
    from infra.operations.event_log import republish as republish_events

    out.print(f"To be sent again: {_run(republish_events(context, name, since.replace(tzinfo=UTC), topic))}")


@app.command()
def verify(
    answers: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="What a client was answered, as JSON lines.")] = None,
    expect_parked: Annotated[int, typer.Option(help="How many records and deadlines wait for an operator by intention.")] = 0,
    since: Annotated[datetime | None, typer.Option(help="Judge no delivery of an event recorded before (UTC).")] = None,
    metrics: Annotated[Path | None, typer.Option(dir_okay=False, help="Leave the result here for Prometheus.")] = None,
    name: Name = "default",
    *,
    live: Annotated[bool, typer.Option("--live", help="What is on its way is stated, and is no contradiction.")] = False,
) -> None:
    """Judge from outside whether everything that was promised was kept; exit code 1 when not."""
    from infra.operations.verify.command import judge_stack

    if not _run(judge_stack(out, name, answers=answers, parked=expect_parked, since=since, metrics=metrics, is_live=live)):
        raise typer.Exit(1)


@app.command("import-risk")
def import_risk(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)], name: Name = "default") -> None:
    """Import the risk scores of the whole registered population from a CSV file."""
    from infra.operations.risk_import import import_risk_file

    sys.stdout.write(json.dumps(_run(import_risk_file(file, Console(stderr=True), name))) + "\n")


def main() -> None:
    """Runs a command; what goes wrong is a sentence on standard error and exit code 1."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # what it warns of is told as a sentence
    try:
        app()
    except Exception as problem:
        from infra.error_messages import describe

        Console(stderr=True).print(Text(describe(problem), style="bold red"), soft_wrap=True)
        sys.exit(1)


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """What strangers sent is text and no markup."""
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*(Text(f"{cell:%Y-%m-%d %H:%M:%S}" if isinstance(cell, datetime) else str(cell)) for cell in row))
    out.print(table)


def _text(key: bytes | None) -> str:
    return (key or b"").decode(errors="backslashreplace")
