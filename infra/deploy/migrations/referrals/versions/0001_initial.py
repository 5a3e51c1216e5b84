"""Persons, referrals, the directory with its reference data, and projections of the other contexts."""

import csv
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from infra.deploy.migrations import planner_samples_v1, row_security_v1, safeguarding_v1, shared_tables_v1
from infra.deploy.migrations.row_security_v1 import LASTS, OWN, DependentTable, Protected, ProtectedTable, RestrictedTable, has, registered

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)

_HERE = Path(__file__).parent
_SPECIAL: Mapping[str, tuple[Any, Callable[[str], Any]]] = dict.fromkeys(("valid_from", "valid_until"), (sa.Date, date.fromisoformat))
_TEXT: tuple[Any, Callable[[str], Any]] = (sa.Text, str)

_IS_OWN_REFERRAL = f"""
    {has("receiver")} AND receiver_organisation = {OWN} AND ended_at IS NULL
    OR {has("referrer")} AND referrer_organisation = {OWN} AND merged_into IS NULL AND {LASTS.format("ended_at")}"""
_MERGED = "merged_record WHERE merged_record.person_id"
_IS_OWN_PATIENT = f"""
    is_practice_confirmed AND practice_code = ANY ((SELECT practices_of_reader())::text[])
    AND NOT EXISTS (SELECT FROM {_MERGED} = person.id)"""  # noqa: S608  names of this module
#: The tables with what a person said, who they are, what was asked for them, and what all services did. The others hold ids and codes.
_PROTECTED: tuple[Protected, ...] = (
    ProtectedTable("person", "id", f"{_IS_OWN_PATIENT} OR {row_security_v1.seen_in('referral', 'person.id')}"),
    ProtectedTable("referral", is_own=_IS_OWN_REFERRAL),
    *(ProtectedTable(table) for table in ("identity", "life", "proposal", "risk")),
    ProtectedTable("timeline_event", is_own=row_security_v1.seen_in("referral", "timeline_event.person_id")),
    DependentTable("amendment", of="referral WHERE referral.id = amendment.referral_id"),
    *(RestrictedTable(table, "safeguarding") for table in ("safeguarding_concern", "safeguarding_account")),
)
_PEOPLE = """
        WITH survivor AS (SELECT coalesce((SELECT merged_into FROM merged_record WHERE person_id = person), person) AS id)
        SELECT id FROM survivor
        UNION ALL SELECT merged.person_id FROM merged_record AS merged, survivor WHERE merged.merged_into = survivor.id"""
_ENDED_AT = "CASE WHEN referral.merged_into IS NULL THEN referral.ended_at ELSE target.ended_at END"
#: The cheapest question first.
_FACTS = (
    ("receiver", "referral WHERE person_id = ANY (people) AND receiver_organisation = own AND ended_at IS NULL"),
    (
        "referrer",
        f"""referral LEFT JOIN referral AS target ON target.id = referral.merged_into
            WHERE referral.person_id = ANY (people) AND referral.referrer_organisation = own
            AND coalesce({_ENDED_AT}, 'infinity') > ended_after""",
    ),
    ("safeguarding", "safeguarding_concern WHERE person_id = ANY (people)"),
    ("lead", "lead WHERE person_id = ANY (people) AND organisation = own AND professional_id = professional AND NOT is_ended"),
    registered(person="person.id", code="practice_code", confirmed="is_practice_confirmed", merged=_MERGED, people=_PEOPLE),
)


def upgrade() -> None:
    shared_tables_v1.create()
    _people()
    _identities()
    _lives()
    _proposals()
    safeguarding_v1.create()
    _referrals()
    _erasures()
    _directory()
    _copies()
    row_security_v1.create(_PROTECTED, _FACTS, people=_PEOPLE, everyone="register")
    planner_samples_v1.leave_out_words()
    _fill("organisation")


