"""Rapid Care running in a test; the events that reach it; clinicians and responses for its rules."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import httpx

from infra.dev_stack.dev_secrets import Keys
from services.rapid_care import api, subscriptions
from services.rapid_care.domain.access import holders
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import Response, Status
from services.rapid_care.domain.roster import Clinician
from services.rapid_care.queries.responses import observe_clocks
from shared.contracts.care_plans import CarePlanRecorded, CrisisSection
from shared.contracts.codes import Condition, Locality, PlaceOfCare, Role, Urgency
from shared.contracts.mdt import LeadActivated
from shared.contracts.persons import FamilyContact, PersonRecordRecorded, Story
from shared.contracts.rapid_care import Skill
from shared.contracts.referral_codes import Reason, Route, Source
from shared.contracts.referrals import ReferralCallRepeated, ReferralRouted
from shared.kernel.ids import PersonId, new_id
from tests.builders.context_app import RunningContext, run_context
from tests.builders.london import london

#: Mr Dale's Sunday (`infra/demo/story.py`).
SUNDAY = date(2015, 3, 15)

NURSE = "nurse-1"
_POLICY = Policy()


def at(hour: str, day: date = SUNDAY) -> datetime:
    """London time on the day, as an instant in UTC."""
    return london(f"{day}T{hour}")


def a_response(**changes: Any) -> Response:
    """A response received on the Sunday at 14:00, so due at 16:00, in the status `status`."""
    received_at = changes.get("received_at", at("14:00"))
    status = changes.get("status", Status.REQUESTED)
    is_assigned = status not in {Status.HELD, Status.REQUESTED, Status.ACCEPTED, Status.DECLINED, Status.CANCELLED}
    fields: dict[str, Any] = {
        "id": new_id(),
        "person_id": PersonId(new_id()),
        "referral_id": new_id(),
        "correlation_id": new_id(),
        "status": status,
        "condition": Condition.URINARY_TRACT_INFECTION,
        "locality": Locality.WEST,
        "received_at": received_at,
        "clock_starts_at": received_at,
        "due_at": received_at + timedelta(hours=2),
        "clinician_id": NURSE if is_assigned else None,
        "version": 1,
    }
    return Response(**(fields | changes))


def a_clinician(**changes: Any) -> Clinician:
    """An emergency nurse practitioner on duty."""
    fields: dict[str, Any] = {"id": NURSE, "skills": (Skill.EMERGENCY_NURSE_PRACTITIONER,), "is_on_duty": True, "version": 1}
    return Clinician(**(fields | changes))


def a_routed_referral(received_at: datetime, **changes: Any) -> ReferralRouted:
    """An urgent referral routed to Rapid Care."""
    fields: dict[str, Any] = {
        "route": Route.RAPID_CARE,
        "service_code": "rapid-care",
        "urgency": Urgency.URGENT,
        "source": Source.GP,
        "reason": Reason.URGENT_DETERIORATION,
        "condition": Condition.URINARY_TRACT_INFECTION,
        "received_at": received_at,
        "clock_starts_at": received_at,
        "acknowledge_by": received_at + timedelta(minutes=15),
        "practice_code": "W07",
        "locality": Locality.WEST,
        "is_eligibility_overridden": False,
        "routing": 1,
    }
    return ReferralRouted(**(fields | changes))


def a_repeated_call(**changes: Any) -> ReferralCallRepeated:
    """A second urgent call at 15:00, to be answered by 15:15."""
    fields: dict[str, Any] = {
        "merged_referral_id": new_id(),
        "condition": Condition.FALL,
        "called_at": at("15:00"),
        "answer_by": at("15:15"),
        "routing": 1,
    }
    return ReferralCallRepeated(**(fields | changes))


def mr_dale(**changes: Any) -> PersonRecordRecorded:
    """The record of Mr Dale with his story (000:1063-1104)."""
    story = Story(
        narrative="Lives alone with his dog Sally and wants to stay at home.",
        history=("Admitted twice in the last year",),
        what_matters="To stay at home with Sally.",
        communication_needs=("Speak slowly",),
        preferred_visit_times="Mornings",
        contacts=(FamilyContact(name="Louise", relationship="daughter", lives_in="East Finchley"),),
    )
    fields: dict[str, Any] = {
        "nhs_number": "9990548609",
        "given_name": "Colin",
        "family_name": "Dale",
        "born_on": date(1932, 5, 4),
        "address": "Oakleigh",
        "telephone": None,
        "practice_code": "W07",
        "locality": Locality.WEST,
        "story": story,
    }
    return PersonRecordRecorded(**(fields | changes))


def a_care_plan(**changes: Any) -> CarePlanRecorded:
    """A plan with a crisis section."""
    fields: dict[str, Any] = {
        "care_plan_id": new_id(),
        "plan_version": 1,
        "preferred_place_of_care": PlaceOfCare.HOME,
        "what_matters": "To stay at home with Sally.",
        "crisis": CrisisSection(warning_signs="Confusion", what_to_do="Treat the infection at home", whom_to_call="Rapid Care"),
    }
    return CarePlanRecorded(**(fields | changes))


def a_lead(**changes: Any) -> LeadActivated:
    """A community nurse who leads the person's care."""
    fields: dict[str, Any] = {
        "professional_id": "nurse-7",
        "role": Role.COMMUNITY_NURSE,
        "organisation": "CLCH",
        "is_fallback": False,
        "activated_at": at("14:00", date(2015, 3, 4)),
    }
    return LeadActivated(**(fields | changes))


