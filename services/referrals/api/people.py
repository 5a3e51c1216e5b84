"""People at the Community Point of Access. The NHS number is in a body, never in a URL; every read is audited."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import Response as HttpResponse

from services.referrals.api import pages, requests
from services.referrals.api.auth import Handler, PointOfAccess, PointOfAccessOrLead, Staff
from services.referrals.api.identity import FoundPersonView, PersonIdentityView
from services.referrals.api.life import LifeView
from services.referrals.api.pages import Cursor, LongLimit
from services.referrals.api.presenter import views
from services.referrals.api.proposals import ContactNameView, ProposalView
from services.referrals.api.referral import EntryView, page_of
from services.referrals.api.responses import ContactView, ReferralView, ResponsibleView, owner_of
from services.referrals.domain.access import is_referrer
from services.referrals.domain.directory import PracticeClosed
from services.referrals.domain.person import BirthDateInFuture, NoChanges, Person, PersonNotFound
from services.referrals.domain.referral import Referral
from services.referrals.handlers.people import revise_record
from services.referrals.queries import candidates, people, proposals, referrals, timeline
from services.referrals.queries import identity as identities
from services.referrals.queries import life as lives
from services.referrals.queries.people import require_person
from shared.access import Basis, Part
from shared.contracts.codes import Locality
from shared.contracts.persons import RecordField, SharingPreference, StatedBy, Story
from shared.kernel.errors import PartNotShared, StoryWithheld, VersionConflict
from shared.kernel.nhs_number import InvalidNhsNumber
from shared.kernel.target import Target
from shared.persistence.relationships import PersonAccess
from shared.persistence.transaction import Transaction
from shared.web.dependencies import IfMatch, Unit
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import Page, ResponseModel, VersionedResponse, changed, json_response

router = strict_router(prefix="/referrals/people", tags=["referrals", "people"])


class RiskView(ResponseModel):
    level: int
    valid_from: date
    climbed_on: date | None


class FormerValueView(ResponseModel):
    """A value that the record had until `until`. `source` sent its successor, which the member of staff `replaced_by` recorded."""

    field: RecordField
    contact: ContactNameView | None
    value: str
    until: datetime
    source: str
    replaced_by: str


class PracticeDoubtView(ResponseModel):
    """A triager's doubt whether the person is registered with the practice, until staff confirm that one explicitly."""

    practice_code: str
    doubted_at: datetime
    doubted_by: str


class PersonView(VersionedResponse):
    """The person's record with their story. `number_as_typed`, `born_as_typed`: an unverified number, an impossible date of birth.

    `is_practice_confirmed` is false for a practice that only itself has stated; a correction that names it confirms it. `practice_doubts`
    has those that triagers doubted. `former_values` has the values that staff have replaced, the oldest first. `story` is absent without a
    referral that is open or ended recently, and when the person withholds it (G12).
    """

    id: UUID
    nhs_number: str | None
    number_as_typed: str | None
    given_name: str
    family_name: str
    born_on: date | None
    born_as_typed: str | None
    address: str
    telephone: str | None
    practice_code: str
    is_practice_confirmed: bool
    practice_doubts: tuple[PracticeDoubtView, ...]
    residence: str
    locality: Locality | None
    sharing: SharingPreference
    sharing_stated_by: StatedBy | None
    story: Story | None
    former_values: tuple[FormerValueView, ...]

    @classmethod
    def of(cls, person: Person, access: PersonAccess) -> "PersonView":
        view = cls.model_validate(person)
        return view if access.opens(Part.STORY) else view.model_copy(update={"story": None})


class PersonPageView(PersonView):
    """The record, the identity, the recorded life, the open proposals and referrals, who is responsible now, and the risk level."""

    identity: PersonIdentityView
    life: LifeView
    open_proposals: list[ProposalView]
    open_referrals: list[ReferralView]
    responsible: ResponsibleView
    risk: RiskView | None


class FoundPeopleView(ResponseModel):
    """The persons found. `is_limited`: there are more; search for something narrower."""

    items: list[FoundPersonView]
    is_limited: bool


@router.post("/search", response_model=FoundPeopleView, responses=problems(InvalidNhsNumber))
async def search_people(body: requests.Search, caller: PointOfAccess, unit: Unit) -> HttpResponse:
    """Find persons by NHS number, by family name and birthday, by postcode or address, or by telephone. Every search is audited."""
    async with unit.reading(caller) as tx:
        found, is_limited = await candidates.search_people(tx, body.criterion())
    await unit.found(caller, [each.person.id for each in found])
    return json_response(FoundPeopleView(items=[FoundPersonView.of(each) for each in found], is_limited=is_limited))


