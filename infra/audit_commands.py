"""The commands `care audit`: whether the audit is as it was sealed."""

from typing import Annotated

import typer

from infra.console import out, run

app = typer.Typer(help="The audit: who did what, and that it is as it was sealed.", no_args_is_help=True)


@app.command()
def verify(name: Annotated[str, typer.Option(help="Name of the local stack.")] = "default") -> None:
    """Check that no entry was altered, removed or inserted since it was sealed; exit code 1 when one was."""
    from infra.operations.audit.chain import judge_audits

    if not run(judge_audits(out, name)):
        raise typer.Exit(1)


@app.command("new-key")
def new_key() -> None:
    """Print a new key for the sealer of a context, and the public key that its signatures are verified with."""
    from infra.operations.audit.keys import print_new_key

    print_new_key(out)
