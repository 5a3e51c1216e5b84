"""`GET .../actions` offers exactly the commands that are not refused, for every referral and every caller."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.referrals import commands
from services.referrals.domain import Policy, access, amendment, calls, claims, closure, discrepancies, reversal, routing, triage
from services.referrals.domain.actions import Circumstances, offered
from services.referrals.domain.claims import Claim
from services.referrals.domain.directory import Serves, Service
from services.referrals.domain.person import Person
from services.referrals.domain.referral import OPEN, REFERRAL, Referral, Status
from shared.contracts.codes import Condition, Urgency
from shared.contracts.referral_codes import CancelReason, Discrepancy, Outcome, ReturnReason, Route
from shared.kernel.actor import Actor
from shared.kernel.errors import DomainError
from shared.kernel.ids import new_id
from tests.builders.referrals import MONDAY, a_person, a_practice, a_referral, a_service, an_amendment

NOW = MONDAY.astimezone(UTC) + timedelta(hours=1)
POLICY = Policy()
COMMANDS = [trigger for trigger in (*REFERRAL, *claims.COMMANDS) if isinstance(trigger, type) and trigger is not commands.ReceiveReferral]

#: Some service for everybody, of each route, here and elsewhere.
SERVICES = [
    *(a_service(code) for code in ("district-nursing", "rapid-care", "mdt", "care-navigation")),
    a_service("social-care-direct", serves=Serves.RESIDENT),
    a_service("carers-centre", serves=Serves.ANYBODY),
    a_service("ambulance", serves=Serves.ANYBODY),
    a_service("health-elsewhere", serves=Serves.REGISTERED_ELSEWHERE),
    a_service("social-care-elsewhere", serves=Serves.RESIDENT_ELSEWHERE),
]

#: The status in which each urgency is triaged.
_URGENCY = {Status.TRIAGED_URGENT: Urgency.URGENT, Status.TRIAGED_ROUTINE: Urgency.ROUTINE, Status.TRIAGED_ADVICE: Urgency.ADVICE}
_MAY_ASK = [status for status in Status if status in REFERRAL[commands.RequestInformation].sources]


@st.composite
def referrals(draw: st.DrawFn) -> Referral:
    """Any referral that the rules can produce, and some more."""
    status = draw(st.sampled_from(Status))
    asked_in = draw(st.sampled_from(_MAY_ASK)) if status is Status.INFORMATION_REQUESTED else None
    effective = asked_in or status
    urgency = _URGENCY.get(effective) or draw(st.sampled_from(Urgency))
    is_placed = effective in {Status.ROUTED, Status.ACCEPTED}
    route = draw(st.sampled_from(Route)) if is_placed else draw(st.none() | st.sampled_from(Route))
    has_call = is_placed and draw(st.booleans())
    changes: dict[str, Any] = {
        "urgency": urgency,
        "route": route,
        "service_code": "district-nursing" if route or effective is Status.SIGNPOSTED else None,
        "receiver_organisation": draw(st.sampled_from(["CLCH", "LBB"])) if is_placed else None,
        "referrer_organisation": draw(st.sampled_from(["W07", "LAS"])),
        "overdue_since": draw(st.none() | st.just(MONDAY)),
        "has_red_flag": urgency is Urgency.URGENT and draw(st.booleans()),
        "answer_by": MONDAY if has_call else None,
        "discrepancies": tuple(draw(st.lists(st.sampled_from(Discrepancy), max_size=2, unique=True))) if status in OPEN else (),
        "ended_at": None if status in OPEN else MONDAY,
        "outcome": draw(st.sampled_from(Outcome)) if status is Status.CLOSED else None,
        "cancel_reason": draw(st.sampled_from(CancelReason)) if status is Status.CANCELLED else None,
    }
    return replace(a_referral(effective, **changes), status=status, asked_in=asked_in)


ACTORS = st.builds(
    Actor,
    id=st.just("actor-1"),
    organisation=st.sampled_from(["W07", "LAS", "CLCH", "LBB"]),
    role=st.just("clinician"),
    scopes=st.sets(st.sampled_from([access.REFER, access.RECEIVE, access.HANDLE, access.TRIAGE])).map(frozenset),
)
FACTS = st.builds(
    Circumstances,
    is_joined_open=st.booleans(),
    is_contacted=st.booleans(),
    is_practice_covered=st.booleans(),
    is_resident=st.booleans(),
    is_reopened_in_time=st.booleans(),
    claimed_by=st.sampled_from([None, "actor-1", "actor-2"]),
)


@settings(max_examples=2 * settings().max_examples, deadline=None)
@given(referrals(), ACTORS, FACTS)
def test_actions_are_exactly_what_is_not_refused(referral: Referral, actor: Actor, facts: Circumstances) -> None:
    accepted = {command for command in COMMANDS if _is_accepted(command, referral, actor, facts)}

    assert set(offered(referral, actor, facts)) == accepted


@pytest.mark.parametrize("status", [Status.IDENTIFIED, Status.ACCEPTED])
def test_referrer_may_cancel_what_it_cannot_withdraw(status: Status) -> None:
    """Finding: an accepted referral, which a death cancels, offered its referrer no cancellation."""
    gp = Actor("gp-W07", "W07", "gp", frozenset({access.REFER}))

    assert commands.CancelReferral in offered(a_referral(status), gp, Circumstances())


def _is_accepted(command: type, referral: Referral, actor: Actor, facts: Circumstances) -> bool:
    """Runs the command as its handler does, with each of some plausible bodies."""
    return any(_runs(command, run, referral, actor) for run in RUNS[command](facts))


def _runs(command: type, run: "Run", referral: Referral, actor: Actor) -> bool:
    try:
        access.require_permitted(referral, actor, command)
        run(referral, actor)
    except DomainError:
        return False
    return True


Run = Callable[[Referral, Actor], object]


def _triages(_: Circumstances) -> list[Run]:
    bodies = [commands.TriageReferral(urgency, is_complex=False, reason="Seen") for urgency in Urgency]
    return [lambda it, _, body=body: triage.triage(it, body, triaged_by="x", now=NOW, policy=POLICY) for body in bodies]  # type: ignore[misc]


def _routes(facts: Circumstances) -> list[Run]:
    return [lambda it, _, to=to: _route(it, to, facts) for to in SERVICES]  # type: ignore[misc]


def _signposts(facts: Circumstances) -> list[Run]:
    return [lambda it, _, to=to: _signpost(it, to, facts) for to in SERVICES]  # type: ignore[misc]


def _route(referral: Referral, service: Service, facts: Circumstances) -> object:
    command = commands.RouteReferral(service.route, service.code, "A clinician's reason")
    practice = _PRACTICE if facts.is_practice_covered else None
    return routing.route(referral, command, service=service, person=_person(facts), practice=practice, now=NOW, policy=POLICY)


def _signpost(referral: Referral, service: Service, facts: Circumstances) -> object:
    practice = _PRACTICE if facts.is_practice_covered else None
    command = commands.SignpostReferral(service.code)
    return routing.signpost(referral, command, service=service, person=_person(facts), practice=practice, now=NOW, policy=POLICY)


_CLAIMED = new_id()
#: Built once, because each example routes to each service.
_RESIDENT, _ELSEWHERE, _PRACTICE = a_person(residence="LBB"), a_person(residence="ENFIELD"), a_practice()


def _person(facts: Circumstances) -> Person:
    return _RESIDENT if facts.is_resident else _ELSEWHERE


def _cancel(facts: Circumstances) -> list[Run]:
    """A referrer alone reports a death or a move: what is offered works for it too."""
    bodies = [commands.CancelReferral(reason) for reason in CancelReason]
    return [lambda it, actor, body=body: _cancels(it, actor, body, facts) for body in bodies]  # type: ignore[misc]


def _cancels(referral: Referral, actor: Actor, body: commands.CancelReferral, facts: Circumstances) -> object:
    change = closure.CHANGE_BY_REASON[body.reason]
    if change and not access.is_point_of_access(actor) and referral.status is not Status.MERGED:
        return discrepancies.report_end(referral, change, NOW, POLICY)
    return closure.cancel(referral, body, has_merged=False, now=NOW, is_joined_open=facts.is_joined_open)


def _resolutions(_: Circumstances) -> list[Run]:
    return [lambda it, actor, each=each: _resolve(it, actor, each) for each in Discrepancy]  # type: ignore[misc]


def _resolve(referral: Referral, actor: Actor, discrepancy: Discrepancy) -> object:
    access.require_settling({discrepancy}, actor)
    return discrepancies.resolve(referral, commands.ResolveDiscrepancy(discrepancy, "Asked"), NOW)


def _one(run: Callable[[Referral, Circumstances], object]) -> Callable[[Circumstances], list[Run]]:
    return lambda facts: [lambda it, _: run(it, facts)]


def _amend(referral: Referral, facts: Circumstances) -> object:
    return amendment.amend(referral, an_amendment(referral, NOW), now=NOW, policy=POLICY, is_joined_open=facts.is_joined_open)


def _claim(facts: Circumstances) -> list[Run]:
    present = Claim(_CLAIMED, facts.claimed_by, MONDAY, NOW + timedelta(minutes=1)) if facts.claimed_by else None
    bodies = [commands.ClaimReferral(take_over=take_over) for take_over in (False, True)]
    return [
        lambda it, actor, body=body: claims.claim(it, present, body, claimed_by=actor.id, now=NOW, policy=POLICY)  # type: ignore[misc]
        for body in bodies
    ]


def _release(facts: Circumstances) -> list[Run]:
    return [lambda it, actor: claims.require_releasable(it, facts.claimed_by, actor_id=actor.id)]


def _reopen(referral: Referral, facts: Circumstances) -> object:
    now = NOW if facts.is_reopened_in_time else NOW + POLICY.reopening_within
    ended = replace(referral, ended_at=MONDAY.astimezone(UTC))
    return reversal.reopen(ended, commands.ReopenReferral("Mistaken"), service=None, contradicts=None, now=now, policy=POLICY)


RUNS: Mapping[type, Callable[[Circumstances], list[Run]]] = {
    commands.TriageReferral: _triages,
    commands.RouteReferral: _routes,
    commands.SignpostReferral: _signposts,
    commands.CancelReferral: _cancel,
    commands.ResolveDiscrepancy: _resolutions,
    commands.RequestInformation: _one(lambda it, _: triage.request_information(it, commands.RequestInformation("Who?"), NOW)),
    commands.AnswerInformation: _one(lambda it, facts: triage.answer_information(it, NOW, is_joined_open=facts.is_joined_open)),
    commands.AmendReferral: _one(_amend),
    commands.ReopenReferral: _one(_reopen),
    commands.ClaimReferral: _claim,
    commands.ReleaseClaim: _release,
    commands.SetCondition: _one(lambda it, _: discrepancies.set_condition(it, commands.SetCondition(Condition.COPD), NOW)),
    commands.AcceptReferral: _one(lambda it, _: routing.accept(it, NOW, POLICY)),
    commands.ReturnReferral: _one(lambda it, _: routing.return_referral(it, commands.ReturnReferral(ReturnReason.CAPACITY), NOW, POLICY)),
    commands.RecallReferral: _one(lambda it, facts: routing.recall(it, is_contacted=facts.is_contacted, now=NOW, policy=POLICY)),
    commands.AnswerCall: _one(lambda it, _: calls.answer(it, NOW)),
    commands.RaiseUrgency: _one(
        lambda it, _: triage.raise_urgency(it, commands.RaiseUrgency("Fever"), raised_by="x", now=NOW, policy=POLICY)
    ),
    commands.CloseReferral: _one(lambda it, _: closure.close(it, commands.CloseReferral(Outcome.ADMITTED), NOW, POLICY)),
}
