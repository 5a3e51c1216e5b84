"""Subscriptions of care navigation: the handler of each event and of each deadline."""

from services.navigation.domain import home_check
from services.navigation.domain import navigator as navigators
from services.navigation.domain import task as tasks
from services.navigation.handlers import events, navigator, person, plan, task
from services.navigation.handlers import home_check as checks
from shared.contracts.care_plans import CarePlanAgreed, CarePlanClosed, CarePlanReopened, CarePlanRevised
from shared.contracts.mdt import (
    CaseRedirected,
    CaseSteppedDown,
    LeadActivated,
    LeadEnded,
    LeadHandedOver,
    RiskHighClimberFound,
    RiskLevelCrossed,
    RiskScreened,
)
from shared.contracts.persons import (
    PersonDeceased,
    PersonMerged,
    PersonMoved,
    PersonRecordRecorded,
    PersonRestored,
    PersonReturned,
    PersonSeparated,
)
from shared.contracts.rapid_care import ResponseSteppedDown
from shared.contracts.referrals import (
    ReferralCancelled,
    ReferralClosed,
    ReferralRecalled,
    ReferralReopened,
    ReferralReturned,
    ReferralRouted,
)
from shared.kernel.totality import total
from shared.messaging.subscriptions import Subscriptions
from shared.persistence.break_glass import BreakGlassDeadline, on_review_due

SUBSCRIPTIONS = Subscriptions(
    context="navigation",
    on_event={
        CarePlanAgreed: (plan.on_care_plan_agreed,),
        CarePlanRevised: (plan.on_care_plan_revised,),
        CarePlanClosed: (plan.on_care_plan_closed,),
        CarePlanReopened: (plan.on_care_plan_reopened,),
        ReferralRouted: (events.on_referral_routed,),
        ReferralCancelled: (events.on_referral_cancelled,),
        ReferralClosed: (events.on_referral_closed,),
        ReferralReturned: (events.on_referral_given_up,),
        ReferralRecalled: (events.on_referral_given_up,),
        ReferralReopened: (events.on_referral_reopened,),
        ResponseSteppedDown: (events.on_response_stepped_down,),
        CaseRedirected: (events.on_case_redirected,),
        CaseSteppedDown: (events.on_case_stepped_down,),
        RiskLevelCrossed: (events.on_risk_level_crossed,),
        RiskHighClimberFound: (events.on_high_climber_found,),
        RiskScreened: (events.on_risk_screened,),
        LeadActivated: (events.on_lead_activated,),
        LeadEnded: (events.on_lead_ended,),
        LeadHandedOver: (events.on_lead_ended,),
        PersonRecordRecorded: (person.on_person_record_recorded,),
        PersonDeceased: (person.on_person_gone,),
        PersonMoved: (person.on_person_gone,),
        PersonRestored: (person.on_person_restored,),
        PersonReturned: (person.on_person_returned,),
        PersonMerged: (person.on_person_merged,),
        PersonSeparated: (person.on_person_separated,),
    },
    on_deadline={
        **total(
            tasks.TaskDeadline,
            {
                tasks.TaskDeadline.ACKNOWLEDGEMENT: task.on_acknowledgement,
                tasks.TaskDeadline.BLOCKED: task.on_blocked,
                tasks.TaskDeadline.OVERDUE: task.on_overdue,
                tasks.TaskDeadline.LONG_OVERDUE: task.on_long_overdue,
            },
        ),
        **total(
            navigators.NavigatorDeadline,
            {
                navigators.NavigatorDeadline.RETURN: navigator.on_return,
                navigators.NavigatorDeadline.RETURN_UNKNOWN: navigator.on_return_unknown,
            },
        ),
        **total(home_check.HomeCheckDeadline, {home_check.HomeCheckDeadline.DUE: checks.on_home_check}),
        **total(BreakGlassDeadline, {BreakGlassDeadline.REVIEW: on_review_due}),
    },
    prefetchers={
        **dict.fromkeys(tasks.TaskDeadline, task.prefetch_deadlines),
        **dict.fromkeys((CarePlanAgreed, CarePlanRevised), plan.prefetch_plans),
        PersonRecordRecorded: person.prefetch_changes,
    },
)
