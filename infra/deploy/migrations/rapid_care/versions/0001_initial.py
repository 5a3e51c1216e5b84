"""Responses, the roster, the month's capacity, and projections of the other contexts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from infra.deploy.migrations import (
    merged_persons_v1,
    onward_answers_v1,
    person_changes_v1,
    planner_samples_v1,
    row_security_v1,
    service_codes_v1,
    shared_tables_v1,
)
from infra.deploy.migrations.row_security_v1 import LASTS, ProtectedTable, has, seen_in

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)

_IS_OWN_RESPONSE = f"{has('response', is_staff=True)} AND {LASTS.format('ended_at')}"
_PROTECTED = (
    ProtectedTable("response", is_own=_IS_OWN_RESPONSE),
    *(ProtectedTable(table, is_own=seen_in("response", f"{table}.person_id")) for table in ("person", "care_plan")),
)
_FACTS = (("response", "response WHERE person_id = ANY (people) AND is_staff AND coalesce(ended_at, 'infinity') > ended_after"),)


def upgrade() -> None:
    shared_tables_v1.create()
    merged_persons_v1.create()
    person_changes_v1.create()
    onward_answers_v1.create()
    service_codes_v1.create()
    _responses()
    _roster_and_capacity()
    _copies()
    row_security_v1.create(_PROTECTED, _FACTS)
    planner_samples_v1.leave_out_words()


def _responses() -> None:
    op.create_table(
        "response",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("referral_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("condition", sa.Text, nullable=False),
        sa.Column("locality", sa.Text),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("clock_starts_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("crosses_close", sa.Boolean, nullable=False),
        sa.Column("was_held", sa.Boolean, nullable=False),
        sa.Column("is_by_telephone", sa.Boolean, nullable=False),
        sa.Column("routing", sa.Integer, nullable=False),
        sa.Column("clinician_id", sa.Text),
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
        sa.PrimaryKeyConstraint("id", name="pk_response"),
    )
    op.create_index("ix_response_person_id", "response", ["person_id"])
    op.create_index("ix_response_referral_id", "response", ["referral_id"])
    op.create_index("ix_response_clinician_id", "response", ["clinician_id"])
    op.create_index("ix_response_received_at", "response", ["received_at"])
    op.create_index("ix_response_status_due_at", "response", ["status", "due_at"])


def _roster_and_capacity() -> None:
    op.create_table(
        "clinician",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("skills", JSONB, nullable=False),
        sa.Column("is_on_duty", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_clinician"),
    )
    op.create_table(
        "capacity",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("month", sa.Date, nullable=False),
        sa.Column("level", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_capacity"),
    )
    op.create_table(
        "monthly_referral_count",
        sa.Column("month", sa.Date, nullable=False),
        sa.Column("referrals", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("month", name="pk_monthly_referral_count"),
        comment="Number of referrals in each month; the row serialises concurrent counts.",
    )


def _copies() -> None:
    op.create_table(
        "person",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("record", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_person"),
        comment="Projection of the person's record, from referrals.",
    )
    op.create_table(
        "care_plan",
        sa.Column("care_plan_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("record", JSONB),
        sa.Column("recorded_at", INSTANT),
        sa.Column("is_closed", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("marked_sequence", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("care_plan_id", name="pk_care_plan"),
        comment="Projection of the care plan's words, from mdt; its closure travels on another topic and may arrive first.",
    )
    op.create_index("ix_care_plan_person_id", "care_plan", ["person_id"])
    op.create_table(
        "information",
        sa.Column("referral_id", sa.Uuid, nullable=False),
        sa.Column("informed_at", INSTANT, nullable=False, comment="the referrer's last information, which is in the person's record"),
        sa.PrimaryKeyConstraint("referral_id", name="pk_information"),
        comment="When the referrer of a referral last added information, from referrals.",
    )
    op.create_table(
        "lead",
        sa.Column("lead_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("record", JSONB, comment="null after the lead ended"),
        sa.Column("activated_at", INSTANT),
        sa.PrimaryKeyConstraint("lead_id", name="pk_lead"),
        comment="Projection of the accountable lead professional, from mdt.",
    )
    op.create_index("ix_lead_person_id", "lead", ["person_id"])
