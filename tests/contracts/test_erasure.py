"""Every column that can hold words is either erased with its person, or listed here as one that holds none."""

from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import JSONB

from infra.contexts import CONTEXTS
from infra.operations.erasure.words import WORDS, WORDS_OF_CONCERNS
from services.referrals.domain.erasure import erase
from services.referrals.domain.person import Person
from services.referrals.domain.practice_doubt import PracticeDoubt
from services.referrals.domain.record_fields import FormerValue
from services.referrals.domain.story import NOT_GIVEN
from services.referrals.store.people import PERSON
from services.referrals.store.person_repository import forms_of
from shared.contracts.persons import PersonRecordRecorded, RecordField, StatedBy, Story
from shared.kernel.ids import PersonId, new_id
from tests.builders.free_text import OF_REQUESTS
from tests.builders.referrals import a_person

#: Tables without words of a person: reference data, codes, public events, and the tables of shared/persistence.
_SHARED = {
    "audit",
    "deadline",
    "event",
    "idempotency",
    "inbox",
    "outbox",
    "parked",
    "practice",
    "relay_state",
    "log_pruning",
    "clock_offset",
}
_REFERENCE = {"organisation", "service", "service_code", "navigator", "clinician", "risk_import", "meeting"}
#: The reason of the erasure itself stays, with its certificate.
_EVIDENCE = {"erasure"}
#: Codes and staff of tables that every context has.
_OF_ALL = {"audit_block": {"key_id"}, "break_glass": {"issuer", "organisation", "actor_id", "role", "reason", "reviewed_by", "outcome"}}
_PERSON = ("referrals", "person")
_NOW = datetime(2015, 3, 2, 9, tzinfo=UTC)
#: The values of a column without words.
_EMPTY = (None, NOT_GIVEN, (), Story(narrative=NOT_GIVEN), Story(narrative=NOT_GIVEN).model_dump())
#: Ids, instants, marks and the number of the version.
_WITHOUT_WORDS = {"id", "correlation_id", "erased_at", "is_practice_confirmed", "version"}
#: What the erasure leaves of the row of a person, beside ids, instants and marks, and why.
_KEPT_OF_PERSON = {
    "practice_code": "the registered practice: open care keeps its owner",
    "locality": "of that practice: work stays with its team",
    "residence": "the code of the council: services of open referrals stay eligible",
    "sharing": "the choice about sharing also holds for later words",
    "sharing_stated_by": "a code: who stated that choice",
    "practice_doubts": "codes of practices and staff: a doubt outlasts the words of the person",
}
#: A copy of the published record, which the next one replaces: the one without words.
_COPY_OF_PERSON = {"record"}
#: Columns with codes, ids, organisations, staff and instants, by context and table.
_CODES = {
    "referrals": {
        "claim": {"claimed_by"},
        "person": set(_KEPT_OF_PERSON),
        "identity": {"status"},
        "lead": {"professional_id", "role", "organisation"},
        "life": {"status", "changes"},
        "proposal": {"status", "field", "referrer_organisation", "decided_by"},
        "referral": {
            *("reference", "status", "source", "reason", "condition", "requested_urgency", "urgency", "referrer_organisation"),
            *("practice_code", "locality", "triaged_by", "route", "service_code", "receiver_organisation", "also_with", "return_reason"),
            *("suggestion", "asked_in", "discrepancies", "outcome", "cancel_reason", "ended_from", "person_is_recorded_as", "onward_of"),
            "onward_obstacle",
        },
        "response": {"overdue_step"},
        "risk": {"practice_code"},
        "safeguarding_account": {"service", "kind"},
        "safeguarding_concern": {"status", "kind", "acknowledged_by", "closed_by", "outcome"},
        "timeline_event": {"type", "organisation", "role", "data"},
    },
    "rapid_care": {
        "capacity": {"level"},
        "lead": {"record"},
        "onward_answer": {"request", "state", "service_code", "reason"},
        "person": _COPY_OF_PERSON,
        "person_change": {"change"},
        "response": {
            *("status", "condition", "locality", "clinician_id", "contact_mode", "first_contact_mode", "overdue_step", "call_condition"),
            *("merged_referral_ids", "health_needs", "social_needs", "package", "stepped_down_to", "outcome", "decline_reason"),
            *("cancel_reason", "ended_from"),
        },
    },
    "mdt": {
        "care_plan": {"status", "locality", "referral_ids", "fulfilled", "returned", "ended"},
        "case": {"status", "practice_code", "locality", "referral_ids", "slot", "ended"},
        "joined_referral": {"practice_code", "locality"},
        "lead": {"status", "professional_id", "role", "organisation", "practice_code", "alternatives", "by_change"},
        "notification": {"professional_id", "organisation", "kind"},
        "onward_answer": {"request", "state", "service_code", "reason"},
        "person": _COPY_OF_PERSON,
        "person_change": {"change"},
        "risk": {"status", "practice_code", "destination", "reason", "ended", "imported_by"},
        "risk_score": {"practice_code"},
    },
    "navigation": {
        "care_plan": {"preferred_place_of_care"},
        "feed": {"navigator_id"},
        "feed_entry": {"navigator_id", "change", "kind", "status"},
        "home_check": {"status", "cancel_reason"},
        "lead": {"professional_id", "role", "organisation"},
        "person": _COPY_OF_PERSON,
        "person_change": {"change"},
        "task": {
            *("kind", "source", "service_code", "role", "locality", "status", "referral_reason", "navigator_id", "escalation"),
            *("block_reason", "outcome", "cancel_reason"),
        },
    },
}


