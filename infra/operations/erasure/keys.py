"""The keys of the certificates of erasures: the operator's commands alone read the one that signs."""

import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from rich.console import Console

from infra.dev_stack.dev_secrets import Keys, load
from infra.dev_stack.local.paths import stack_folders
from infra.errors import StackError
from shared.persistence import audit_chain

SIGNING, PUBLIC = "CARE_ERASURE_SIGNING_KEY", "CARE_ERASURE_PUBLIC_KEYS"
#: Old keys included.
PublicKeys: TypeAlias = Sequence[Ed25519PublicKey]
_SEED_BYTES = 32


def signing_key(name: str) -> Ed25519PrivateKey:
    """The key of the environment, otherwise that of the local stack. Raises StackError without either, and for one that --check refuses."""
    value, stack = os.environ.get(SIGNING), _stack(name)
    seed = value or (stack.erasure_signing_key if stack else None)
    if seed is None:
        raise StackError(f"{SIGNING} is not set, and there is no stack “{name}”: `care erase --new-key` prints a key.")
    key = _signing(seed)
    if key.public_key() not in public_keys(name):
        raise StackError(f"{PUBLIC} does not have the public half of {SIGNING}: the certificate could not be checked.")
    return key


def public_keys(name: str) -> PublicKeys:
    """The keys of the environment, otherwise that of the local stack. Raises StackError without either."""
    value, stack = os.environ.get(PUBLIC), _stack(name)
    if value:
        return [_public(each) for each in value.split(",") if each.strip()]
    if stack:
        return [stack_key(stack).public_key()]
    raise StackError(f"{PUBLIC} is not set, and there is no stack “{name}”: without a public key no certificate can be checked.")


def key_id(key: Ed25519PublicKey) -> str:
    """As of the keys of the audit."""
    return audit_chain.key_id(key.public_bytes_raw())


def print_new_key(out: Console) -> None:
    seed = secrets.token_bytes(_SEED_BYTES)
    out.print(f"{SIGNING}, for who approves erasures alone: {b64encode(seed).decode()}", soft_wrap=True, highlight=False)
    public = audit_chain.SigningKey(seed).public
    out.print(f"Public key, for {PUBLIC}: {b64encode(public).decode()}", soft_wrap=True, highlight=False)


def stack_key(stack: Keys) -> Ed25519PrivateKey:
    return _signing(stack.erasure_signing_key)


def _stack(name: str) -> Keys | None:
    return load(stack_folders(name).root)


def _signing(text: str) -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(b64decode(text, validate=True))
    except ValueError as problem:
        raise StackError(f"{SIGNING} must be {_SEED_BYTES} bytes in base64, as `care erase --new-key` prints them.") from problem


def _public(text: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(b64decode(text.strip(), validate=True))
    except ValueError as problem:
        raise StackError(f"{PUBLIC} must be public keys in base64, as `care erase --new-key` prints them, with commas.") from problem
