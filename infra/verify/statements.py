"""Invariants that PostgreSQL can judge by itself: a statement finds what contradicts, another counts what was looked at.

`{context}` is each schema in turn, `{data}` an event as JSON. What contradicts is told as text in the column `what`: ids and codes,
never personal data.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from infra.contexts import CONTEXTS
from infra.verify.finding import SHOWN, Finding, together

_JUDGE = "SELECT count(*) AS contradictions, coalesce((array_agg(what))[1:{shown}], ARRAY[]::text[]) AS examples FROM ({broken}) AS broken"


@dataclass(frozen=True, slots=True)
class Check:
    """`everything` counts, `broken` selects the column `what`; in each of `contexts`."""

    invariant: str
    sentence: str
    everything: str
    broken: str
    contexts: Sequence[str] = CONTEXTS


#: The event of a row, as JSON; only where its topic is not encrypted.
_DATA = "convert_from(data, 'UTF8')::jsonb"
_RAPID_CARE, _MDT, _NAVIGATION, _REFERRALS = (["rapid_care"], ["mdt"], ["navigation"], ["referrals"])

LOG = (
    Check(
        "I5",
        "an aggregate's events are numbered from 1 without a gap",
        "SELECT count(*) FROM {context}.event",
        """SELECT format('%s on %s', subject, topic) AS what FROM {context}.event
           GROUP BY subject, topic HAVING min(sequence) <> 1 OR max(sequence) <> count(*)""",
    ),
    Check(
        "I5",
        "the log holds an aggregate's events in the order of their numbers",
        "SELECT count(*) FROM {context}.event",
        """SELECT format('%s on %s at %s', subject, topic, sequence) AS what
           FROM (SELECT *, lag(sequence) OVER (PARTITION BY subject, topic ORDER BY seq) AS before FROM {context}.event) AS numbered
           WHERE sequence <= before""",
    ),
    Check(
        "I9",
        "every change of state has its line in the audit",
        "SELECT count(*) FROM {context}.event",
        """SELECT format('%s %s', type, id) AS what FROM {context}.event AS event
           WHERE NOT EXISTS (SELECT FROM {context}.audit WHERE audit.subject = event.subject AND audit.at = event.occurred_at)""",
    ),
)

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
        """SELECT format('%s %s in {context}', type, event_id) AS what FROM {context}.inbox WHERE NOT EXISTS (
             SELECT FROM referrals.event WHERE id = event_id UNION ALL SELECT FROM rapid_care.event WHERE id = event_id
             UNION ALL SELECT FROM mdt.event WHERE id = event_id UNION ALL SELECT FROM navigation.event WHERE id = event_id)""",
    ),
    Check(
        "I6",
        "no event was caused by one that its context had not applied",
        "SELECT count(*) FROM {context}.event WHERE causation_id IS NOT NULL",
        """SELECT format('%s %s', type, id) AS what FROM {context}.event WHERE causation_id IS NOT NULL AND NOT EXISTS (
             SELECT FROM {context}.inbox WHERE event_id = causation_id AND refused_code IS NULL)""",
    ),
)

DEADLINES = (
    Check(
        "I7",
        "no deadline was acted on before it was due",
        "SELECT count(*) FROM {context}.timer WHERE state = 'fired'",
        "SELECT format('%s of %s', kind, subject) AS what FROM {context}.timer WHERE state = 'fired' AND settled_at < due_at",
    ),
    Check(
        "I7",
        "no breach was told before the two hours had passed, and none twice for a referral",
        "SELECT count(*) FROM {context}.event WHERE type = 'rapid-care.response.breached.v1'",
        """SELECT format('response %s', subject) AS what FROM {context}.event
           WHERE type = 'rapid-care.response.breached.v1' AND occurred_at <= ({data} ->> 'due_at')::timestamptz
           UNION ALL SELECT format('referral %s', referral_id) FROM {context}.event JOIN {context}.response ON response.id = subject
           WHERE type = 'rapid-care.response.breached.v1' GROUP BY referral_id HAVING count(*) > 1""",
        _RAPID_CARE,
    ),
    Check(
        "I7",
        "each warning of a two-hour clock was told once for a referral, and not early",
        "SELECT count(*) FROM {context}.event WHERE type = 'rapid-care.response.at-risk.v1'",
        """SELECT format('referral %s at %s minutes', referral_id, {data} ->> 'minutes_elapsed') AS what
           FROM {context}.event JOIN {context}.response ON response.id = subject
           WHERE type = 'rapid-care.response.at-risk.v1' GROUP BY referral_id, {data} ->> 'minutes_elapsed' HAVING count(*) > 1
           UNION ALL SELECT format('response %s', subject)
           FROM {context}.event JOIN {context}.response ON response.id = subject WHERE type = 'rapid-care.response.at-risk.v1'
           AND occurred_at < clock_starts_at + make_interval(mins => ({data} ->> 'minutes_elapsed')::int)""",
        _RAPID_CARE,
    ),
    Check(
        "I7",
        "every two-hour clock that ended was met, breached or released, never two of them",
        "SELECT count(*) FROM {context}.response",
        """SELECT format('response %s', id) AS what FROM {context}.response
           WHERE (contacted_at <= due_at AND breached_at IS NOT NULL)
           OR (contacted_at > due_at AND breached_at IS NULL)
           OR (contacted_at IS NULL AND breached_at IS NULL AND ended_at > due_at)""",
        _RAPID_CARE,
    ),
    Check(
        "I7",
        "no clock passed its deadline without being told",
        "SELECT count(*) FROM {context}.response WHERE contacted_at IS NULL AND ended_at IS NULL",
        """SELECT format('response %s', response.id) AS what FROM {context}.response, {context}.clock_shift
           WHERE contacted_at IS NULL AND ended_at IS NULL AND breached_at IS NULL AND due_at < clock_timestamp() + shift
           AND NOT EXISTS (SELECT FROM {context}.timer WHERE subject = response.id AND kind = 'breach' AND state = 'pending')""",
        _RAPID_CARE,
    ),
)

PEOPLE = (
    Check(
        "I8",
        "every case on an agenda has a meeting that is still to come or not yet told of",
        "SELECT count(*) FROM {context}.case WHERE status = 'listed'",
        """SELECT format('case %s', listed.id) AS what FROM {context}.case AS listed WHERE status = 'listed' AND NOT EXISTS (
             SELECT FROM {context}.timer WHERE subject = listed.meeting_id AND kind = 'roll-over' AND state = 'pending')""",
        _MDT,
    ),
    Check(
        "I8",
        "every case that nobody has screened has a deadline or was escalated",
        "SELECT count(*) FROM {context}.case WHERE status = 'referred'",
        """SELECT format('case %s', referred.id) AS what FROM {context}.case AS referred WHERE status = 'referred' AND NOT EXISTS (
             SELECT FROM {context}.timer WHERE subject = referred.id AND kind = 'screening' AND state IN ('pending', 'fired'))""",
        _MDT,
    ),
    Check(
        "I8",
        "a person has at most one active lead",
        "SELECT count(DISTINCT person_id) FROM {context}.lead",
        """SELECT format('person %s', person_id) AS what FROM {context}.lead GROUP BY person_id
           HAVING count(*) FILTER (WHERE status = 'active') > 1""",
        _MDT,
    ),
    Check(
        "I5",
        "a navigator's feed is numbered from 1 without a gap",
        "SELECT count(*) FROM {context}.feed_entry",
        """SELECT format('feed of %s', navigator_id) AS what FROM {context}.feed LEFT JOIN {context}.feed_entry USING (navigator_id)
           GROUP BY navigator_id, feed.sequence
           HAVING min(feed_entry.sequence) <> 1 OR max(feed_entry.sequence) <> count(*) OR feed.sequence <> count(*)""",
        _NAVIGATION,
    ),
    Check(
        "I1",
        "every referral has its receipt in the log, once",
        "SELECT count(*) FROM {context}.referral",
        """SELECT format('referral %s', referral.id) AS what FROM {context}.referral LEFT JOIN {context}.event
           ON subject = referral.id AND type = 'referrals.referral.received.v1' GROUP BY referral.id HAVING count(event.id) <> 1""",
        _REFERRALS,
    ),
)

COPIES = (
    Check(
        "I6",
        "a copy of what a person told is as new as the newest that was applied",
        "SELECT count(*) FROM {context}.person",
        """SELECT format('person %s in {context}', person_id) AS what FROM {context}.person JOIN referrals.event
           ON subject = person_id AND topic = 'referrals.person-record' JOIN {context}.inbox ON event_id = event.id
           WHERE refused_code IS NULL GROUP BY person_id, person.sequence HAVING max(event.sequence) <> person.sequence""",
        ["rapid_care", "mdt", "navigation"],
    ),
)

CHECKS = (*LOG, *EFFECTS, *DEADLINES, *PEOPLE, *COPIES)


async def judge(owner: "asyncpg.Connection[asyncpg.Record]", check: Check) -> Finding:
    return together([await _judge_in(owner, check, context) for context in check.contexts])


async def _judge_in(owner: "asyncpg.Connection[asyncpg.Record]", check: Check, context: str) -> Finding:
    checked = await owner.fetchval(check.everything.format(context=context))
    broken = check.broken.format(context=context, data=_DATA)
    (row,) = await owner.fetch(_JUDGE.format(shown=SHOWN, broken=broken))
    return Finding(check.invariant, check.sentence, checked, row["contradictions"], row["examples"])
