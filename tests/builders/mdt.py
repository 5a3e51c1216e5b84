"""The weekly meeting (mdt) running in a test; the events that reach it; a person before the meeting; its HTTP commands."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from infra.dev_stack.dev_secrets import Keys
from services.mdt import api, subscriptions
from services.mdt.domain.access import holders
from services.mdt.domain.policy import Policy
from services.mdt.handlers.schedule import ensure_meetings
from shared.clock import LONDON
from shared.contracts.codes import Locality, Urgency
from shared.contracts.persons import FamilyContact, PersonRecordRecorded, Story
from shared.contracts.practices import GP_PREFIX
from shared.contracts.referral_codes import Reason, Route, Source
from shared.contracts.referrals import ReferralRouted
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext, run_context
from tests.builders.population import HEADER

#: A Monday morning, before the cut-off of that week's meeting.
MONDAY = datetime(2015, 3, 2, 10, 5, tzinfo=LONDON)
#: During the meeting of that week.
WEDNESDAY = datetime(2015, 3, 4, 13, 30, tzinfo=LONDON)
_THAT_DAY = WEDNESDAY.date()
QUORUM = ["gp", "social-worker", "community-nurse"]


@asynccontextmanager
async def mdt(owner_url: str, keys: Keys, now: datetime = MONDAY, policy: Policy | None = None) -> AsyncIterator[RunningContext]:
    """Opens the weekly meeting on the database at `owner_url`, with the clock at `now` and its first meetings scheduled."""
    async with run_context(
        owner_url=owner_url,
        keys=keys,
        subscriptions=subscriptions.SUBSCRIPTIONS,
        router=api.router,
        holders=holders,
        policy=policy or Policy(),
        now=now,
    ) as context:
        await start(context, now)
        yield context


async def start(context: RunningContext, now: datetime) -> None:
    """Sets the clock and schedules the first meetings. The clock is in UTC, so that time passes evenly across a clock change."""
    context.clock.at = now.astimezone(UTC)
    async with context.database.transaction() as tx:
        await ensure_meetings(tx=tx)


def a_routed_case(received_at: datetime = MONDAY, **changes: Any) -> ReferralRouted:
    """A complex referral that the Community Point of Access routed to the meeting."""
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
    """The body of a discussion: plan, lead and one action, agreed by the person."""
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
    """A person referred to the meeting, whose case a test moves over HTTP.

    `command` asserts success and returns the JSON body; `try_command` returns the response as it is.
    """

    context: RunningContext
    person_id: UUID
    referral_id: UUID

    @classmethod
    async def referred(cls, context: RunningContext, person_id: UUID | None = None, **changes: Any) -> "Patient":
        """A person with a case that waits for screening; `changes` are those of `a_routed_case`."""
        patient = cls(context, person_id or new_id(), new_id())
        event = a_routed_case(context.clock.at, **changes)
        await context.deliver(event, key=patient.person_id, subject=patient.referral_id)
        return patient

    @classmethod
    async def listed(cls, context: RunningContext, **changes: Any) -> "Patient":
        """A person whose case is on the agenda of a meeting."""
        patient = await cls.referred(context, **changes)
        await patient.command("screening", {"outcome": "eligible"})
        return patient

    @classmethod
    async def discussed(cls, context: RunningContext, **discussion: Any) -> "Patient":
        """A person whose case was discussed; `discussion` are the changes of `a_discussion`."""
        patient = await cls.listed(context)
        await patient.discuss(**discussion)
        return patient

    async def meet(self) -> None:
        """Moves the clock to the meeting that the case is listed for, and records its attendance."""
        starts_at = (await self._stored())["meeting_starts_at"]
        if self.context.clock.at < starts_at:
            await self.context.let_pass(starts_at - self.context.clock.at)
        await hold(self.context, (await self._stored())["meeting_id"])

    async def discuss(self, **changes: Any) -> dict[str, Any]:
        """Discusses the case at the meeting that it is listed for."""
        await self.meet()
        return await self.command("discussion", a_discussion(self.context.clock.at.date(), **changes))

    async def command(self, verb: str, body: Any) -> dict[str, Any]:
        """Runs a command of the case and returns the changed case."""
        response = await self.try_command(verb, body)
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def try_command(self, verb: str, body: Any) -> httpx.Response:
        """POSTs a command on the current version of the case."""
        case = await self._stored()
        return await send_command(self.context, f"/mdt/cases/{case['id']}/{verb}", case["version"], body)

    async def case(self) -> dict[str, Any]:
        """The newest case of the person."""
        found = await read(self.context, f"/mdt/cases?person_id={self.person_id}")
        return dict(found["items"][-1])

    async def plan(self) -> dict[str, Any]:
        """The care plan of the person with all its versions."""
        return dict(await read(self.context, f"/mdt/people/{self.person_id}/care-plan"))

    async def leads(self) -> list[dict[str, Any]]:
        """The proposed and active leads of the person."""
        return list(await read(self.context, f"/mdt/people/{self.person_id}/leads"))

    async def _stored(self) -> asyncpg.Record:
        """The row of the newest case: a read over HTTP is audited and so costs a commit."""
        newest = 'SELECT * FROM "case" WHERE person_id = $1 ORDER BY referred_at DESC, id DESC LIMIT 1'
        found = await self.context.database.pool.fetchrow(newest, self.person_id)
        assert found is not None
        return found


STAFF = ("mdt:coordinate", "mdt:decide", "mdt:read")

#: Headers by signing key, actor and scopes: signing a token takes longer than most requests.
_HEADERS: dict[tuple[str, str | None, tuple[str, ...]], dict[str, str]] = {}


async def send_command(context: RunningContext, path: str, version: int, body: Any = None, *, actor: str | None = None) -> httpx.Response:
    """POSTs a command on a version: as staff of the meeting, or as the professional `actor`."""
    caller = _header(context, actor, "mdt:lead") if actor else _header(context, None, *STAFF)
    return await context.http.post(path, json=body, headers=caller | {"If-Match": f'W/"{version}"'})


async def read(context: RunningContext, path: str, *, actor: str | None = None) -> Any:
    """The JSON of a GET: as staff of the meeting, or as the professional `actor`."""
    caller = _header(context, actor, "mdt:lead", "mdt:read") if actor else _header(context, None, *STAFF)
    response = await context.http.get(path, headers=caller)
    assert response.status_code == 200, response.text
    return response.json()


async def meetings(context: RunningContext) -> list[dict[str, Any]]:
    """The first page of scheduled meetings, the soonest first."""
    return list((await read(context, "/mdt/meetings"))["items"])


async def notifications(context: RunningContext, professional_id: str) -> list[dict[str, Any]]:
    """The first page of a professional's notifications, the oldest first."""
    actor = None if professional_id == "mdt-chair" else professional_id
    found = await read(context, f"/mdt/leads/notifications?professional_id={professional_id}", actor=actor)
    return list(found["items"])


