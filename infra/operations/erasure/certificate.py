"""The certificate of an erasure, which the operator's command signs with Ed25519.

Invariant: no process of the product holds the key that signs, and its public half suffices for the check.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.errors import StackError
from infra.operations.erasure.keys import PUBLIC, PublicKeys, key_id

_UNSIGNED: Mapping[str, str] = {"signature": ""}
#: Precedes what is signed, so that no signature over anything else serves.
_PURPOSE = b"care erasure certificate 1\n"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was erased, where, when, why and by whom. `erased` has the number of rows by context and kind, without safeguarding."""

    id: str
    people: Sequence[str]
    reason: str
    requested_by: str
    requested_at: str
    approved_by: str
    approved_at: str
    erased_at: str
    erased: Mapping[str, Mapping[str, int]]
    kafka: str
    safeguarding: str
    key_id: str = ""
    signature: str = ""


def sign(certificate: Certificate, key: Ed25519PrivateKey) -> Certificate:
    """The certificate with a signature over everything else, and the id of the key."""
    content = asdict(certificate) | {"key_id": key_id(key.public_key())}
    return Certificate(**content | {"signature": key.sign(_signed(content)).hex()})


def write(certificate: Certificate, file: Path) -> None:
    file.write_bytes(orjson.dumps(asdict(certificate), option=orjson.OPT_INDENT_2) + b"\n")


def check(file: Path, keys: PublicKeys) -> str:
    """Returns a sentence about a genuine certificate. Raises StackError for any other file."""
    try:
        content = orjson.loads(file.read_bytes())
        _require_signed(file, content, keys)
        return f"The certificate is genuine: {', '.join(content['people'])} erased at {content['erased_at']}."
    except (ValueError, KeyError, TypeError) as problem:
        raise StackError(f"{file} is no certificate.") from problem


def _require_signed(file: Path, content: Mapping[str, Any], keys: PublicKeys) -> None:
    """Raises StackError, and ValueError, KeyError or TypeError for what is no certificate."""
    if "mac" in content:
        raise StackError(f"{file} is of an earlier version, whose certificates a service could forge: see docs/runbook.md, Erase a person.")
    key = next((each for each in keys if key_id(each) == content["key_id"]), None)
    if key is None:
        raise StackError(f"{file} is signed with a key that {PUBLIC} does not name.")
    try:
        key.verify(bytes.fromhex(content["signature"]), _signed(content))
    except InvalidSignature as problem:
        raise StackError(f"{file} was altered, or another deployment issued it.") from problem


def _signed(content: Mapping[str, Any]) -> bytes:
    return _PURPOSE + orjson.dumps({**content, **_UNSIGNED}, option=orjson.OPT_SORT_KEYS)
