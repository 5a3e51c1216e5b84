"""The event logs, and the rows that belong to each of their events (I1, I5, I9). Pruned events are not missed."""

from infra.operations.verify.check import Check

_REFERRALS, _NAVIGATION = ["referrals"], ["navigation"]

LOG = (
    Check(
        "I1",
        "every referral has exactly one receipt in the event log",
        "SELECT count(*) FROM {context}.referral",
        """SELECT format('referral %s', referral.id) AS item FROM {context}.referral LEFT JOIN {context}.event
           ON subject = referral.id AND type = 'referrals.referral.received.v1' GROUP BY referral.id
           HAVING count(event.id) > 1 OR (count(event.id) = 0 AND uuid_extract_timestamp(referral.id) >= {pruned})""",
        _REFERRALS,
    ),
    Check(
        "I5",
        "each aggregate's events are numbered from 1 without a gap",
        "SELECT count(*) FROM {context}.event",
        """SELECT format('%s on %s', subject, topic) AS item FROM {context}.event
           GROUP BY subject, topic
           HAVING max(sequence) - min(sequence) + 1 <> count(*)
           OR (min(sequence) <> 1 AND ({pruned} = '-infinity' OR max(partition_day) = 'infinity'))""",
    ),
    Check(
        "I5",
        "the event log has each aggregate's events in the order of their numbers",
        "SELECT count(*) FROM {context}.event",
        """SELECT format('%s on %s at %s', subject, topic, sequence) AS item
           FROM (SELECT *, lag(sequence) OVER (PARTITION BY subject, topic ORDER BY seq) AS before FROM {context}.event) AS numbered
           WHERE sequence <= before""",
    ),
    Check(
        "I5",
        "each navigator's feed is numbered from 1 without a gap",
        "SELECT count(*) FROM {context}.feed_entry",
        """SELECT format('feed of %s', navigator_id) AS item FROM {context}.feed LEFT JOIN {context}.feed_entry USING (navigator_id)
           GROUP BY navigator_id, feed.sequence
           HAVING min(feed_entry.sequence) <> 1 OR max(feed_entry.sequence) <> count(*) OR feed.sequence <> count(*)""",
        _NAVIGATION,
    ),
    Check(
        "I9",
        "every event has an audit entry by the same actor",
        "SELECT count(*) FROM {context}.event",
        """SELECT format('%s %s', type, id) AS item FROM {context}.event AS event
           WHERE topic NOT LIKE '%.audit' AND NOT EXISTS (SELECT FROM {context}.audit
               WHERE audit.subject = event.subject AND audit.at = event.occurred_at
               AND audit.actor_org = event.actor_org AND audit.actor_role = event.actor_role)""",
    ),
)
