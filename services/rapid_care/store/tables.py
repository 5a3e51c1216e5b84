"""The tables of Rapid Care's schema. A test compares them with the migrations."""

from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.rapid_care.domain.policy import Policy
from shared.contracts.referral_codes import AskingService
from shared.persistence.merged_persons import MergedPersons
from shared.persistence.onward_answers import OnwardAnswers
from shared.persistence.person_changes import PersonChanges
from shared.persistence.schema import INSTANT, add_shared_tables, metadata
from shared.persistence.service_codes import ServiceCodes
from shared.persistence.transaction import Transaction

#: A transaction with the policy of Rapid Care.
Tx: TypeAlias = Transaction[Policy]

METADATA = metadata()
add_shared_tables(METADATA)
MERGED = MergedPersons(METADATA)
CHANGES = PersonChanges(METADATA)
ONWARD = OnwardAnswers(METADATA, AskingService.RAPID_CARE)
SERVICE_CODES = ServiceCodes(METADATA)

RESPONSE = sa.Table(
    "response",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("referral_id", sa.Uuid, nullable=False, index=True),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("condition", sa.Text, nullable=False),
    sa.Column("locality", sa.Text),
    sa.Column("received_at", INSTANT, nullable=False, index=True),
    sa.Column("clock_starts_at", INSTANT, nullable=False),
    sa.Column("due_at", INSTANT, nullable=False),
    sa.Column("crosses_close", sa.Boolean, nullable=False),
    sa.Column("was_held", sa.Boolean, nullable=False),
    sa.Column("is_by_telephone", sa.Boolean, nullable=False),
    sa.Column("routing", sa.Integer, nullable=False),
    sa.Column("clinician_id", sa.Text, index=True),
    sa.Column("contacted_at", INSTANT),
    sa.Column("contact_mode", sa.Text),
    sa.Column("contact_recorded_at", INSTANT),
    sa.Column("first_contact_mode", sa.Text),
    sa.Column("visited_at", INSTANT),
    sa.Column("at_risk_since", INSTANT),
    sa.Column("breached_at", INSTANT),
    sa.Column("overdue_step", sa.Text),
    sa.Column("overdue_since", INSTANT),
    sa.Column("call_repeated_at", INSTANT),
    sa.Column("call_condition", sa.Text),
    sa.Column("answer_by", INSTANT),
    sa.Column("merged_referral_ids", JSONB, nullable=False),
    sa.Column("health_needs", JSONB, nullable=False),
    sa.Column("social_needs", JSONB, nullable=False),
    sa.Column("package", JSONB, nullable=False),
    sa.Column("stepped_down_to", sa.Text),
    sa.Column("outcome", sa.Text),
    sa.Column("benefit_pounds", sa.Integer, nullable=False),
    sa.Column("decline_reason", sa.Text),
    sa.Column("cancel_reason", sa.Text),
    sa.Column("ended_from", sa.Text),
    sa.Column("person_gone_at", INSTANT),
    sa.Column("ended_at", INSTANT),
    sa.Column("avoidance_confirmed_at", INSTANT),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("ix_response_status_due_at", "status", "due_at"),
    comment="Two-hour responses: the clock, the assignment, the care at home and the outcome.",
)

CLINICIAN = sa.Table(
    "clinician",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("skills", JSONB, nullable=False),
    sa.Column("is_on_duty", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    comment="Roster of clinicians with their skills.",
)

CAPACITY = sa.Table(
    "capacity",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("month", sa.Date, nullable=False),
    sa.Column("level", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    comment="Declared capacity level of each month.",
)

MONTHLY_REFERRAL_COUNT = sa.Table(
    "monthly_referral_count",
    METADATA,
    sa.Column("month", sa.Date, primary_key=True),
    sa.Column("referrals", sa.Integer, nullable=False),
    comment="Number of referrals in each month; the row serialises concurrent counts.",
)

PERSON = sa.Table(
    "person",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("record", JSONB, nullable=False),
    comment="Projection of the person's record, from referrals.",
)

INFORMATION = sa.Table(
    "information",
    METADATA,
    sa.Column("referral_id", sa.Uuid, primary_key=True),
    sa.Column("informed_at", INSTANT, nullable=False, comment="the referrer's last information, which is in the person's record"),
    comment="When the referrer of a referral last added information, from referrals.",
)

CARE_PLAN = sa.Table(
    "care_plan",
    METADATA,
    sa.Column("care_plan_id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("record", JSONB),
    sa.Column("recorded_at", INSTANT),
    sa.Column("is_closed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("marked_sequence", sa.Integer, nullable=False, server_default=sa.text("0"), comment="of the last closure or reopening"),
    comment="Projection of the care plan's words, from mdt; its closure travels on another topic and may arrive first.",
)

LEAD = sa.Table(
    "lead",
    METADATA,
    sa.Column("lead_id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("record", JSONB, comment="null after the lead ended"),
    sa.Column("activated_at", INSTANT),
    comment="Projection of the accountable lead professional, from mdt.",
)
