"""Referrals: one, or the list of a referrer, a receiver or the Community Point of Access."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import asyncpg
import sqlalchemy as sa

from services.referrals.domain import Policy
from services.referrals.domain.reference import parse_reference
from services.referrals.domain.referral import AT_POINT_OF_ACCESS, AT_RECEIVER, OPEN, Referral, ReferralNotFound, Status
from services.referrals.domain.referrer_view import HiddenPart, seen
from services.referrals.store import hidden_parts, responses
from services.referrals.store.directory import codes_of_practice
from services.referrals.store.identity import MERGED_RECORD, find_group
from services.referrals.store.people import PERSON
from services.referrals.store.referrals import REFERRAL, referrals
from services.referrals.store.relationships import RELATIONSHIPS
from services.referrals.store.responses import IS_BREACHED, IS_LIVE, IS_OVERDUE, RESPONSE
from shared.access import Basis, Part
from shared.contracts.codes import Urgency
from shared.contracts.referral_codes import Route
from shared.kernel.target import Target
from shared.kernel.totality import total
from shared.persistence.relationships import PersonAccess
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, any_of
from shared.persistence.transaction import Transaction

_BY_REFERENCE = Statement(sa.select(REFERRAL).where(REFERRAL.c.reference == sa.bindparam("reference")))
_ONWARD_IN_CHAIN = Statement(
    sa.select(REFERRAL)
    .where(REFERRAL.c.correlation_id == sa.bindparam("correlation_id"), REFERRAL.c.onward_of.is_not(None))
    .order_by(REFERRAL.c.id)
)
_MERGED_INTO = Statement(sa.select(REFERRAL).where(REFERRAL.c.merged_into == sa.bindparam("id")).order_by(REFERRAL.c.id))

_TARGET = REFERRAL.alias("target")
_WITH_TARGET = REFERRAL.outerjoin(_TARGET, REFERRAL.c.merged_into == _TARGET.c.id)
_WITH_SURVIVOR = _WITH_TARGET.outerjoin(MERGED_RECORD, MERGED_RECORD.c.person_id == REFERRAL.c.person_id)
_IS_OPEN = sa.or_(REFERRAL.c.ended_at.is_(None), sa.and_(_TARGET.c.id.is_not(None), _TARGET.c.ended_at.is_(None)))


class Whose(StrEnum):
    """The referrals that an organisation sent, or those of people registered with it."""

    SENT = "sent"
    REGISTERED = "registered"


def _in(column: sa.ColumnElement[str], name: str) -> sa.ColumnElement[bool]:
    return column == sa.any_(sa.bindparam(name, type_=sa.ARRAY(sa.Text)))


def _newest_first(rows: sa.FromClause, organisation: "sa.Column[str]", is_seen: sa.ColumnElement[bool]) -> Statement:
    return Statement(
        sa.select(REFERRAL)
        .select_from(rows)
        .where(_in(organisation, "organisations"), is_seen, REFERRAL.c.id < sa.bindparam("before", type_=sa.Uuid))
        .where(_IS_OPEN == sa.bindparam("is_open", type_=sa.Boolean))
        .order_by(REFERRAL.c.id.desc())
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


#: A referrer sees what it sent for a time after its end; a practice, the people who are registered with it today.
_LASTS = sa.or_(_IS_OPEN, sa.func.coalesce(_TARGET.c.ended_at, REFERRAL.c.ended_at) > sa.bindparam("ended_after", type_=INSTANT))
#: `coalesce` would keep PostgreSQL from using the index of a table with row-level security.
_SURVIVOR = sa.case((MERGED_RECORD.c.merged_into.is_(None), REFERRAL.c.person_id), else_=MERGED_RECORD.c.merged_into)
_IS_REGISTERED = sa.exists().where(PERSON.c.id == _SURVIVOR, _in(PERSON.c.practice_code, "organisations"), PERSON.c.is_practice_confirmed)
_FOLLOWED = total(
    Whose,
    {
        Whose.SENT: _newest_first(_WITH_TARGET, REFERRAL.c.referrer_organisation, _LASTS),
        Whose.REGISTERED: _newest_first(_WITH_SURVIVOR, REFERRAL.c.practice_code, _IS_REGISTERED),
    },
)

_IS_BY_PRACTICE: Mapping[Whose, bool] = total(Whose, {Whose.SENT: False, Whose.REGISTERED: True})

#: Lists by urgency show urgent referrals first; the others share a rank.
QUEUE_RANK: Mapping[Urgency, int] = total(Urgency, {Urgency.URGENT: 0, Urgency.ROUTINE: 1, Urgency.ADVICE: 1})

_RANK = sa.case(*((REFERRAL.c.urgency == sa.literal_column(f"'{urgency}'"), rank) for urgency, rank in QUEUE_RANK.items()))
_DUE_AT = sa.func.coalesce(REFERRAL.c.due_at, REFERRAL.c.discrepancies_due_at)
_PAGE_KEY = sa.tuple_(_RANK, _DUE_AT, REFERRAL.c.id)
#: Open, or withdrawn with a report of a death or a move that stands.
_IS_OWED = sa.or_(REFERRAL.c.ended_at.is_(None), REFERRAL.c.discrepancies_due_at.is_not(None))
_AFTER = sa.tuple_(sa.bindparam("rank", type_=sa.Integer), sa.bindparam("due_at", type_=INSTANT), sa.bindparam("id", type_=sa.Uuid))


def _by_urgency(*conditions: sa.ColumnElement[bool]) -> Statement:
    """Referrals that someone owes an act, the urgent ones first, then by deadline."""
    chosen = sa.select(REFERRAL).where(_IS_OWED, *conditions).where(_AFTER < _PAGE_KEY)
    return Statement(chosen.order_by(_RANK, _DUE_AT, REFERRAL.c.id).limit(sa.bindparam("limit", type_=sa.Integer)))


#: A live response of Rapid Care without contact that is at risk or late, or that has an overdue step.
_RECEIVER_AT_RISK = sa.and_(
    REFERRAL.c.status.in_([sa.literal_column(f"'{status}'") for status in AT_RECEIVER]),
    sa.exists().where(
        RESPONSE.c.referral_id == REFERRAL.c.id,
        IS_LIVE,
        sa.or_(
            sa.and_(RESPONSE.c.contacted_at.is_(None), sa.or_(RESPONSE.c.at_risk_since.is_not(None), IS_BREACHED)),
            IS_OVERDUE,
        ),
    ),
)


class WorkSection(StrEnum):
    """Sections of the Community Point of Access's work list; one referral may be in several.

    `awaiting-others` has what a receiver has not answered and what was signposted; it is shown on request only.
    """

    TRIAGE = "triage"
    OVERDUE = "overdue"
    RECEIVER_AT_RISK = "receiver-at-risk"
    UNANSWERED_CALLS = "unanswered-calls"
    DISCREPANCIES = "discrepancies"
    CROSSED_ACCEPTANCES = "crossed-acceptances"
    CONTRADICTIONS = "contradictions"
    AWAITING_OTHERS = "awaiting-others"


_SECTIONS: Mapping[WorkSection, sa.ColumnElement[bool]] = total(
    WorkSection,
    {
        WorkSection.TRIAGE: REFERRAL.c.status.in_([sa.literal_column(f"'{status}'") for status in AT_POINT_OF_ACCESS]),
        WorkSection.OVERDUE: REFERRAL.c.overdue_since.is_not(None),
        WorkSection.RECEIVER_AT_RISK: _RECEIVER_AT_RISK,
        WorkSection.UNANSWERED_CALLS: REFERRAL.c.call_overdue_since.is_not(None),
        WorkSection.DISCREPANCIES: sa.func.jsonb_array_length(REFERRAL.c.discrepancies) > sa.literal_column("0"),
        WorkSection.CROSSED_ACCEPTANCES: REFERRAL.c.also_with.is_not(None),
        WorkSection.CONTRADICTIONS: REFERRAL.c.person_is_recorded_as.is_not(None),
        WorkSection.AWAITING_OTHERS: sa.or_(
            REFERRAL.c.asked_in == sa.literal_column(f"'{Status.ROUTED}'"),
            REFERRAL.c.status == sa.literal_column(f"'{Status.ROUTED}'"),
            REFERRAL.c.status == sa.literal_column(f"'{Status.SIGNPOSTED}'"),
        ),
    },
)
_WORK = sa.or_(*(condition for section, condition in _SECTIONS.items() if section is not WorkSection.AWAITING_OTHERS))


def work_statements(*filters: sa.ColumnElement[bool]) -> tuple[Statement, Mapping[WorkSection, Statement]]:
    """The whole work list, and each of its sections, of the referrals that pass the filters."""
    return _by_urgency(_WORK, *filters), {section: _by_urgency(condition, *filters) for section, condition in _SECTIONS.items()}


_INCOMING = _by_urgency(
    REFERRAL.c.receiver_organisation == sa.bindparam("organisation"),
    REFERRAL.c.route == sa.bindparam("route", type_=sa.Text),
    sa.or_(_in(REFERRAL.c.status, "statuses"), REFERRAL.c.asked_in == sa.literal_column(f"'{Status.ROUTED}'")),
)
_OF_PERSON = Statement(
    sa.select(REFERRAL).where(REFERRAL.c.person_id == any_of("people")).where(_in(REFERRAL.c.status, "statuses")).order_by(REFERRAL.c.id)
)

#: Rapid Care's progress with referrals, by referral.
ReceiverProgress = responses.ReceiverProgress
progress = responses.progress
unseen_of = hidden_parts.unseen_of

#: The key of a row in a list by urgency: rank, deadline, id.
PageKey = tuple[int, datetime, UUID]


async def referral(reader: ReadSession, referral_id: UUID) -> Referral:
    """Raises ReferralNotFound."""
    referral = await referrals.find(reader, referral_id)
    if referral is None:
        raise ReferralNotFound(f"No referral has the id {referral_id}.")
    return referral


async def require_referral(tx: Transaction[Policy], found: Referral) -> tuple[Basis, PersonAccess]:
    """The basis on which the caller sees the referral, and what they may see of its person. Raises ReferralNotFound."""
    access = await RELATIONSHIPS.access(tx, found.person_id)
    basis = access.require(Part.EXISTENCE, _unknown(found), found.id)
    return basis, access


async def require_timeline(tx: Transaction[Policy], found: Referral) -> Basis:
    """The basis on which the caller sees the timeline. To a `referrer` it is that of their own referral, whatever the person shares.

    Raises ReferralNotFound, PartNotShared, StoryWithheld.
    """
    access = await RELATIONSHIPS.access(tx, found.person_id)
    is_shared = access.opens(Part.PLAN, found.id)
    if not is_shared and access.holds(Basis.REFERRER, found.id):
        access.rely_on(Basis.REFERRER)
        return Basis.REFERRER
    return access.require(Part.PLAN, _unknown(found), found.id)


async def require_record(tx: Transaction[Policy], found: Referral) -> PersonAccess:
    """What the caller may see of the person whose record they read by the referral. To have sent it is no reason to read the record.

    Raises ReferralNotFound, PartNotShared.
    """
    access = await RELATIONSHIPS.access(tx, found.person_id)
    access.require_beyond(Basis.REFERRER, Part.EXISTENCE, _unknown(found), found.id)
    return access


def _unknown(found: Referral) -> ReferralNotFound:
    return ReferralNotFound(f"No referral has the id {found.id}.")


async def unseen_by(tx: Transaction[Policy], referral: Referral, basis: Basis | None) -> HiddenPart | None:
    """What the caller does not see of the referral; None for one who sees everything."""
    if basis is not Basis.REFERRER:
        return None
    return (await unseen_of(tx, [(referral, referral)]))[referral.id]


async def as_seen(tx: Transaction[Policy], referral: Referral, basis: Basis | None) -> Referral:
    hidden = await unseen_by(tx, referral, basis)
    return seen(referral, hidden) if hidden else referral


async def list_as_seen(tx: Transaction[Policy], page: Sequence[Referral]) -> list[Referral]:
    """The referrals that the caller's organisation sent, each as the caller sees it: something is hidden from a mere referrer alone."""
    accesses = await RELATIONSHIPS.access_to_each(tx, {each.person_id for each in page}) if page else {}
    mere = [(each, each) for each in page if accesses[each.person_id].basis(Part.EXISTENCE, each.id) is Basis.REFERRER]
    hidden = await unseen_of(tx, mere) if mere else {}
    return [seen(each, hidden[each.id]) if each.id in hidden else each for each in page]


