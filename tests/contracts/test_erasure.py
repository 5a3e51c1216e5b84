"""Every column that can hold words is either erased with its person, or listed here as one that holds none."""

from importlib import import_module

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from infra.contexts import CONTEXTS
from infra.operations.erasure.words import WORDS, WORDS_OF_CONCERNS
from tests.builders.free_text import OF_REQUESTS

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
#: The record of the person: the Community Point of Access publishes it without words, and the copies follow.
_RECORDS = {"person"}
#: The reason of the erasure itself stays, with its certificate.
_EVIDENCE = {"erasure"}
#: Codes and staff of tables that every context has.
_OF_ALL = {"audit_block": {"key_id"}, "break_glass": {"issuer", "organisation", "actor_id", "role", "reason", "reviewed_by", "outcome"}}
#: Columns with codes, ids, organisations, staff and instants, by context and table.
_CODES = {
    "referrals": {
        "claim": {"claimed_by"},
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
    tables = {table.name: table for table in metadata.tables.values() if table.name not in _SHARED | _REFERENCE | _RECORDS | _EVIDENCE}
    return {name: {column.name for column in table.columns if isinstance(column.type, sa.Text | JSONB)} for name, table in tables.items()}


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_column_with_words_is_erased(context: str) -> None:
    erased = {table: assignments for table, assignments, _ in (*WORDS[context], *WORDS_OF_CONCERNS)}

    unknown = {
        f"{table}.{column}"
        for table, columns in _columns(context).items()
        for column in columns - (_CODES[context] | _OF_ALL).get(table, set())
        if f"{column} = " not in erased.get(table, "")
    }

    assert unknown == set()


@pytest.mark.parametrize("context", CONTEXTS)
def test_listed_columns_exist(context: str) -> None:
    columns = _columns(context)

    assert {table for table in _CODES[context] if not _CODES[context][table] <= columns.get(table, set())} == set()
    assert {table for table, *_ in WORDS[context]} <= columns.keys()


def test_free_text_of_a_request_is_no_code() -> None:
    """A column that a request fills with words is erased, whatever the lists above say."""
    places = [column.split(".") for columns in OF_REQUESTS.values() for column in columns]
    of_tables = {(context, table, name) for context, table, name in places if table not in _RECORDS}

    assert {each for each in of_tables if f"{each[2]} = " not in _assignments(*each[:2])} == set()


def _assignments(context: str, table: str) -> str:
    return ", ".join(assignments for name, assignments, _ in (*WORDS[context], *WORDS_OF_CONCERNS) if name == table)
