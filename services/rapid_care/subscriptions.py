"""Subscriptions of Rapid Care: the handler of each event and of each deadline."""

from services.rapid_care.domain.response import ResponseDeadline
from services.rapid_care.handlers import deadlines, person, projections, referral
from shared.contracts.care_plans import CarePlanClosed, CarePlanRecorded, CarePlanReopened
from shared.contracts.mdt import LeadActivated, LeadEnded, LeadHandedOver
from shared.contracts.persons import (
    PersonDeceased,
    PersonMerged,
    PersonMoved,
    PersonRecordRecorded,
    PersonRestored,
    PersonReturned,
    PersonSeparated,
)
from shared.contracts.referrals import (
    ReferralAccepted,
    ReferralAmended,
    ReferralCallRepeated,
    ReferralCancelled,
    ReferralClosed,
    ReferralConditionSet,
    ReferralInformationAnswered,
    ReferralRecalled,
    ReferralReopened,
    ReferralReturned,
    ReferralRouted,
)
from shared.kernel.totality import total
from shared.messaging.subscriptions import Subscriptions
from shared.persistence.break_glass import BreakGlassDeadline, on_review_due

SUBSCRIPTIONS = Subscriptions(
    context="rapid_care",
    on_event={
        ReferralRouted: (referral.on_referral_routed, projections.project_onward_answer),
        ReferralAccepted: (projections.project_onward_answer,),
        ReferralReturned: (referral.on_referral_returned, projections.project_onward_answer),
        ReferralClosed: (projections.project_onward_answer,),
        ReferralCancelled: (referral.on_referral_cancelled, projections.project_onward_answer),
        ReferralReopened: (projections.project_onward_answer,),
        ReferralRecalled: (referral.on_referral_recalled, projections.project_onward_answer),
        ReferralCallRepeated: (referral.on_call_repeated,),
        ReferralAmended: (projections.project_information,),
        ReferralInformationAnswered: (projections.project_information,),
        ReferralConditionSet: (referral.on_condition_set,),
        PersonDeceased: (person.on_person_deceased,),
        PersonMoved: (person.on_person_moved,),
        PersonRestored: (person.on_person_restored,),
        PersonReturned: (person.on_person_returned,),
        PersonMerged: (person.on_person_merged,),
        PersonSeparated: (person.on_person_separated,),
        PersonRecordRecorded: (projections.project_person,),
        CarePlanRecorded: (projections.project_plan,),
        CarePlanClosed: (projections.drop_plan,),
        CarePlanReopened: (projections.reopen_plan,),
        LeadActivated: (projections.project_lead,),
        LeadHandedOver: (projections.drop_lead,),
        LeadEnded: (projections.drop_lead,),
    },
    on_deadline={
        **total(
            ResponseDeadline,
            {
                ResponseDeadline.OPENING: deadlines.on_opening,
                ResponseDeadline.AT_RISK: deadlines.on_at_risk,
                ResponseDeadline.BREACH: deadlines.on_breach,
                ResponseDeadline.ASSIGNMENT: deadlines.on_step_overdue,
                ResponseDeadline.CONTACT: deadlines.on_step_overdue,
                ResponseDeadline.NEXT_ATTEMPT: deadlines.on_step_overdue,
                ResponseDeadline.CALL: deadlines.on_step_overdue,
                ResponseDeadline.CARE: deadlines.on_step_overdue,
                ResponseDeadline.AVOIDANCE: deadlines.on_avoidance_confirmation,
            },
        ),
        **total(BreakGlassDeadline, {BreakGlassDeadline.REVIEW: on_review_due}),
    },
    prefetchers={
        ReferralRouted: referral.prefetch_routed_referrals,
        **dict.fromkeys(ResponseDeadline, deadlines.prefetch_responses),
    },
)