async def basis_of(tx: Transaction[Policy], referral: Referral) -> Basis | None:
    """The basis on which the caller sees the referral, if any."""
    return (await RELATIONSHIPS.access(tx, referral.person_id)).basis(Part.EXISTENCE, referral.id)


async def stored_target(tx: Transaction[Policy], target: Target, referral: Referral, basis: Basis | None) -> Target:
    """The target in the stored version, of which a referrer sees a part. Raises VersionConflict with the versions that it sees."""
    shown = await as_seen(tx, referral, basis)
    if shown.version == referral.version:
        return target
    target.require(f"The referral {referral.id}", shown.version)
    return Target(target.id, referral.version)


async def by_reference(reader: ReadSession, typed: str) -> Referral:
    """Finds every issued reference, also of ended referrals. Raises ReferenceMistyped, ReferralNotFound."""
    row = await reader.fetch_one(_BY_REFERENCE, reference=parse_reference(typed))
    if row is None:
        raise ReferralNotFound("No referral has this reference.")
    return referrals.from_row(row)


async def merged_into(reader: ReadSession, referral_id: UUID) -> list[Referral]:
    """The referrals that were merged into this one."""
    return _all(await reader.fetch(_MERGED_INTO, id=referral_id))


async def onward_from(reader: ReadSession, referral: Referral) -> list[Referral]:
    """The other referrals of the chain, by which services asked another service to continue."""
    rows = await reader.fetch(_ONWARD_IN_CHAIN, correlation_id=referral.correlation_id)
    return [each for each in _all(rows) if each.id != referral.id]


