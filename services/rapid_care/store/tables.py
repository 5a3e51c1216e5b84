"""The tables of Rapid Care, in its own schema. The migrations must make exactly these (a test compares them)."""

from collections.abc import Sequence
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.rapid_care.domain.policy import Policy
from shared.persistence.schema import INSTANT, metadata, platform_tables
from shared.persistence.transaction import Transaction

#: A transaction that carries the numbers of Rapid Care.
Tx: TypeAlias = Transaction[Policy]

METADATA = metadata()
platform_tables(METADATA)

RESPONSE = sa.Table(
    "response",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("referral_id", sa.Uuid, nullable=False, index=True),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("condition", sa.Text, nullable=False),
    sa.Column("locality", sa.Text, nullable=False),
    sa.Column("received_at", INSTANT, nullable=False, index=True),
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
    sa.Column("breached_at", INSTANT),
    sa.Column("health_needs", JSONB, nullable=False),
    sa.Column("social_needs", JSONB, nullable=False),
    sa.Column("package", JSONB, nullable=False),
    sa.Column("stepped_down_to", sa.Text),
    sa.Column("outcome", sa.Text),
    sa.Column("benefit_pounds", sa.Integer, nullable=False),
    sa.Column("decline_reason", sa.Text),
    sa.Column("cancel_reason", sa.Text),
    sa.Column("ended_at", INSTANT),
    sa.Column("avoidance_confirmed_at", INSTANT),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("ix_response_status_due_at", "status", "due_at"),
)

CLINICIAN = sa.Table(
    "clinician",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("skills", JSONB, nullable=False),
    sa.Column("is_on_duty", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)

CAPACITY = sa.Table(
    "capacity",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("month", sa.Date, nullable=False),
    sa.Column("level", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
)

MONTHLY_REFERRAL_COUNT = sa.Table(
    "monthly_referral_count",
    METADATA,
    sa.Column("month", sa.Date, primary_key=True),
    sa.Column("referrals", sa.Integer, nullable=False),
    comment="how many referrals came in a month; counted here so that two at once are never one",
)

PERSON = sa.Table(
    "person",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("record", JSONB, nullable=False),
    comment="the copy of what the person told once",
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
    comment="the copy of the words of a care plan; its end travels on another topic and may come first",
)

LEAD = sa.Table(
    "lead",
    METADATA,
    sa.Column("lead_id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("record", JSONB, comment="null when the lead has ended"),
    sa.Column("activated_at", INSTANT),
    comment="the copy of who a person's accountable lead professional is",
)


def is_one_of(column: sa.ColumnElement[str], values: Sequence[str]) -> sa.ColumnElement[bool]:
    """One parameter however many values there are, so that the statement is compiled once."""
    return column == sa.any_(sa.literal(list(values), sa.ARRAY(sa.Text)))
