"""An event and its envelope survive encoding, and invalid records are recognised."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.encryption import KeyRing
from shared.contracts.envelope import (
    DATA_KEY,
    Envelope,
    Record,
    UnauthenticRecord,
    UndecodableRecord,
    decode,
    encode,
    read_envelope,
    to_headers,
    type_of,
)
from shared.contracts.event import Event
from shared.contracts.persons import PersonRecordRecorded
from shared.contracts.registry import registry
from shared.kernel.ids import new_id

RING = KeyRing({"one": bytes(range(32))}, "one")
EXAMPLES = Path("shared/contracts/examples")
HEADERS = ("specversion", "id", "type", "source", "subject", "time", "sequence", "correlationid", "actororg", "actorrole", "recordedtime")

every_event = pytest.mark.parametrize("event", registry().values(), ids=lambda event: event.TYPE)
_instants = st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1), max_value=datetime(2199, 12, 31))  # noqa: DTZ001  hypothesis wants naive bounds
_words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
envelopes = st.builds(
    Envelope,
    id=st.uuids(),
    type=_words,
    source=_words,
    subject=st.uuids().map(str),
    key=st.uuids().map(str),
    sequence=st.integers(1, 2**31 - 1),
    time=_instants,
    recorded_time=_instants,
    correlation_id=st.uuids(),
    causation_id=st.none() | st.uuids(),
    actor_org=_words,
    actor_role=_words,
    traceparent=st.none() | _words,
)


def example(event: type[Event]) -> Event:
    return event.model_validate_json((EXAMPLES / f"{event.TYPE}.json").read_text())


def record_of(envelope: Envelope, value: bytes | None = b"{}") -> Record:
    return Record("topic", 0, 0, envelope.key.encode(), value, tuple(to_headers(envelope)))


def a_record(topic: str, value: bytes | None, data_key: bytes | None = None) -> Record:
    return Record(topic, 0, 0, b"k", value, ((DATA_KEY, data_key),))


def sealed_record(envelope: Envelope, event: Event, ring: KeyRing = RING) -> Record:
    return a_record(event.TOPIC, *encode(event, UUID(envelope.subject), envelope.id, ring))


def an_envelope(type_: str) -> Envelope:
    now = datetime(2015, 3, 1, 9, tzinfo=UTC)
    ids: tuple[UUID, UUID] = (new_id(), new_id())
    return Envelope(ids[0], type_, "/care/test", str(ids[1]), "k", 1, now, now, ids[1], None, "CLCH", "nurse", None)


@given(envelopes)
def test_envelope_survives_encoding(envelope: Envelope) -> None:
    assert read_envelope(record_of(envelope)) == envelope


@every_event
def test_event_survives_encoding(event: type[Event]) -> None:
    sent = example(event)

    envelope = an_envelope(event.TYPE)

    assert decode(envelope, sealed_record(envelope, sent), RING) == sent


@every_event
def test_only_restricted_event_is_encrypted(event: type[Event]) -> None:
    sent = example(event)
    plain = sent.model_dump_json().encode()

    value, data_key = encode(sent, new_id(), new_id(), RING)

    assert (value == plain) is not event.RESTRICTED
    assert (plain in value) is not event.RESTRICTED
    assert (data_key is None) is not event.RESTRICTED


@pytest.mark.parametrize("absent", HEADERS)
def test_envelope_without_an_attribute_is_invalid(absent: str) -> None:
    whole = record_of(an_envelope("x"))
    record = Record("topic", 0, 0, b"k", b"{}", tuple(each for each in whole.headers if each[0] != f"ce_{absent}"))

    if absent == "specversion":
        assert read_envelope(record).type == "x"
    else:
        with pytest.raises(UndecodableRecord, match=absent):
            read_envelope(record)


@given(st.lists(st.tuples(st.sampled_from([f"ce_{name}" for name in HEADERS]), st.none() | st.binary(max_size=40)), max_size=12))
def test_any_headers_are_an_envelope_or_invalid(headers: list[tuple[str, bytes | None]]) -> None:
    reason = ""
    try:
        read_envelope(Record("topic", 0, 0, None, None, tuple(headers)))
    except UndecodableRecord as problem:
        reason = str(problem)

    assert len(reason) <= 300
    assert reason.isprintable()


@given(envelopes, st.lists(st.none() | _words, max_size=3), st.lists(st.none() | _words, max_size=3))
def test_declared_type_is_the_type_of_the_envelope(envelope: Envelope, before: list[str | None], after: list[str | None]) -> None:
    whole = record_of(envelope)
    more = [tuple(("ce_type", None if word is None else word.encode()) for word in words) for words in (before, after)]
    record = replace(whole, headers=(*more[0], *whole.headers, *more[1]))

    assert type_of(record) == read_envelope(record).type


#: Every other place of a sealed person's record, by the part that differs.
PLACES: Mapping[str, Callable[[Envelope], tuple[Envelope, str]]] = {
    "topic": lambda envelope: (envelope, "mdt.care-plan-record"),
    "type": lambda envelope: (replace(envelope, type="mdt.care-plan-record.recorded.v1"), "referrals.person-record"),
    "subject": lambda envelope: (replace(envelope, subject=str(new_id())), "referrals.person-record"),
    "id": lambda envelope: (replace(envelope, id=new_id()), "referrals.person-record"),
}


@pytest.mark.parametrize("part", PLACES)
def test_sealed_value_does_not_open_elsewhere(part: str) -> None:
    """Finding C13: the story of one person, moved to the record of another."""
    envelope = an_envelope(PersonRecordRecorded.TYPE)
    record = sealed_record(envelope, example(PersonRecordRecorded))
    other, topic = PLACES[part](envelope)

    with pytest.raises(UnauthenticRecord, match="belongs to another record"):
        decode(other, replace(record, topic=topic), RING)


def test_sealed_value_under_an_absent_key_is_undecodable() -> None:
    envelope = an_envelope(PersonRecordRecorded.TYPE)
    sealed = sealed_record(envelope, example(PersonRecordRecorded), KeyRing({"two": bytes(32)}, "two"))

    for record in (sealed, replace(sealed, headers=())):
        with pytest.raises(UndecodableRecord, match="KeyAbsent in its value") as found:
            decode(envelope, record, RING)
        assert not isinstance(found.value, UnauthenticRecord)


def test_record_without_type_header_has_no_type() -> None:
    assert type_of(Record("topic", 0, 0, None, None, (("ce_type", None), ("x", b"y")))) == ""


@given(st.sampled_from(list(registry().values())), st.none() | st.binary(max_size=200))
def test_any_value_is_an_event_or_invalid(event: type[Event], value: bytes | None) -> None:
    with suppress(UndecodableRecord):
        assert isinstance(decode(an_envelope(event.TYPE), a_record(event.TOPIC, value), RING), event)


def test_reason_names_fields_and_quotes_no_value() -> None:
    with pytest.raises(UndecodableRecord) as found:
        decode(an_envelope("rapid-care.response.breached.v1"), a_record("rapid-care.response", b'{"due_at": "Mr Dale fell"}'), RING)

    assert str(found.value) == "rapid-care.response.breached.v1: ValidationError in due_at, referral_id"


def test_reason_for_invalid_json_names_the_value() -> None:
    with pytest.raises(UndecodableRecord) as found:
        decode(an_envelope("rapid-care.response.breached.v1"), a_record("rapid-care.response", b"Mr Dale fell"), RING)

    assert str(found.value) == "rapid-care.response.breached.v1: ValidationError in its value"


@pytest.mark.parametrize("name", [*HEADERS, "key"])
def test_reason_quotes_no_header_or_key(name: str) -> None:
    whole = record_of(an_envelope("mdt.case.closed.v1"))
    headers = tuple((each, b"Mr Dale fell" if each == f"ce_{name}" else value) for each, value in whole.headers)
    record = replace(whole, headers=headers, key=b"\xff Dale" if name == "key" else whole.key)

    with pytest.raises(UndecodableRecord) as found:  # without a value there is always a reason
        decode(read_envelope(record), a_record("mdt.case", None if name != "type" else b"{}"), RING)

    assert "Dale" not in str(found.value)


def test_earlier_reader_ignores_a_later_field() -> None:
    sent = b'{"clinician_id": "enp-1", "left_at": "2015-03-15T21:30:00Z", "added_later": 1}'

    assert decode(an_envelope("rapid-care.response.en-route.v1"), a_record("rapid-care.response", sent), RING).model_fields_set == {
        "clinician_id",
        "left_at",
    }


def test_code_is_never_an_nhs_number() -> None:
    record = a_record("rapid-care.response", b'{"clinician_id": "9990548609", "left_at": "2015-03-15T21:30:00Z"}')

    with pytest.raises(UndecodableRecord, match="clinician_id"):
        decode(an_envelope("rapid-care.response.en-route.v1"), record, RING)
