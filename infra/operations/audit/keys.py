"""Makes the keys of a sealer."""

import secrets
from base64 import b64encode

from rich.console import Console

from infra.operations.verify.audit_heads import VARIABLE
from shared.persistence.audit_chain import SigningKey

_SEED_BYTES = 32


def print_new_key(out: Console) -> None:
    seed = secrets.token_bytes(_SEED_BYTES)
    key = SigningKey(seed)
    out.print(f"<CONTEXT>_AUDIT_SIGNING_KEY, for the worker of one context: {b64encode(seed).decode()}", soft_wrap=True, highlight=False)
    out.print(f"Public key, for {VARIABLE}: {b64encode(key.public).decode()}", soft_wrap=True, highlight=False)
    out.print(f"Its id in blocks and events: {key.id}", highlight=False)