def _people() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("nhs_number", sa.Text),
        sa.Column("given_name", sa.Text, nullable=False),
        sa.Column("family_name", sa.Text, nullable=False),
        sa.Column("born_on", sa.Date),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("telephone", sa.Text),
        sa.Column("practice_code", sa.Text, nullable=False),
        sa.Column("residence", sa.Text, nullable=False),
        sa.Column("locality", sa.Text, comment="of the practice of today; null for an unknown one"),
        sa.Column("story", JSONB, nullable=False),
        sa.Column("number_as_typed", sa.Text, comment="the unverified number as received"),
        sa.Column("born_as_typed", sa.Text, comment="the impossible date of birth as received"),
        sa.Column("sharing", sa.Text, nullable=False),
        sa.Column("sharing_stated_by", sa.Text, comment="who stated the preference; null for the default one, and when no one is named"),
        sa.Column("former_values", JSONB, nullable=False, comment="values that staff have replaced, the oldest first"),
        sa.Column("erased_at", INSTANT),
        sa.Column("is_practice_confirmed", sa.Boolean, nullable=False),
        sa.Column("practice_doubts", JSONB, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("given_name_form", sa.Text, comment="this and the other forms: as `record_fields` compares the values"),
        sa.Column("family_name_form", sa.Text),
        sa.Column("address_form", sa.Text),
        sa.Column("postcode_form", sa.Text, comment="at the end of the address"),
        sa.Column("telephone_form", sa.Text, comment="the last ten digits"),
        sa.Column("number_form", sa.Text, comment="the ten digits of the unverified number"),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
    )
    op.create_index("ix_person_born_on_family_name_form", "person", ["born_on", "family_name_form"])
    for form in ("address_form", "postcode_form", "telephone_form"):
        op.create_index(f"ix_person_{form}", "person", [form])
    op.create_index("ix_person_number_form", "person", ["number_form"], postgresql_where=sa.text("number_form IS NOT NULL"))