async def a_finding(context: RunningContext, number: str = "9990548609") -> UUID:
    """A person of case finding at level 3."""
    content = f"{HEADER}\n{number},W07,27.10,,{date(2015, 1, 31)}\n"
    headers = context.token("mdt:import-risk", actor="analyst-1", organisation="BCCG") | {
        "Idempotency-Key": str(new_id()),
        "Content-Type": "text/csv",
    }
    response = await context.http.post("/mdt/risk/imports", content=content.encode(), headers=headers)
    assert response.status_code == 201, response.text
    return context.database.secrets.pseudonym(number)


async def acknowledge(context: RunningContext, notification: dict[str, Any], *, actor: str | None = None) -> None:
    """Acknowledges a notification as its professional, or as a coordinator for the chair."""
    headers = _header(context, actor, "mdt:lead") if actor else _header(context, None, *STAFF)
    response = await context.http.post(f"/mdt/leads/notifications/{notification['id']}/acknowledgement", headers=headers)
    assert response.status_code == 200, response.text


async def hold(context: RunningContext, meeting_id: UUID | str, attended: Sequence[str] = QUORUM) -> None:
    """Records the attendance of a meeting."""
    version = await context.database.pool.fetchval("SELECT version FROM meeting WHERE id = $1", UUID(str(meeting_id)))
    response = await send_command(context, f"/mdt/meetings/{meeting_id}/attendance", version, {"attended": list(attended)})
    assert response.status_code == 200, response.text


def _header(context: RunningContext, actor: str | None, *scopes: str) -> dict[str, str]:
    signed = (context.keys.signing_key["kid"], actor, scopes)
    if signed not in _HEADERS:
        _HEADERS[signed] = context.token(*scopes, actor=actor, organisation=_organisation_of(actor)) if actor else context.token(*scopes)
    return _HEADERS[signed]


def _organisation_of(professional_id: str) -> str:
    """The practice of a GP; the other professionals are community staff."""
    return professional_id.removeprefix(GP_PREFIX) if professional_id.startswith(GP_PREFIX) else "CLCH"
