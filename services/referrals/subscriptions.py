"""Subscriptions of the Community Point of Access: the handlers of each event and the handler of each deadline."""

from collections.abc import Iterator, Mapping

from services.referrals.domain.identity import IdentityDeadline
from services.referrals.domain.proposals import ProposalDeadline
from services.referrals.domain.referral import ReferralDeadline
from services.referrals.domain.safeguarding import ConcernDeadline
from services.referrals.handlers import (
    deadlines,
    identity,
    onward,
    practices,
    projections,
    proposals,
    reactions,
    responses,
    safeguarding,
)
from shared.contracts import care_plans, mdt, navigation, rapid_care
from shared.contracts.event import Event
from shared.contracts.practices import PracticesDeadline
from shared.contracts.registry import topics
from shared.contracts.safeguarding import MdtConcernRaised, NavigationConcernRaised, RapidCareConcernRaised
from shared.kernel.totality import total
from shared.messaging.subscriptions import EventHandler, Subscriptions
from shared.persistence.break_glass import BreakGlassDeadline, on_review_due

#: Every event of these topics is projected for timelines.
TIMELINE_TOPICS = ("rapid-care.response", "mdt.case", "mdt.care-plan", "mdt.lead", "mdt.risk", "navigation.task")

#: The events with a further handler.
REACTIONS: Mapping[type[Event], EventHandler] = {
    rapid_care.ResponseAccepted: reactions.on_response_accepted,
    rapid_care.ResponseDeclined: reactions.on_response_declined,
    rapid_care.ResponseContacted: reactions.on_response_contacted,
    rapid_care.ResponseCallAnswered: reactions.on_response_call_answered,
    rapid_care.ResponseEscalated: reactions.on_response_escalated,
    rapid_care.ResponseClosed: reactions.on_response_closed,
    rapid_care.ResponseSteppedDown: onward.on_response_stepped_down,
    mdt.CaseListed: reactions.on_case_listed,
    mdt.CaseRedirected: reactions.on_case_redirected,
    mdt.CaseDiscussed: reactions.on_case_discussed,
    mdt.CaseClosed: reactions.on_case_closed,
    mdt.CaseSteppedDown: onward.on_case_stepped_down,
    care_plans.CarePlanAgreed: reactions.on_care_plan_agreed,
    care_plans.CarePlanRevised: reactions.on_care_plan_agreed,
    care_plans.CarePlanDeclined: reactions.on_care_plan_declined,
    care_plans.CarePlanClosed: reactions.on_care_plan_closed,
    mdt.LeadActivated: projections.project_lead,
    mdt.LeadHandedOver: projections.drop_lead,
    mdt.LeadEnded: projections.drop_lead,
    mdt.RiskLevelCrossed: projections.project_risk,
    mdt.RiskHighClimberFound: projections.project_risk,
    navigation.TaskAcknowledged: reactions.on_task_acknowledged,
    navigation.TaskFulfilled: reactions.on_task_fulfilled,
    navigation.TaskCancelled: reactions.on_task_cancelled,
}


#: Safeguarding concerns that staff of other services raise. No timeline has them.
ACCOUNTS = (RapidCareConcernRaised, MdtConcernRaised, NavigationConcernRaised)


def _handlers() -> dict[type[Event], tuple[EventHandler, ...]]:
    events = [event for topic in TIMELINE_TOPICS for event in topics()[topic]]
    return {event: tuple(_handlers_of(event)) for event in events} | dict.fromkeys(ACCOUNTS, (safeguarding.on_account_given,))


def _handlers_of(event: type[Event]) -> Iterator[EventHandler]:
    yield projections.project_event
    if event in responses.FOLLOWED:
        yield responses.project_response
    if event in REACTIONS:
        yield REACTIONS[event]


SUBSCRIPTIONS = Subscriptions(
    context="referrals",
    on_event=_handlers(),
    on_deadline={
        **dict.fromkeys(ReferralDeadline, deadlines.on_due),
        **dict.fromkeys(ProposalDeadline, proposals.on_decision_due),
        **dict.fromkeys(IdentityDeadline, identity.on_tracing_due),
        **dict.fromkeys(ConcernDeadline, safeguarding.on_due),
        **total(PracticesDeadline, {PracticesDeadline.CHANGED: practices.on_practices_changed}),
        **total(BreakGlassDeadline, {BreakGlassDeadline.REVIEW: on_review_due}),
    },
    prefetchers={
        **dict.fromkeys(
            [event for event, reaction in REACTIONS.items() if reaction.__module__ in {reactions.__name__, onward.__name__}],
            reactions.prefetch_referrals,
        ),
        **dict.fromkeys(ReferralDeadline, deadlines.prefetch_referrals),
        **dict.fromkeys(ProposalDeadline, proposals.prefetch_proposals),
        **dict.fromkeys(IdentityDeadline, identity.prefetch_identities),
    },
)
