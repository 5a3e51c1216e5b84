"""Subscriptions of care navigation: the handler of each event and of each deadline."""

from services.navigation.domain import home_check
from services.navigation.domain import navigator as navigators
from services.navigation.domain import task as tasks
from services.navigation.handlers import events, navigator, person, plan, task
from shared.contracts.mdt import (
    CarePlanAgreed,
    CarePlanClosed,
    CarePlanRevised,
    CaseClosed,
    CaseRedirected,
    CaseSteppedDown,
    LeadActivated,
    LeadEnded,
    RiskHighClimberFound,
    RiskLevelCrossed,
    RiskScreened,
)
from shared.contracts.rapid_care import ResponseClosed, ResponseSteppedDown
from shared.contracts.referrals import PersonRecordRecorded, ReferralCancelled, ReferralClosed, ReferralReturned, ReferralRouted
from shared.kernel.totality import total
from shared.messaging.subscriptions import Subscriptions

SUBSCRIPTIONS = Subscriptions(
    context="navigation",
    on_event={
        CarePlanAgreed: (plan.on_care_plan_agreed,),
        CarePlanRevised: (plan.on_care_plan_revised,),
        CarePlanClosed: (person.on_end_of_care, plan.on_care_plan_closed),
        ReferralRouted: (events.on_referral_routed,),
        ReferralCancelled: (person.on_end_of_care, events.on_referral_ended),
        ReferralClosed: (person.on_referral_closed, events.on_referral_ended),
        ReferralReturned: (events.on_referral_ended,),
        ResponseSteppedDown: (events.on_response_stepped_down,),
        ResponseClosed: (person.on_response_closed,),
        CaseClosed: (person.on_end_of_care,),
        CaseRedirected: (events.on_case_redirected,),
        CaseSteppedDown: (events.on_case_stepped_down,),
        RiskLevelCrossed: (events.on_risk_level_crossed,),
        RiskHighClimberFound: (events.on_high_climber_found,),
        RiskScreened: (events.on_risk_screened,),
        LeadActivated: (events.on_lead_activated,),
        LeadEnded: (events.on_lead_ended,),
        PersonRecordRecorded: (person.on_person_record_recorded,),
    },
    on_deadline={
        **total(
            tasks.TaskDeadline,
            {
                tasks.TaskDeadline.ACKNOWLEDGEMENT: task.on_acknowledgement,
                tasks.TaskDeadline.OVERDUE: task.on_overdue,
                tasks.TaskDeadline.LONG_OVERDUE: task.on_long_overdue,
            },
        ),
        **total(navigators.NavigatorDeadline, {navigators.NavigatorDeadline.RETURN: navigator.on_return}),
        home_check.DUE: person.on_home_check,
    },
    prefetchers={
        **dict.fromkeys(tasks.TaskDeadline, task.prefetch_deadlines),
        **dict.fromkeys((CarePlanAgreed, CarePlanRevised), plan.prefetch_plans),
    },
)
