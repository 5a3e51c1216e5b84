"""The owner of each state of a referral: the desk whose work list shows it, and its pending deadlines."""

from services.referrals.domain.access import RECEIVE, TRIAGE
from services.referrals.domain.referral import ReferralDeadline, Status
from shared.kernel.ownership import Desk, Owners, owned
from shared.kernel.totality import total

_POINT_OF_ACCESS = Desk("Community Point of Access", "work_list", TRIAGE)
_RECEIVER = Desk("service that accepted the referral", "incoming_referrals", RECEIVE)

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
        Status.ROUTED: owned(_POINT_OF_ACCESS, ReferralDeadline.ACKNOWLEDGEMENT),
        Status.SIGNPOSTED: owned(_POINT_OF_ACCESS, ReferralDeadline.OUTCOME),
        Status.ACCEPTED: owned(_RECEIVER, ReferralDeadline.OUTCOME),
        Status.MERGED: None,
        Status.CLOSED: None,
        Status.CANCELLED: None,
    },
)
