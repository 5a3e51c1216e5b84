"""Subscriptions of Rapid Care: the handler of each event and of each deadline."""

from collections.abc import Mapping

from services.rapid_care.domain.response import ResponseDeadline
from services.rapid_care.handlers import deadlines, projections, referral
from shared.contracts.mdt import CarePlanClosed, CarePlanRecorded, LeadActivated, LeadEnded, LeadHandedOver
from shared.contracts.referrals import PersonRecordRecorded, ReferralCancelled, ReferralReturned, ReferralRouted
from shared.kernel.totality import total
from shared.messaging.subscriptions import DeadlineHandler, Subscriptions

_ON_DEADLINE: Mapping[ResponseDeadline, DeadlineHandler] = total(
    ResponseDeadline,
    {
        ResponseDeadline.OPENING: deadlines.on_opening,
        ResponseDeadline.AT_RISK: deadlines.on_at_risk,
        ResponseDeadline.BREACH: deadlines.on_breach,
        ResponseDeadline.AVOIDANCE: deadlines.on_avoidance_confirmation,
    },
)

SUBSCRIPTIONS = Subscriptions(
    context="rapid_care",
    on_event={
        ReferralRouted: (referral.on_referral_routed,),
        ReferralReturned: (referral.on_referral_returned,),
        ReferralCancelled: (referral.on_referral_cancelled,),
        PersonRecordRecorded: (projections.project_person,),
        CarePlanRecorded: (projections.project_plan,),
        CarePlanClosed: (projections.drop_plan,),
        LeadActivated: (projections.project_lead,),
        LeadHandedOver: (projections.drop_lead,),
        LeadEnded: (projections.drop_lead,),
    },
    on_deadline=dict(_ON_DEADLINE.items()),
    prefetchers={
        ReferralRouted: referral.prefetch_latest_responses,
        **dict.fromkeys(ResponseDeadline, deadlines.prefetch_responses),
    },
)
