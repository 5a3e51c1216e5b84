"""The envelope of an event: CloudEvents 1.0 in Kafka's binary mode, `ce_*` headers and a JSON value."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import TypeAdapter

from shared.contracts.encryption import DecryptionFailed, KeyAbsent, KeyRing, place
from shared.contracts.event import Event, Instant
from shared.contracts.registry import event_type

SPEC_VERSION = "1.0"
CONTENT_TYPE = b"application/json"
#: The header with the wrapped data key of a restricted event.
DATA_KEY = "care-data-key"
_SEQUENCE_DIGITS = 20
_TYPE = re.compile(r"[a-z]+([.-][a-z]+){0,12}\.v[0-9]{1,3}")
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)
T = TypeVar("T")


class UndecodableRecord(Exception):
    """The record is no event that this version of the product can read. Parked, never retried."""


class UnauthenticRecord(UndecodableRecord):
    """No context of the product wrote the record as it is: it is forged, altered or moved."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The metadata of an event. `sequence` counts the aggregate's events from 1 without a gap."""

    id: UUID
    type: str
    source: str
    subject: str
    key: str
    sequence: int
    time: datetime
    recorded_time: datetime
    correlation_id: UUID
    causation_id: UUID | None
    actor_org: str
    actor_role: str
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record as the consumer received it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def to_headers(envelope: Envelope) -> list[tuple[str, bytes]]:
    headers = [
        ("content-type", CONTENT_TYPE),
        ("ce_specversion", SPEC_VERSION.encode()),
        ("ce_id", str(envelope.id).encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_subject", envelope.subject.encode()),
        ("ce_time", envelope.time.isoformat().encode()),
        ("ce_sequence", str(envelope.sequence).zfill(_SEQUENCE_DIGITS).encode()),
        ("ce_correlationid", str(envelope.correlation_id).encode()),
        ("ce_actororg", envelope.actor_org.encode()),
        ("ce_actorrole", envelope.actor_role.encode()),
        ("ce_recordedtime", envelope.recorded_time.isoformat().encode()),
    ]
    if envelope.causation_id:
        headers.append(("ce_causationid", str(envelope.causation_id).encode()))
    if envelope.traceparent is not None:
        headers.append(("ce_traceparent", envelope.traceparent.encode()))
    return headers


def type_of(record: Record) -> str:
    """The type in a record's header, read without decoding the rest; empty when the header is absent."""
    types = (value for name, value in reversed(record.headers) if name == "ce_type" and value is not None)
    return next(types, b"").decode(errors="replace")


def read_envelope(record: Record) -> Envelope:
    """Raises UndecodableRecord when a header is absent or malformed; its text names the header and quotes nothing of it."""
    _require_json(record)
    attributes = {
        name[3:]: value.decode(errors="replace") for name, value in record.headers if name.startswith("ce_") and value is not None
    }
    return Envelope(
        id=_read(attributes, "id", UUID),
        type=_read(attributes, "type", str),
        source=_read(attributes, "source", str),
        subject=_read(attributes, "subject", str),
        key=_key(record),
        sequence=_read(attributes, "sequence", int),
        time=_read(attributes, "time", _instant),
        recorded_time=_read(attributes, "recordedtime", _instant),
        correlation_id=_read(attributes, "correlationid", UUID),
        causation_id=_read(attributes, "causationid", UUID) if "causationid" in attributes else None,
        actor_org=_read(attributes, "actororg", str),
        actor_role=_read(attributes, "actorrole", str),
        traceparent=attributes.get("traceparent"),
    )


def encode(event: Event, subject: UUID, identity: UUID, key_ring: KeyRing) -> tuple[bytes, bytes | None]:
    """The value of the Kafka record and its data key. `identity` is the id of the event.

    A public event is JSON without a data key; the value of a restricted one is a JSON string holding its JWE.
    """
    plain = event.model_dump_json().encode()
    if not event.RESTRICTED:
        return plain, None
    return key_ring.seal_apart(plain, place(event.TOPIC, event.TYPE, str(subject), str(identity)))


def decode(envelope: Envelope, record: Record, key_ring: KeyRing) -> Event:
    """Fields that this version does not know are ignored.

    Raises UnauthenticRecord for a sealed value that was altered or belongs to another place, otherwise UndecodableRecord; the text quotes
    nothing of the value.
    """
    contract, value = event_type(envelope.type), record.value
    if contract is None or value is None:
        raise UndecodableRecord(f"no contract reads {_named(envelope.type)}" if value is not None else "the record has no value")
    try:
        plain = _opened(envelope, record, value, key_ring) if contract.RESTRICTED else value
        return contract.model_validate_json(plain, extra="ignore")
    except ValueError as problem:
        raise UndecodableRecord(f"{envelope.type}: {type(problem).__name__} in {_fields(problem)}") from problem


def _opened(envelope: Envelope, record: Record, sealed: bytes, key_ring: KeyRing) -> bytes:
    """Raises KeyAbsent; UnauthenticRecord when the value was sealed for another record."""
    data_key = next((value for name, value in record.headers if name == DATA_KEY), None)
    try:
        return key_ring.open_apart(sealed, data_key, place(record.topic, envelope.type, envelope.subject, str(envelope.id)))
    except KeyAbsent:
        raise
    except DecryptionFailed as problem:
        raise UnauthenticRecord("its sealed value belongs to another record, or was altered") from problem


def _read(attributes: Mapping[str, str], name: str, parse: Callable[[str], T]) -> T:
    if name not in attributes:
        raise UndecodableRecord(f"envelope: ce_{name} is absent")
    try:
        return parse(attributes[name])
    except ValueError:
        raise UndecodableRecord(f"envelope: ce_{name} is malformed") from None


def _require_json(record: Record) -> None:
    """Raises UndecodableRecord for another content type. A record without one counts as JSON."""
    if any(name == "content-type" and value != CONTENT_TYPE for name, value in record.headers):
        raise UndecodableRecord("envelope: content-type is not application/json")


def _key(record: Record) -> str:
    try:
        return (record.key or b"").decode()
    except UnicodeDecodeError:
        raise UndecodableRecord("envelope: the key is malformed") from None


def _named(kind: str) -> str:
    """A type in the grammar of types may be shown; any other text may hold personal data."""
    return kind if _TYPE.fullmatch(kind) else "its type"


def _instant(text: str) -> datetime:
    return _INSTANT.validate_python(text)


def _fields(problem: ValueError) -> str:
    """The paths of the invalid fields, such as `contacts.0.at`; "its value" when the value as a whole is invalid."""
    errors: Iterable[dict[str, Any]] = getattr(problem, "errors", list)()
    return ", ".join(sorted({".".join(str(part) for part in error["loc"]) or "its value" for error in errors})) or "its value"
