"""The effects of events in the contexts that applied them (I6). `comparison` checks that each event was applied."""

from infra.operations.verify.check import Check

EFFECTS = (
    Check(
        "I6",
        "each event took effect in a context once, in one transaction",
        "SELECT count(DISTINCT causation_id) FROM {context}.event",
        """SELECT format('caused by %s in {context}', causation_id) AS item FROM {context}.event WHERE causation_id IS NOT NULL
           GROUP BY causation_id HAVING count(DISTINCT xmin::text) > 1""",
    ),
    Check(
        "I6",
        "every applied event was committed by its producer",
        "SELECT count(*) FROM {context}.inbox",
        """SELECT format('%s %s in {context}', type, event_id) AS item FROM {context}.inbox
           WHERE coalesce(uuid_extract_timestamp(event_id) >= {pruned_anywhere}, true)
           AND NOT EXISTS (SELECT FROM referrals.event WHERE id = event_id)
           AND NOT EXISTS (SELECT FROM rapid_care.event WHERE id = event_id)
           AND NOT EXISTS (SELECT FROM mdt.event WHERE id = event_id)
           AND NOT EXISTS (SELECT FROM navigation.event WHERE id = event_id)""",
    ),
    Check(
        "I6",
        "every event with a causation id names an event that its context applied",
        "SELECT count(*) FROM {context}.event WHERE causation_id IS NOT NULL AND recorded_at > {applied}",
        """SELECT format('%s %s', type, id) AS item FROM {context}.event
           WHERE causation_id IS NOT NULL AND recorded_at > {applied} AND NOT EXISTS (
             SELECT FROM {context}.inbox WHERE event_id = causation_id AND refused_code IS NULL)""",
    ),
)