@router.get("/{person_id:uuid}", response_model=PersonPageView, responses=problems(PersonNotFound))
async def read_person(person_id: UUID, caller: PointOfAccess, unit: Unit) -> HttpResponse:
    """A person's page."""
    async with unit.audited_read(caller, person_id) as tx:
        access = await require_person(tx, person_id)
        page = await _page(tx, await people.person(tx, person_id), access)
    return json_response(page)


@router.post(
    "/{person_id:uuid}/record",
    name="ReviseRecord",
    response_model=PersonView,
    responses=problems(PersonNotFound, NoChanges, BirthDateInFuture, PracticeClosed, VersionConflict),
)
async def revise(person_id: UUID, body: requests.Revision, caller: Handler, version: IfMatch, unit: Unit) -> HttpResponse:
    """Correct a person's record; every context receives the new record."""
    async with unit.repeatable(caller, person_id, partial(require_person, person_id=person_id)) as tx:
        person = await revise_record(Target(person_id, version), body.command(), tx=tx)
        return changed(tx, PersonView.of(person, await require_person(tx, person_id)))


@router.get("/{person_id:uuid}/contact", responses=problems(PersonNotFound))
async def read_contact(person_id: UUID, caller: Staff, unit: Unit) -> ContactView:
    """The one professional who is responsible for this person, and whether the family is kept informed."""
    async with unit.audited_read(caller, person_id) as tx:
        basis = (await require_person(tx, person_id, Part.CONTACT)).verdict(Part.CONTACT).basis
        contact = await people.contact(tx, person_id, on=tx.policy.day_of(tx.now), policy=tx.policy)
    return ContactView.model_validate(contact.seen_on(basis))


@router.get("/{person_id:uuid}/responsible", responses=problems(PersonNotFound))
async def read_responsible(person_id: UUID, caller: Staff, unit: Unit) -> ResponsibleView:
    """Who is responsible now: the person's professional, and the service that must act next on the most urgent open referral."""
    async with unit.audited_read(caller, person_id) as tx:
        basis = (await require_person(tx, person_id, Part.CONTACT)).verdict(Part.CONTACT).basis
        found = await referrals.open_of_person(tx, person_id)
        shown = [each for each in found if basis is not Basis.REFERRER or is_referrer(each, caller)]
        return await _responsible(tx, person_id, shown, basis)


@router.get("/{person_id:uuid}/timeline", responses=problems(PersonNotFound, PartNotShared, StoryWithheld))
async def person_timeline(
    person_id: UUID, caller: PointOfAccessOrLead, unit: Unit, cursor: Cursor = None, limit: LongLimit = 500
) -> Page[EntryView]:
    """A person's events in all services, for the Community Point of Access and the person's lead."""
    async with unit.audited_read(caller, person_id) as tx:
        await require_person(tx, person_id, Part.PLAN)
        entries = await timeline.of_person(tx, person_id, after=pages.oldest_first(cursor), limit=limit)
    return page_of(entries, limit)


async def _page(tx: Transaction[Any], person: Person, access: PersonAccess) -> PersonPageView:
    open_referrals = await referrals.open_of_person(tx, person.id)
    risk = await people.risk(tx, person.id)
    return PersonPageView(
        **dict(PersonView.of(person, access)),
        identity=PersonIdentityView.of(*await identities.identity(tx, person.id)),
        life=LifeView.model_validate(await lives.life(tx, person.id)),
        open_proposals=[ProposalView.model_validate(each) for each in await proposals.of_person(tx, person)],
        open_referrals=await views(tx, open_referrals),
        responsible=await _responsible(tx, person.id, open_referrals),
        risk=None if risk is None else RiskView.model_validate(risk),
    )


async def _responsible(
    tx: Transaction[Any], person_id: UUID, open_referrals: Sequence[Referral], basis: Basis | None = None
) -> ResponsibleView:
    contact = await people.contact(tx, person_id, on=tx.policy.day_of(tx.now), policy=tx.policy)
    most_urgent = min(open_referrals, key=referrals.page_key_of, default=None)
    owner = owner_of(most_urgent, tx.policy) if most_urgent else None
    return ResponsibleView(contact=ContactView.model_validate(contact.seen_on(basis)), owner=owner)