async def followed_by(tx: Transaction[Policy], whose: Whose, *, is_open: bool, before: UUID, limit: int) -> list[Referral]:
    """Referrals that the caller's organisation may see, the newest first; a merged one is open as long as the one that it joined.

    The people registered with a practice are those of its predecessors, too.
    """
    own, today = tx.actor.organisation, tx.policy.day_of(tx.now)
    codes = await codes_of_practice(tx, own, today) if _IS_BY_PRACTICE[whose] else [own]
    page = {"is_open": is_open, "ended_after": tx.now - tx.policy.access_lasts, "before": before, "limit": limit}
    return _all(await tx.fetch(_FOLLOWED[whose], organisations=list(codes), **page))


async def incoming(reader: ReadSession, organisation: str, route: Route, *, after: PageKey, limit: int) -> list[Referral]:
    """Referrals routed to the services of an organisation, of this kind, that have not ended."""
    whose = {"organisation": organisation, "route": route, "statuses": list(AT_RECEIVER)}
    return _all(await reader.fetch(_INCOMING, **whose, **_page_key_values(after), limit=limit))


async def open_of_person(reader: ReadSession, person_id: UUID) -> list[Referral]:
    people = list((await find_group(reader, person_id)).ids)
    return _all(await reader.fetch(_OF_PERSON, people=people, statuses=list(OPEN)))


def page_key_of(referral: Referral) -> PageKey:
    """The page key of a referral."""
    return (QUEUE_RANK[referral.urgency], referral.due_at or referral.discrepancies_due_at or referral.received_at, referral.id)


def _page_key_values(after: PageKey) -> dict[str, object]:
    rank, due_at, referral_id = after
    return {"rank": rank, "due_at": due_at, "id": referral_id}


def _all(rows: Sequence[asyncpg.Record]) -> list[Referral]:
    return [referrals.from_row(row) for row in rows]
