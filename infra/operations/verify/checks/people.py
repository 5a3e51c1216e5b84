"""Open items have an owner and a live deadline; ended items record the reason (I8).

A parked deadline is live; I10 counts it as parked.
"""

from infra.operations.verify.check import Check

_RAPID_CARE, _MDT, _NAVIGATION, _REFERRALS = (["rapid_care"], ["mdt"], ["navigation"], ["referrals"])


def _of_survivor(table: str) -> str:
    """The rows of a table about persons, with the record that survives of the person after merges."""
    return f"""(SELECT about.*, coalesce(survivor_id, about.person_id) AS survivor FROM {{context}}.{table} AS about
            LEFT JOIN {{context}}.merged_person AS merged ON merged.person_id = about.person_id AND separated_at IS NULL)"""  # noqa: S608 (names of this module)


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
        "every person without a verified NHS number is traced, or merged into another record",
        "SELECT count(*) FROM {context}.person WHERE nhs_number IS NULL AND erased_at IS NULL",
        """SELECT format('person %s', person.id) AS item FROM {context}.person
           WHERE nhs_number IS NULL AND erased_at IS NULL AND NOT EXISTS (
             SELECT FROM {context}.identity WHERE identity.person_id = person.id AND identity.status IN ('unverified', 'merged'))""",
        _REFERRALS,
    ),
    Check(
        "I8",
        "every step-down that referrals applied is an onward referral, or a navigator's task",
        "SELECT count(*) FROM {context}.referral WHERE onward_of IS NOT NULL",
        """SELECT format('%s %s', stepped_down.type, stepped_down.id) AS item
           FROM (SELECT * FROM rapid_care.event UNION ALL SELECT * FROM mdt.event) AS stepped_down
           JOIN {context}.inbox ON event_id = stepped_down.id AND refused_code IS NULL
           WHERE stepped_down.type IN ('rapid-care.response.stepped-down.v1', 'mdt.case.stepped-down.v1')
           AND {data} ->> 'destination' <> 'navigation'
           AND NOT EXISTS (SELECT FROM {context}.referral WHERE onward_of ->> 'subject_id' = stepped_down.subject::text)""",
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
        "every open response answers a referral, and a dispatched one names its clinician",
        "SELECT count(*) FROM {context}.response WHERE ended_at IS NULL",
        """SELECT format('response %s is %s', id, status) AS item FROM {context}.response WHERE ended_at IS NULL AND (
              (status IN ('assigned', 'en-route') AND clinician_id IS NULL)
              OR NOT EXISTS (SELECT FROM referrals.referral WHERE referral.id = referral_id))""",
        _RAPID_CARE,
    ),
    Check(
        "I8",
        "no open response is with a clinician who is off duty",
        "SELECT count(*) FROM {context}.response WHERE ended_at IS NULL AND clinician_id IS NOT NULL",
        """SELECT format('response %s is with %s', response.id, clinician_id) AS item FROM {context}.response
           JOIN {context}.clinician ON clinician.id = clinician_id WHERE ended_at IS NULL AND NOT is_on_duty""",
        _RAPID_CARE,
    ),
    Check(
        "I8",
        "no open task is with a navigator who is away",
        "SELECT count(*) FROM {context}.task WHERE ended_at IS NULL AND navigator_id IS NOT NULL",
        """SELECT format('task %s is with %s', task.id, navigator_id) AS item FROM {context}.task
           JOIN {context}.navigator ON navigator.code = navigator_id WHERE ended_at IS NULL AND presence = 'away'""",
        _NAVIGATION,
    ),
    Check(
        "I8",
        "every discussed case has a lead",
        "SELECT count(*) FROM {context}.case WHERE status IN ('active-management', 'stepped-down')",
        f"""SELECT format('case %s is %s', led.id, led.status) AS item FROM {_of_survivor("case")} AS led
            WHERE status IN ('active-management', 'stepped-down')
            AND NOT EXISTS (SELECT FROM {_of_survivor("lead")} AS held
              WHERE held.survivor = led.survivor AND held.status IN ('active', 'proposed'))
            AND NOT EXISTS (SELECT FROM {_of_survivor("person_change")} AS gone
              WHERE gone.survivor = led.survivor AND lifted_at IS NULL AND gone.person_id <> led.person_id)""",  # noqa: S608 (names of this module)
        _MDT,
    ),
    Check(
        "I8",
        "each person has at most one active lead",
        "SELECT count(DISTINCT person_id) FROM {context}.lead",
        f"""SELECT format('person %s', survivor) AS item FROM {_of_survivor("lead")} AS held WHERE status = 'active'
            GROUP BY survivor HAVING count(*) > 1""",  # noqa: S608 (names of this module)
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
        "every home check that fell due is a task",
        "SELECT count(*) FROM {context}.home_check WHERE status = 'due'",
        """SELECT format('home check %s', id) AS item FROM {context}.home_check WHERE status = 'due'
           AND NOT EXISTS (SELECT FROM {context}.task WHERE task.source_id = home_check.id)""",
        _NAVIGATION,
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
