"""No address leads names and stories in clear text to another machine."""

import pytest

from infra.dev_stack.dev_secrets import make
from infra.dev_stack.local.external_servers import external_database_url
from infra.dev_stack.process_environment import environment
from infra.errors import StackError
from services.mdt.main import create_app
from services.mdt.worker import main as work
from shared.persistence.protected_address import UNPROTECTED, protected

LOCAL = [
    "postgresql://care_mdt:hush@localhost:5432/care",
    "postgres://care_mdt@LOCALHOST/care",
    "postgresql+asyncpg://care_mdt@127.0.0.1/care",
    "postgresql://care_mdt@127.0.0.2:5432/care?sslmode=disable",
    "postgresql://care_mdt@[::1]:5432/care",
    "postgresql://care_mdt@/care?host=/run/postgresql",
    "postgresql:///care?host=%2Frun%2Fpostgresql",
    "postgresql://care_mdt@%2Frun%2Fpostgresql/care",
    "postgresql://localhost:1,127.0.0.1:2,[::1]:3/care",
    "postgresql:///care?host=localhost,127.0.0.1",
]
VERIFIED = [
    "postgresql://care_mdt:hush@db.example:5432/care?sslmode=verify-full",
    "postgres://db.example,[2001:db8::1]:5433/care?sslmode=verify-full&sslrootcert=/etc/care/database/ca.pem",
    "postgresql+asyncpg://care_mdt@10.0.0.1/care?sslrootcert=%2Fetc%2Fca.pem&sslmode=verify-full",
    "postgresql:///care?host=db.example&sslmode=verify-full",
]
UNPROTECTED_ADDRESSES = [
    "postgresql://care_mdt:hush@db.example:5432/care",
    "postgres://db.example/care",
    "postgresql+asyncpg://db.example/care",
    "postgresql://10.0.0.1/care",
    "postgresql://[2001:db8::1]:5432/care",
    "postgresql://0.0.0.0/care",
    *(f"postgresql://db.example/care?sslmode={mode}" for mode in ("disable", "allow", "prefer", "require", "verify-ca", "VERIFY-FULL", "")),
    "postgresql://db.example/care?sslmode=verify-full&sslmode=disable",
    "postgresql://db.example/care?sslmode=disable&sslmode=verify-full",
    "postgresql:///care?host=db.example",
    "postgresql://localhost/care?host=db.example",
    "postgresql://db.example/care?host=localhost",
    "postgresql://localhost/care?hostaddr=10.0.0.1",
    "postgresql://localhost/care?service=elsewhere",
    "postgresql://localhost,db.example/care",
    "postgresql://db.example:5432,127.0.0.1:5432/care",
    "postgresql://localhost%2Cdb.example/care",
    "postgresql:///care?host=/run/postgresql,db.example",
    "postgresql:///care?host=/run/postgresql&host=db.example",
    "postgresql://localhost.db.example/care",
    "postgresql://127.0.0.1.db.example/care",
    "postgresql://localhost:hush@db.example/care",
    "postgresql://care_mdt:p@db.example@localhost/care",
    "postgresql:///care",
    "postgresql://care_mdt@/care",
    "postgresql://localhost,/care",
    "postgresql://[::1/care",
    "postgresql://localhost/care?sslmode",
    "care",
]


@pytest.mark.parametrize("address", [*LOCAL, *VERIFIED])
def test_protected_address_is_kept_as_it_is(address: str) -> None:
    assert protected(address) == address


@pytest.mark.parametrize("address", UNPROTECTED_ADDRESSES)
def test_unprotected_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="unprotected") as refused:
        protected(address)

    assert str(refused.value) == UNPROTECTED


@pytest.mark.parametrize("start", [create_app, work])
@pytest.mark.parametrize("mode", ["", "?sslmode=require"])
def test_process_needs_a_protected_address(monkeypatch: pytest.MonkeyPatch, start: object, mode: str) -> None:
    for name, value in environment("postgresql://owner@127.0.0.1:1/care", "127.0.0.1:9", make()).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MDT_DATABASE_URL", f"postgresql://care_mdt:hush@db.example/care{mode}")
    monkeypatch.setenv("PGSSLMODE", "verify-full")

    with pytest.raises(SystemExit) as ended:
        start()  # type: ignore[operator]

    assert f"MDT_DATABASE_URL: {UNPROTECTED}." in str(ended.value.code)
    assert not [each for each in ("hush", "db.example") if each in str(ended.value.code)]


@pytest.mark.parametrize("address", UNPROTECTED_ADDRESSES[:-1])
def test_owner_needs_a_protected_address(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DATABASE_URL", address)
    monkeypatch.setenv("PGSSLMODE", "verify-full")

    with pytest.raises(StackError) as refused:
        external_database_url()

    assert str(refused.value) == f"DATABASE_URL: {UNPROTECTED}."


@pytest.mark.parametrize("address", VERIFIED)
def test_owner_address_has_the_form_of_the_driver(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DATABASE_URL", address)

    assert external_database_url() == address.replace("postgresql+asyncpg://", "postgresql://")
