"""`GET .../actions` offers exactly the commands that are not refused, for every aggregate, state and caller."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.codegen.states import scopes
from services.mdt import commands
from services.mdt.domain import care_plan, case, case_end, lead, lead_succession, meeting, risk
from services.mdt.domain.access import COORDINATE, DECIDE, LEAD, READ, require_member
from services.mdt.domain.lead_succession import CasePerson, LeadContext, Leads
from services.mdt.domain.permission import (
    SCOPES,
    case_commands,
    finding_commands,
    lead_commands,
    meeting_commands,
    plan_commands,
)
from services.mdt.domain.plan_schedule import ReturnedAction
from services.mdt.domain.risk_importer import Importer, Importers
from shared.contracts.care_plans import PlanAction
from shared.contracts.codes import Locality, RiskLevel, Role, ScreeningOutcome, StepDown, TaskKind
from shared.contracts.mdt import CaseCloseReason, FindingDestination
from shared.contracts.meeting_reasons import DeferReason, FindingReason, MeetingCancelReason
from shared.kernel.actor import Actor, Professional
from shared.kernel.errors import DomainError
from shared.kernel.ids import PersonId, new_id
from shared.kernel.state_table import Transitions
from tests.builders.mdt_states import (
    POLICY,
    STARTS_AT,
    a_candidate,
    a_case,
    a_discussion_command,
    a_lead_of,
    a_meeting,
    a_plan,
    a_slot,
    a_version,
)

NURSE = "clch-community-nurse-1"
ROUTES = scopes("mdt")
QUORATE = POLICY.quorum

ACTORS = st.builds(
    Actor,
    id=st.sampled_from([NURSE, "coordinator-1"]),
    organisation=st.sampled_from(["CLCH", "B02"]),
    role=st.just("clinician"),
    scopes=st.sets(st.sampled_from([READ, COORDINATE, DECIDE, LEAD])).map(frozenset),
)
#: Before, at and after the start of the meeting.
TIMES = st.sampled_from([STARTS_AT - timedelta(seconds=1), STARTS_AT, STARTS_AT + timedelta(days=2)])
MEETINGS = st.builds(
    a_meeting, status=st.sampled_from(meeting.Status), attended=st.sampled_from([(), QUORATE, (*QUORATE, Role.MENTAL_HEALTH)])
)


@dataclass(frozen=True)
class ListedCase:
    """A case, the meeting that it is listed for, and the meeting that it moved on from."""

    case: case.Case
    listed_for: meeting.Meeting
    moved_from: meeting.Meeting | None


@st.composite
def listed_cases(draw: st.DrawFn) -> ListedCase:
    before = draw(st.none() | MEETINGS.map(lambda each: replace(each, id=new_id())))
    waiting = a_case(
        draw(st.sampled_from(case.Status)),
        deferrals=draw(st.integers(0, POLICY.max_deferrals)),
        needs_mental_health=draw(st.booleans()),
        rolled_from=before and before.id,
    )
    return ListedCase(waiting, draw(MEETINGS), before)


@st.composite
def plans(draw: st.DrawFn) -> care_plan.CarePlan:
    """A plan whose actions are of every kind, open or done, with a navigator or with the lead."""
    actions = tuple(
        PlanAction(action_id=new_id(), kind=TaskKind.SIGNPOST, owner_role=role, due_on=STARTS_AT.date())
        for role in draw(st.lists(st.sampled_from([Role.CARE_NAVIGATOR, Role.GP]), max_size=2))
    )
    version = a_version(actions=actions)
    status = draw(st.sampled_from(care_plan.Status))
    in_force = draw(st.none() | st.just(version)) if status is care_plan.Status.OFFERED else version
    returned = tuple(ReturnedAction(each.action_id, each.due_on) for each in actions if draw(st.booleans()))
    fulfilled = tuple(each.action_id for each in actions if draw(st.booleans()))
    return a_plan(status, in_force=in_force, returned=returned, fulfilled=fulfilled)


@settings(deadline=None)
@given(MEETINGS, ACTORS, TIMES)
def test_meeting_offers_exactly_what_is_not_refused(held: meeting.Meeting, actor: Actor, now: datetime) -> None:
    hold = commands.HoldMeeting((*QUORATE, Role.MENTAL_HEALTH))
    acts: Acts = {
        commands.HoldMeeting: [lambda: meeting.hold(held, hold, now=now, policy=POLICY)],
        commands.CancelMeeting: [
            lambda: meeting.cancel(held, commands.CancelMeeting(MeetingCancelReason.SEVERE_WEATHER), next_meeting_id=new_id())
        ],
    }

    assert meeting_commands(held, actor, now, POLICY) == _accepted(meeting.MEETING, actor, acts)


@settings(deadline=None)
@given(listed_cases(), ACTORS)
def test_case_offers_exactly_what_is_not_refused(found: ListedCase, actor: Actor) -> None:
    waiting, meetings = found.case, [each for each in (found.listed_for, found.moved_from) if each]
    eligible = commands.ScreenCase(ScreeningOutcome.ELIGIBLE)
    acts: Acts = {
        commands.ScreenCase: [lambda: case.list_eligible(waiting, eligible, a_slot())],
        commands.DeferCase: [lambda: case.defer(waiting, commands.DeferCase(DeferReason.PROFESSIONAL_ABSENT), a_slot(), POLICY)],
        commands.DiscussCase: [lambda each=each: _discuss(waiting, each) for each in meetings],  # type: ignore[misc]
        commands.StepDownCase: [
            lambda: case.step_down(waiting, commands.StepDownCase(StepDown.COMMUNITY_NURSING), practice_code="W07", locality=Locality.WEST)
        ],
        commands.CloseCase: [lambda: case_end.close(waiting, commands.CloseCase(CaseCloseReason.DECLINED_BY_PERSON), STARTS_AT)],
    }

    assert case_commands(waiting, meetings, actor, POLICY) == _accepted(case.CASE, actor, acts)


@settings(deadline=None)
@given(plans(), st.sampled_from([None, Professional(NURSE, "CLCH"), Professional(NURSE, "RFL")]), ACTORS)
def test_plan_offers_exactly_what_is_not_refused(plan: care_plan.CarePlan, lead_of_person: Professional | None, actor: Actor) -> None:
    acts: Acts = {
        commands.AgreePlan: [lambda: care_plan.agree(plan, POLICY)],
        commands.DeclinePlan: [lambda: care_plan.decline(plan)],
        commands.RequestReview: [lambda: care_plan.request_review(plan, commands.RequestReview, STARTS_AT, POLICY)],
        commands.FulfilAction: [
            lambda each=each: _fulfil(plan, each.action_id, lead_of_person, actor)  # type: ignore[misc]
            for each in (plan.in_force.actions if plan.in_force else ())
            if each.action_id not in plan.fulfilled
        ],
    }

    assert plan_commands(plan, lead_of_person, actor, POLICY) == _accepted(care_plan.CARE_PLAN, actor, acts)


@settings(deadline=None)
@given(st.sampled_from(lead.Status).map(a_lead_of), ACTORS)
def test_lead_offers_exactly_what_is_not_refused(led: lead.Lead, actor: Actor) -> None:
    person = CasePerson(led.person_id, led.correlation_id, led.practice_code)
    now = LeadContext(STARTS_AT, STARTS_AT + timedelta(days=2), new_id(), new_id())
    current = Leads.of([led])

    def accept() -> object:
        lead.require_own(led, actor)
        lead.require_unanswered(led)
        return lead_succession.accept(led, current, STARTS_AT)

    def decline() -> object:
        lead.require_own(led, actor)
        return lead_succession.decline(person, led, current, "on-leave", now)

    def hand_over() -> object:
        lead.require_lead_or_stand_in(led, actor, POLICY)
        return lead_succession.hand_over(person, led, current, commands.LeadProposal(a_candidate("another-nurse")), now)

    acts: Acts = {
        commands.AcceptLead: [accept],
        commands.DeclineLead: [decline],
        commands.HandOverLead: [hand_over],
    }

    assert lead_commands(led, actor, POLICY) == _accepted(lead.LEAD, actor, acts)


@settings(deadline=None)
@given(st.sampled_from(risk.Status), ACTORS, st.integers(0, 1))
def test_finding_offers_exactly_what_is_not_refused(status: risk.Status, actor: Actor, importers: int) -> None:
    person, by = PersonId(new_id()), Importers((Importer.of(actor),) * importers)
    facts = ("W07", RiskLevel.VERY_HIGH, Decimal(30), STARTS_AT.date())
    found = risk.Risk(new_id(), person, new_id(), status, *facts, imported_by=by)
    screening = commands.ScreenFinding(FindingDestination.GP, FindingReason.KNOWN_TO_GP)

    def screen() -> object:
        found.imported_by.require_another(actor, person)
        return risk.screen(found, screening, locality=None, now=STARTS_AT, policy=POLICY)

    acts: Acts = {commands.ScreenFinding: [screen]}

    assert finding_commands(found, actor, POLICY) == _accepted(risk.RISK, actor, acts)


def test_scopes_of_commands_are_those_of_the_routes() -> None:
    assert {command.__name__: scope for command, scope in SCOPES.items()} == {
        command.__name__: frozenset(ROUTES[command.__name__]) for command in SCOPES
    }


@pytest.mark.parametrize("scope", [READ, DECIDE])
def test_caller_without_scope_is_offered_nothing_of_a_coordinator(scope: str) -> None:
    actor = Actor("chair-1", "CLCH", "gp", frozenset({scope}))

    assert commands.DeferCase not in case_commands(a_case(), [a_meeting()], actor, POLICY)


#: The tries of each command, each with another body.
Acts = Mapping[type, list[Callable[[], object]]]


def _accepted(table: Transitions, actor: Actor, acts: Acts) -> list[type]:
    """The commands that route, handler and rule accept with one of the bodies. A member of the meeting alone acts for it."""
    return [trigger for trigger in table if isinstance(trigger, type) and _is_accepted(trigger, actor, acts[trigger])]


def _is_accepted(command: type, actor: Actor, tries: list[Callable[[], object]]) -> bool:
    def membership() -> None:
        if LEAD not in ROUTES[command.__name__]:
            require_member(actor, POLICY)

    has_scope = not actor.scopes.isdisjoint(ROUTES[command.__name__])
    return has_scope and any(not _is_refused(membership, run) for run in tries)


def _is_refused(*steps: Callable[[], object]) -> bool:
    try:
        for step in steps:
            step()
    except DomainError:
        return True
    return False


def _discuss(waiting: case.Case, held: meeting.Meeting) -> object:
    command = a_discussion_command(meeting_id=held.id)
    assert case.meeting_of(waiting, command) == held.id
    return case.require_agreed(waiting, command, held, has_lead=False, now=STARTS_AT, policy=POLICY)


def _fulfil(plan: care_plan.CarePlan, action_id: UUID, lead_of_person: Professional | None, actor: Actor) -> object:
    lead.require_lead(lead_of_person, actor)
    return care_plan.fulfil(plan, action_id, commands.FulfilAction)
