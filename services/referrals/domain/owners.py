"""The owner of a referral in each state, as data: its work list and the deadline of which one is always pending (G03, G42)."""

from services.referrals.domain.access import RECEIVE, TRIAGE
from services.referrals.domain.referral import ReferralDeadline, Status
from shared.kernel.ownership import Desk, Owners, owned
from shared.kernel.totality import total

_POINT_OF_ACCESS = Desk("Community Point of Access", "work_list", TRIAGE)
_RECEIVER = Desk("receiver", "incoming_referrals", RECEIVE)

#: A routed referral stays with the Community Point of Access until its receiver accepts it. With an open question the referral has
#: the deadline of the state in which the question was asked.
REFERRAL_OWNERS: Owners = total(
    Status,
    {
        **dict.fromkeys(
            (
                Status.IDENTIFIED,
                Status.UNVERIFIED,
                Status.RETURNED,
                Status.TRIAGED_URGENT,
                Status.TRIAGED_ROUTINE,
                Status.TRIAGED_ADVICE,
            ),
            owned(_POINT_OF_ACCESS, ReferralDeadline.TRIAGE),
        ),
        Status.ROUTED: owned(_POINT_OF_ACCESS, ReferralDeadline.ACKNOWLEDGEMENT),
        Status.INFORMATION_REQUESTED: owned(_POINT_OF_ACCESS, ReferralDeadline.TRIAGE, ReferralDeadline.ACKNOWLEDGEMENT),
        Status.SIGNPOSTED: owned(_POINT_OF_ACCESS, ReferralDeadline.OUTCOME),
        Status.ACCEPTED: owned(_RECEIVER, ReferralDeadline.OUTCOME),
        Status.MERGED: None,
        Status.CLOSED: None,
        Status.CANCELLED: None,
    },
)
