"""A certificate of an erasure is genuine only when the operator's command signed it."""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import load_or_make, make
from infra.dev_stack.local.paths import stack_folders
from infra.dev_stack.process_environment import environment, of_api, of_worker
from infra.errors import StackError
from infra.operations.erasure.certificate import Certificate, check, sign, write
from infra.operations.erasure.keys import PUBLIC, SIGNING, key_id, public_keys, signing_key, stack_key

KEYS = make()
KEY = stack_key(KEYS)
#: The environment of `care up`, whose operator has the key of certificates in it.
VARIABLES = environment("postgresql://owner@127.0.0.1:1/care", "127.0.0.1:9", KEYS) | {SIGNING: KEYS.erasure_signing_key}
PROCESSES = {"api": of_api(VARIABLES), **{context: of_worker(VARIABLES, context) for context in CONTEXTS}}
CERTIFICATE = Certificate(
    id="0198",
    people=["person"],
    reason="a letter",
    requested_by="CLCH officer",
    requested_at="2026-11-30T09:00:00+00:00",
    approved_by="CLCH caldicott",
    approved_at="2026-11-30T10:00:00+00:00",
    erased_at="2026-11-30T10:01:00+00:00",
    erased={"referrals": {"data keys": 3}},
    kafka="soon",
    safeguarding="those of open ones stay",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "certificate.json"
    write(sign(CERTIFICATE, KEY), path)
    return path


def test_public_key_alone_checks_a_genuine_certificate(file: Path) -> None:
    older = Ed25519PrivateKey.generate().public_key()

    assert check(file, [older, KEY.public_key()]) == "The certificate is genuine: person erased at 2026-11-30T10:01:00+00:00."


@pytest.mark.parametrize("name", [name for name in Certificate.__slots__ if name not in {"key_id", "signature"}])
def test_altered_certificate_is_refused(file: Path, name: str) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: ["another"]}))

    with pytest.raises(StackError, match="was altered"):
        check(file, [KEY.public_key()])


def _values(variables: Mapping[str, str]) -> Iterator[str]:
    """Each text among the variables, also those within JSON."""
    for value in variables.values():
        yield value
        if value.startswith("{"):
            yield from _texts(json.loads(value))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            yield from (text for each in value.values() for text in _texts(each))
        case list():
            yield from (text for each in value for text in _texts(each))


def _secrets(process: str) -> list[bytes]:
    """Its secrets of 32 bytes."""
    found = []
    for text in _values(PROCESSES[process]):
        try:
            found.append(b64decode(text, validate=True))
        except ValueError:
            continue
    return [each for each in found if len(each) == 32]


def _signed(secret: bytes) -> Certificate:
    return sign(CERTIFICATE, Ed25519PrivateKey.from_private_bytes(secret))


def _named_as_the_operators(secret: bytes) -> Certificate:
    content = {name: getattr(_signed(secret), name) for name in Certificate.__slots__}
    return Certificate(**content | {"key_id": key_id(KEY.public_key())})


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("forge", [_signed, _named_as_the_operators])
def test_no_secret_of_a_process_signs(tmp_path: Path, process: str, forge: Callable[[bytes], Certificate]) -> None:
    secrets = _secrets(process)
    assert len(secrets) >= (2 if process == "api" else 3)
    for secret in secrets:
        write(forge(secret), tmp_path / "forged.json")
        with pytest.raises(StackError, match=r"does not name|was altered"):
            check(tmp_path / "forged.json", [KEY.public_key()])


@pytest.mark.parametrize("process", PROCESSES)
def test_no_process_holds_the_key_of_certificates(process: str) -> None:
    assert SIGNING not in PROCESSES[process]
    assert KEYS.erasure_signing_key not in str(PROCESSES[process])
    assert KEYS.database_password not in str(PROCESSES[process])


def test_certificate_under_the_secret_of_pseudonyms_is_refused(tmp_path: Path) -> None:
    """As an earlier version signed it, with a secret that a service holds."""
    content = {name: getattr(CERTIFICATE, name) for name in Certificate.__slots__ if name not in {"key_id", "signature"}}
    key = hmac.digest(b64decode(KEYS.person_id_secret), b"erasure certificate", sha256)
    mac = hmac.digest(key, orjson.dumps(content | {"mac": ""}, option=orjson.OPT_SORT_KEYS), sha256).hex()
    (tmp_path / "earlier.json").write_text(json.dumps(content | {"mac": mac}))

    with pytest.raises(StackError, match="of an earlier version"):
        check(tmp_path / "earlier.json", [KEY.public_key()])


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "7", '"mac"'])
def test_other_file_is_no_certificate(tmp_path: Path, content: str) -> None:
    (tmp_path / "other.json").write_text(content)

    with pytest.raises(StackError, match=r"is no certificate|of an earlier version"):
        check(tmp_path / "other.json", [KEY.public_key()])


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without a stack and without keys."""
    monkeypatch.setenv("CARE_HOME", str(tmp_path))
    monkeypatch.delenv(SIGNING, raising=False)
    monkeypatch.delenv(PUBLIC, raising=False)
    return tmp_path


@pytest.mark.usefixtures("home")
def test_stack_has_a_key_of_its_own() -> None:
    with pytest.raises(StackError, match=f"{SIGNING} is not set"):
        signing_key("default")
    with pytest.raises(StackError, match=f"{PUBLIC} is not set"):
        public_keys("default")

    load_or_make(stack_folders("default").root)

    assert public_keys("default") == [signing_key("default").public_key()]


@pytest.mark.usefixtures("home")
def test_signing_key_without_its_public_half_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    public = b64encode(KEY.public_key().public_bytes_raw()).decode()
    monkeypatch.setenv(SIGNING, b64encode(bytes(32)).decode())
    monkeypatch.setenv(PUBLIC, public)
    with pytest.raises(StackError, match="does not have the public half"):
        signing_key("default")

    monkeypatch.setenv(SIGNING, KEYS.erasure_signing_key)
    monkeypatch.setenv(PUBLIC, f"{b64encode(bytes(31)).decode()},{public}")
    with pytest.raises(StackError, match=f"{PUBLIC} must be public keys in base64"):
        signing_key("default")

    monkeypatch.setenv(PUBLIC, public)
    assert signing_key("default").public_key() == KEY.public_key()
