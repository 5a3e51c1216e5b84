"""Care navigation running in a test; the events that reach it; navigators and tasks for its rules."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from infra.dev_stack.dev_secrets import Keys
from services.navigation import api, subscriptions
from services.navigation.domain.access import holders
from services.navigation.domain.assignment import Candidate
from services.navigation.domain.home_check import HomeCheck
from services.navigation.domain.navigator import Navigator, Presence, id_of
from services.navigation.domain.policy import Policy
from services.navigation.domain.task import Status, Task
from shared.contracts.care_plans import CarePlanAgreed, CarePlanRevised, PlanAction
from shared.contracts.codes import Locality, PlaceOfCare, Role, StepDown, TaskKind, Urgency
from shared.contracts.event import Event
from shared.contracts.mdt import LeadActivated
from shared.contracts.navigation import TaskSource
from shared.contracts.persons import FamilyContact, PersonRecordRecorded, Story
from shared.contracts.rapid_care import ResponseSteppedDown
from shared.contracts.referral_codes import Reason, Route, Source
from shared.contracts.referrals import ReferralRouted
from shared.kernel.ids import PersonId, new_id
from shared.web.pagination import encode_sequence
from tests.builders.context_app import RunningContext, arrived, run_context, signed
from tests.builders.london import london

#: The Wednesday of Mr Dale's meeting (`infra/demo/story.py`).
WEDNESDAY = date(2015, 3, 4)

NAVIGATOR, OTHER = "clch-navigator-1", "clch-navigator-2"
LOUISE = FamilyContact(name="Louise", relationship="daughter")
LEAD = "clch-community-nurse-1"
POLICY = Policy()


def at(hour: str, day: date = WEDNESDAY) -> datetime:
    """London time on the day, as an instant in UTC."""
    return london(f"{day}T{hour}")


def a_task(**changes: Any) -> Task:
    """A task created on the Wednesday at 14:00, in the status `status`."""
    created_at = changes.get("created_at", at("14:00"))
    status = changes.get("status", Status.ASSIGNED)
    fields: dict[str, Any] = {
        "id": new_id(),
        "person_id": PersonId(new_id()),
        "correlation_id": new_id(),
        "kind": TaskKind.ARRANGE_SOCIAL_CARE_ASSESSMENT,
        "source": TaskSource.CARE_PLAN,
        "source_id": new_id(),
        "action_id": new_id(),
        "service_code": None,
        "role": Role.CARE_NAVIGATOR,
        "locality": Locality.WEST,
        "status": status,
        "created_at": created_at,
        "due_at": POLICY.due_from(created_at),
        "acknowledge_by": POLICY.acknowledge_by(created_at),
        "navigator_id": None if status is Status.UNASSIGNED else NAVIGATOR,
        "ended_at": created_at if status in {Status.FULFILLED, Status.CANCELLED} else None,
        "version": 2,
    }
    return Task(**(fields | changes))


def a_navigator(code: str = NAVIGATOR, **changes: Any) -> Navigator:
    """An available care navigator of the west locality."""
    fields: dict[str, Any] = {
        "id": id_of(code),
        "code": code,
        "organisation": "CLCH",
        "locality": Locality.WEST,
        "role": Role.CARE_NAVIGATOR,
        "presence": Presence.AVAILABLE,
        "away_until": None,
        "correlation_id": id_of(code),
        "version": 1,
    }
    return Navigator(**(fields | changes))


def a_home_check(**changes: Any) -> HomeCheck:
    """The check after a discharge on the Wednesday, expected on its 91st day."""
    fields: dict[str, Any] = {
        "id": new_id(),
        "person_id": PersonId(new_id()),
        "discharged_on": WEDNESDAY,
        "due_at": POLICY.home_check_at(WEDNESDAY),
        "version": 1,
    }
    return HomeCheck(**(fields | changes))


def a_candidate(code: str = NAVIGATOR, open_tasks: int = 0, **changes: Any) -> Candidate:
    return Candidate(a_navigator(code, **changes), open_tasks, load=open_tasks)


def an_action(**changes: Any) -> PlanAction:
    """An action of a care plan for a care navigator, due a week after the Wednesday."""
    fields: dict[str, Any] = {
        "action_id": new_id(),
        "kind": TaskKind.ARRANGE_SOCIAL_CARE_ASSESSMENT,
        "owner_role": Role.CARE_NAVIGATOR,
        "due_on": WEDNESDAY + timedelta(days=7),
    }
    return PlanAction(**(fields | changes))


def mr_dales_actions() -> tuple[PlanAction, ...]:
    """Three actions for the navigator, due on consecutive days, and one for a community nurse."""
    kinds = (TaskKind.ARRANGE_SOCIAL_CARE_ASSESSMENT, TaskKind.PERSONAL_BUDGET_ADVICE, TaskKind.SIGNPOST)
    ours = [an_action(kind=kind, due_on=WEDNESDAY + timedelta(days=7 + days)) for days, kind in enumerate(kinds)]
    return (*ours, an_action(kind=TaskKind.IMPLEMENT_CARE_PLAN_ACTION, owner_role=Role.COMMUNITY_NURSE))


def an_agreed_plan(actions: Sequence[PlanAction]) -> CarePlanAgreed:
    return CarePlanAgreed(**_plan(1, actions))


def a_revised_plan(actions: Sequence[PlanAction], plan_version: int = 2) -> CarePlanRevised:
    return CarePlanRevised(**_plan(plan_version, actions))


def a_routed_referral(received_at: datetime, **changes: Any) -> ReferralRouted:
    """A referral routed to navigation."""
    fields: dict[str, Any] = {
        "route": Route.NAVIGATION,
        "service_code": "care-navigation",
        "urgency": Urgency.ROUTINE,
        "source": Source.GP,
        "reason": Reason.OTHER,
        "condition": None,
        "received_at": received_at,
        "clock_starts_at": received_at,
        "acknowledge_by": received_at + timedelta(days=2),
        "practice_code": "W07",
        "locality": Locality.WEST,
        "is_eligibility_overridden": False,
    }
    return ReferralRouted(**(fields | changes))


def a_step_down(**changes: Any) -> ResponseSteppedDown:
    fields: dict[str, Any] = {"referral_id": new_id(), "destination": StepDown.INTEGRATED_LOCALITY_TEAM, "locality": Locality.WEST}
    return ResponseSteppedDown(**(fields | changes))


def an_activated_lead(activated_at: datetime, **changes: Any) -> LeadActivated:
    """Mr Dale's community nurse, appointed at the meeting."""
    fields: dict[str, Any] = {
        "professional_id": LEAD,
        "role": Role.COMMUNITY_NURSE,
        "organisation": "CLCH",
        "is_fallback": False,
        "activated_at": activated_at,
        "is_from_meeting": True,
    }
    return LeadActivated(**(fields | changes))


