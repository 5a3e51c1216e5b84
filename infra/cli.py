"""The command line `care`. An error is one sentence on standard error and exit code 1."""

import json
import logging
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.text import Text

from infra.audit_commands import app as audit
from infra.backup_commands import app as backup
from infra.command_options import By, in_utc
from infra.console import out, print_table
from infra.console import run as _run
from infra.errors import StackError
from infra.key_commands import erase, rewrap_keys

if TYPE_CHECKING:
    from infra.deploy.kafka_access import AccessReport
    from infra.operations.replay import ReplayResult
    from shared.messaging.kafka_settings import KafkaCredentials

app = typer.Typer(help="Care coordination: run, check and operate the four services.", no_args_is_help=True, add_completion=False)
reference = typer.Typer(help="Dated reference data.", no_args_is_help=True)
app.add_typer(reference, name="reference")
app.add_typer(audit, name="audit")
app.add_typer(backup, name="backup")
app.command("rewrap-keys")(rewrap_keys)
app.command()(erase)


def _postgresql(url: str) -> str:
    """Raises StackError for an address of another kind."""
    from infra.dev_stack.local.external_servers import require_postgresql

    return require_postgresql(url) if url else url


Port = Annotated[int, typer.Option(min=0, max=65535, help="Port of the four services; 0 takes any free one.")]
Context = Annotated[
    str, typer.Argument(callback=lambda name: name.replace("-", "_"), help="referrals, rapid-care (or rapid_care), mdt or navigation")
]
Name = Annotated[str, typer.Option(help="Name of the local stack.")]


@app.command()
def up(port: Port = 8080, name: Name = "default") -> None:
    """Serve the four services on one port and restart failed processes; Ctrl-C stops."""
    from infra.dev_stack.serve import serve

    _run(serve(out, name=name, port=port))


@app.command()
def demo(*, keep: Annotated[bool, typer.Option(help="Keep the stack running until Ctrl-C.")] = False) -> None:
    """Play Mr Dale's six weeks on a temporary stack, print them and check the outcome."""
    from infra.demo.play import play

    _run(play(out, keep=keep))


@app.command()
def token(
    scope: Annotated[list[str], typer.Argument(help="Scopes, for example referrals:refer")],
    actor: Annotated[str, typer.Option(help="Id of the caller: the claim `sub`.")] = "developer",
    organisation: Annotated[str, typer.Option(help="ODS code of the caller's organisation: the claim `org`, in capitals.")] = "CLCH",
    role: Annotated[str, typer.Option(help="Professional role of the caller: the claim `role`.")] = "clinician",
    hours: Annotated[int, typer.Option(min=1, max=12, help="Hours until the token expires, twelve at most.")] = 12,
    name: Name = "default",
) -> None:
    """Issue a development token for a local stack."""
    from infra.dev_stack.dev_secrets import load
    from infra.dev_stack.external_secrets import external_issuer
    from infra.dev_stack.local.paths import stack_folders
    from infra.dev_stack.scopes import require_code, require_known, require_role
    from infra.dev_stack.stack_state import up_command
    from shared.kernel.normalisation import ods_code

    require_known(scope)
    require_code("--actor", actor)
    require_code("--organisation", organisation)
    organisation = ods_code(organisation)
    require_role(role)
    if variable := external_issuer():
        raise StackError(f"{variable} is set: the issuer of those keys issues the tokens.")
    keys = load(stack_folders(name).root)
    if keys is None:
        raise StackError(f"The stack “{name}” has no keys: start it with `{up_command(name)}`.")
    sys.stdout.write(keys.token(actor, organisation, role, scope, timedelta(hours=hours)) + "\n")


