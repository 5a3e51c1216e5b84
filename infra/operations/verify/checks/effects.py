"""What events did where they were applied (I6). That each was applied at all needs Kafka's word too: see deliveries."""

from infra.operations.verify.check import Check

EFFECTS = (
    Check(
        "I6",
        "what an event caused in a context was done in one transaction, once",
        "SELECT count(DISTINCT causation_id) FROM {context}.event",
        """SELECT format('caused by %s in {context}', causation_id) AS what FROM {context}.event WHERE causation_id IS NOT NULL
           GROUP BY causation_id HAVING count(DISTINCT xmin::text) > 1""",
    ),
    Check(
        "I6",
        "nothing was applied that was never committed",
        "SELECT count(*) FROM {context}.inbox",
        """SELECT format('%s %s in {context}', type, event_id) AS what FROM {context}.inbox
           WHERE coalesce(uuid_extract_timestamp(event_id) >= {pruned_anywhere}, true)
           AND NOT EXISTS (SELECT FROM referrals.event WHERE id = event_id)
           AND NOT EXISTS (SELECT FROM rapid_care.event WHERE id = event_id)
           AND NOT EXISTS (SELECT FROM mdt.event WHERE id = event_id)
           AND NOT EXISTS (SELECT FROM navigation.event WHERE id = event_id)""",
    ),
    Check(
        "I6",
        "no event was caused by one that its context had not applied",
        "SELECT count(*) FROM {context}.event WHERE causation_id IS NOT NULL AND recorded_at > {applied}",
        """SELECT format('%s %s', type, id) AS what FROM {context}.event
           WHERE causation_id IS NOT NULL AND recorded_at > {applied} AND NOT EXISTS (
             SELECT FROM {context}.inbox WHERE event_id = causation_id AND refused_code IS NULL)""",
    ),
)
