"""The identity of a person: tracing, verification, merges and separations of records, and candidates for a merge."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from functools import partial
from uuid import UUID

from fastapi import Request
from fastapi import Response as HttpResponse

from services.referrals import commands
from services.referrals.api import pages
from services.referrals.api.auth import IdentityKeeper, IdentityReader
from services.referrals.api.pages import Cursor, Limit
from services.referrals.domain import identity as domain
from services.referrals.domain.identity import Identity, IdentityStatus, offered
from services.referrals.domain.likeness import Reason
from services.referrals.domain.person import PersonNotFound
from services.referrals.domain.record import Group
from services.referrals.handlers import identity as handlers
from services.referrals.queries import candidates
from services.referrals.queries import identity as queries
from services.referrals.queries.candidates import Candidate, FoundPerson
from services.referrals.queries.people import names as names_of
from services.referrals.queries.people import require_person
from shared.contracts.input_types import LongText, TypedNhsNumber
from shared.kernel.actor import Actor
from shared.kernel.errors import IllegalTransition, VersionConflict
from shared.kernel.nhs_number import InvalidNhsNumber
from shared.kernel.target import Target
from shared.web import pagination
from shared.web.dependencies import IfMatch, Unit, UnitOfWork
from shared.web.problems import problems
from shared.web.requests import CommandModel, strict_router
from shared.web.responses import Action, NameView, Page, ResponseModel, VersionedResponse, actions, json_response, named

router = strict_router(prefix="/referrals/people", tags=["referrals", "people"])

_ANY = (PersonNotFound, IllegalTransition, VersionConflict)
_MERGE = (domain.SameRecord, domain.HasMergedRecords, domain.SurvivorUnverified, domain.LivesDiffer)


class Verification(CommandModel[commands.VerifyIdentity]):
    nhs_number: TypedNhsNumber


class NewMerge(CommandModel[commands.MergePerson]):
    into: UUID


class NewSeparation(CommandModel[commands.SeparatePerson]):
    reason: LongText


class MergeView(ResponseModel):
    """A merge of this record into another one, by a member of staff."""

    into: UUID
    merged_at: datetime
    decided_by: str


class SeparationView(ResponseModel):
    """The end of a merge, which was a mistake."""

    merge: MergeView
    separated_at: datetime
    separated_by: str
    reason: str


class IdentityView(VersionedResponse):
    """The identity of a record; version 0 for one that was never unverified or merged."""

    person_id: UUID
    status: IdentityStatus
    due_at: datetime | None
    overdue_since: datetime | None
    merged_into: UUID | None
    merge: MergeView | None
    separations: tuple[SeparationView, ...]


class PersonIdentityView(IdentityView):
    """The identity, with the ids of all records of the person, the surviving one first."""

    records: tuple[UUID, ...]

    @classmethod
    def of(cls, identity: Identity, group: Group) -> "PersonIdentityView":
        return cls(**dict(IdentityView.model_validate(identity)), records=group.ids)


class UntracedPersonView(IdentityView):
    """The identity of a person whom the Community Point of Access traces, with their name."""

    person: NameView | None


class FoundPersonView(ResponseModel):
    """A person under the id of the surviving record. `records` has the ids of all records, this one first."""

    id: UUID
    records: tuple[UUID, ...]
    nhs_number: str | None
    number_as_typed: str | None
    given_name: str
    family_name: str
    born_on: date | None
    address: str
    telephone: str | None
    practice_code: str

    @classmethod
    def of(cls, found: FoundPerson) -> "FoundPersonView":
        names = [name for name in cls.model_fields if name != "records"]
        return cls(records=found.group.ids, **{name: getattr(found.person, name) for name in names})


class CandidateView(ResponseModel):
    """A person whose record resembles this one. The score supports a decision; no record is merged because of it."""

    person: FoundPersonView
    score: int
    reasons: tuple[Reason, ...]

    @classmethod
    def of(cls, candidate: Candidate) -> "CandidateView":
        likeness = candidate.likeness
        return cls(person=FoundPersonView.of(candidate.found), score=likeness.score, reasons=likeness.reasons)


@router.get("/unverified")
async def unverified_people(caller: IdentityReader, unit: Unit, cursor: Cursor = None, limit: Limit = 50) -> Page[UntracedPersonView]:
    """The persons without a verified NHS number, whom the Community Point of Access traces: by deadline.

    Each person on a page is audited as read.
    """
    after = pages.oldest_first(cursor)
    async with unit.transaction(caller) as tx:
        page = await queries.unverified(tx, after=after, limit=limit)
        people = [each.person_id for each in page]
        tx.audit_all(people)
        names = await names_of(tx, people)
    last = page[-1] if len(page) == limit else None
    more = pagination.encode_cursor(last.due_at, last.id) if last and last.due_at else None
    items = [named(UntracedPersonView, IdentityView.model_validate(each), names.get(each.person_id)) for each in page]
    return Page[UntracedPersonView](items=items, next=more)


@router.get("/{person_id:uuid}/identity", response_model=PersonIdentityView, responses=problems(PersonNotFound))
async def read_identity(person_id: UUID, caller: IdentityReader, unit: Unit) -> HttpResponse:
    """Whether the person is traced, and the records that mean them."""
    async with unit.audited_read(caller, person_id) as tx:
        await require_person(tx, person_id)
        identity, group = await queries.identity(tx, person_id)
    return json_response(PersonIdentityView.of(identity, group))


@router.get("/{person_id:uuid}/identity/actions", responses=problems(PersonNotFound))
async def identity_actions(person_id: UUID, caller: IdentityReader, unit: Unit, request: Request) -> list[Action]:
    """The commands on the identity that are permitted to this caller now."""
    async with unit.audited_read(caller, person_id) as tx:
        await require_person(tx, person_id)
        identity, group = await queries.identity(tx, person_id)
    return actions(request, identity.status, [offered(identity, caller, group)], person_id=person_id)


@router.get("/{person_id:uuid}/candidates", responses=problems(PersonNotFound))
async def list_candidates(person_id: UUID, caller: IdentityReader, unit: Unit) -> list[CandidateView]:
    """Persons whose records may be about the same person, the most similar first, with the reasons. A person decides."""
    async with unit.transaction(caller) as tx:
        await require_person(tx, person_id)
        found = await candidates.candidates(tx, person_id)
        tx.audit(person_id)
    await unit.found(caller, [person_id, *(each.found.person.id for each in found)])
    return [CandidateView.of(each) for each in found]


@router.post(
    "/{person_id:uuid}/verification",
    name="VerifyIdentity",
    response_model=IdentityView,
    responses=problems(*_ANY, *_MERGE, InvalidNhsNumber, domain.BirthdayDiffers),
)
async def verify_identity(person_id: UUID, body: Verification, caller: IdentityKeeper, version: IfMatch, unit: Unit) -> HttpResponse:
    """The person has this NHS number: this record merges into the one of the number. If-Match is the version of the identity."""
    return await _change(unit, caller, handlers.verify_identity, Target(person_id, version), body.command())


@router.post("/{person_id:uuid}/merge", name="MergePerson", response_model=IdentityView, responses=problems(*_ANY, *_MERGE))
async def merge_person(person_id: UUID, body: NewMerge, caller: IdentityKeeper, version: IfMatch, unit: Unit) -> HttpResponse:
    """This record and another one are about one person. Both ids stay valid; the other record survives."""
    return await _change(unit, caller, handlers.merge_person, Target(person_id, version), body.command())


@router.post("/{person_id:uuid}/separation", name="SeparatePerson", response_model=IdentityView, responses=problems(*_ANY))
async def separate_person(person_id: UUID, body: NewSeparation, caller: IdentityKeeper, version: IfMatch, unit: Unit) -> HttpResponse:
    """The merge of this record was a mistake: it is about another person, with its own referrals and its own life."""
    return await _change(unit, caller, handlers.separate_person, Target(person_id, version), body.command())


async def _change(
    unit: UnitOfWork, caller: Actor, handler: Callable[..., Awaitable[Identity]], target: Target, command: object
) -> HttpResponse:
    require = partial(require_person, person_id=target.id)
    return await unit.change(caller, handler, target, command, view=IdentityView.model_validate, require=require)
