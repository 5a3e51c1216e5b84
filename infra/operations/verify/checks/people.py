"""Open items have an owner and a live deadline; ended items record the reason (I8).

A parked deadline is live; I10 counts it as parked.
"""

from infra.operations.verify.check import Check

_RAPID_CARE, _MDT, _NAVIGATION, _REFERRALS = (["rapid_care"], ["mdt"], ["navigation"], ["referrals"])

PEOPLE = (
    Check(
        "I8",
        "every open referral has a due time, and an accepted one a service",
        "SELECT count(*) FROM {context}.referral WHERE status NOT IN ('merged', 'closed', 'cancelled')",
        """SELECT format('referral %s is %s', id, status) AS item FROM {context}.referral
            WHERE status NOT IN ('merged', 'closed', 'cancelled') AND (due_at IS NULL OR ended_at IS NOT NULL
              OR (status = 'accepted' AND service_code IS NULL))""",
        _REFERRALS,
    ),
    Check(
        "I8",
        "every unanswered call and discrepancy of an open referral has a deadline",
        """SELECT count(*) FROM {context}.referral WHERE ended_at IS NULL
           AND (discrepancies_due_at IS NOT NULL OR answer_by IS NOT NULL)""",
        """SELECT format('%s of referral %s', owed.kind, id) AS item FROM {context}.referral
           CROSS JOIN LATERAL (VALUES ('discrepancy', discrepancies_due_at), ('call', answer_by)) AS owed (kind, due_at)
           WHERE ended_at IS NULL AND owed.due_at IS NOT NULL AND NOT EXISTS (
             SELECT FROM {context}.deadline WHERE subject = referral.id AND deadline.kind = owed.kind AND {live})""",
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
              OR (status IN ('assigned', 'en-route') AND clinician_id IS NULL)
              OR NOT EXISTS (SELECT FROM referrals.referral WHERE referral.id = referral_id))""",
        _RAPID_CARE,
    ),
    Check(
        "I8",
        "every discussed case has a lead",
        "SELECT count(*) FROM {context}.case WHERE status IN ('active-management', 'stepped-down')",
        """SELECT format('case %s is %s', led.id, led.status) AS item FROM {context}.case AS led
            WHERE status IN ('active-management', 'stepped-down') AND NOT EXISTS (
              SELECT FROM {context}.lead WHERE lead.person_id = led.person_id AND lead.status IN ('active', 'proposed'))""",
        _MDT,
    ),
    Check(
        "I8",
        "each person has at most one active lead",
        "SELECT count(DISTINCT person_id) FROM {context}.lead",
        """SELECT format('person %s', person_id) AS item FROM {context}.lead GROUP BY person_id
            HAVING count(*) FILTER (WHERE status = 'active') > 1""",
        _MDT,
    ),
    Check(
        "I8",
        "every notification that waits for an answer has a deadline by which the chair is notified",
        "SELECT count(DISTINCT thread_id) FROM {context}.notification",
        """SELECT format('thread %s', thread_id) AS item FROM {context}.notification WHERE thread_id IS NOT NULL
           GROUP BY thread_id HAVING bool_and(acknowledged_at IS NULL AND settled_at IS NULL) AND NOT EXISTS (
             SELECT FROM {context}.deadline WHERE subject = thread_id AND kind = 'notification-acknowledgement' AND {live})""",
        _MDT,
    ),
    Check(
        "I8",
        "every task that a navigator has names the navigator",
        "SELECT count(*) FROM {context}.task WHERE ended_at IS NULL",
        """SELECT format('task %s is %s', id, status) AS item FROM {context}.task
           WHERE ended_at IS NULL AND status <> 'unassigned' AND navigator_id IS NULL""",
        _NAVIGATION,
    ),
)
