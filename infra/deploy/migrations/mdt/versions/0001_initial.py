"""The weekly meeting: cases, plans, leads, risk scores and their imports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA, JSONB

from infra.deploy.migrations import (
    merged_persons_v1,
    onward_answers_v1,
    person_changes_v1,
    planner_samples_v1,
    row_security_v1,
    service_codes_v1,
    shared_tables_v1,
)
from infra.deploy.migrations.row_security_v1 import (
    IS_OF_ANOTHER,
    LASTS,
    OWN,
    PROFESSIONAL,
    DependentTable,
    ProtectedTable,
    has,
    registered,
    seen_in,
)

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)

_IS_OWN_CASE = f"{has('meeting', is_staff=True)} AND {LASTS.format('closed_at')}"
_IS_LISTED = f"status IN ('found', 'screened', 'watched', 'below') AND {IS_OF_ANOTHER}"
_IS_OWN_RISK = f"{has('case-finding', is_staff=True)} AND {_IS_LISTED}"
_IS_LEAD, _IS_PROPOSED = "status = 'active'", "status = 'proposed'"
_IS_OWN_STATUS = f"({has('lead')} AND {_IS_LEAD} OR {has('proposed-lead')} AND {_IS_PROPOSED})"
_IS_OWN_LEAD = f"organisation = {OWN} AND professional_id = {PROFESSIONAL} AND {_IS_OWN_STATUS}"
_LEADS = "lead WHERE person_id = ANY (people) AND organisation = own AND professional_id = professional"
#: The tables with what a person said, who they are, and what was agreed. COPY writes the scores, which PostgreSQL refuses for a protected
#: table. The others hold ids and codes.
_PROTECTED: tuple[ProtectedTable | DependentTable, ...] = (
    ProtectedTable("case", is_own=_IS_OWN_CASE),
    ProtectedTable("risk", is_own=_IS_OWN_RISK),
    ProtectedTable("lead", is_own=_IS_OWN_LEAD),
    *(ProtectedTable(table, is_own=seen_in('"case"', f"{table}.person_id")) for table in ("person", "care_plan")),
    DependentTable("care_plan_version", of="care_plan WHERE care_plan.id = care_plan_version.care_plan_id"),
)
_FACTS = (
    ("meeting", "\"case\" WHERE person_id = ANY (people) AND is_staff AND coalesce(closed_at, 'infinity') > ended_after"),
    ("case-finding", f"risk WHERE person_id = ANY (people) AND is_staff AND {_IS_LISTED}"),
    ("lead", f"{_LEADS} AND {_IS_LEAD}"),
    ("proposed-lead", f"{_LEADS} AND {_IS_PROPOSED}"),
    registered(
        person="person.person_id",
        code="record ->> 'practice_code'",
        confirmed="(record ->> 'is_practice_confirmed')::boolean",
        merged="merged_person WHERE separated_at IS NULL AND merged_person.person_id",
        is_scored=True,
    ),
)


def upgrade() -> None:
    shared_tables_v1.create()
    merged_persons_v1.create()
    person_changes_v1.create()
    onward_answers_v1.create()
    service_codes_v1.create()
    _meeting()
    _case()
    _care_plan()
    _lead()
    _notice()
    _copies()
    _risk()
    _risk_score()
    _risk_import()
    row_security_v1.create(_PROTECTED, _FACTS)
    planner_samples_v1.leave_out_words()


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
        sa.Column("locality", sa.Text),
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
        sa.Column("ended", JSONB, comment="the death or move that ended the case, and the status before"),
        sa.Column("closed_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_case"),
    )
    for column in ("person_id", "meeting_id", "discussed_in"):
        op.create_index(f"ix_case_{column}", "case", [column])
    op.create_index("ix_case_referred_at_id", "case", ["referred_at", "id"])
    is_open = sa.text("status IN ('referred', 'listed', 'active-management', 'stepped-down')")
    op.create_index("uq_case_open", "case", ["person_id"], unique=True, postgresql_where=is_open)
    op.create_table(
        "joined_referral",
        sa.Column("referral_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("practice_code", sa.Text, nullable=False),
        sa.Column("locality", sa.Text),
        sa.Column("is_urgent", sa.Boolean, nullable=False),
        sa.Column("referred_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("referral_id", name="pk_joined_referral"),
        comment="Referrals that joined a case under another id of their person, which a separation returns to a case of their own person.",
    )


def _care_plan() -> None:
    op.create_table(
        "care_plan",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("locality", sa.Text),
        sa.Column("plan_version", sa.Integer, nullable=False),
        sa.Column("offered", JSONB),
        sa.Column("in_force", JSONB),
        sa.Column("enacted_for", sa.Uuid),
        sa.Column("referral_ids", JSONB, nullable=False),
        sa.Column("fulfilled", JSONB, nullable=False),
        sa.Column(
            "returned", JSONB, nullable=False, comment="actions whose task was cancelled, with the day until which the lead sees to them"
        ),
        sa.Column("review_on", sa.Date, comment="of the version that was offered last"),
        sa.Column("ended", JSONB, comment="the death or move that ended the plan, and the status before"),
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
        sa.Column("is_agreed_by_person", sa.Boolean, comment="null until the person answers"),
        sa.PrimaryKeyConstraint("care_plan_id", "number", name="pk_care_plan_version"),
        comment="Every version of a care plan that a meeting offered, with the person's answer; never deleted.",
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
        sa.Column("care_plan_id", sa.Uuid),
        sa.Column("by_change", JSONB, comment="the death or move that ended the lead, and the status before"),
        sa.Column("by_merge", INSTANT, comment="when the lead ended, because the person's other record had a lead as well"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lead"),
    )
    op.create_index("ix_lead_person_id", "lead", ["person_id"])
    op.create_index("ix_lead_professional_id", "lead", ["professional_id"])
    op.create_index("uq_lead_active", "lead", ["person_id"], unique=True, postgresql_where=sa.text("status = 'active'"))


def _notice() -> None:
    op.create_table(
        "notification",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("professional_id", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("acknowledged_at", INSTANT),
        sa.Column("thread_id", sa.Uuid, comment="subject of the deadline for an answer, with all repetitions; null without one"),
        sa.Column("settled_at", INSTANT, comment="when a command settled the matter without an acknowledgement"),
        sa.Column("is_escalated", sa.Boolean, nullable=False, comment="the chair has it, because no recipient answered in time"),
        sa.PrimaryKeyConstraint("id", name="pk_notification"),
    )
    op.create_index("ix_notification_thread_id", "notification", ["thread_id"])
    op.create_index("ix_notification_subject", "notification", ["subject"], postgresql_where=sa.text("thread_id IS NOT NULL"))
    op.create_index("ix_notification_professional_id_id", "notification", ["professional_id", "id"])


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
        "crisis",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_crisis"),
        comment="Projection of each person's last two-hour response and admission, from rapid_care.",
    )


def _risk() -> None:
    op.create_table(
        "risk",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False, comment="the case-finding id: each rise starts a new chain of events"),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("practice_code", sa.Text, nullable=False),
        sa.Column("level", sa.SmallInteger, nullable=False),
        sa.Column("ratio", sa.Numeric, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("climbed_on", sa.Date),
        sa.Column("climber_until", sa.Date),
        sa.Column("destination", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("ended", JSONB, comment="the death or move after which the person is not listed, and the status before"),
        sa.Column("imported_by", JSONB, nullable=False, comment="issuer, organisation and subject of each caller whose scores it follows"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_risk"),
        sa.UniqueConstraint("person_id", name="uq_risk_person_id"),
        comment="Case finding: people who ever were at level 2 or 3 or were high climbers.",
    )
    op.create_index("ix_risk_practice_code", "risk", ["practice_code"])


def _risk_score() -> None:
    """No primary key: no query uses one, and its index would cost more than the rest of an import."""
    op.create_table(
        "risk_score",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("import_number", sa.Integer, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("level", sa.SmallInteger, nullable=False),
        sa.Column("ratio", sa.Numeric, nullable=False),
        sa.Column("practice_code", sa.Text, nullable=False),
        comment="Scores of every registered person in the imports that the high-climber window needs; written by COPY.",
    )
    op.create_index("ix_risk_score_person_id", "risk_score", ["person_id"], postgresql_using="hash")
    op.create_index("ix_risk_score_import_number", "risk_score", ["import_number"], postgresql_using="brin")


def _risk_import() -> None:
    op.create_table(
        "risk_import",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("digest", BYTEA, nullable=False, comment="SHA-256 of the file"),
        sa.Column("imported_at", INSTANT, nullable=False),
        sa.Column("imported_by", JSONB, nullable=False, comment="issuer, organisation and subject of the caller"),
        sa.Column("rule_version", sa.Text, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("levels", JSONB, nullable=False, comment="number of people at the levels 0 to 3"),
        sa.Column("mismatched", sa.Integer, nullable=False),
        sa.Column("first_valid_from", sa.Date),
        sa.Column("last_valid_from", sa.Date),
        sa.Column("crossings", sa.Integer, nullable=False),
        sa.Column("climbers", sa.Integer, nullable=False),
        sa.Column("refused", JSONB, nullable=False, comment="number of lines for each reason"),
        sa.Column("bad_rows", JSONB, nullable=False, comment="line number and reason of the first thousand; never their content"),
        sa.Column("repeats", sa.Uuid, comment="the earlier import of the same content"),
        sa.PrimaryKeyConstraint("id", name="pk_risk_import"),
        sa.UniqueConstraint("number", name="uq_risk_import_number"),
    )
    is_first = sa.text("repeats IS NULL")
    op.create_index("uq_risk_import_digest_rule_version", "risk_import", ["digest", "rule_version"], unique=True, postgresql_where=is_first)
