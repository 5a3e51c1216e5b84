"""What Rapid Care listens to and which deadlines it keeps: the whole wiring."""

from services.rapid_care import handlers
from services.rapid_care.domain.response import ResponseDeadline
from shared.contracts.mdt import CarePlanClosed, CarePlanRecorded, LeadActivated, LeadEnded, LeadHandedOver
from shared.contracts.referrals import PersonRecordRecorded, ReferralCancelled, ReferralReturned, ReferralRouted
from shared.messaging.subscriptions import Subscriptions

SUBSCRIPTIONS = Subscriptions(
    context="rapid_care",
    on_event={
        ReferralRouted: (handlers.on_referral_routed,),
        ReferralReturned: (handlers.on_referral_returned,),
        ReferralCancelled: (handlers.on_referral_cancelled,),
        PersonRecordRecorded: (handlers.on_person_record_recorded,),
        CarePlanRecorded: (handlers.on_care_plan_recorded,),
        CarePlanClosed: (handlers.on_care_plan_closed,),
        LeadActivated: (handlers.on_lead_activated,),
        LeadHandedOver: (handlers.on_lead_ended,),
        LeadEnded: (handlers.on_lead_ended,),
    },
    on_deadline={
        ResponseDeadline.OPENING: handlers.on_opening,
        ResponseDeadline.AT_RISK: handlers.on_at_risk,
        ResponseDeadline.BREACH: handlers.on_breach,
        ResponseDeadline.AVOIDANCE: handlers.on_avoidance_confirmation,
    },
    prefetchers={ReferralRouted: handlers.before_referrals_routed, **dict.fromkeys(ResponseDeadline, handlers.before_deadlines)},
)
