"""The certificate of an erasure, which the deployment signs."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from infra.errors import StackError
from shared.deployment import Deployment


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
    mac: str = ""


def sign(certificate: Certificate, deployment: Deployment) -> Certificate:
    """The certificate with a MAC of the deployment over everything else."""
    content = asdict(certificate) | {"mac": ""}
    return Certificate(**content | {"mac": _mac(content, deployment)})


def write(certificate: Certificate, file: Path) -> None:
    file.write_bytes(orjson.dumps(asdict(certificate), option=orjson.OPT_INDENT_2) + b"\n")


def check(file: Path, deployment: Deployment) -> str:
    """Returns a sentence about a genuine certificate. Raises StackError for any other file."""
    try:
        content = orjson.loads(file.read_bytes())
        is_genuine = hmac.compare_digest(content["mac"], _mac({**content, "mac": ""}, deployment))
    except (orjson.JSONDecodeError, KeyError, TypeError) as problem:
        raise StackError(f"{file} is no certificate.") from problem
    if not is_genuine:
        raise StackError(f"{file} was altered, or another deployment issued it.")
    return f"The certificate is genuine: {', '.join(content['people'])} erased at {content['erased_at']}."


def _mac(content: Mapping[str, Any], deployment: Deployment) -> str:
    """Under a key derived from the secret of the pseudonyms, which outlives the key ring and the keys of records."""
    key = hmac.digest(deployment.secrets().person_id_secret, b"erasure certificate", sha256)
    return hmac.digest(key, orjson.dumps(content, option=orjson.OPT_SORT_KEYS), sha256).hex()
