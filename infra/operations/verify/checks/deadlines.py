"""Deadlines fire once and not early; every two-hour clock ends in one way (I7)."""

from infra.operations.verify.check import Check

_RAPID_CARE = ["rapid_care"]

DEADLINES = (
    Check(
        "I7",
        "no deadline fired before it was due",
        "SELECT count(*) FROM {context}.deadline WHERE state = 'fired'",
        "SELECT format('%s of %s', kind, subject) AS item FROM {context}.deadline WHERE state = 'fired' AND resolved_at < due_at",
    ),
    Check(
        "I7",
        "no deadline fired twice, or without being marked as fired",
        "SELECT count(*) FROM {context}.audit WHERE action LIKE 'deadline %' AND at > {fired}",
        """SELECT DISTINCT format('%s of %s', deadline.kind, audit.subject) AS item FROM {context}.audit JOIN {context}.deadline
           ON deadline.subject = audit.subject AND 'deadline ' || deadline.kind = audit.action AND deadline.due_at <= audit.at
           WHERE audit.at > {fired} AND NOT EXISTS (
             SELECT FROM {context}.deadline AS fired WHERE fired.subject = deadline.subject AND fired.kind = deadline.kind
             AND fired.state = 'fired' AND fired.resolved_at = audit.at)""",
    ),
    Check(
        "I7",
        "no breach was published before the two hours had passed, or twice for a referral",
        "SELECT count(*) FROM {context}.event WHERE type = 'rapid-care.response.breached.v1'",
        """SELECT format('response %s', subject) AS item FROM {context}.event
           WHERE type = 'rapid-care.response.breached.v1' AND occurred_at <= ({data} ->> 'due_at')::timestamptz
           UNION ALL SELECT format('referral %s', referral_id) FROM {context}.event JOIN {context}.response ON response.id = subject
           WHERE type = 'rapid-care.response.breached.v1' GROUP BY referral_id HAVING count(*) > 1""",
        _RAPID_CARE,
    ),
    Check(
        "I7",
        "no warning of a two-hour clock was published early, or twice for a referral",
        "SELECT count(*) FROM {context}.event WHERE type = 'rapid-care.response.at-risk.v1'",
        """SELECT format('referral %s at %s minutes', referral_id, {data} ->> 'minutes_elapsed') AS item
           FROM {context}.event JOIN {context}.response ON response.id = subject
           WHERE type = 'rapid-care.response.at-risk.v1' GROUP BY referral_id, {data} ->> 'minutes_elapsed' HAVING count(*) > 1
           UNION ALL SELECT format('response %s', subject)
           FROM {context}.event JOIN {context}.response ON response.id = subject WHERE type = 'rapid-care.response.at-risk.v1'
           AND occurred_at < clock_starts_at + make_interval(mins => ({data} ->> 'minutes_elapsed')::int)""",
        _RAPID_CARE,
    ),
    Check(
        "I7",
        "every ended two-hour clock was met, breached or released, and only one of these",
        "SELECT count(*) FROM {context}.response",
        """SELECT format('response %s', id) AS item FROM {context}.response
           WHERE (contacted_at <= due_at AND breached_at IS NOT NULL)
           OR (contacted_at > due_at AND breached_at IS NULL)
           OR (contacted_at IS NULL AND breached_at IS NULL AND ended_at > due_at)""",
        _RAPID_CARE,
    ),
    Check(
        "I7",
        "every two-hour clock past its deadline is breached or has a breach deadline",
        "SELECT count(*) FROM {context}.response WHERE contacted_at IS NULL AND ended_at IS NULL",
        """SELECT format('response %s', response.id) AS item FROM {context}.response
           WHERE contacted_at IS NULL AND ended_at IS NULL AND breached_at IS NULL AND due_at < {now}
           AND NOT EXISTS (SELECT FROM {context}.deadline WHERE subject = response.id AND kind = 'breach' AND {live})""",
        _RAPID_CARE,
    ),
)
