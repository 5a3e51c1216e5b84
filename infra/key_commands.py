"""The commands on the data keys of sealed events: `care rewrap-keys`, and `care erase`, which destroys those of a person."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from infra.console import out, print_table, run
from infra.errors import StackError

Name = Annotated[str, typer.Option(help="Name of the local stack.")]


def rewrap_keys(name: Name = "default") -> None:
    """Wrap the data keys of all sealed events under CARE_ENCRYPTION_KEY_ID, and publish the newest event of each key again."""
    from infra.operations.key_rotation import rewrap

    done: dict[str, int] = run(rewrap(name))
    out.print(f"Rewrapped: {', '.join(f'{count} in {context}' for context, count in done.items() if count) or 'none'}.")


def erase(
    person: Annotated[UUID | None, typer.Argument(metavar="PERSON", help="Id of the person.")] = None,
    token: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="File with your bearer token (referrals:audit).")] = None,
    reason: Annotated[str, typer.Option(help="Why the person's words are erased; stays with the request and in the certificate.")] = "",
    approve: Annotated[
        UUID | None,
        typer.Option(metavar="REQUEST", help="Approve the request of another person, and erase; without --certificate show it."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File to write the certificate of the approved erasure to.")
    ] = None,
    check: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Check this certificate instead.")] = None,
    name: Name = "default",
    *,
    new_key: Annotated[bool, typer.Option("--new-key", help="Print a new key for certificates, and its public half, instead.")] = False,
) -> None:
    """Request the erasure of a person's words, or approve such a request, which erases them everywhere. Owners and deadlines stay."""
    from infra.operations.erasure import certificate as certificates
    from infra.operations.erasure import command, keys

    if new_key:
        keys.print_new_key(out)
    elif check is not None:
        out.print(certificates.check(check, keys.public_keys(name)))
    elif person is None or token is None:
        raise StackError("Name the person and the file of your token: `care erase PERSON --token FILE --reason TEXT`.")
    elif approve is None:
        requested = run(command.request(person, name, token=token, reason=reason))
        advice = f"Another member of staff approves it: `care erase {person} --approve {requested.id} --token FILE --certificate FILE`."
        out.print(f"Requested: {requested.id}. {advice}", soft_wrap=True, highlight=False)
    elif certificate is None:
        shown = run(command.requested(person, name, token=token, request_id=approve))
        out.print(
            f"{shown.requested_by} requested it at {shown.requested_at}: {shown.reason}", soft_wrap=True, highlight=False, markup=False
        )
        out.print("Nothing was erased. To approve it, name the file of the certificate: `--certificate FILE`.", soft_wrap=True)
    else:
        done = run(command.approve(person, name, token=token, request_id=approve, file=certificate))
        counts = [(context, kind, count) for context, kinds in done.erased.items() for kind, count in kinds.items() if count]
        print_table(f"Erased: {', '.join(done.people)}", ("context", "what", "rows"), counts)
        out.print(f"Certificate: {certificate}. {done.kafka} {done.safeguarding}", soft_wrap=True, highlight=False)
