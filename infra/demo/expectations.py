"""The expected outcome of `infra/demo/story.py`: the number and times of its events, and responses of the API.

Events of other types may happen any number of times.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from infra.demo.story_dates import day

EXPECTED: dict[str, int] = {
    # Two risk runs: into level 2, then into level 3 as a high climber.
    "mdt.risk.level-crossed.v1": 2,
    "mdt.risk.high-climber-found.v1": 1,
    # Two referrals, and the onward one of the step-down; the story is given once, with the first, whose triage confirms the practice.
    "referrals.referral.received.v1": 3,
    "referrals.referral.identified.v1": 3,
    "referrals.person-record.recorded.v1": 2,
    "referrals.referral.triaged.v1": 3,
    "referrals.referral.routed.v1": 3,
    "referrals.referral.accepted.v1": 3,
    "referrals.referral.closed.v1": 3,
    "referrals.referral.returned.v1": 0,
    "referrals.referral.acknowledgement-overdue.v1": 0,
    # The meeting, twice: a plan and a lead, then its revision.
    "mdt.case.referred.v1": 1,
    "mdt.case.screened.v1": 1,
    "mdt.case.listed.v1": 2,
    "mdt.case.discussed.v1": 2,
    "mdt.meeting.held.v1": 2,
    "mdt.care-plan.offered.v1": 1,
    "mdt.care-plan.agreed.v1": 1,
    "mdt.care-plan.enacted.v1": 1,
    "mdt.care-plan.review-due.v1": 1,
    "mdt.care-plan.revised.v1": 1,
    "mdt.care-plan-record.recorded.v1": 2,
    "mdt.lead.proposed.v1": 1,
    "mdt.lead.accepted.v1": 1,
    "mdt.lead.activated.v1": 1,
    "mdt.lead.ended.v1": 0,
    # The navigator's tasks: three of the plan, one follow-up check after the crisis, one of the revised plan. Two of the plan and the
    # check are fulfilled. The befriending task of the plan is blocked, escalated to the lead
    # at once and after each five working days, and overdue.
    "navigation.task.created.v1": 5,
    "navigation.task.assigned.v1": 5,
    "navigation.task.fulfilled.v1": 3,
    "navigation.task.overdue.v1": 1,
    "navigation.task.blocked.v1": 1,
    "navigation.task.escalated.v1": 3,
    # The crisis: 102 minutes, warned at 60 and 90, no breach.
    "rapid-care.response.requested.v1": 1,
    "rapid-care.response.accepted.v1": 1,
    "rapid-care.response.declined.v1": 0,
    "rapid-care.response.escalated.v1": 0,
    "rapid-care.response.assigned.v1": 1,
    "rapid-care.response.en-route.v1": 1,
    "rapid-care.response.at-risk.v1": 2,
    "rapid-care.response.contacted.v1": 1,
    "rapid-care.response.breached.v1": 0,
    "rapid-care.response.assessed.v1": 1,
    "rapid-care.response.package-agreed.v1": 1,
    "rapid-care.response.stepped-down.v1": 1,
    "rapid-care.response.closed.v1": 1,
    "rapid-care.response.avoidance-confirmed.v1": 1,
}

#: London times, to the minute.
TIMES: dict[str, Sequence[datetime]] = {
    "rapid-care.response.requested.v1": [day(14, "19:30")],
    "rapid-care.response.at-risk.v1": [day(14, "20:30"), day(14, "21:00")],
    "rapid-care.response.contacted.v1": [day(14, "21:12")],
}

#: From the end of the response until the avoided admission is confirmed.
CONFIRMED_AFTER = timedelta(days=14)

#: Responses of the API, by the names under which the story records them.
RESPONSES: dict[str, object] = {
    "contact thirty days before": "gp-W07",
    "contact after the meeting": "clch-community-nurse-1",
    "contact at the end": "clch-community-nurse-1",
    "story_known": True,
    "clock": "met",
    "minutes": 102,
    "benefit_pounds": 2004,
    "is_confirmed": True,
    "plan_version": 2,
    "outcome for his GP": "care-plan-agreed",
}
