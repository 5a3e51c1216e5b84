"""Open items have an owner and a live deadline; ended items record the reason (I8).

A parked deadline is live; I10 counts it as parked.
"""

from infra.operations.verify.check import Check

_RAPID_CARE, _MDT, _NAVIGATION, _REFERRALS = (["rapid_care"], ["mdt"], ["navigation"], ["referrals"])

PEOPLE = (
    Check(
        "I8",
        "every open referral has an owner and a deadline by which the owner must act",
        "SELECT count(*) FROM {context}.referral WHERE status NOT IN ('merged', 'closed', 'cancelled')",
        """SELECT format('referral %s is %s', id, status) AS item FROM {context}.referral
            WHERE status NOT IN ('merged', 'closed', 'cancelled') AND (due_at IS NULL OR ended_at IS NOT NULL
              OR (status = 'accepted' AND service_code IS NULL)
              OR NOT EXISTS (SELECT FROM {context}.deadline WHERE subject = referral.id AND {live}
                AND kind = CASE coalesce(asked_in, status) WHEN 'routed' THEN 'acknowledgement'
                  WHEN 'accepted' THEN 'outcome' WHEN 'signposted' THEN 'outcome' ELSE 'triage' END))""",
        _REFERRALS,
    ),
    Check(
        "I8",
        "every ended referral has an outcome, a reason for cancellation, or the referral that it was merged into",
        "SELECT count(*) FROM {context}.referral WHERE status IN ('merged', 'closed', 'cancelled')",
        """SELECT format('referral %s is %s', id, status) AS item FROM {context}.referral AS ended
           WHERE (status IN ('merged', 'closed', 'cancelled') AND ended_at IS NULL) OR (status = 'closed' AND outcome IS NULL)
           OR (status = 'cancelled' AND cancel_reason IS NULL)
           OR (status = 'merged' AND NOT EXISTS (SELECT FROM {context}.referral WHERE referral.id = ended.merged_into))""",
        _REFERRALS,
    ),
    Check(
        "I8",
        "every response without a first contact has its clock, and every dispatched one names its clinician",
        "SELECT count(*) FROM {context}.response WHERE ended_at IS NULL",
        """SELECT format('response %s is %s', id, status) AS item FROM {context}.response WHERE ended_at IS NULL AND (
              (contacted_at IS NULL AND breached_at IS NULL AND NOT EXISTS (
                SELECT FROM {context}.deadline WHERE subject = response.id AND kind = 'breach' AND {live}))
              OR (status = 'held-until-opening' AND NOT EXISTS (
                SELECT FROM {context}.deadline WHERE subject = response.id AND kind = 'opening' AND {live}))
              OR (status NOT IN ('held-until-opening', 'requested', 'accepted') AND clinician_id IS NULL)
              OR NOT EXISTS (SELECT FROM referrals.referral WHERE referral.id = referral_id))""",
        _RAPID_CARE,
    ),
    Check(
        "I8",
        "every listed case has a meeting with a roll-over deadline",
        "SELECT count(*) FROM {context}.case WHERE status = 'listed'",
        """SELECT format('case %s', listed.id) AS item FROM {context}.case AS listed WHERE status = 'listed' AND NOT EXISTS (
              SELECT FROM {context}.deadline WHERE subject = listed.meeting_id AND kind = 'roll-over' AND {live})""",
        _MDT,
    ),
    Check(
        "I8",
        "every case without screening has a screening deadline or was escalated",
        "SELECT count(*) FROM {context}.case WHERE status = 'referred' AND referred_at > {fired}",
        """SELECT format('case %s', referred.id) AS item FROM {context}.case AS referred
           WHERE status = 'referred' AND referred_at > {fired} AND NOT EXISTS (SELECT FROM {context}.deadline
             WHERE subject = referred.id AND kind = 'screening' AND state IN ('pending', 'fired', 'parked'))""",
        _MDT,
    ),
    Check(
        "I8",
        "every discussed case has a lead, and a care plan with a review deadline",
        "SELECT count(*) FROM {context}.case WHERE status IN ('active-management', 'stepped-down')",
        """SELECT format('case %s is %s', led.id, led.status) AS item FROM {context}.case AS led
            WHERE status IN ('active-management', 'stepped-down') AND (
              NOT EXISTS (SELECT FROM {context}.deadline WHERE subject = led.care_plan_id AND kind = 'review' AND {live})
              OR NOT EXISTS (
                SELECT FROM {context}.lead WHERE lead.person_id = led.person_id AND lead.status IN ('active', 'proposed')))""",
        _MDT,
    ),
    Check(
        "I8",
        "each person has at most one active lead, and each proposed lead has an answer deadline",
        "SELECT count(DISTINCT person_id) FROM {context}.lead",
        """SELECT format('person %s', person_id) AS item FROM {context}.lead GROUP BY person_id
            HAVING count(*) FILTER (WHERE status = 'active') > 1
            UNION ALL SELECT format('lead %s', id) FROM {context}.lead WHERE status = 'proposed' AND answer_by IS NOT NULL
            AND NOT EXISTS (SELECT FROM {context}.deadline WHERE subject = lead.id AND kind = 'answer' AND {live})""",
        _MDT,
    ),
    Check(
        "I8",
        "every open task has an overdue deadline, and a navigator or a deadline to find one",
        "SELECT count(*) FROM {context}.task WHERE ended_at IS NULL",
        """SELECT format('task %s is %s', id, status) AS item FROM {context}.task WHERE ended_at IS NULL AND (
              (status <> 'unassigned' AND navigator_id IS NULL)
              OR NOT EXISTS (
                SELECT FROM {context}.deadline WHERE subject = task.id AND kind IN ('overdue', 'long-overdue') AND {live})
              OR (status IN ('unassigned', 'assigned') AND escalated_at IS NULL AND NOT EXISTS (
                SELECT FROM {context}.deadline WHERE subject = task.id AND kind = 'acknowledgement' AND {live})))""",
        _NAVIGATION,
    ),
)
