"""What the Community Point of Access listens to and which deadlines it keeps: the whole wiring."""

from collections.abc import Mapping

from services.referrals.domain.referral import ReferralDeadline
from services.referrals.handlers import deadlines, projections, reactions
from shared.contracts import mdt, navigation, rapid_care
from shared.contracts.event import Event
from shared.contracts.registry import topics
from shared.messaging.subscriptions import EventHandler, Subscriptions

#: Everything that happens to a person elsewhere is noted for the timeline.
TIMELINE_TOPICS = ("rapid-care.response", "mdt.case", "mdt.care-plan", "mdt.lead", "mdt.risk", "navigation.task")

#: What is done besides.
REACTIONS: Mapping[type[Event], EventHandler] = {
    rapid_care.ResponseAccepted: reactions.on_response_accepted,
    rapid_care.ResponseDeclined: reactions.on_response_declined,
    rapid_care.ResponseEscalated: reactions.on_response_escalated,
    rapid_care.ResponseClosed: reactions.on_response_closed,
    mdt.CaseListed: reactions.on_case_listed,
    mdt.CaseRedirected: reactions.on_case_redirected,
    mdt.CaseDiscussed: reactions.on_case_discussed,
    mdt.CaseClosed: reactions.on_case_closed,
    mdt.CarePlanAgreed: reactions.on_care_plan_agreed,
    mdt.CarePlanRevised: reactions.on_care_plan_agreed,
    mdt.CarePlanDeclined: reactions.on_care_plan_declined,
    mdt.CarePlanClosed: reactions.on_care_plan_closed,
    mdt.LeadActivated: projections.on_lead_activated,
    mdt.LeadHandedOver: projections.on_lead_ended,
    mdt.LeadEnded: projections.on_lead_ended,
    mdt.RiskLevelCrossed: projections.on_risk_changed,
    mdt.RiskHighClimberFound: projections.on_risk_changed,
    navigation.TaskAcknowledged: reactions.on_task_acknowledged,
    navigation.TaskFulfilled: reactions.on_task_fulfilled,
}


def _listened() -> dict[type[Event], tuple[EventHandler, ...]]:
    noted = [event for topic in TIMELINE_TOPICS for event in topics()[topic]]
    return {event: (projections.on_any, REACTIONS[event]) if event in REACTIONS else (projections.on_any,) for event in noted}


SUBSCRIPTIONS = Subscriptions(
    context="referrals",
    on_event=_listened(),
    on_deadline=dict.fromkeys(ReferralDeadline, deadlines.on_due),
    prefetchers={
        **dict.fromkeys(
            [event for event, reaction in REACTIONS.items() if reaction.__module__ == reactions.__name__], reactions.prefetch_referrals
        ),
        **dict.fromkeys(ReferralDeadline, deadlines.before_due),
    },
)