def mr_dales_record(**changes: Any) -> PersonRecordRecorded:
    """The record of Mr Dale with his story (000:1063-1104)."""
    fields: dict[str, Any] = {
        "nhs_number": "9990548609",
        "given_name": "Colin",
        "family_name": "Dale",
        "born_on": date(1932, 5, 17),
        "address": "Oakleigh",
        "telephone": None,
        "practice_code": "W07",
        "locality": Locality.WEST,
        "story": Story(
            narrative="Lives alone with his dog Sally. Admitted twice in the last year.",
            what_matters="To stay at home with Sally.",
            communication_needs=("hearing-aid",),
            preferred_visit_times="after 11:00",
            contacts=(LOUISE,),
        ),
    }
    return PersonRecordRecorded(**(fields | changes))


@dataclass
class NavigationClient:
    """Publishes events to navigation and calls it over HTTP, as a coordinator or as a navigator.

    `advance` asserts success; `try_command` returns the response as it is.
    """

    context: RunningContext
    sequences: dict[UUID, int] = field(default_factory=dict)
    callers: dict[tuple[str, str, str], dict[str, str]] = field(default_factory=dict)

    @property
    def coordinator(self) -> dict[str, str]:
        """The header of a coordinator of CLCH."""
        return self.caller("navigation:coordinate", "navigation-coordinator")

    def navigator(self, code: str = NAVIGATOR, organisation: str = "CLCH") -> dict[str, str]:
        """The header of a navigator."""
        return self.caller("navigation:work", code, organisation)

    def caller(self, scope: str, actor: str, organisation: str = "CLCH") -> dict[str, str]:
        """The header of a caller. Each token is signed once: signing takes longer than most requests."""
        known = (scope, actor, organisation)
        if known not in self.callers:
            self.callers[known] = self.context.token(scope, actor=actor, organisation=organisation, role="care-navigator")
        return self.callers[known]

    async def register(
        self, *codes: str, locality: Locality = Locality.WEST, role: Role = Role.CARE_NAVIGATOR, organisation: str = "CLCH"
    ) -> None:
        """Registers navigators, who are available from then on."""
        caller = self.caller("navigation:coordinate", "navigation-coordinator", organisation)
        for code in codes:
            response = await self.context.http.put(
                f"/navigation/navigators/{code}", headers=caller, json={"locality": locality, "role": role}
            )
            assert response.status_code == 201, response.text

    async def publish(self, event: Event, *, person: UUID, subject: UUID, happened_at: datetime | None = None) -> None:
        """Delivers an event of another context, as the next one of the aggregate `subject`; without a time it is days old."""
        sequence = self.sequences[subject] = self.sequences.get(subject, 0) + 1
        record = arrived(event, key=person, subject=subject, secrets=self.context.database.secrets, sequence=sequence)
        if happened_at is not None:
            headers = dict(record.headers) | {"ce_time": happened_at.isoformat().encode()}
            record = signed(replace(record, headers=tuple(headers.items())), self.context.database.secrets.mac_keys)
        await self.context.processor.apply([record])

    async def plan(self, *actions: PlanAction, person: UUID | None = None) -> tuple[UUID, UUID]:
        """Publishes an agreed care plan; returns the ids of the person and the plan."""
        person_id, plan_id = person or new_id(), new_id()
        await self.publish(an_agreed_plan(actions or mr_dales_actions()), person=person_id, subject=plan_id)
        return person_id, plan_id

    async def know(self, person_id: UUID) -> None:
        """Navigation has had a task of the person, which a coordinator has cancelled. No navigator had it."""
        await self.publish(a_step_down(locality=None), person=person_id, subject=new_id())
        task_id = await self.context.database.pool.fetchval("SELECT id FROM task WHERE person_id = $1 AND ended_at IS NULL", person_id)
        cancelled = await self.try_command(str(task_id), "cancellation", self.coordinator, reason="created-in-error")
        assert cancelled.status_code == 200, cancelled.text

    async def read(self, path: str, caller: dict[str, str] | None = None, **query: Any) -> Any:
        """The JSON of `/navigation/{path}`, by default as the coordinator."""
        response = await self.context.http.get(f"/navigation/{path}", headers=caller or self.coordinator, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def tasks(self, code: str = NAVIGATOR) -> list[dict[str, Any]]:
        """The first page of a navigator's work list."""
        found: list[dict[str, Any]] = (await self.read(f"navigators/{code}/tasks"))["items"]
        return found

    async def unassigned(self) -> list[dict[str, Any]]:
        """The first page of the tasks without a navigator."""
        found: list[dict[str, Any]] = (await self.read("tasks", status="unassigned"))["items"]
        return found

    async def feed(self, code: str = NAVIGATOR, after: int = 0) -> list[dict[str, Any]]:
        """Up to 200 entries of a navigator's feed after a sequence number."""
        found: list[dict[str, Any]] = (await self.read(f"navigators/{code}/feed", cursor=encode_sequence(after), limit=200))["items"]
        return found

    async def try_command(
        self, task_id: str, verb: str, caller: dict[str, str] | None = None, *, version: int | None = None, **body: Any
    ) -> httpx.Response:
        """POSTs a command of a task, on the stored version unless another is given, by default as the navigator."""
        if version is None:
            version = await self._stored_version("task", "id", UUID(task_id))
        headers = (caller or self.navigator()) | {"If-Match": f'W/"{version}"'}
        return await self.context.http.post(f"/navigation/tasks/{task_id}/{verb}", headers=headers, json=body or None)

    async def advance(self, task_id: str, *verbs: str, caller: dict[str, str] | None = None) -> None:
        """Runs commands without a body, one after the other."""
        for verb in verbs:
            response = await self.try_command(task_id, verb, caller)
            assert response.status_code == 200, response.text

    async def declare(self, code: str, *, is_available: bool, until: datetime | None = None) -> httpx.Response:
        """Declares a navigator's availability, as that navigator."""
        version = await self._stored_version("navigator", "code", code)
        body = {"is_available": is_available} | ({"until": until.isoformat()} if until else {})
        headers = self.navigator(code) | {"If-Match": f'W/"{version}"'}
        return await self.context.http.post(f"/navigation/navigators/{code}/availability", headers=headers, json=body)

    async def expect_home_check(self, person_id: UUID, discharged_on: date) -> httpx.Response:
        """Records a discharge, as the coordinator."""
        headers = self.coordinator | {"Idempotency-Key": str(new_id())}
        body = {"discharged_on": discharged_on.isoformat()}
        return await self.context.http.post(f"/navigation/people/{person_id}/home-checks", headers=headers, json=body)

    async def _stored_version(self, table: str, column: str, value: UUID | str) -> Any:
        """Reads the table: a read over HTTP is audited and so costs a commit."""
        statement = f"SELECT version FROM {table} WHERE {column} = $1"  # noqa: S608  the callers above name tables and columns
        return await self.context.database.pool.fetchval(statement, value)


@asynccontextmanager
async def navigation(owner_url: str, keys: Keys, now: datetime | None = None, policy: Policy = POLICY) -> AsyncIterator[NavigationClient]:
    """Opens navigation without navigators on the database at `owner_url`; the clock is at `now`, or the Wednesday at 14:00."""
    async with run_context(
        owner_url=owner_url,
        keys=keys,
        subscriptions=subscriptions.SUBSCRIPTIONS,
        router=api.router,
        holders=holders,
        policy=policy,
        now=now or at("14:00"),
        unlimited=("/feed/stream",),
    ) as context:
        yield NavigationClient(context)


def _plan(plan_version: int, actions: Sequence[PlanAction]) -> dict[str, Any]:
    return {
        "plan_version": plan_version,
        "preferred_place_of_care": PlaceOfCare.HOME,
        "has_crisis_section": True,
        "review_on": WEDNESDAY + timedelta(weeks=12),
        "locality": Locality.WEST,
        "actions": tuple(actions),
    }