def _columns(context: str) -> dict[str, set[str]]:
    """The columns with texts or documents, by table."""
    metadata: sa.MetaData = import_module(f"services.{context}.store.tables").METADATA
    import_module(f"services.{context}.subscriptions")
    tables = {table.name: table for table in metadata.tables.values() if table.name not in _SHARED | _REFERENCE | _EVIDENCE}
    return {name: {column.name for column in table.columns if isinstance(column.type, sa.Text | JSONB)} for name, table in tables.items()}


def _person() -> Person:
    """With a value in every column."""
    former = FormerValue(RecordField.ADDRESS, None, "Oakleigh", _NOW, "W07", "officer", PersonId(new_id()))
    doubt = PracticeDoubt("W07", _NOW, "clinician-1")
    typed = {"telephone": "020 7946 0137", "number_as_typed": "943 476 5919", "born_as_typed": "30 February 1932"}
    stated = {"sharing_stated_by": StatedBy.PERSON, "former_values": (former,), "practice_doubts": (doubt,)}
    return a_person(address="1 Oak Road, NW97 1AA", **typed, **stated)


def _row(person: Person) -> dict[str, Any]:
    return {**TypeAdapter(Person).dump_python(person), **forms_of(person)}


def _emptied_of_person() -> set[str]:
    """The columns of which the erasure leaves nothing but the sign for absent words."""
    before, after = _row(_person()), _row(erase(_person(), _NOW).state)
    return {column for column, value in after.items() if value in _EMPTY and before[column] not in _EMPTY}


def _is_erased(context: str, table: str, column: str) -> bool:
    return f"{column} = " in _assignments(context, table) or ((context, table) == _PERSON and column in _emptied_of_person())


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_column_with_words_is_erased(context: str) -> None:
    unknown = {
        f"{table}.{column}"
        for table, columns in _columns(context).items()
        for column in columns - (_CODES[context] | _OF_ALL).get(table, set())
        if not _is_erased(context, table, column)
    }

    assert unknown == set()


@pytest.mark.parametrize("context", CONTEXTS)
def test_listed_columns_exist(context: str) -> None:
    columns = _columns(context)

    assert {table for table in _CODES[context] if not _CODES[context][table] <= columns.get(table, set())} == set()
    assert {table for table, *_ in WORDS[context]} <= columns.keys()


def test_nothing_else_stays_of_a_person() -> None:
    """Neither in the row nor in the published record, of which every context has a copy."""
    [recorded] = erase(_person(), _NOW).events
    assert isinstance(recorded, PersonRecordRecorded)

    assert set(PERSON.columns.keys()) - _emptied_of_person() == _KEPT_OF_PERSON.keys() | _WITHOUT_WORDS
    published = recorded.model_dump()
    assert {name for name, value in published.items() if value not in _EMPTY} <= _KEPT_OF_PERSON.keys() | _WITHOUT_WORDS


def test_free_text_of_a_request_is_no_code() -> None:
    """A column that a request fills with words is erased, whatever the lists above say."""
    places = [column.split(".") for columns in OF_REQUESTS.values() for column in columns]

    assert {".".join(each) for each in places if not _is_erased(*each)} == set()


def _assignments(context: str, table: str) -> str:
    return ", ".join(assignments for name, assignments, _ in (*WORDS[context], *WORDS_OF_CONCERNS) if name == table)
