"""The event logs, and the rows that belong to each of their events (I1, I5, I9). Pruned events are not missed."""

from infra.operations.verify.check import Check
from shared.access import Basis, BreakGlassReason

_REFERRALS, _NAVIGATION = ["referrals"], ["navigation"]
#: An entry of an act of break-glass has its reason as the basis. Who reads a safeguarding concern relies on a basis of the same name.
_REASONS = ", ".join(f"'{reason}'" for reason in BreakGlassReason)
_IS_ACT = f"basis IN ({_REASONS}) AND (basis <> '{Basis.SAFEGUARDING}' OR action = 'BreakGlass')"

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
    Check(
        "I9",
        "every act of break-glass, and its review, is as the audit has it",
        "SELECT count(*) FROM {context}.break_glass",
        """SELECT format('break-glass %s', act.id) AS item FROM {context}.break_glass AS act
           WHERE (SELECT count(DISTINCT subject) FROM {context}.audit
               WHERE subject IN (act.id, act.person_id) AND at = act.begun_at AND basis = act.reason
               AND (issuer, actor_org, actor_id, actor_role) = (act.issuer, act.organisation, act.actor_id, act.role)) < 2
           OR (act.outcome IS NOT NULL AND NOT EXISTS (SELECT FROM {context}.audit
               WHERE subject = act.id AND at = act.reviewed_at AND basis = act.outcome))""",
    ),
    Check(
        "I9",
        "every act of break-glass in the audit is kept for its review",
        f"SELECT count(*) FROM {{context}}.audit WHERE {_IS_ACT}",  # noqa: S608  the text above
        f"""SELECT format('break-glass by %s of %s', actor_id, actor_org) AS item FROM {{context}}.audit WHERE {_IS_ACT}
           AND NOT EXISTS (SELECT FROM {{context}}.break_glass WHERE subject IN (break_glass.id, person_id) AND at = begun_at)""",  # noqa: S608  the text above
    ),
)