#: For each status the verb and body of the command that reaches it, in the usual order.
STEPS: dict[Status, tuple[str, dict[str, Any]]] = {
    Status.ACCEPTED: ("acceptance", {}),
    Status.ASSIGNED: ("assignment", {"clinician_id": NURSE}),
    Status.EN_ROUTE: ("departure", {}),
    Status.CONTACTED: ("first-contact", {}),
    Status.ASSESSED: ("assessment", {"health_needs": ["infection"], "social_needs": ["none"]}),
    Status.PACKAGE_AGREED: (
        "package",
        {"items": [{"kind": "iv-antibiotics", "service_code": "district-nursing", "starts_at": "2015-03-15T22:30:00Z"}]},
    ),
    Status.STEPPED_DOWN: ("step-down", {"destination": "integrated-locality-team"}),
    Status.CLOSED: ("closure", {"outcome": "admission-avoided"}),
}


@dataclass(frozen=True)
class RapidCareClient:
    """Calls Rapid Care over HTTP with the scopes of a coordinator and of a clinician.

    `command` asserts success and returns the JSON body; `try_command` returns the response as it is.
    """

    context: RunningContext
    actor: str = "clinician-1"
    staff_scopes: tuple[str, ...] = ("rapid-care:coordinate", "rapid-care:respond")

    @cached_property
    def staff(self) -> dict[str, str]:
        """The header of the caller, by default with both scopes."""
        return self.context.token(*self.staff_scopes, actor=self.actor)

    async def roster(self, clinician_id: str, *skills: str, is_on_duty: bool = True) -> None:
        """Enters a clinician in the roster."""
        response = await self.context.http.put(
            f"/rapid-care/clinicians/{clinician_id}", headers=self.staff, json={"skills": skills, "is_on_duty": is_on_duty}
        )
        response.raise_for_status()

    def as_clinician(self, clinician_id: str) -> "RapidCareClient":
        """The client of a clinician who is no coordinator."""
        return replace(self, staff_scopes=("rapid-care:respond",), actor=clinician_id)

    async def go_off_duty(self, clinician_id: str = NURSE) -> dict[str, Any]:
        """The clinician's entry in the roster afterwards."""
        version = (await self.get(f"clinicians/{clinician_id}"))["version"]
        headers = self.staff | {"If-Match": f'W/"{version}"'}
        entry = {"skills": ["emergency-nurse-practitioner"], "is_on_duty": False}
        changed = await self.context.http.put(f"/rapid-care/clinicians/{clinician_id}", headers=headers, json=entry)
        assert changed.status_code == 200, changed.text
        view: dict[str, Any] = changed.json()
        return view

    async def receive_referral(self, *, person_id: UUID | None = None, referral_id: UUID | None = None, **changes: Any) -> UUID:
        """Delivers a routed referral, received now unless `received_at` is given; returns the id of its response."""
        referral_id = referral_id or new_id()
        event = a_routed_referral(changes.pop("received_at", self.context.clock.at), **changes)
        await self.context.deliver(event, key=person_id or new_id(), subject=referral_id)
        found = await self.context.http.get("/rapid-care/responses", headers=self.staff, params={"referral_id": str(referral_id)})
        return UUID(found.json()["items"][0]["id"])

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON of `/rapid-care/{path}`. Raises httpx.HTTPStatusError when refused."""
        response = await self.context.http.get(f"/rapid-care/{path}", headers=self.staff, params=query)
        response.raise_for_status()
        return response.json()

    async def read(self, response_id: UUID) -> dict[str, Any]:
        """The response as staff see it."""
        found: dict[str, Any] = await self.get(f"responses/{response_id}")
        return found

    async def try_command(self, response_id: UUID, verb: str, *, version: int | None = None, **body: Any) -> httpx.Response:
        """POSTs a command, on the stored version unless another is given."""
        version = version or await self._stored("version", response_id)
        headers = self.staff | {"If-Match": f'W/"{version}"'}
        return await self.context.http.post(f"/rapid-care/responses/{response_id}/{verb}", headers=headers, json=body)

    async def command(self, response_id: UUID, verb: str, **body: Any) -> dict[str, Any]:
        """Runs a command and returns the changed response."""
        response = await self.try_command(response_id, verb, **body)
        assert response.status_code == 200, response.text
        view: dict[str, Any] = response.json()
        return view

    async def refusal(self, response_id: UUID, verb: str, **body: Any) -> tuple[int, str]:
        """The status and code of a refused command; asserts that it left the response unchanged."""
        before = await self._stored("version", response_id)
        response = await self.try_command(response_id, verb, **body)
        assert await self._stored("version", response_id) == before
        return response.status_code, response.json()["code"]

    async def advance(self, response_id: UUID, to: Status, **contact: Any) -> dict[str, Any]:
        """Runs the commands of `STEPS` from the stored status to `to`. Contact is made now, unless `contact` gives another time."""
        await self.roster(NURSE, "emergency-nurse-practitioner")
        now, steps = await self._stored("status", response_id), list(STEPS)
        first = steps.index(Status(now)) + 1 if now in steps else 0
        for status in steps[first : steps.index(to) + 1]:
            verb, body = STEPS[status]
            more = {"contacted_at": self.context.clock.at.isoformat(), **contact} if status is Status.CONTACTED else {}
            await self.command(response_id, verb, **body, **more)
        return await self.read(response_id)

    async def _stored(self, column: str, response_id: UUID) -> Any:
        """Reads the table: a read over HTTP is audited and so costs a commit."""
        return await self.context.database.pool.fetchval(f"SELECT {column} FROM response WHERE id = $1", response_id)  # noqa: S608  the callers above name the columns


@asynccontextmanager
async def rapid_care(owner_url: str, keys: Keys, now: datetime, policy: Policy = _POLICY) -> AsyncIterator[RapidCareClient]:
    """Opens Rapid Care on the database at `owner_url`, with the clock at `now`."""
    async with run_context(
        owner_url=owner_url,
        keys=keys,
        subscriptions=subscriptions.SUBSCRIPTIONS,
        router=api.router,
        holders=holders,
        policy=policy,
        now=now,
        gauges=[observe_clocks],
    ) as context:
        yield RapidCareClient(context)
