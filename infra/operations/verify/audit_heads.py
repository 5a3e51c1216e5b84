"""The heads of the audits outside the databases: those in Kafka, and the public keys that their signatures are judged by."""

import os
from base64 import b64decode
from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from infra.dev_stack.dev_secrets import load
from infra.dev_stack.local.paths import stack_folders
from infra.errors import StackError
from infra.operations.verify.broker import Broker
from shared.contracts.audit import AUDIT_SEALED, AuditSealed
from shared.contracts.envelope import Record, UndecodableRecord, read_envelope
from shared.persistence.audit_chain import Head

VARIABLE = "CARE_AUDIT_PUBLIC_KEYS"
#: Public keys by context; old ones included.
PublicKeys = Mapping[str, Sequence[bytes]]
_KEYS = TypeAdapter(dict[str, list[str]])
_CONTEXTS = {event.TOPIC: context for context, event in AUDIT_SEALED.items()}


async def published_heads(broker: Broker) -> list[Head]:
    """A record that is no head is left to the check of all records in Kafka."""
    ends = {partition: end for partition, end in (await broker.ends()).items() if partition[0] in _CONTEXTS}
    return [head async for record in broker.read(ends) if (head := head_in(record))]


def head_in(record: Record) -> Head | None:
    context = _CONTEXTS[record.topic]
    try:
        envelope = read_envelope(record)
        sealed: AuditSealed = AUDIT_SEALED[context].model_validate_json(record.value or b"", extra="ignore")
    except (UndecodableRecord, ValidationError):
        return None
    return Head(context, envelope.sequence, bytes.fromhex(sealed.head), bytes.fromhex(sealed.signature), sealed.key_id)


def public_keys(name: str) -> PublicKeys | None:
    """The keys of the environment, otherwise those of the local stack; None without either. Raises StackError."""
    value, stack = os.environ.get(VARIABLE), load(stack_folders(name).root)
    if value:
        return keys_of(value)
    return decoded(stack.audit_public_keys()) if stack else None


def required_keys(name: str) -> PublicKeys:
    """Raises StackError when no key is known."""
    found = public_keys(name)
    if found is None:
        raise StackError(f"{VARIABLE} is not set, and there is no stack “{name}”: without public keys no signature can be verified.")
    return found


def keys_of(text: str) -> PublicKeys:
    """Raises StackError."""
    try:
        return decoded(_KEYS.validate_json(text))
    except ValueError:
        raise StackError(f"{VARIABLE} must be a JSON object with a list of public keys, in base64, for each context.") from None


def decoded(keys: Mapping[str, Sequence[str]]) -> PublicKeys:
    return {context: [b64decode(key, validate=True) for key in those] for context, those in keys.items()}
