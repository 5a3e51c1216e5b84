"""The envelope of an event: CloudEvents 1.0 in Kafka's binary mode, `ce_*` headers beside a JSON value."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.contracts.event import Event
from shared.contracts.registry import event_type
from shared.contracts.sealing import KeyRing

SPEC_VERSION = "1.0"
_SEQUENCE_DIGITS = 20
_LONGEST_REASON = 300


class Undecodable(Exception):
    """The record is no event that this version of the product can read. Parked, never retried."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What surrounds every event. `sequence` counts the aggregate's events from 1 without a gap."""

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
    """A Kafka record as it came."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def to_headers(envelope: Envelope) -> list[tuple[str, bytes]]:
    attributes = {
        "specversion": SPEC_VERSION,
        "id": str(envelope.id),
        "type": envelope.type,
        "source": envelope.source,
        "subject": envelope.subject,
        "time": envelope.time.isoformat(),
        "sequence": str(envelope.sequence).zfill(_SEQUENCE_DIGITS),
        "correlationid": str(envelope.correlation_id),
        "causationid": str(envelope.causation_id) if envelope.causation_id else None,
        "actororg": envelope.actor_org,
        "actorrole": envelope.actor_role,
        "recordedtime": envelope.recorded_time.isoformat(),
        "traceparent": envelope.traceparent,
    }
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items() if value is not None]
    return [("content-type", b"application/json"), *headers]


def read_envelope(record: Record) -> Envelope:
    """Raises Undecodable when a header is absent or malformed."""
    attributes = {
        name[3:]: value.decode(errors="replace") for name, value in record.headers if name.startswith("ce_") and value is not None
    }
    try:
        return Envelope(
            id=UUID(attributes["id"]),
            type=attributes["type"],
            source=attributes["source"],
            subject=attributes["subject"],
            key=(record.key or b"").decode(),
            sequence=int(attributes["sequence"]),
            time=_instant(attributes["time"]),
            recorded_time=_instant(attributes["recordedtime"]),
            correlation_id=UUID(attributes["correlationid"]),
            causation_id=UUID(attributes["causationid"]) if "causationid" in attributes else None,
            actor_org=attributes["actororg"],
            actor_role=attributes["actorrole"],
            traceparent=attributes.get("traceparent"),
        )
    except (KeyError, ValueError) as problem:
        raise Undecodable(f"envelope: {problem!r}"[:_LONGEST_REASON]) from problem


def encode(event: Event, key_ring: KeyRing) -> bytes:
    """The value of the Kafka record: JSON, or for a restricted event a JSON string holding its JWE."""
    plain = event.model_dump_json().encode()
    return key_ring.seal(plain) if event.RESTRICTED else plain


def decode(envelope: Envelope, value: bytes | None, key_ring: KeyRing) -> Event:
    """Fields that this version does not know are ignored. Raises Undecodable; its text quotes nothing of the value."""
    contract = event_type(envelope.type)
    if contract is None or value is None:
        raise Undecodable(f"no contract reads {envelope.type!r}"[:_LONGEST_REASON] if value is not None else "the record has no value")
    try:
        plain = key_ring.open(value) if contract.RESTRICTED else value
        return contract.model_validate_json(plain, extra="ignore")
    except ValueError as problem:
        raise Undecodable(f"{envelope.type}: {type(problem).__name__} in {_fields(problem)}") from problem


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("a time without a zone")
    return instant


def _fields(problem: ValueError) -> str:
    errors: Iterable[dict[str, object]] = getattr(problem, "errors", list)()
    return ", ".join(sorted({str(error["loc"]) for error in errors})) or "its value"
