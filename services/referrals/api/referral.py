"""One referral: its state, its permitted commands, its timeline, and the person's record."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi import Response as HttpResponse

from services.referrals.api import pages
from services.referrals.api.auth import Involved, RecordReader
from services.referrals.api.pages import Cursor, LongLimit
from services.referrals.api.presenter import followed
from services.referrals.api.responses import FollowedReferralView
from services.referrals.domain.actions import offered
from services.referrals.domain.person import Person, PersonNotFound
from services.referrals.domain.referral import ReferralNotFound
from services.referrals.queries import people, referrals, timeline
from services.referrals.queries.circumstances import circumstances
from services.referrals.queries.referrals import require_record, require_referral, require_timeline, unseen_by
from shared.access import Part
from shared.contracts.codes import Locality
from shared.contracts.persons import SharingPreference, Story
from shared.kernel.errors import PartNotShared, StoryWithheld
from shared.web import pagination
from shared.web.dependencies import Unit
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import Action, Page, ResponseModel, actions, json_response

router = strict_router(prefix="/referrals", tags=["referrals"])


class EntryView(ResponseModel):
    """One event of the chain. Ids and codes only."""

    id: UUID
    type: str
    subject: UUID
    occurred_at: datetime
    organisation: str | None
    role: str | None
    data: dict[str, Any] | None


class RecordView(ResponseModel):
    """The person's record with their story, which is absent when the person withholds it (G12)."""

    person_id: UUID
    nhs_number: str | None
    given_name: str
    family_name: str
    born_on: date | None
    address: str
    telephone: str | None
    practice_code: str
    locality: Locality | None
    sharing: SharingPreference
    story: Story | None

    @classmethod
    def of(cls, person: Person, *, is_story_shown: bool) -> "RecordView":
        fields = {name: getattr(person, name) for name in cls.model_fields if name not in {"person_id", "story"}}
        return cls(person_id=person.id, story=person.story if is_story_shown else None, **fields)


@router.get(
    "/{referral_id:uuid}",
    response_model=FollowedReferralView,
    responses=problems(ReferralNotFound),
)
async def read_referral(referral_id: UUID, caller: Involved, unit: Unit) -> HttpResponse:
    """The referral with its owner, its deadline and its feedback."""
    async with unit.audited_read(caller, referral_id) as tx:
        referral = await referrals.referral(tx, referral_id)
        basis, _ = await require_referral(tx, referral)
        view = await followed(tx, referral, basis)
    return json_response(view)


@router.get("/{referral_id:uuid}/actions", responses=problems(ReferralNotFound))
async def referral_actions(referral_id: UUID, caller: Involved, unit: Unit, request: Request) -> list[Action]:
    """The commands that the referral permits to this caller now."""
    async with unit.audited_read(caller, referral_id) as tx:
        referral = await referrals.referral(tx, referral_id)
        await require_referral(tx, referral)
        facts = await circumstances(tx, referral, now=tx.now, policy=tx.policy)
    return actions(request, referral.status, [offered(referral, caller, facts)], referral_id=referral_id)


@router.get("/{referral_id:uuid}/timeline", responses=problems(ReferralNotFound, PartNotShared, StoryWithheld))
async def referral_timeline(
    referral_id: UUID, caller: Involved, unit: Unit, cursor: Cursor = None, limit: LongLimit = 500
) -> Page[EntryView]:
    """The events of the referral's chain in all services, oldest first. A referrer sees those of their own referral alone."""
    async with unit.audited_read(caller, referral_id) as tx:
        referral = await referrals.referral(tx, referral_id)
        basis = await require_timeline(tx, referral)
        after = pages.oldest_first(cursor)
        if hidden := await unseen_by(tx, referral, basis):
            entries = await timeline.of_referral(tx, referral, hidden, after=after, limit=limit)
        else:
            entries = await timeline.of_chain(tx, referral, after=after, limit=limit)
    return page_of(entries, limit)


@router.get(
    "/{referral_id:uuid}/record",
    response_model=RecordView,
    responses=problems(ReferralNotFound, PersonNotFound, PartNotShared),
)
async def referral_record(referral_id: UUID, caller: RecordReader, unit: Unit) -> HttpResponse:
    """The person's record for the referral's receiver, so that the person is not asked for it again (AC1)."""
    async with unit.audited_read(caller, referral_id) as tx:
        referral = await referrals.referral(tx, referral_id)
        access = await require_record(tx, referral)
        person = await people.person(tx, referral.person_id)
        tx.audit(person.id)
    return json_response(RecordView.of(person, is_story_shown=access.opens(Part.STORY, referral.id)))


def page_of(entries: list[timeline.TimelineEntry], limit: int) -> Page[EntryView]:
    more = pagination.encode_cursor(entries[-1].occurred_at, entries[-1].id) if len(entries) == limit else None
    return Page[EntryView](items=[EntryView.model_validate(entry) for entry in entries], next=more)
