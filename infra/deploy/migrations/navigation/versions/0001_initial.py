"""Tasks, navigators and their feeds, and projections of the other contexts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from infra.deploy.migrations import merged_persons_v1, person_changes_v1, planner_samples_v1, row_security_v1, shared_tables_v1
from infra.deploy.migrations.row_security_v1 import LASTS, OWN, PROFESSIONAL, ProtectedTable, has, seen_in

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)
ATTENTION = "ended_at IS NULL AND (status = 'blocked' OR escalated_at IS NOT NULL OR overdue_at IS NOT NULL)"

_COORDINATES = has("task-coordination", is_staff=True)
#: The navigators of the reader's organisation: all of them for a coordinator, and a navigator themself.
_NAVIGATORS = f"""
    (SELECT array_agg(code) FROM navigator WHERE organisation = {OWN}
        AND ({has("task-coordination")} OR {has("task")} AND code = {PROFESSIONAL}))"""  # noqa: S608  names of this module
_IS_OWN_TASK = f"({_COORDINATES} OR navigator_id = ANY ({_NAVIGATORS}::text[])) AND {LASTS.format('ended_at')}"
#: The tables with what a person said, who they are, and what is done for them. The others, such as feeds, hold ids and codes.
_PROTECTED = (
    ProtectedTable("task", is_own=_IS_OWN_TASK),
    ProtectedTable("home_check", is_own=f"{_COORDINATES} AND {LASTS.format('ended_at')}"),
    ProtectedTable("person", is_own=seen_in("task", "person.person_id")),
)
_EMPLOYED = "navigator_id IN (SELECT code FROM navigator WHERE organisation = own)"
_TASKS = "task WHERE person_id = ANY (people) AND coalesce(ended_at, 'infinity') > ended_after"
_TAKEN_AWAY = "feed_entry WHERE person_id = ANY (people) AND change = 'taken-away' AND at > ended_after"
_FACTS = (
    ("lead", "lead WHERE person_id = ANY (people) AND organisation = own AND professional_id = professional"),
    ("task", f"{_TASKS} AND navigator_id = professional AND {_EMPLOYED}"),
    ("task", f"{_TAKEN_AWAY} AND navigator_id = professional AND {_EMPLOYED}"),
    ("task-coordination", f"{_TASKS} AND (is_staff OR {_EMPLOYED})"),
    ("task-coordination", f"{_TAKEN_AWAY} AND {_EMPLOYED}"),
    ("task-coordination", "home_check WHERE person_id = ANY (people) AND is_staff AND coalesce(ended_at, 'infinity') > ended_after"),
)


def upgrade() -> None:
    shared_tables_v1.create()
    merged_persons_v1.create()
    person_changes_v1.create()
    _tasks()
    _navigators()
    _feeds()
    _home_checks()
    _copies()
    row_security_v1.create(_PROTECTED, _FACTS)
    planner_samples_v1.leave_out_words()


def _tasks() -> None:
    op.create_table(
        "task",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("source_id", sa.Uuid, nullable=False),
        sa.Column("action_id", sa.Uuid),
        sa.Column("service_code", sa.Text),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("locality", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("acknowledge_by", INSTANT, nullable=False),
        sa.Column("referral_reason", sa.Text),
        sa.Column("happened_at", INSTANT),
        sa.Column("navigator_id", sa.Text),
        sa.Column("escalated_at", INSTANT),
        sa.Column("escalation", sa.Text),
        sa.Column("overdue_at", INSTANT),
        sa.Column("block_reason", sa.Text),
        sa.Column("navigator_reschedules", sa.Integer, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("cancel_reason", sa.Text),
        sa.Column("ended_at", INSTANT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_task"),
    )
    op.create_index("ix_task_person_id", "task", ["person_id"])
    op.create_index("ix_task_source_id", "task", ["source_id"])
    op.create_index("ix_task_held", "task", ["navigator_id", "due_at", "id"], postgresql_where=sa.text("ended_at IS NULL"))
    op.create_index("ix_task_waiting", "task", ["due_at", "id"], postgresql_where=sa.text("status = 'unassigned'"))
    op.create_index("ix_task_attention", "task", ["due_at", "id"], postgresql_where=sa.text(ATTENTION))
    op.create_index("ix_task_ended_at", "task", ["ended_at"], postgresql_where=sa.text("outcome IS NOT NULL"))


def _navigators() -> None:
    op.create_table(
        "navigator",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("locality", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("presence", sa.Text, nullable=False),
        sa.Column("away_until", INSTANT),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("return_unknown_at", INSTANT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_navigator"),
        sa.UniqueConstraint("code", name="uq_navigator_code"),
    )


def _feeds() -> None:
    op.create_table(
        "feed",
        sa.Column("navigator_id", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False, comment="the number of the newest entry"),
        sa.PrimaryKeyConstraint("navigator_id", name="pk_feed"),
    )
    op.create_table(
        "feed_entry",
        sa.Column("navigator_id", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("task_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column(
            "position", sa.BigInteger, sa.Identity(always=True), nullable=False, comment="order of commit among the entries of all feeds"
        ),
        sa.PrimaryKeyConstraint("navigator_id", "sequence", name="pk_feed_entry"),
    )
    op.create_index("ix_feed_entry_position", "feed_entry", ["position"], unique=True)
    op.create_index("ix_feed_entry_taken_away", "feed_entry", ["person_id"], postgresql_where=sa.text("change = 'taken-away'"))


def _home_checks() -> None:
    op.create_table(
        "home_check",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("discharged_on", sa.Date, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("cancel_reason", sa.Text),
        sa.Column("person_gone_at", INSTANT, comment="the record of the death or move that ended the check"),
        sa.Column("ended_at", INSTANT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_home_check"),
    )
    op.create_index("ix_home_check_person_id", "home_check", ["person_id"])
    op.create_index("ix_home_check_expected", "home_check", ["due_at", "id"], postgresql_where=sa.text("status = 'expected'"))


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
        "lead",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("lead_id", sa.Uuid, nullable=False),
        sa.Column("professional_id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("is_fallback", sa.Boolean, nullable=False),
        sa.Column("activated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_lead"),
        comment="Projection of the accountable lead professional, from mdt.",
    )
    op.create_table(
        "risk",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("level", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_risk"),
        comment="Projection of the person's last published risk level, from mdt.",
    )
    op.create_table(
        "care_plan",
        sa.Column("care_plan_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("preferred_place_of_care", sa.Text, nullable=False),
        sa.Column("is_in_force", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("care_plan_id", name="pk_care_plan"),
        comment="Projection of the care plans, from mdt.",
    )
    op.create_index("ix_care_plan_person_id", "care_plan", ["person_id"])