@app.command()
def migrate(
    database_url: Annotated[str, typer.Option(envvar="DATABASE_URL", callback=_postgresql, help="Address of the database for its owner.")],
    roles: Annotated[
        str,
        typer.Option(envvar="CARE_DATABASE_ROLE_PREFIX", help="Prefix of the names of those roles; one for each deployment on a server."),
    ] = "care",
) -> None:
    """Upgrade every schema to the newest version and create the role of each context, with its <CONTEXT>_DATABASE_PASSWORD."""
    from infra.deploy.database_roles import roles_of_environment
    from infra.deploy.migrate import migrate as upgrade

    names = roles_of_environment(roles)
    created: dict[str, int] = _run(upgrade(database_url, names))
    out.print("All schemas are at the newest version.")
    out.print(f"Set the password of the roles {', '.join(names.of(context) for context in created)}.", soft_wrap=True, highlight=False)
    partitions = ", ".join(f"{count} in {context}" for context, count in created.items() if count)
    out.print(f"Created monthly partitions: {partitions or 'none'}.")


_NOT_REFILLED = (
    "These topics are empty. The relays refill a re-created topic only when DATABASE_URL is set for `care topics`. "
    "If a topic existed before, set DATABASE_URL and run `care republish CONTEXT --since DATE` for the context that publishes it."
)


@app.command()
def topics(
    bootstrap: Annotated[str, typer.Option(envvar="KAFKA_BOOTSTRAP_SERVERS", help="Addresses of the Kafka brokers.")],
    database_url: Annotated[
        str,
        typer.Option(
            envvar="DATABASE_URL", callback=_postgresql, help="Address for the owner; new topics are then refilled from the event logs."
        ),
    ] = "",
    *,
    recreate: Annotated[
        bool, typer.Option("--recreate", help="Delete the topics first; requires that no worker runs. The relays republish.")
    ] = False,
) -> None:
    """Create the declared topics that do not exist, and grant access to them on protected brokers.

    Without DATABASE_URL a re-created topic stays empty.
    """
    from infra.deploy.kafka_operator import operator_credentials
    from infra.deploy.topic_recovery import ensure_topics
    from infra.deploy.topic_recreate import recreate_topics
    from infra.deploy.topics import declarations, layout_differences, layout_of_environment
    from shared.messaging.topics import create

    if recreate and not database_url:
        raise StackError("Set DATABASE_URL to the owner's address: the event logs must be marked for republication.")
    layout, credentials = layout_of_environment(), operator_credentials()
    if recreate:
        created = _run(recreate_topics(bootstrap, database_url, credentials))
    elif database_url:
        created = _run(ensure_topics(bootstrap, database_url, layout, credentials))
    else:
        created = _run(create(bootstrap, declarations(), layout, credentials))
    out.print(f"Created: {', '.join(created)}" if created else "All topics exist.")
    if created and not database_url:
        out.print(f"WARNING: {_NOT_REFILLED}")
    for difference in _run(layout_differences(bootstrap, layout, credentials)):
        out.print(f"WARNING: {difference}")
    _grant_access(bootstrap, credentials, layout.prefix)


def _grant_access(bootstrap: str, credentials: "KafkaCredentials | None", prefix: str) -> None:
    from infra.deploy.kafka_access import apply_access

    if credentials is None:
        out.print("WARNING: KAFKA_SECURITY_PROTOCOL is PLAINTEXT: everyone who reaches the brokers may read and write every topic.")
        return
    report: AccessReport = _run(apply_access(bootstrap, credentials, prefix))
    for title, done in (("Password set", report.passwords), ("Granted", report.granted), ("Withdrawn", report.withdrawn)):
        for each in done:
            out.print(f"{title}: {each}", highlight=False, soft_wrap=True)
    for each in report.foreign:
        out.print(f"WARNING: {each}, which infra/kafka/acls.yaml does not declare.", highlight=False, soft_wrap=True)
    if not report.granted and not report.withdrawn:
        out.print("All access is as declared.")


