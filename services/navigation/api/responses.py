"""Views of tasks, navigators, feeds and people."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.navigation.domain.access import Lead
from services.navigation.domain.assignment import Candidate
from services.navigation.domain.feed import Change
from services.navigation.domain.home_check import HomeCheck
from services.navigation.domain.home_check import Status as HomeCheckStatus
from services.navigation.domain.navigator import Presence
from services.navigation.domain.task import Status
from services.navigation.queries.person import PersonWithLead
from services.navigation.queries.task import TaskDetails
from shared.access import Part
from shared.contracts.codes import Locality, PlaceOfCare, Role, TaskKind
from shared.contracts.navigation import BlockReason, CancelReason, EscalationReason, TaskOutcome, TaskSource
from shared.contracts.persons import FamilyContact, Story
from shared.contracts.referral_codes import Reason
from shared.persistence.relationships import PersonAccess
from shared.web.pagination import encode_sequence
from shared.web.responses import ResponseModel, VersionedResponse


class LeadView(ResponseModel):
    """The accountable lead professional; as the contact also the GP of the person's practice, who is then the fallback."""

    professional_id: str
    role: Role
    organisation: str
    is_fallback: bool


class PersonCard(ResponseModel):
    """The person as a navigator needs them at the door: address, telephone, visit times and communication needs (AC5)."""

    given_name: str
    family_name: str
    address: str
    telephone: str | None
    preferred_visit_times: str | None
    communication_needs: tuple[str, ...]


class TaskView(VersionedResponse):
    """A task in a list.

    Its reason is `source` with `kind`, `service_code` and, for a referral, `referral_reason`. `contact` is the lead, else the GP of the
    person's practice of today; absent for an unknown practice. `is_concern`: it ended with a concern, which is not met.
    """

    id: UUID
    person_id: UUID
    kind: TaskKind
    source: TaskSource
    source_id: UUID
    action_id: UUID | None
    service_code: str | None
    referral_reason: Reason | None
    role: Role
    locality: Locality | None
    status: Status
    created_at: datetime
    due_at: datetime
    acknowledge_by: datetime
    navigator_id: str | None
    escalated_at: datetime | None
    escalation: EscalationReason | BlockReason | None
    overdue_at: datetime | None
    block_reason: BlockReason | None
    outcome: TaskOutcome | None
    is_concern: bool
    cancel_reason: CancelReason | None
    ended_at: datetime | None
    person: PersonCard | None
    preferred_place_of_care: PlaceOfCare | None
    lead: LeadView | None
    contact: LeadView | None

    @classmethod
    def of(cls, details: TaskDetails) -> "TaskView":
        return cls(**_fields(details))


class TaskDetail(TaskView):
    """A task with the person's story and the contacts of the family, for those involved (IG8)."""

    narrative: str | None
    what_matters: str | None
    contacts: tuple[FamilyContact, ...]

    @classmethod
    def seen(cls, details: TaskDetails, access: PersonAccess) -> "TaskDetail":
        """The task for a caller with this access to its person."""
        story = details.record.story if details.record and access.opens(Part.STORY) else None
        return cls(
            **_fields(details),
            narrative=story.narrative if story else None,
            what_matters=story.what_matters if story else None,
            contacts=story.contacts if story else (),
        )


class StepView(ResponseModel):
    """One event of a task."""

    sequence: int
    type: str
    at: datetime
    organisation: str
    role: str
    data: dict[str, Any]


class OutcomeCount(ResponseModel):
    """The number of tasks of a kind with this outcome."""

    kind: TaskKind
    outcome: TaskOutcome
    tasks: int


class NavigatorView(VersionedResponse):
    """`load` is the weight of the tasks that are not blocked; the next task goes to the lowest load.

    `return_unknown_at`: since then a coordinator is asked for the day of return of a navigator who is away without one.

    To follow the feed after reading the work list, send `feed_cursor` as `cursor` or `feed_sequence` as Last-Event-ID.
    """

    code: str
    organisation: str
    locality: Locality
    role: Role
    presence: Presence
    away_until: datetime | None
    return_unknown_at: datetime | None
    open_tasks: int
    load: int
    feed_sequence: int
    feed_cursor: str

    @classmethod
    def of(cls, candidate: Candidate, feed_sequence: int) -> "NavigatorView":
        navigator = candidate.navigator
        own = {name: getattr(navigator, name) for name in cls.model_fields if hasattr(navigator, name)}
        feed = {"feed_sequence": feed_sequence, "feed_cursor": encode_sequence(feed_sequence)}
        return cls(**own, **feed, open_tasks=candidate.open_tasks, load=candidate.load)


class FeedEntryView(ResponseModel):
    """One entry of a feed."""

    sequence: int
    at: datetime
    change: Change
    task_id: UUID
    person_id: UUID
    kind: TaskKind
    status: Status
    due_at: datetime


class StoryView(ResponseModel):
    """The person's record with their story, and the lead. `merged_into` is the surviving record."""

    person_id: UUID
    merged_into: UUID | None
    nhs_number: str | None
    given_name: str
    family_name: str
    born_on: date | None
    address: str
    telephone: str | None
    practice_code: str
    is_practice_confirmed: bool
    locality: Locality | None
    story: Story
    lead: LeadView | None

    @classmethod
    def of(cls, person_id: UUID, person: PersonWithLead) -> "StoryView":
        own = {name: getattr(person.record, name) for name in cls.model_fields if hasattr(person.record, name)}
        return cls(person_id=person_id, merged_into=person.merged_into, lead=_lead(person.lead), **own)


class HomeCheckView(VersionedResponse):
    """A check on the day of `due_at` whether the person is still at home. A check that is due has become a task."""

    id: UUID
    person_id: UUID
    discharged_on: date
    due_at: datetime
    status: HomeCheckStatus
    cancel_reason: CancelReason | None
    ended_at: datetime | None

    @classmethod
    def of(cls, check: HomeCheck) -> "HomeCheckView":
        return cls.model_validate(check)


def _fields(details: TaskDetails) -> dict[str, Any]:
    task = details.task
    own = {name: getattr(task, name) for name in TaskView.model_fields if hasattr(task, name)}
    return own | {
        "person": _card(details),
        "preferred_place_of_care": details.preferred_place_of_care,
        "lead": _lead(details.lead),
        "contact": _lead(details.contact),
    }


def _lead(lead: Lead | None) -> LeadView | None:
    return None if lead is None else LeadView.model_validate(lead)


def _card(details: TaskDetails) -> PersonCard | None:
    record = details.record
    if record is None:
        return None
    return PersonCard(
        given_name=record.given_name,
        family_name=record.family_name,
        address=record.address,
        telephone=record.telephone,
        preferred_visit_times=record.story.preferred_visit_times,
        communication_needs=record.story.communication_needs,
    )
