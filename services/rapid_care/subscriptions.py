"""What Rapid Care listens to and which deadlines it keeps: the whole wiring."""

from services.rapid_care import handlers
from services.rapid_care.domain.response import Due
from shared.contracts.mdt import CarePlanClosed, CarePlanRecorded, LeadActivated, LeadEnded, LeadHandedOver
from shared.contracts.referrals import PersonRecordRecorded, ReferralCancelled, ReferralReturned, ReferralRouted
from shared.messaging.subscriptions import Subscriptions

WIRING = Subscriptions(
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
        Due.OPENING: handlers.on_opening,
        Due.AT_RISK: handlers.on_at_risk,
        Due.BREACH: handlers.on_breach,
        Due.AVOIDANCE: handlers.on_avoidance_confirmation,
    },
    prefetchers={ReferralRouted: handlers.before_referrals_routed, **dict.fromkeys(Due, handlers.before_deadlines)},
)
