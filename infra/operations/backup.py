"""Backups of the database, encrypted for the holders of keys that no process of the product has (docs/adr/0047).

PostgreSQL's own programs dump and restore, pyrage encrypts in the format of age. No clear text is on a disk.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pyrage
from sqlalchemy.engine import make_url

from infra.contexts import CONTEXTS
from infra.database_owner import connected_owner
from infra.dev_stack.local.postgres_programs import installed_programs
from infra.errors import StackError
from shared.persistence.protected_address import is_verified

#: The owners and rights of a restored database are those of the next `care migrate`.
_RESTORE = ("pg_restore", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", "--no-password")
_HELD = "SELECT array_agg(nspname::text) FROM pg_namespace WHERE nspname = ANY ($1::text[])"


def create_key(file: Path) -> str:
    """Writes a new secret key to `file` and returns its public half, which encrypts. Raises StackError when the file exists."""
    key = pyrage.x25519.Identity.generate()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as problem:
        raise StackError(f"{file} cannot be written: {problem.strerror}.") from problem
    with os.fdopen(descriptor, "w") as target:
        target.write(f"{key}\n")
    return str(key.to_public())


def write(database_url: str, file: Path, recipients: Sequence[str]) -> int:
    """Writes a backup that each of the keys `recipients` opens, and returns its size in bytes. Raises StackError; then no file is left."""
    keys = [_recipient(each) for each in recipients]
    if not keys:
        raise StackError("Set CARE_BACKUP_RECIPIENTS to the public keys that `care backup key` prints, with commas between them.")
    with _replaced(file) as target, _program(("pg_dump", "--format=custom", "--no-password"), database_url, out=subprocess.PIPE) as dump:
        pyrage.encrypt_io(dump.stdout, target, keys)
    return file.stat().st_size


async def restore(database_url: str, file: Path, key_file: Path) -> None:
    """Fills an empty database from a backup, in one transaction. Raises StackError; then the database is empty still."""
    key = _identity(key_file)
    await _require_empty(database_url)
    with file.open("rb") as source, _program(_RESTORE, database_url, into=subprocess.PIPE) as restoring:
        try:
            pyrage.decrypt_io(source, restoring.stdin, [key])
        except BrokenPipeError:
            pass  # the program has ended, and says why by its code
        except (OSError, pyrage.DecryptError) as problem:
            raise StackError(f"{file} is no backup that this key opens, or it is damaged. Nothing was restored.") from problem


def _recipient(text: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError as problem:
        raise StackError("CARE_BACKUP_RECIPIENTS has an entry that is no public key of age: it begins with age1.") from problem


def _identity(file: Path) -> pyrage.x25519.Identity:
    try:
        return pyrage.x25519.Identity.from_str(file.read_text().strip())
    except (OSError, ValueError, pyrage.IdentityError) as problem:
        raise StackError(f"{file} is no key of `care backup key`.") from problem


@contextmanager
def _replaced(file: Path) -> Iterator[IO[bytes]]:
    """A file for its owner alone, which replaces `file` on disk when the block ends without an error."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as problem:
        raise StackError(f"{file} cannot be written: {problem.strerror}.") from problem
    try:
        with os.fdopen(descriptor, "wb") as target:
            yield target
            target.flush()
            os.fsync(descriptor)
        Path(name).rename(file)
        _sync(file.parent)
    finally:
        Path(name).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _program(
    command: Sequence[str], database_url: str, *, out: int | None = None, into: int | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Runs a program of PostgreSQL. Raises StackError without its messages, which may quote a row. Its command line has no password."""
    url = make_url(database_url).set(drivername="postgresql")
    address = url.set(password=None).render_as_string()
    program, *options = command
    arguments = [_path(program, database_url), *options, f"--dbname={address}"]
    environment = {**os.environ, "PGPASSWORD": str(url.password or "")}
    with subprocess.Popen(arguments, stdout=out, stdin=into, stderr=subprocess.DEVNULL, env=environment) as process:
        try:
            yield process
        except BaseException:
            process.kill()  # the end of its input would commit what came before
            raise
        with suppress(BrokenPipeError):
            process.communicate()
        if process.returncode != 0:
            raise StackError(f"{program} ended with code {process.returncode}. Run it by hand, as the owner of the database, to see why.")


def _path(program: str, database_url: str) -> str:
    """The installed programs speak no TLS. For an address that asks for it, the one of PATH runs."""
    if not is_verified(database_url):
        return installed_programs().path(program)
    if found := shutil.which(program):
        return found
    raise StackError(
        f"The address asks for TLS, which the product's {program} does not speak. Install the programs of PostgreSQL, or run the command "
        "on the machine of the server and name its Unix socket."
    )


async def _require_empty(database_url: str) -> None:
    async with connected_owner(database_url) as connection:
        held = await connection.fetchval(_HELD, list(CONTEXTS))
    if held:
        raise StackError(f"The database has the schemas {', '.join(sorted(held))}. Restore into an empty database.")
