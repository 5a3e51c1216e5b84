"""The owner of each state of a referral: the desk whose work list shows it, and its pending deadlines."""

from services.referrals.domain.access import RECEIVE, TRIAGE
from services.referrals.domain.referral import ReferralDeadline, Status
from shared.kernel.ownership import Desk, Owners, owned
from shared.kernel.totality import total

_POINT_OF_ACCESS = Desk("Community Point of Access", "work_list", TRIAGE)
#: The part of the list for what a receiver has not answered and what was signposted.
_WATCH = Desk("Community Point of Access", "work_list", TRIAGE, query="section=awaiting-others")
#: A service of this product has its part of the referral in its own work list, too.
_RECEIVER = Desk("service that accepted the referral", "incoming_referrals", RECEIVE, query="route={route}")

#: A question leaves the deadline of the state in which it was asked. `call` and `discrepancy` run beside these.
REFERRAL_OWNERS: Owners = total(
    Status,
    {
        Status.IDENTIFIED: owned(_POINT_OF_ACCESS, ReferralDeadline.TRIAGE),
        Status.UNVERIFIED: owned(_POINT_OF_ACCESS, ReferralDeadline.TRIAGE),
        Status.RETURNED: owned(_POINT_OF_ACCESS, ReferralDeadline.TRIAGE),
        Status.TRIAGED_URGENT: owned(_POINT_OF_ACCESS, ReferralDeadline.TRIAGE),
        Status.TRIAGED_ROUTINE: owned(_POINT_OF_ACCESS, ReferralDeadline.TRIAGE),
        Status.TRIAGED_ADVICE: owned(_POINT_OF_ACCESS, ReferralDeadline.TRIAGE),
        Status.INFORMATION_REQUESTED: owned(_POINT_OF_ACCESS, ReferralDeadline.TRIAGE, ReferralDeadline.ACKNOWLEDGEMENT),
        Status.ROUTED: owned(_WATCH, ReferralDeadline.ACKNOWLEDGEMENT),
        Status.SIGNPOSTED: owned(_WATCH, ReferralDeadline.OUTCOME),
        Status.ACCEPTED: owned(_RECEIVER, ReferralDeadline.OUTCOME),
        Status.MERGED: None,
        Status.CLOSED: None,
        Status.CANCELLED: None,
    },
)
