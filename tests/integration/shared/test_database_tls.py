"""Names and stories travel to the PostgreSQL that the address names, and under TLS."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from infra.contexts import CONTEXTS
from infra.database_owner import connected_owner
from infra.deploy.database_roles import Roles, password_variable
from infra.deploy.migrate import drop_roles
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.local.external_servers import Server
from infra.dev_stack.temporary_resources import administer
from infra.reference.load import load
from shared.clock import DatabaseClock
from shared.kernel.ids import new_id
from shared.persistence.database import connect
from tests.builders.certificates import Authority, an_authority
from tests.builders.context_app import secrets_of
from tests.builders.database_tls import TlsFront, tls_front
from tests.builders.programs import Programs
from tests.integration.cli.care_process import PASSWORDS, Workspace

_UNTRUSTED = "The certificate of PostgreSQL is not trusted: check sslrootcert and the host in the address."


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return an_authority("care-authority", tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def front(database_server: Server, authority: Authority, tmp_path: Path) -> AsyncIterator[TlsFront]:
    """PostgreSQL behind TLS, with a certificate of the authority for 127.0.0.1."""
    async with tls_front(database_server.address, authority.issue("postgresql", tmp_path)) as front:
        yield front


@pytest.fixture
async def roles(database_server: Server) -> AsyncIterator[Roles]:
    """New roles, and an empty database of the name of their prefix."""
    roles = Roles(f"tls_{new_id().hex[-12:]}", {context: PASSWORDS[password_variable(context)] for context in CONTEXTS})
    await administer(database_server.address, f"CREATE DATABASE {roles.prefix}")
    yield roles
    await administer(database_server.address, f"DROP DATABASE {roles.prefix} WITH (FORCE)")
    await drop_roles(database_server.address, roles)


async def _ask(url: str, keys: Keys) -> str:
    """The answer to a pool of a service."""
    database = await connect(url, clock=DatabaseClock(), policy=None, secrets=secrets_of(keys), size=1, is_service=True)
    try:
        async with database.pool.acquire() as connection:
            return str(await connection.fetchval("SELECT 'Mr Dale'"))
    finally:
        await database.close()


async def test_service_speaks_tls_to_the_verified_server(front: TlsFront, authority: Authority, keys: Keys) -> None:
    assert await _ask(front.url("postgres", authority.file), keys) == "Mr Dale"

    assert front.sessions == ["TLSv1.3"]
    assert b"Mr Dale" in front.received


async def test_server_of_another_authority_is_refused(front: TlsFront, keys: Keys, tmp_path: Path) -> None:
    other = an_authority("care-authority", tmp_path)  # of the same name, with another key

    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        await _ask(front.url("postgres", other.file), keys)

    assert not front.received


async def test_server_of_another_name_is_refused(front: TlsFront, authority: Authority, keys: Keys) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        await _ask(front.url("postgres", authority.file, host="localhost"), keys)

    assert not front.received


async def test_server_without_tls_is_refused(database_server: Server, authority: Authority, keys: Keys) -> None:
    async with tls_front(database_server.address, None) as bare:
        with pytest.raises(ConnectionError, match="rejected SSL upgrade"):
            await _ask(bare.url("postgres", authority.file), keys)

        assert not bare.received


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg"])
async def test_commands_of_the_owner_speak_tls(
    front: TlsFront, authority: Authority, roles: Roles, tmp_path: Path, programs: Programs, scheme: str
) -> None:
    url = front.url(roles.prefix, authority.file)
    care = Workspace(tmp_path, {"DATABASE_URL": url.replace("postgresql", scheme, 1)}, programs)

    migrated = await care.run("migrate", "--roles", roles.prefix)

    assert migrated.code == 0, migrated.err
    assert {str(each) for each in (await load(url)).values()} == {"0 added, 0 changed, 0 removed"}
    async with connected_owner(url) as owner:
        assert await owner.fetchval("SELECT count(*) FROM mdt.practice") > 0
    service = await asyncpg.connect(roles.url(url, "mdt"))
    assert await service.fetchval("SELECT current_user") == roles.of("mdt")
    await service.close()
    assert set(front.sessions) == {"TLSv1.3"}


async def test_command_names_an_untrusted_certificate(front: TlsFront, tmp_path: Path, programs: Programs) -> None:
    other = an_authority("other-authority", tmp_path)

    refused = await Workspace(tmp_path, {"DATABASE_URL": front.url("postgres", other.file)}, programs).run("migrate")

    assert refused.refusal == _UNTRUSTED


async def test_command_refuses_an_unprotected_address(tmp_path: Path, programs: Programs) -> None:
    care = Workspace(tmp_path, {"DATABASE_URL": "postgresql://owner:hush@192.0.2.1/care?sslmode=require"}, programs)

    for command in (("migrate",), ("verify",), ("prune-log",), ("backup", "write", str(tmp_path / "care.backup"))):
        refused = await care.run(*command, PGSSLMODE="verify-full")
        assert refused.refusal.startswith("DATABASE_URL: the connection may leave this machine unprotected: add sslmode=verify-full")
        assert not [each for each in ("hush", "192.0.2.1") if each in refused.err]


async def test_backup_never_falls_back_to_clear_text(front: TlsFront, authority: Authority, tmp_path: Path, programs: Programs) -> None:
    care = Workspace(tmp_path, {"DATABASE_URL": front.url("postgres", authority.file), "PATH": str(tmp_path)}, programs)
    key = (await care.run("backup", "key", str(tmp_path / "care.key"))).out.strip()

    refused = await care.run("backup", "write", str(tmp_path / "care.backup"), CARE_BACKUP_RECIPIENTS=key)

    assert refused.refusal.startswith("The address asks for TLS, which the product's pg_dump does not speak.")
    assert not (tmp_path / "care.backup").exists()
    assert not front.received
