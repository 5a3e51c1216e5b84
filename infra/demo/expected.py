"""How often each event happens in the story (domain.md §3.4). What is not named here may happen as often as it likes."""

EXPECTED: dict[str, int] = {
    # Two risk runs: into level 2, then into level 3 as a high climber.
    "mdt.risk.level-crossed.v1": 2,
    "mdt.risk.high-climber-found.v1": 1,
    # Two referrals; the story was told with the first, once.
    "referrals.referral.received.v1": 2,
    "referrals.referral.identified.v1": 2,
    "referrals.person-record.recorded.v1": 1,
    "referrals.referral.triaged.v1": 2,
    "referrals.referral.routed.v1": 2,
    "referrals.referral.accepted.v1": 2,
    "referrals.referral.closed.v1": 2,
    "referrals.referral.returned.v1": 0,
    "referrals.referral.acknowledgement-overdue.v1": 0,
    # The meeting, twice: a plan and a lead, then its revision.
    "mdt.case.referred.v1": 1,
    "mdt.case.screened.v1": 1,
    "mdt.case.listed.v1": 2,
    "mdt.case.discussed.v1": 2,
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
    # The navigator's tasks: two done, one blocked and put before the lead.
    "navigation.task.blocked.v1": 1,
    "navigation.task.escalated.v1": 1,
    # The crisis: 102 minutes, warned at 60 and 90, no breach.
    "rapid-care.response.requested.v1": 1,
    "rapid-care.response.accepted.v1": 1,
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
