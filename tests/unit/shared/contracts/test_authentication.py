"""A consumer accepts a record only as the producing context published it, under a key that is accepted."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.authentication import HEADER, MacKeys
from shared.contracts.envelope import Record, UnauthenticRecord

OLD, NEW, OTHER = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
BEFORE = MacKeys({"mdt": {"old": OLD}}, {"mdt": "old"})
BOTH = MacKeys({"mdt": {"old": OLD, "new": NEW}, "referrals": {"old": OTHER}}, {"mdt": "new", "referrals": "old"})
AFTER = MacKeys({"mdt": {"new": NEW}}, {"mdt": "new"})

_parts = st.none() | st.binary(max_size=30)
_headers = st.lists(st.tuples(st.text(st.characters(codec="utf-8"), max_size=10).filter(lambda name: name != HEADER), _parts), max_size=5)
records = st.builds(
    Record,
    topic=st.sampled_from(["mdt.lead", "mdt.case"]),
    partition=st.just(0),
    offset=st.just(0),
    key=_parts,
    value=_parts,
    headers=_headers.map(tuple),
)
RECORD = Record("mdt.lead", 0, 0, b"person", b'{"a": 1}', (("ce_id", b"1"), ("ce_type", b"mdt.lead.activated.v1")))


def signed(record: Record, keys: MacKeys = BOTH) -> Record:
    mac = keys.sign(record.topic, record.key, record.value, record.headers)
    return replace(record, headers=(*record.headers, mac))


def is_authentic(record: Record, keys: MacKeys = BOTH) -> bool:
    try:
        keys.verify(record)
    except UnauthenticRecord:
        return False
    return True


def mac_of(record: Record) -> bytes:
    return dict(record.headers)[HEADER] or b""


@given(records)
def test_published_record_is_authentic(record: Record) -> None:
    assert is_authentic(signed(record))


@given(records, records)
def test_mac_of_one_record_fits_no_other(record: Record, other: Record) -> None:
    moved = replace(other, headers=(*other.headers, (HEADER, mac_of(signed(record)))))

    assert is_authentic(moved) is (record == other)


ALTERATIONS: Mapping[str, Callable[[Record], Record]] = {
    "value": lambda record: replace(record, value=b'{"a": 2}'),
    "value removed": lambda record: replace(record, value=None),
    "key": lambda record: replace(record, key=b"another person"),
    "topic": lambda record: replace(record, topic="mdt.case"),
    "topic of another context": lambda record: replace(record, topic="referrals.person"),
    "header": lambda record: replace(record, headers=(("ce_id", b"2"), *record.headers[1:])),
    "header added": lambda record: replace(record, headers=(*record.headers, ("ce_id", b"2"))),
    "header removed": lambda record: replace(record, headers=record.headers[1:]),
    "headers in another order": lambda record: replace(record, headers=(*record.headers[1::-1], record.headers[2])),
    "MAC removed": lambda record: replace(record, headers=record.headers[:-1]),
    "MAC absent": lambda record: replace(record, headers=(*record.headers[:-1], (HEADER, None))),
    "MAC twice": lambda record: replace(record, headers=(*record.headers, record.headers[-1])),
    "MAC shortened": lambda record: replace(record, headers=(*record.headers[:-1], (HEADER, mac_of(record)[:-1]))),
    "version of the key": lambda record: replace(record, headers=(*record.headers[:-1], (HEADER, mac_of(record).replace(b"new", b"old")))),
    "version alone": lambda record: replace(record, headers=(*record.headers[:-1], (HEADER, b"new."))),
    "invalid text": lambda record: replace(record, headers=(*record.headers[:-1], (HEADER, b"\xff\xfe"))),
}


@pytest.mark.parametrize("part", ALTERATIONS)
def test_altered_record_is_refused(part: str) -> None:
    record = signed(RECORD)

    assert is_authentic(record)
    assert not is_authentic(ALTERATIONS[part](record))


def test_partition_and_offset_are_free() -> None:
    """The broker assigns them; a record at a second place is a duplicate, which the inbox absorbs."""
    assert is_authentic(replace(signed(RECORD), partition=7, offset=3))


def test_keys_are_rotated_by_adding_then_removing() -> None:
    earlier, later = signed(RECORD, BEFORE), signed(RECORD, AFTER)

    assert (is_authentic(earlier, BOTH), is_authentic(later, BOTH)) == (True, True)
    assert (is_authentic(earlier, AFTER), is_authentic(later, BEFORE)) == (False, False)


def test_key_of_another_context_is_refused() -> None:
    forger = MacKeys({"mdt": {"old": OTHER}}, {"mdt": "old"})

    assert not is_authentic(signed(RECORD, forger), BOTH)


def test_context_cannot_sign_for_another() -> None:
    with pytest.raises(KeyError):
        AFTER.sign("referrals.person", b"person", b"{}", ())


@pytest.mark.parametrize("part", ALTERATIONS)
def test_reason_quotes_nothing_of_the_record(part: str) -> None:
    words = replace(RECORD, key=b"Mr Dale", value=b"Mr Dale fell", headers=(("Mr Dale", b"Mr Dale"), *RECORD.headers))

    with pytest.raises(UnauthenticRecord) as found:
        BOTH.verify(ALTERATIONS[part](replace(words, headers=(*words.headers, (HEADER, b"Mr Dale.Mr Dale")))))

    assert "Dale" not in str(found.value)
