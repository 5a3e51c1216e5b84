"""Backups of the database: what their files show, and when `care backup` refuses."""

import stat
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from infra.contexts import CONTEXTS
from infra.deploy.database_roles import Roles
from infra.deploy.migrate import drop_roles
from infra.dev_stack.temporary_resources import administer
from tests.integration.cli.care_process import Workspace

_SCHEMAS = "SELECT array_agg(nspname::text) FROM pg_namespace WHERE nspname = ANY ($1::text[])"
_PRIVILEGES = """
WITH protected AS (
    SELECT proname || '()' AS name, pronamespace AS schema, proowner AS owner, coalesce(proacl, acldefault('f', proowner)) AS rights
    FROM pg_proc
    UNION ALL
    SELECT relname, relnamespace, relowner, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
    FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'S')
    UNION ALL
    SELECT relname || '.' || attname, relnamespace, relowner, attacl FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE attacl IS NOT NULL)
SELECT concat_ws(' ', nspname, name, owner::regrole, CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, privilege_type)
    AS privilege
FROM protected JOIN pg_namespace ON pg_namespace.oid = schema, aclexplode(rights)
WHERE nspname = ANY ($1) ORDER BY 1"""
_MARKER = "Zebedee Marmalade"
_ROW = f"INSERT INTO mdt.note VALUES (repeat('{_MARKER} ', 9))"  # noqa: S608  a constant of this module


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if "care." in path.name)


async def _key(workspace: Workspace, file: Path) -> str:
    created = await workspace.run("backup", "key", str(file))
    assert created.code == 0, created.err
    return created.out.strip()


async def _run(workspace: Workspace, *statements: str) -> None:
    owner = await asyncpg.connect(workspace.database_url)
    try:
        for each in statements:
            await owner.execute(each)
    finally:
        await owner.close()


async def _value(workspace: Workspace, query: str, *arguments: object) -> object:
    owner = await asyncpg.connect(workspace.database_url)
    try:
        return await owner.fetchval(query, *arguments)
    finally:
        await owner.close()


async def _backed_up(workspace: Workspace, folder: Path) -> tuple[Path, Path]:
    """A backup of a schema with one row, which was dropped since; and the file of its key."""
    file, key = folder / "care.backup", folder / "care.key"
    recipient = await _key(workspace, key)
    await _run(workspace, "CREATE SCHEMA mdt", "CREATE TABLE mdt.note (words text)", _ROW)
    written = await workspace.run("backup", "write", str(file), CARE_BACKUP_RECIPIENTS=recipient)
    assert written.code == 0, written.err
    return file, key


async def test_backup_shows_no_word_and_is_private(workspace: Workspace, tmp_path: Path) -> None:
    file, key = await _backed_up(workspace, tmp_path)

    assert file.read_bytes().startswith(b"age-encryption.org/v1")
    assert b"PGDMP" not in file.read_bytes()
    assert {stat.S_IMODE(each.stat().st_mode) for each in (file, key)} == {0o600}
    assert _files(tmp_path) == ["care.backup", "care.key"]


async def test_backup_is_restored_into_an_empty_database_alone(workspace: Workspace, tmp_path: Path) -> None:
    file, key = await _backed_up(workspace, tmp_path)

    refused = await workspace.run("backup", "restore", str(file), "--key", str(key))
    assert "Restore into an empty database" in refused.refusal
    await _run(workspace, "DROP SCHEMA mdt CASCADE")
    restored = await workspace.run("backup", "restore", str(file), "--key", str(key))

    assert restored.code == 0, restored.err
    assert _MARKER in str(await _value(workspace, "SELECT words FROM mdt.note"))


async def test_each_of_two_keys_opens_the_backup(workspace: Workspace, tmp_path: Path) -> None:
    file, keys = tmp_path / "care.backup", [tmp_path / "one.key", tmp_path / "two.key"]
    recipients = ",".join([await _key(workspace, each) for each in keys])
    await _run(workspace, "CREATE SCHEMA mdt")
    assert (await workspace.run("backup", "write", str(file), CARE_BACKUP_RECIPIENTS=recipients)).code == 0

    for each in keys:
        await _run(workspace, "DROP SCHEMA mdt CASCADE")
        assert (await workspace.run("backup", "restore", str(file), "--key", str(each))).code == 0