@app.command()
def parked(
    context: Context,
    name: Name = "default",
    *,
    acknowledge: Annotated[
        bool, typer.Option("--acknowledge", help="Acknowledge them: a consumer that stopped because of them continues.")
    ] = False,
    discard: Annotated[
        int | None,
        typer.Option(help="Discard the record of this id unless its event is in an event log; those that wait behind it are replayed."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why the record may be discarded, without a word about a person; stays in the audit.")] = "",
    by: Annotated[str, typer.Option(envvar=["LOGNAME", "USER"], help="Who discards; stays in the audit.")] = "operator",
) -> None:
    """List the parked records and deadlines of a context. Their ids belong to this context alone."""
    from infra.operations.replay import acknowledge_parked, discard_parked, list_parked

    if discard is not None:
        done, freed = _run(discard_parked(context, name, discard, by=by, reason=reason))
        where = f"{done.record.topic}, partition {done.record.partition}, offset {done.record.offset}"
        out.print(f"Discarded: {discard} ({where}). Applied: {freed.applied}.", highlight=False)
        _require_replayed(freed)
    records, deadlines = _run(list_parked(context, name))
    columns = ("id", "topic", "partition", "offset", "parked at", "key", "reason")
    rows = [
        (each.id, each.record.topic, each.record.partition, each.record.offset, each.parked_at, _text(each.record.key), each.reason)
        for each in records
    ]
    print_table(f"{context}: {_count(len(records), 'parked record')}", columns, rows)
    due = [(each.id, each.kind, each.due_at, str(each.subject), each.reason) for each in deadlines]
    print_table(f"{context}: {_count(len(deadlines), 'parked deadline')}", ("id", "kind", "due at", "subject", "reason"), due)
    if acknowledge:
        out.print(f"Acknowledged: {_run(acknowledge_parked(context, name))}.")


@app.command()
def replay(
    context: Context,
    record: Annotated[
        int | None, typer.Argument(help="Id of a parked record of this context; all of its key are replayed, oldest first.")
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Replay the parked records of this topic and of their keys.")] = None,
    deadline: Annotated[int | None, typer.Option(help="Id of a parked deadline of this context.")] = None,
    name: Name = "default",
    *,
    everything: Annotated[bool, typer.Option("--all", help="Replay all parked records and deadlines.")] = False,
) -> None:
    """Apply parked records and those behind them, or make parked deadlines pending again. List the ids first with `care parked`."""
    from infra.operations.replay import absent, replay_deadlines, replay_records

    if [record, topic, deadline].count(None) + (not everything) != len(("record", "topic", "deadline")):
        raise StackError("Name what to replay: the id of a record, or one of --topic, --deadline, --all.")
    if deadline is not None or everything:
        out.print(f"Deadlines pending again: {_run(replay_deadlines(context, name, deadline))}")
    if deadline is None:
        result = _run(replay_records(context, name, record=record, topic=topic))
        if record is not None and not result.applied and not result.failed:
            raise absent("record", context, record)
        out.print(f"Applied: {result.applied}")
        _require_replayed(result)


@app.command()
def prune_log(
    retention_days: Annotated[
        int | None,
        typer.Option(
            envvar="CARE_EVENT_LOG_RETENTION_DAYS", help="Retention of the event logs in days; 2922 (eight years) unless set, at least 15."
        ),
    ] = None,
    name: Name = "default",
) -> None:
    """Drop the monthly partitions of the event logs that are past their retention; unpublished events stay."""
    from infra.operations.event_log import PruneResult
    from infra.operations.event_log import prune as prune_logs

    result: PruneResult = _run(prune_logs(name, retention_days))
    out.print(f"Dropped: {', '.join(result.removed) or 'no partition'}; deleted rows: {result.rows}.")
    if result.unpublished:
        raise StackError(f"These partitions contain unpublished events and were kept: {', '.join(result.unpublished)}.")


@app.command()
def republish(
    context: Context,
    since: Annotated[
        datetime,
        typer.Option(
            callback=in_utc, help="First time of recording, in UTC unless it has an offset: 2026-11-01 or 2026-11-01T09:00:00+01:00."
        ),
    ],
    topic: Annotated[str | None, typer.Option(help="Republish only this topic.")] = None,
    name: Name = "default",
) -> None:
    """Publish a part of a context's event log again; consumers ignore events that they applied."""
    from infra.operations.event_log import republish as republish_events

    out.print(f"Events to republish: {_run(republish_events(context, name, since, topic))}")


@app.command()
def verify(
    client_log: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Log of a client as JSON lines, to compare with the data.")
    ] = None,
    expect_parked: Annotated[int, typer.Option(min=0, help="Expected number of parked records and deadlines.")] = 0,
    since: Annotated[
        datetime | None,
        typer.Option(callback=in_utc, help="Skip deliveries of events recorded before this time, in UTC unless it has an offset."),
    ] = None,
    metrics: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the result to this file for Prometheus.")] = None,
    name: Name = "default",
    *,
    live: Annotated[bool, typer.Option("--live", help="Report pending work without counting it as a contradiction.")] = False,
) -> None:
    """Check all invariants from outside; exit code 1 when one does not hold."""
    from infra.operations.verify.command import judge_stack

    if not _run(judge_stack(out, name, client_log=client_log, parked=expect_parked, since=since, metrics=metrics, is_live=live)):
        raise typer.Exit(1)


@app.command()
def person(
    person_id: Annotated[UUID, typer.Argument(help="Id of the person, as a referral shows it in `person_id`.")],
    by: By = "operator",
    name: Name = "default",
) -> None:
    """Print the four services' views of a person side by side; exit code 1 when they differ. Reading is audited."""
    from infra.operations.person_views import print_views

    if not _run(print_views(out, name, person_id, by=by)):
        raise typer.Exit(1)


@app.command("import-risk")
def import_risk(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV file of the registered population.")],
    name: Name = "default",
) -> None:
    """Import the risk scores of the registered population from a CSV file."""
    from infra.operations.risk_import import import_risk_file

    sys.stdout.write(json.dumps(_run(import_risk_file(file, Console(stderr=True), name))) + "\n")


@reference.command("load")
def load_reference(
    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="CSV file of all practices; else CARE_PRACTICES.")
    ] = None,
    name: Name = "default",
) -> None:
    """Load GP practices and services into every context that has them. A file is the whole table; a fault refuses it as a whole."""
    from infra.dev_stack.stack_state import endpoints
    from infra.reference.load import load

    for context, changes in _run(load(endpoints(name).database_url, file)).items():
        out.print(f"Practices of {context}: {changes}.", highlight=False)


def _require_replayed(result: "ReplayResult") -> None:
    """Raises StackError with the records that stay parked."""
    blocked = ["Later records of the same key remain parked."] if result.is_blocked else []
    if result.failed:
        raise StackError(" ".join([*result.failed, *blocked]))


def main() -> None:
    """Runs a command; an error is a sentence on standard error and exit code 1."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    from infra.kafka_refusals import REFUSALS

    logging.getLogger("aiokafka").addHandler(REFUSALS)  # its errors are raised and printed as a sentence
    try:
        _read_secret_files()
        app()
    except Exception as problem:
        from infra.error_messages import describe

        Console(stderr=True).print(Text(describe(problem), style="bold red"), soft_wrap=True)
        sys.exit(1)


def _read_secret_files() -> None:
    """Commands read the environment in many places, and processes that they start inherit it."""
    folder = Path(os.environ.get("CARE_SECRETS_DIR") or "/run/secrets")
    for path in folder.glob("[A-Z]*"):
        if path.name.isupper() and path.is_file() and not os.environ.get(path.name):
            os.environ[path.name] = path.read_text().strip()


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _text(key: bytes | None) -> str:
    return (key or b"").decode(errors="backslashreplace")
