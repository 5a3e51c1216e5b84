"""Meetings, cases, care plans, leads, their notices, and the copies they need."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _meeting()
    _case()
    _care_plan()
    _lead()
    _notice()
    _copies()


def _meeting() -> None:
    op.create_table(
        "meeting",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("week", sa.Date, nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("cut_off_at", INSTANT, nullable=False),
        sa.Column("attended", JSONB, nullable=False),
        sa.Column("cancelled_because", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_meeting"),
        sa.UniqueConstraint("week", name="uq_meeting_week"),
    )
    op.create_index("ix_meeting_starts_at", "meeting", ["starts_at"])


def _case() -> None:
    op.create_table(
        "case",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("practice_code", sa.Text, nullable=False),
        sa.Column("locality", sa.Text, nullable=False),
        sa.Column("is_urgent", sa.Boolean, nullable=False),
        sa.Column("referred_at", INSTANT, nullable=False),
        sa.Column("referral_ids", JSONB, nullable=False),
        sa.Column("needs_mental_health", sa.Boolean, nullable=False),
        sa.Column("meeting_id", sa.Uuid),
        sa.Column("meeting_starts_at", INSTANT),
        sa.Column("slot", sa.Text),
        sa.Column("is_deferred", sa.Boolean, nullable=False),
        sa.Column("deferrals", sa.Integer, nullable=False),
        sa.Column("discussed_in", sa.Uuid),
        sa.Column("rolled_from", sa.Uuid),
        sa.Column("care_plan_id", sa.Uuid),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_case"),
    )
    for column in ("person_id", "meeting_id", "discussed_in"):
        op.create_index(f"ix_case_{column}", "case", [column])
    op.create_index("ix_case_referred_at_id", "case", ["referred_at", "id"])
    is_open = sa.text("status IN ('referred', 'listed', 'active-management', 'stepped-down')")
    op.create_index("uq_case_open", "case", ["person_id"], unique=True, postgresql_where=is_open)


def _care_plan() -> None:
    op.create_table(
        "care_plan",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("locality", sa.Text, nullable=False),
        sa.Column("plan_version", sa.Integer, nullable=False),
        sa.Column("offered", JSONB),
        sa.Column("in_force", JSONB),
        sa.Column("enacted_for", sa.Uuid),
        sa.Column("referral_ids", JSONB, nullable=False),
        sa.Column("fulfilled", JSONB, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_care_plan"),
    )
    op.create_index("ix_care_plan_person_id", "care_plan", ["person_id"])
    op.create_index("uq_care_plan_open", "care_plan", ["person_id"], unique=True, postgresql_where=sa.text("status <> 'closed'"))
    op.create_table(
        "care_plan_version",
        sa.Column("care_plan_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("meeting_id", sa.Uuid, nullable=False),
        sa.Column("case_id", sa.Uuid, nullable=False),
        sa.Column("content", JSONB, nullable=False),
        sa.Column("offered_at", INSTANT, nullable=False),
        sa.Column("is_agreed_by_person", sa.Boolean, comment="null while the person has not answered"),
        sa.PrimaryKeyConstraint("care_plan_id", "number", name="pk_care_plan_version"),
        comment="what meetings agreed and offered, and the answer; never removed",
    )
    op.create_index("ix_care_plan_version_meeting_id", "care_plan_version", ["meeting_id"])


def _lead() -> None:
    op.create_table(
        "lead",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("professional_id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("practice_code", sa.Text, nullable=False),
        sa.Column("is_fallback", sa.Boolean, nullable=False),
        sa.Column("alternatives", JSONB, nullable=False),
        sa.Column("answer_by", INSTANT),
        sa.Column("activated_at", INSTANT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lead"),
    )
    op.create_index("ix_lead_person_id", "lead", ["person_id"])
    op.create_index("ix_lead_professional_id", "lead", ["professional_id"])
    op.create_index("uq_lead_active", "lead", ["person_id"], unique=True, postgresql_where=sa.text("status = 'active'"))


def _notice() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("professional_id", sa.Text, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("acknowledged_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
    )
    op.create_index("ix_notice_professional_id_id", "notice", ["professional_id", "id"])


def _copies() -> None:
    op.create_table(
        "person",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("record", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_person"),
        comment="the copy of what the person told once",
    )
    op.create_table(
        "crisis",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_crisis"),
        comment="the copy of each person's last rapid response or admission",
    )
