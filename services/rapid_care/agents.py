"""What Rapid Care listens to and which deadlines it keeps: the whole wiring."""

from services.rapid_care import handlers
from services.rapid_care.domain import Due
from shared.contracts.referrals import PersonRecordRecorded, ReferralRouted
from shared.messaging.handling import Wiring

WIRING = Wiring(
    context="rapid_care",
    on_event={
        ReferralRouted: (handlers.on_referral_routed,),
        PersonRecordRecorded: (handlers.on_person_record_recorded,),
    },
    on_timer={
        Due.OPENING: handlers.on_opening,
        Due.AT_RISK: handlers.on_at_risk,
        Due.BREACH: handlers.on_breach,
    },
)
