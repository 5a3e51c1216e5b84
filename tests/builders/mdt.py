"""The weekly meeting, running and filled."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from infra.dev_stack.dev_secrets import Keys
from services.mdt import api, subscriptions
from services.mdt.domain.policy import Policy
from services.mdt.handlers.schedule import ensure_meetings
from shared.clock import LONDON
from shared.contracts.codes import Locality, Urgency
from shared.contracts.referrals import FamilyContact, PersonRecordRecorded, Reason, ReferralRouted, Route, Source, Story
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext, run_context

#: A Monday morning, before the cut-off of that week's meeting.
MONDAY = datetime(2015, 3, 2, 10, 5, tzinfo=LONDON)
#: During the meeting of that week.
WEDNESDAY = datetime(2015, 3, 4, 13, 30, tzinfo=LONDON)
_THAT_DAY = WEDNESDAY.date()
QUORUM = ["gp", "social-worker", "community-nurse"]


@asynccontextmanager
async def mdt(owner_url: str, keys: Keys, now: datetime = MONDAY, policy: Policy | None = None) -> AsyncIterator[RunningContext]:
    """The clock stands in UTC, so that time passes evenly across a clock change."""
    async with run_context(
        owner_url=owner_url,
        keys=keys,
        wiring=subscriptions.SUBSCRIPTIONS,
        router=api.router,
        policy=policy or Policy(),
        now=now.astimezone(UTC),
    ) as context:
        async with context.database.transaction() as tx:
            await ensure_meetings(tx=tx)
        yield context


def a_routed_case(received_at: datetime = MONDAY, **changes: Any) -> ReferralRouted:
    """A complex referral that the Community Point of Access put before the meeting."""
    fields: dict[str, Any] = {
        "route": Route.MDT,
        "service_code": "mdt",
        "urgency": Urgency.ROUTINE,
        "source": Source.GP,
        "reason": Reason.COMPLEX_NEEDS,
        "condition": None,
        "received_at": received_at,
        "clock_starts_at": received_at,
        "acknowledge_by": received_at + timedelta(days=2),
        "practice_code": "W07",
        "locality": Locality.WEST,
        "is_eligibility_overridden": False,
    }
    return ReferralRouted(**(fields | changes))


def a_person_record(**changes: Any) -> PersonRecordRecorded:
    """Mr Dale's record."""
    fields: dict[str, Any] = {
        "nhs_number": "9990548609",
        "given_name": "Colin",
        "family_name": "Dale",
        "born_on": date(1933, 3, 2),
        "address": "Oakleigh",
        "telephone": None,
        "practice_code": "W07",
        "locality": Locality.WEST,
        "story": Story(narrative="Lives alone with his dog Sally.", contacts=(FamilyContact(name="Louise", relationship="daughter"),)),
    }
    return PersonRecordRecorded(**(fields | changes))


def a_discussion(today: date = _THAT_DAY, **changes: Any) -> dict[str, Any]:
    """Plan, lead and one action, agreed by the person."""
    crisis = {"warning_signs": "Sudden confusion.", "what_to_do": "Treat at home first.", "whom_to_call": "Rapid Care."}
    body: dict[str, Any] = {
        "joint_plan": {"what_matters": "To stay at home.", "preferred_place_of_care": "home", "crisis": crisis},
        "actions": [an_action(today)],
        "lead": a_lead(),
        "is_agreed_by_person": True,
    }
    return body | changes


def an_action(today: date = _THAT_DAY, **changes: Any) -> dict[str, Any]:
    due_on = (today + timedelta(weeks=2)).isoformat()
    return {"kind": "arrange-social-care-assessment", "owner_role": "care-navigator", "due_on": due_on} | changes


def a_lead(professional_id: str = "clch-community-nurse-1", *, has_accepted: bool = True, **changes: Any) -> dict[str, Any]:
    candidate = {"professional_id": professional_id, "role": "community-nurse", "organisation": "CLCH"}
    return {"candidate": candidate, "has_accepted": has_accepted} | changes


@dataclass(frozen=True)
class Patient:
    """One person on their way through the meeting, as a test drives them over HTTP."""

    context: RunningContext
    person_id: UUID
    referral_id: UUID

    @classmethod
    async def referred(cls, context: RunningContext, person_id: UUID | None = None, **changes: Any) -> "Patient":
        patient = cls(context, person_id or new_id(), new_id())
        event = a_routed_case(context.clock.at, **changes)
        await context.deliver(event, key=patient.person_id, subject=patient.referral_id)
        return patient

    @classmethod
    async def listed(cls, context: RunningContext, **changes: Any) -> "Patient":
        patient = await cls.referred(context, **changes)
        await patient.ask("screening", {"outcome": "eligible"})
        return patient

    @classmethod
    async def discussed(cls, context: RunningContext, **discussion: Any) -> "Patient":
        patient = await cls.listed(context)
        await patient.discuss(**discussion)
        return patient

    async def meet(self) -> None:
        """Waits for the meeting that the case is listed for, which then is held."""
        starts_at = datetime.fromisoformat((await self.case())["meeting_starts_at"])
        if self.context.clock.at < starts_at:
            await self.context.let_pass(starts_at - self.context.clock.at)
        await hold(self.context, (await self.case())["meeting_id"])

    async def discuss(self, **changes: Any) -> dict[str, Any]:
        """At the meeting that the case is listed for."""
        await self.meet()
        return await self.ask("discussion", a_discussion(self.context.clock.at.date(), **changes))

    async def ask(self, verb: str, body: Any) -> dict[str, Any]:
        """A command of the case that must succeed."""
        answer = await self.try_to(verb, body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def try_to(self, verb: str, body: Any) -> httpx.Response:
        case = await self.case()
        return await act(self.context, f"/mdt/cases/{case['id']}/{verb}", case["version"], body)

    async def case(self) -> dict[str, Any]:
        found = await read(self.context, f"/mdt/cases?person_id={self.person_id}")
        return dict(found["items"][-1])

    async def plan(self) -> dict[str, Any]:
        return dict(await read(self.context, f"/mdt/people/{self.person_id}/care-plan"))

    async def leads(self) -> list[dict[str, Any]]:
        return list(await read(self.context, f"/mdt/people/{self.person_id}/leads"))


STAFF = ("mdt:coordinate", "mdt:decide", "mdt:read")


async def act(context: RunningContext, path: str, version: int, body: Any = None, *, actor: str | None = None) -> httpx.Response:
    """A command on a version: of the meeting's staff, or of a professional who answers for themselves."""
    caller = context.token("mdt:lead", actor=actor) if actor else context.token(*STAFF)
    return await context.http.post(path, json=body, headers=caller | {"If-Match": f'W/"{version}"'})


async def read(context: RunningContext, path: str, *, actor: str | None = None) -> Any:
    caller = context.token("mdt:lead", "mdt:read", actor=actor) if actor else context.token(*STAFF)
    answer = await context.http.get(path, headers=caller)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def meetings(context: RunningContext) -> list[dict[str, Any]]:
    return list((await read(context, "/mdt/meetings"))["items"])


async def hold(context: RunningContext, meeting_id: str, attended: Sequence[str] = QUORUM) -> None:
    meeting = await read(context, f"/mdt/meetings/{meeting_id}")
    answer = await act(context, f"/mdt/meetings/{meeting_id}/attendance", meeting["version"], {"attended": list(attended)})
    assert answer.status_code == 200, answer.text