def _identities() -> None:
    op.create_table(
        "identity",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("due_at", INSTANT),
        sa.Column("overdue_since", INSTANT),
        sa.Column("merged_into", sa.Uuid, comment="the surviving record, which is never merged"),
        sa.Column("merge", JSONB, comment="the present merge: when, and by whom"),
        sa.Column("separations", JSONB, nullable=False, comment="former merges: by whom they were ended, and why"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identity"),
        sa.UniqueConstraint("person_id", name="uq_identity_person_id"),
        comment="Persons without a verified NHS number, and records merged into another. A person without a row is verified.",
    )
    op.create_index("ix_identity_merged_into", "identity", ["merged_into"])
    op.execute("CREATE VIEW merged_record AS SELECT person_id, merged_into FROM identity WHERE merged_into IS NOT NULL")
    op.create_index("ix_identity_unverified_due_at", "identity", ["due_at", "id"], postgresql_where=sa.text("status = 'unverified'"))


def _lives() -> None:
    op.create_table(
        "life",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("changes", JSONB, nullable=False, comment="the recorded death and move that hold, the last one at the end"),
        sa.Column("restoration", JSONB, comment="the last reversal of a mistaken change"),
        sa.Column("returned", JSONB, comment="the last return of the person after a change"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_life"),
        comment="Recorded deaths and moves of persons, and their reversal. A person without a row is living.",
    )


def _proposals() -> None:
    op.create_table(
        "proposal",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("contact", JSONB, comment="the family contact whose detail the field is"),
        sa.Column("present_value", sa.Text, nullable=False),
        sa.Column("proposed_value", sa.Text, nullable=False),
        sa.Column("referral_id", sa.Uuid, nullable=False),
        sa.Column("referrer_organisation", sa.Text, nullable=False),
        sa.Column("is_urgent", sa.Boolean, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT),
        sa.Column("overdue_since", INSTANT),
        sa.Column("former_until", INSTANT, comment="the record had the proposed value until then"),
        sa.Column("dismissed_before", INSTANT, comment="an equal proposal was dismissed then"),
        sa.Column("decided_at", INSTANT),
        sa.Column("decided_by", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_proposal"),
        comment="Differences between referrals and the records of known persons, until they are confirmed or dismissed.",
    )
    op.create_index("ix_proposal_open_due_at", "proposal", ["due_at", "id"], postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_index("ix_proposal_person_id", "proposal", ["person_id"])


def _referrals() -> None:
    op.create_table(
        "referral",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("condition", sa.Text),
        sa.Column("requested_urgency", sa.Text, nullable=False),
        sa.Column("urgency", sa.Text, nullable=False),
        sa.Column("referrer_organisation", sa.Text, nullable=False),
        sa.Column("practice_code", sa.Text, nullable=False),
        sa.Column("locality", sa.Text),
        sa.Column("is_practice_covered", sa.Boolean, nullable=False),
        sa.Column("is_identified", sa.Boolean, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("clock_starts_at", INSTANT, nullable=False),
        sa.Column("was_urgent", sa.Boolean, nullable=False),
        sa.Column("due_at", INSTANT),
        sa.Column("overdue_since", INSTANT),
        sa.Column("triaged_at", INSTANT),
        sa.Column("triaged_by", sa.Text),
        sa.Column("triage_reason", sa.Text),
        sa.Column("is_complex", sa.Boolean, nullable=False),
        sa.Column("has_red_flag", sa.Boolean, nullable=False),
        sa.Column("is_by_telephone", sa.Boolean, nullable=False),
        sa.Column("routing", sa.Integer, nullable=False),
        sa.Column("route", sa.Text),
        sa.Column("service_code", sa.Text),
        sa.Column("receiver_organisation", sa.Text),
        sa.Column("also_with", sa.Text),
        sa.Column("override_reason", sa.Text),
        sa.Column("return_reason", sa.Text),
        sa.Column("suggestion", sa.Text),
        sa.Column("asked_in", sa.Text),
        sa.Column("question", sa.Text),
        sa.Column("informed_at", INSTANT),
        sa.Column("raised_at", INSTANT, comment="the referrer raised the urgency, which waits for a review"),
        sa.Column("call_repeated_at", INSTANT),
        sa.Column("answer_by", INSTANT),
        sa.Column("call_overdue_since", INSTANT),
        sa.Column("discrepancies", JSONB, nullable=False),
        sa.Column("discrepancies_due_at", INSTANT),
        sa.Column("discrepancy_reason", sa.Text),
        sa.Column("merged_into", sa.Uuid),
        sa.Column("outcome", sa.Text),
        sa.Column("cancel_reason", sa.Text),
        sa.Column("ended_at", INSTANT),
        sa.Column("ended_from", sa.Text),
        sa.Column("reopen_reason", sa.Text, comment="why an end was a mistake"),
        sa.Column("person_is_recorded_as", sa.Text),
        sa.Column("onward_of", JSONB, comment="the request of another service from which the referral comes"),
        sa.Column("onward_obstacle", sa.Text, comment="why the service that was named could not be asked"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_referral"),
        sa.UniqueConstraint("reference", name="uq_referral_reference"),
    )
    is_open, has_faults = sa.text("ended_at IS NULL"), sa.text("discrepancies_due_at IS NOT NULL")
    for column in ("correlation_id", "merged_into", "person_id"):
        op.create_index(f"ix_referral_{column}", "referral", [column])
    op.create_index("ix_referral_faults", "referral", ["discrepancies_due_at"], postgresql_where=has_faults)
    op.create_index("ix_referral_open_due_at", "referral", ["due_at", "id"], postgresql_where=is_open)
    op.create_index("ix_referral_practice_code_id", "referral", ["practice_code", "id"])
    op.create_index("ix_referral_receiver_organisation", "referral", ["receiver_organisation"], postgresql_where=is_open)
    op.create_index("ix_referral_referrer_organisation_id", "referral", ["referrer_organisation", "id"])
    op.execute(sa.schema.CreateSequence(sa.Sequence("referral_number")))
    _amendments()


def _amendments() -> None:
    op.create_table(
        "amendment",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("referral_id", sa.Uuid, nullable=False, comment="the referral that the referrer sent, also a merged one"),
        sa.Column("amended_at", INSTANT, nullable=False),
        sa.Column("information", sa.Text),
        sa.Column("telephone", sa.Text),
        sa.Column("is_urgent", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_amendment"),
        comment="Amendments of referrals by their referrers, as sent.",
    )
    op.create_index("ix_amendment_referral_id", "amendment", ["referral_id"])
    op.create_table(
        "claim",
        sa.Column("referral_id", sa.Uuid, nullable=False),
        sa.Column("claimed_by", sa.Text, nullable=False),
        sa.Column("claimed_at", INSTANT, nullable=False),
        sa.Column("lapses_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("referral_id", name="pk_claim"),
        comment="Who works on a referral at the Community Point of Access now, until the claim lapses.",
    )


def _erasures() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False, comment="issuer, organisation and subject"),
        sa.Column("requested_at", INSTANT, nullable=False),
        sa.Column("approved_by", sa.Text, comment="issuer, organisation and subject"),
        sa.Column("approved_at", INSTANT),
        sa.Column("certificate", JSONB, comment="what was erased; null until every context has erased"),
        sa.PrimaryKeyConstraint("id", name="pk_erasure"),
        comment="Requests for the erasure of a person's words, with the approval of another member of staff.",
    )
    op.create_index("ix_erasure_person_id", "erasure", ["person_id"])


def _directory() -> None:
    op.create_table(
        "service",
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, comment="absent for the GP: the practice where the person is registered"),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("tier", sa.Integer, nullable=False, comment="tier of integrated care, 1 to 5"),
        sa.Column("needs", JSONB, nullable=False),
        sa.Column("telephone", sa.Text, nullable=False),
        sa.Column("serves", sa.Text, nullable=False),
        sa.Column("minimum_age", sa.Integer),
        sa.Column("localities", JSONB, nullable=False),
        sa.Column("opens", sa.Time),
        sa.Column("closes", sa.Time),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_until", sa.Date, comment="the first day on which the entry is no longer valid"),
        sa.PrimaryKeyConstraint("code", "valid_from", name="pk_service"),
    )
    op.create_table(
        "organisation",
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("telephone", sa.Text, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_until", sa.Date),
        sa.PrimaryKeyConstraint("code", "valid_from", name="pk_organisation"),
    )


def _copies() -> None:
    op.create_table(
        "lead",
        sa.Column("lead_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("professional_id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("is_fallback", sa.Boolean, nullable=False),
        sa.Column("activated_at", INSTANT, nullable=False),
        sa.Column("is_ended", sa.Boolean, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name="pk_lead"),
        comment="Projection of accountable lead professionals, from mdt; the current one is the last activated that has not ended.",
    )
    op.create_index("ix_lead_person_id", "lead", ["person_id"])
    op.create_table(
        "response",
        sa.Column("response_id", sa.Uuid, nullable=False),
        sa.Column("referral_id", sa.Uuid),
        sa.Column("opens_at", INSTANT),
        sa.Column("due_at", INSTANT),
        sa.Column("at_risk_since", INSTANT),
        sa.Column("breached_at", INSTANT),
        sa.Column("is_breach_cleared", sa.Boolean, nullable=False),
        sa.Column("contacted_at", INSTANT),
        sa.Column("overdue_since", INSTANT),
        sa.Column("overdue_step", sa.Text),
        sa.Column("overdue_sequence", sa.Integer, nullable=False),
        sa.Column("progress_sequence", sa.Integer, nullable=False),
        sa.Column("ended_sequence", sa.Integer, nullable=False),
        sa.Column("restored_sequence", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("response_id", name="pk_response"),
        comment="Projection of Rapid Care's responses, from rapid_care.",
    )
    op.create_index("ix_response_referral_id", "response", ["referral_id"])
    op.create_table(
        "risk",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("practice_code", sa.Text, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("climbed_on", sa.Date),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_risk"),
        comment="Projection of the person's risk level, from mdt.",
    )
    op.create_table(
        "timeline_event",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("data", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_timeline_event"),
        comment="Events of the other contexts that concern a person, for timelines.",
    )
    op.create_index("ix_timeline_event_correlation_id", "timeline_event", ["correlation_id"])
    op.create_index("ix_timeline_event_person_id", "timeline_event", ["person_id"])


def _fill(table: str) -> None:
    with (_HERE / f"0001_{table}s.csv").open(newline="", encoding="utf-8") as file:
        rows = [{name: _value(name, text) for name, text in row.items()} for row in csv.DictReader(file)]
    columns = [sa.column(name, _SPECIAL.get(name, _TEXT)[0]) for name in rows[0]]
    op.bulk_insert(sa.table(table, *columns), rows)


def _value(name: str, text: str) -> Any:
    return _SPECIAL.get(name, _TEXT)[1](text) if text else None
