"""The commands `care audit`: who viewed a person, what a member of staff viewed, and whether the audit is as it was sealed."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from infra.command_options import By, in_utc
from infra.console import out, run

Name = Annotated[str, typer.Option(help="Name of the local stack.")]
Since = Annotated[datetime | None, typer.Option(callback=in_utc, help="First time of recording, in UTC unless it has an offset.")]
Until = Annotated[datetime | None, typer.Option(callback=in_utc, help="Time of recording before which the entries are.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="The largest number of entries from each context.")]

app = typer.Typer(help="The audit: who did what, and that it is as it was sealed.", no_args_is_help=True)


@app.command()
def person(
    person_id: Annotated[UUID, typer.Argument(help="Id of the person, as a referral shows it in `person_id`.")],
    since: Since = None,
    until: Until = None,
    limit: Limit = 200,
    by: By = "operator",
    name: Name = "default",
) -> None:
    """Print who viewed or changed a person's data in the four services, the newest entry first. Reading is audited."""
    from infra.operations.audit.entries import print_of_person
    from shared.persistence.audit_trail import AuditPage

    run(print_of_person(out, name, person_id, AuditPage(limit, None, since, until), by=by))


@app.command()
def actor(
    organisation: Annotated[str, typer.Argument(help="ODS code of the organisation: the claim `org`.")],
    actor_id: Annotated[str, typer.Argument(help="Id of the member of staff: the claim `sub`.")],
    since: Since = None,
    until: Until = None,
    limit: Limit = 200,
    by: By = "operator",
    name: Name = "default",
) -> None:
    """Print what a member of staff viewed, changed or was refused in the four services. Reading is audited."""
    from infra.operations.audit.entries import print_of_actor
    from shared.persistence.audit_trail import AuditPage

    run(print_of_actor(out, name, organisation, actor_id, AuditPage(limit, None, since, until), by=by))


@app.command()
def verify(name: Name = "default") -> None:
    """Check that no entry was altered, removed or inserted since it was sealed; exit code 1 when one was."""
    from infra.operations.audit.chain import judge_audits

    if not run(judge_audits(out, name)):
        raise typer.Exit(1)


@app.command("new-key")
def new_key() -> None:
    """Print a new key for the sealer of a context, and the public key that its signatures are verified with."""
    from infra.operations.audit.keys import print_new_key

    print_new_key(out)
