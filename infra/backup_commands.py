"""The commands `care backup`: a key, a backup that it opens, and the way back."""

from pathlib import Path
from typing import Annotated

import typer

from infra.console import out, run
from infra.dev_stack.local.external_servers import require_postgresql

app = typer.Typer(help="Encrypted backups of the database.", no_args_is_help=True)

DatabaseUrl = Annotated[
    str, typer.Option(envvar="DATABASE_URL", callback=require_postgresql, help="Address of the database for its owner.")
]


@app.command()
def key(file: Annotated[Path, typer.Argument(dir_okay=False, help="New file for the secret key.")]) -> None:
    """Create a key. Its secret half opens backups and belongs to a safe; the public half, which is printed, writes them."""
    from infra.operations.backup import create_key

    out.print(create_key(file), highlight=False)


@app.command()
def write(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="File to write; it is replaced when the backup is complete.")],
    database_url: DatabaseUrl,
    recipients: Annotated[
        str, typer.Option(envvar="CARE_BACKUP_RECIPIENTS", help="Public keys of the backups, with commas between them.")
    ] = "",
) -> None:
    """Write an encrypted backup of the whole database. It never holds clear text, not even on the way."""
    from infra.operations.backup import write as write_backup

    size = write_backup(database_url, file, [each for each in recipients.split(",") if each.strip()])
    out.print(f"{file}: {size:,} bytes, encrypted.", soft_wrap=True, highlight=False)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The backup.")],
    database_url: DatabaseUrl,
    key: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="File with a secret key of the backup.")],
) -> None:
    """Fill an empty database from a backup. `care migrate` then gives the roles their rights."""
    from infra.operations.backup import restore as restore_backup

    run(restore_backup(database_url, file, key))
    out.print("Restored. Run `care migrate`, then the steps of docs/runbook.md, Restore the database.", soft_wrap=True, highlight=False)
