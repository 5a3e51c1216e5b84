"""The Community Point of Access running in a test, and plausible people, services and referrals for its rules."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import httpx

from infra.dev_stack.dev_secrets import Keys
from services.referrals import api, subscriptions
from services.referrals.api.receive_group import RECEIVE_GROUP
from services.referrals.commands import (
    AcceptReferral,
    AmendReferral,
    AnswerCall,
    AnswerInformation,
    CancelReferral,
    CloseReferral,
    Demographics,
    RaiseUrgency,
    RecallReferral,
    ReceiveReferral,
    ReopenReferral,
    RequestInformation,
    ResolveDiscrepancy,
    ReturnReferral,
    RouteReferral,
    SetCondition,
    SignpostReferral,
    TriageReferral,
)
from services.referrals.domain import Policy, amendment, calls, closure, deadlines, discrepancies, reversal, routing, triage
from services.referrals.domain.access import holders
from services.referrals.domain.directory import Need, Serves, Service
from services.referrals.domain.person import Person
from services.referrals.domain.referral import Occurrence, Referral, ReferralDeadline, Status, current_deadline
from services.referrals.queries.safeguarding import observe_escalation
from shared.clock import LONDON
from shared.contracts.codes import Condition, Locality, Role, Urgency
from shared.contracts.envelope import Record
from shared.contracts.event import Event
from shared.contracts.mdt import LeadActivated
from shared.contracts.persons import FamilyContact, PersonChange, Story
from shared.contracts.practices import Practice
from shared.contracts.referral_codes import CancelReason, Discrepancy, Outcome, Reason, ReturnReason, Route, Source
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId, new_id
from shared.kernel.state_table import Trigger
from shared.persistence.batch_interfaces import Group
from tests.builders.context_app import RunningContext, run_context

#: Synthetic NHS numbers: valid, and never issued.
DALE, OTHER_PERSON = "9990548609", "9434765919"
SATURDAY = datetime(2015, 3, 14, 9, 0, tzinfo=LONDON)
MONDAY = datetime(2015, 3, 16, 10, 5, tzinfo=LONDON)
#: Built once: each new policy reads the machine's list of time zones.
_POLICY = Policy()


@asynccontextmanager
async def referrals(
    owner_url: str, keys: Keys, now: datetime, policy: Policy = _POLICY, groups: Sequence[Group] = (RECEIVE_GROUP,), **more: Any
) -> AsyncIterator["ReferralsClient"]:
    """Opens the context on the database at `owner_url`, with the clock at `now`."""
    async with run_context(
        owner_url=owner_url,
        keys=keys,
        subscriptions=subscriptions.SUBSCRIPTIONS,
        router=api.router,
        holders=holders,
        policy=policy,
        now=now,
        gauges=[observe_escalation],
        groups=groups,
        **more,
    ) as context:
        yield ReferralsClient(context)


@dataclass(frozen=True)
class ReferralsClient:
    """Calls the Community Point of Access over HTTP. Referrals come from a GP of practice W07 and commands from the triager by default.

    `refer` and `command` assert success and return the JSON body; `try_refer` and `try_command` return the response as it is.
    """

    context: RunningContext

    @cached_property
    def triager(self) -> dict[str, str]:
        """The header of a triager of the Community Point of Access."""
        return self.context.token("referrals:handle", "referrals:identity", "referrals:triage", organisation="CLCH", actor="triager-1")

    @cached_property
    def ambulance(self) -> dict[str, str]:
        """The header of an ambulance crew that refers."""
        return self.context.token("referrals:refer", organisation="LAS", actor="crew-1")

    def gp(self, practice: str = "W07") -> dict[str, str]:
        """The header of a GP of the practice."""
        return self.context.token("referrals:refer", organisation=practice, role="gp", actor=f"gp-{practice}")

    def receiver(self, organisation: str) -> dict[str, str]:
        """The header of a nurse of an organisation that receives referrals."""
        return self.context.token("referrals:receive", organisation=organisation, role="community-nurse", actor=f"nurse-{organisation}")

    async def try_refer(self, *, key: str | None = None, caller: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
        """POSTs a referral of Mr Dale; `changes` are those of `a_body`. Without `key` it has an idempotency key that is new."""
        headers = (caller or self.gp()) | {"Idempotency-Key": key or str(new_id())}
        return await self.context.http.post("/referrals", json=a_body(**changes), headers=headers)

    async def refer(self, **changes: Any) -> dict[str, Any]:
        """Refers Mr Dale and returns the acknowledgement."""
        response = await self.try_refer(**changes)
        assert response.status_code == 201, response.text
        body: dict[str, Any] = response.json()
        return body

    async def refer_and_route(self, route: str = "service", service: str = "district-nursing", **changes: Any) -> dict[str, Any]:
        """Refers Mr Dale, triages as requested and routes to `service`, which has yet to reply."""
        sent = await self.refer(**changes)
        triage_as_requested = {"urgency": sent["requested_urgency"], "is_complex": route == "mdt", "reason": "Asked for by the GP."}
        await self.command(sent["id"], "triage", triage_as_requested)
        return await self.command(sent["id"], "route", {"route": route, "service_code": service})

    async def get(self, path: str, caller: dict[str, str] | None = None, **query: Any) -> httpx.Response:
        """GETs `/referrals{path}`."""
        return await self.context.http.get(f"/referrals{path}", headers=caller or self.triager, params=query or None)

    async def read(self, referral_id: str) -> dict[str, Any]:
        """The referral as the triager sees it."""
        body: dict[str, Any] = (await self.get(f"/{referral_id}")).json()
        return body

    async def post(
        self, path: str, body: Any = None, *, caller: dict[str, str] | None = None, version: int | None = None
    ) -> httpx.Response:
        """POSTs to `/referrals{path}`, with an If-Match header when `version` is given."""
        headers = (caller or self.triager) | ({} if version is None else {"If-Match": f'W/"{version}"'})
        return await self.context.http.post(f"/referrals{path}", json=body, headers=headers)

    async def try_command(self, referral_id: str, verb: str, body: Any = None, *, caller: dict[str, str] | None = None) -> httpx.Response:
        """POSTs a command on the stored version of the referral, or on the one that the caller sees of it."""
        version = await self.context.database.pool.fetchval("SELECT version FROM referral WHERE id = $1", UUID(referral_id))
        answer = await self.post(f"/{referral_id}/{verb}", body, caller=caller, version=version)
        if answer.status_code != httpx.codes.PRECONDITION_FAILED:
            return answer
        seen = (await self.get(f"/{referral_id}", caller)).json()["version"]
        return await self.post(f"/{referral_id}/{verb}", body, caller=caller, version=seen)

    async def command(self, referral_id: str, verb: str, body: Any = None, *, caller: dict[str, str] | None = None) -> dict[str, Any]:
        """Runs a command and returns the changed referral."""
        response = await self.try_command(referral_id, verb, body, caller=caller)
        assert response.status_code == 200, response.text
        view: dict[str, Any] = response.json()
        return view

    async def deliver(self, referral: dict[str, Any], event: Event) -> Record:
        """Delivers an event of another context in the correlation of the referral."""
        return await self.context.deliver(event, key=UUID(referral["person_id"]), subject=new_id(), correlation=UUID(referral["id"]))


def a_body(**changes: Any) -> dict[str, Any]:
    """The JSON of a first referral by a GP. A change to None leaves the field out."""
    body: dict[str, Any] = {
        "nhs_number": DALE,
        "demographics": a_demographics_body(),
        "story": {
            "narrative": "He wants to stay at home with his dog. No one knows who is responsible for what.",
            "history": ["Two admissions in the last year"],
            "contacts": [{"name": "Louise", "relationship": "daughter", "lives_in": "East Finchley"}],
        },
        "source": "gp",
        "reason": "community-nursing",
        "urgency": "routine",
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


def a_demographics_body(**changes: Any) -> dict[str, Any]:
    body = {
        "given_name": "Colin",
        "family_name": "Dale",
        "born_on": "1932-05-02",
        "address": "Oakleigh",
        "practice_code": "W07",
    }
    return body | changes


def a_lead_activated(professional_id: str, organisation: str = "CLCH", at: datetime = MONDAY) -> LeadActivated:
    return LeadActivated(
        professional_id=professional_id, role=Role.COMMUNITY_NURSE, organisation=organisation, is_fallback=False, activated_at=at
    )


def a_story(**changes: Any) -> Story:
    fields: dict[str, Any] = {
        "narrative": "He wants to stay at home with his dog.",
        "contacts": (FamilyContact(name="Louise", relationship="daughter"),),
    }
    return Story(**(fields | changes))


def some_demographics(**changes: Any) -> Demographics:
    fields: dict[str, Any] = {
        "given_name": "Colin",
        "family_name": "Dale",
        "born_on": date(1932, 5, 2),
        "address": "Oakleigh",
        "telephone": None,
        "practice_code": "W07",
        "residence": "LBB",
    }
    return Demographics(**(fields | changes))


def a_request(**changes: Any) -> ReceiveReferral:
    """The command of a first referral."""
    fields: dict[str, Any] = {
        "nhs_number": DALE,
        "demographics": some_demographics(),
        "story": a_story(),
        "source": Source.GP,
        "reason": Reason.COMMUNITY_NURSING,
        "urgency": Urgency.ROUTINE,
    }
    return ReceiveReferral(**(fields | changes))


def a_person(**changes: Any) -> Person:
    fields: dict[str, Any] = {
        "id": PersonId(new_id()),
        "correlation_id": new_id(),
        "nhs_number": DALE,
        "given_name": "Colin",
        "family_name": "Dale",
        "born_on": date(1932, 5, 2),
        "address": "Oakleigh",
        "telephone": None,
        "practice_code": "W07",
        "residence": "LBB",
        "locality": Locality.WEST,
        "story": a_story(),
        "version": 1,
    }
    return Person(**(fields | changes))


def a_referral(status: Status = Status.IDENTIFIED, **changes: Any) -> Referral:
    """A referral of Monday morning in the given state: routine, unless the state implies another urgency."""
    referral_id = new_id()
    received_at = MONDAY.astimezone(UTC)
    urgency = {Status.TRIAGED_URGENT: Urgency.URGENT, Status.TRIAGED_ADVICE: Urgency.ADVICE}.get(status, Urgency.ROUTINE)
    is_with_receiver = status in {Status.ROUTED, Status.ACCEPTED}
    fields: dict[str, Any] = {
        "id": referral_id,
        "person_id": PersonId(new_id()),
        "correlation_id": referral_id,
        "reference": "CPA-MQ3P-WD5J",
        "status": status,
        "source": Source.GP,
        "reason": Reason.COMMUNITY_NURSING,
        "condition": None,
        "requested_urgency": urgency,
        "urgency": urgency,
        "referrer_organisation": "W07",
        "practice_code": "W07",
        "locality": Locality.WEST,
        "is_practice_covered": True,
        "is_identified": True,
        "received_at": received_at,
        "clock_starts_at": received_at,
        "was_urgent": changes.get("urgency", urgency) is Urgency.URGENT,
        "routing": int(is_with_receiver),
        "route": Route.SERVICE if is_with_receiver else None,
        "service_code": "district-nursing" if is_with_receiver else None,
        "receiver_organisation": "CLCH" if is_with_receiver else None,
        "asked_in": Status.IDENTIFIED if status is Status.INFORMATION_REQUESTED else None,
        "version": 1,
    }
    referral = Referral(**(fields | changes))
    return referral if current_deadline(referral) is None or referral.due_at else _with_due(referral)


def a_service(code: str = "district-nursing", **changes: Any) -> Service:
    fields: dict[str, Any] = {
        "code": code,
        "name": code,
        "organisation": "CLCH",
        "route": {"rapid-care": Route.RAPID_CARE, "mdt": Route.MDT, "care-navigation": Route.NAVIGATION}.get(code, Route.SERVICE),
        "tier": 4,
        "needs": (Need.COMMUNITY_NURSING,),
        "telephone": "020 7946 0104",
        "serves": Serves.REGISTERED,
        "minimum_age": 65 if code == "rapid-care" else None,
        "localities": tuple(Locality),
        "opens": None,
        "closes": None,
        "valid_from": date(2013, 4, 1),
        "valid_until": None,
    }
    return Service(**(fields | changes))


def a_practice(code: str = "W07", locality: Locality = Locality.WEST) -> Practice:
    return Practice(code, f"Surgery {code}", locality, "1 High Road", "020 7946 0207", date(2013, 4, 1))


def transitions(
    now: datetime, policy: Policy, *, judged: Urgency = Urgency.ROUTINE
) -> Mapping[Trigger, Callable[[Referral], Decision[Referral]]]:
    """For each trigger of the state table its rule with valid arguments, so that only the state can refuse it.

    `judged` is the urgency that the triage assigns.
    """
    triage_it = TriageReferral(judged, is_complex=False, reason="Seen")
    doubted = a_person(locality=None, practice_code="W08", is_practice_confirmed=False)
    return {
        TriageReferral: lambda it: triage.triage(it, triage_it, triaged_by="clinician-1", now=now, policy=policy),
        RouteReferral: lambda it: _route(it, a_person(), now, policy),
        SignpostReferral: lambda it: _signpost(it, now, policy),
        RequestInformation: lambda it: triage.request_information(it, RequestInformation("Which medicines?"), now),
        AnswerInformation: lambda it: triage.answer_information(it, now, is_joined_open=True),
        AmendReferral: lambda it: amendment.amend(it, an_amendment(it, now), now=now, policy=policy, is_joined_open=True),
        SetCondition: lambda it: discrepancies.set_condition(it, SetCondition(Condition.PNEUMONIA), now),
        ResolveDiscrepancy: lambda it: discrepancies.resolve(
            it, ResolveDiscrepancy(min(discrepancies.resolvable(it.discrepancies)), "Asked the GP"), now
        ),
        AcceptReferral: lambda it: routing.accept(it, now, policy),
        ReturnReferral: lambda it: routing.return_referral(it, ReturnReferral(ReturnReason.CAPACITY), now, policy),
        RecallReferral: lambda it: routing.recall(it, is_contacted=False, now=now, policy=policy),
        AnswerCall: lambda it: calls.answer(it, now),
        RaiseUrgency: lambda it: triage.raise_urgency(it, RaiseUrgency("Fever"), raised_by="clinician-1", now=now, policy=policy),
        CloseReferral: lambda it: closure.close(it, CloseReferral(Outcome.NEED_MET), now, policy),
        CancelReferral: lambda it: closure.cancel(it, _cancellation(it), has_merged=False, now=now, is_joined_open=True),
        ReopenReferral: lambda it: reversal.reopen(
            it, ReopenReferral("Wrong person"), service=a_service(), contradicts=None, now=now, policy=policy
        ),
        Occurrence.ACCEPTED_AFTER_ALL: lambda it: routing.accept(it, now, policy, Occurrence.ACCEPTED_AFTER_ALL),
        Occurrence.ACCEPTED_ELSEWHERE: lambda it: routing.record_other_acceptance(it, "rapid-care", now),
        Occurrence.REFERRAL_JOINED: lambda it: discrepancies.join(it, new_id(), now, policy),
        Occurrence.IDENTITY_FOLLOWED: lambda it: _changed(
            discrepancies.follow_identity(it, a_person(nhs_number=None if it.is_identified else DALE))
        ),
        Occurrence.CALL_REPEATED: lambda it: calls.repeat(it, new_id(), Condition.FALL, now + policy.acknowledge_urgent, now),
        Occurrence.FAULT_JOINED: lambda it: discrepancies.join_faults(it, [Discrepancy.TEXT_UNREADABLE], now, policy),
        Occurrence.END_REPORTED: lambda it: discrepancies.report_end(it, PersonChange.DEATH, now, policy),
        Occurrence.PRACTICE_IN_DOUBT: lambda it: _changed(discrepancies.follow_practice(it, doubted, now, policy)),
        Occurrence.RECEIVER_IN_DOUBT: lambda it: routing.take_from_doubted(it, now, policy),
        Occurrence.PERSON_SEPARATED: lambda it: closure.separate(it, now, policy),
        Occurrence.PERSON_RESTORED: lambda it: closure.reopen(it, service=a_service(), contradicts=None, now=now, policy=policy),
        ReferralDeadline.TRIAGE: lambda it: deadlines.mark_overdue(it, ReferralDeadline.TRIAGE, now, policy),
        ReferralDeadline.ACKNOWLEDGEMENT: lambda it: deadlines.mark_overdue(it, ReferralDeadline.ACKNOWLEDGEMENT, now, policy),
        ReferralDeadline.OUTCOME: lambda it: deadlines.mark_overdue(it, ReferralDeadline.OUTCOME, now, policy),
        ReferralDeadline.CALL: lambda it: deadlines.mark_overdue(it, ReferralDeadline.CALL, now, policy),
        ReferralDeadline.DISCREPANCY: lambda it: deadlines.mark_overdue(it, ReferralDeadline.DISCREPANCY, now, policy),
    }


def an_amendment(
    referral: Referral, now: datetime, *, sent_as: UUID | None = None, information: str | None = None, is_urgent: bool = True
) -> amendment.Amendment:
    """A raised urgency, unless it is information alone; the answer of a receiver is due after 45 minutes."""
    return amendment.Amendment(AmendReferral(information, is_urgent=is_urgent), sent_as or referral.id, now + timedelta(minutes=45))


def _changed(decision: Decision[Referral] | None) -> Decision[Referral]:
    assert decision
    return decision


def _cancellation(referral: Referral) -> CancelReferral:
    """A death ends every open referral; a merged one can only be withdrawn."""
    return CancelReferral(CancelReason.WITHDRAWN if referral.status is Status.MERGED else CancelReason.DIED)


def _route(referral: Referral, person: Person, now: datetime, policy: Policy) -> Decision[Referral]:
    """Routes to a service that accepts the referral's urgency."""
    service = a_service("rapid-care" if referral.urgency is Urgency.URGENT else "care-navigation")
    command = RouteReferral(service.route, service.code)
    return routing.route(referral, command, service=service, person=person, practice=a_practice(), now=now, policy=policy)


def _signpost(referral: Referral, now: datetime, policy: Policy) -> Decision[Referral]:
    """Signposts a person of another area to the services there, which is allowed for every urgency."""
    person, service = a_person(practice_code="E85001"), a_service("health-elsewhere", serves=Serves.REGISTERED_ELSEWHERE)
    command = SignpostReferral(service.code)
    return routing.signpost(referral, command, service=service, person=person, practice=None, now=now, policy=policy)


def _with_due(referral: Referral) -> Referral:
    return replace(referral, due_at=referral.received_at + timedelta(days=1))