@pytest.mark.parametrize("fault", ["another key", "altered", "cut off", "no backup"])
async def test_unreadable_backup_restores_nothing(workspace: Workspace, tmp_path: Path, fault: str) -> None:
    file, key = await _backed_up(workspace, tmp_path)
    await _run(workspace, "DROP SCHEMA mdt CASCADE")
    content = file.read_bytes()
    if fault == "another key":
        key = tmp_path / "other.key"
        await _key(workspace, key)
    else:
        file.write_bytes({"altered": content[:-9] + b"altered!!", "cut off": content[:-99], "no backup": b"PGDMP" * 99}[fault])

    refused = await workspace.run("backup", "restore", str(file), "--key", str(key))

    assert "Nothing was restored" in refused.refusal
    assert await _value(workspace, _SCHEMAS, list(CONTEXTS)) is None


async def test_failed_dump_leaves_the_last_backup(workspace: Workspace, tmp_path: Path) -> None:
    file, key = await _backed_up(workspace, tmp_path)
    before = file.read_bytes()
    absent = workspace.database_url.replace("care_cli_", "absent_")

    refused = await workspace.run(
        "backup", "write", str(file), DATABASE_URL=absent, CARE_BACKUP_RECIPIENTS=await _key(workspace, tmp_path / "b.key")
    )

    assert "pg_dump ended with code 1" in refused.refusal
    assert absent not in refused.err
    assert file.read_bytes() == before
    assert _files(tmp_path) == ["care.backup", "care.key"]
    assert "cannot be written" in (await workspace.run("backup", "key", str(key))).refusal


@pytest.mark.parametrize(("recipients", "message"), [("", "Set CARE_BACKUP_RECIPIENTS"), ("age1nonsense", "is no public key of age")])
async def test_backup_without_a_key_is_refused(workspace: Workspace, tmp_path: Path, recipients: str, message: str) -> None:
    refused = await workspace.run("backup", "write", str(tmp_path / "care.backup"), CARE_BACKUP_RECIPIENTS=recipients)

    assert message in refused.refusal
    assert _files(tmp_path) == []


async def test_restored_database_has_the_same_privileges(workspace: Workspace, tmp_path: Path) -> None:
    """A backup is restored without privileges, and everyone may call a function that PostgreSQL creates."""
    database, server = str(make_url(workspace.database_url).database), make_url(workspace.database_url).set(database="postgres")
    administration = server.render_as_string(hide_password=False)
    file, key = tmp_path / "care.backup", tmp_path / "care.key"
    recipient = await _key(workspace, key)
    migration = ("migrate", "--roles", "care_restored")
    assert (await workspace.run(*migration)).code == 0
    before = await _privileges(workspace)
    assert (await workspace.run("backup", "write", str(file), CARE_BACKUP_RECIPIENTS=recipient)).code == 0

    await administer(administration, f'DROP DATABASE "{database}" WITH (FORCE)')
    await administer(administration, f'CREATE DATABASE "{database}"')
    for command in (("backup", "restore", str(file), "--key", str(key)), migration):
        assert (await workspace.run(*command)).code == 0

    after = await _privileges(workspace)
    await administer(workspace.database_url, f"DROP SCHEMA {', '.join(CONTEXTS)} CASCADE")
    await drop_roles(workspace.database_url, Roles("care_restored", {}))
    assert [each for each in before if " PUBLIC " in each] == []
    assert after == before


async def _privileges(workspace: Workspace) -> list[str]:
    """Of each table, column, sequence and function of the contexts: who owns it, and who may do what."""
    owner = await asyncpg.connect(workspace.database_url)
    try:
        return [row["privilege"] for row in await owner.fetch(_PRIVILEGES, list(CONTEXTS))]
    finally:
        await owner.close()
