"""Projections: none is older than the newest event that its context applied (I6)."""

from infra.operations.verify.check import Check

PROJECTIONS = (
    Check(
        "I6",
        "each person projection is as new as the newest applied event",
        "SELECT count(*) FROM {context}.person",
        """SELECT format('person %s in {context}', subject) AS item FROM referrals.event
           JOIN {context}.inbox ON event_id = event.id AND refused_code IS NULL
            LEFT JOIN {context}.person ON person_id = subject WHERE topic = 'referrals.person-record'
            GROUP BY subject, person.sequence HAVING max(event.sequence) IS DISTINCT FROM person.sequence""",
        ["rapid_care", "mdt", "navigation"],
    ),
    Check(
        "I6",
        "each care plan projection is as new as the newest applied event",
        "SELECT count(*) FROM {context}.care_plan",
        """SELECT format('care plan %s in {context}', subject) AS item FROM mdt.event
           JOIN {context}.inbox ON event_id = event.id AND refused_code IS NULL
            LEFT JOIN {context}.care_plan ON care_plan_id = subject WHERE topic = 'mdt.care-plan-record'
            GROUP BY subject, care_plan.sequence HAVING max(event.sequence) IS DISTINCT FROM care_plan.sequence""",
        ["rapid_care"],
    ),
)
