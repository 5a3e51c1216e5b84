"""The services agree about a person who died or moved away: none that knows it continues their care (I8).

Care in spite of the recorded change is none of that care: it began after the change, or its referral was open after it and is marked.
"""

from infra.contexts import CONTEXTS
from infra.operations.verify.check import Check
from infra.operations.verify.checks.owners import Aggregate, waiting_aggregates

#: Aggregates that are not about one person, are the statement itself, or go on after it: a death ends no safeguarding concern.
_WITHOUT_PERSON = {"life", "identity", "proposal", "safeguarding_concern", "meeting", "navigator"}
#: Persons whose death or move stands, with the time at which it was recorded: null when that event was pruned.
_GONE = """
SELECT life.person_id, status, event.id AS event_id, occurred_at AS since FROM referrals.life
LEFT JOIN referrals.event ON event.subject = life.id AND event.sequence = life.version WHERE status IN ('deceased', 'moved')"""
_CONTINUED = """
SELECT format('{name} %s is %s, the person is %s', item.id, item.{column}, gone.status) AS item
FROM {relation} AS item JOIN ({gone}) AS gone ON gone.person_id = item.person_id
WHERE item.{column} IN ({open_states}) AND {unless}"""
#: `referrals` decides about the change, and marks each referral that is open in spite of it.
_UNMARKED = "item.person_is_recorded_as IS NULL"
#: A context knows the change when it has applied the event. `{chain}` is the referral, or the other aggregate, with which the work began.
_UNEXCUSED = """EXISTS (SELECT FROM {context}.inbox WHERE inbox.event_id = gone.event_id)
AND NOT EXISTS (SELECT FROM referrals.referral WHERE {chain} IN (referral.id, referral.correlation_id)
  AND person_is_recorded_as IS NOT NULL AND (ended_at IS NULL OR ended_at > since))
AND NOT EXISTS (SELECT FROM (SELECT * FROM referrals.audit UNION ALL SELECT * FROM rapid_care.audit
  UNION ALL SELECT * FROM mdt.audit UNION ALL SELECT * FROM navigation.audit) AS audit WHERE audit.subject = {chain}
  HAVING min(at) > since OR max(at) FILTER (WHERE action = 'expect_home_check') > since)
AND NOT (gone.status = 'moved' AND EXISTS (SELECT FROM mdt.risk JOIN mdt.event ON event.subject = risk.id
  WHERE risk.person_id = item.person_id AND event.correlation_id = {chain} AND occurred_at > since
  AND type IN ('mdt.risk.level-crossed.v1', 'mdt.risk.high-climber-found.v1', 'mdt.risk.screened.v1')))"""
#: Work that a death begins, and work that began behind a referral which was routed in spite of the change.
_BUT = {
    "task": """ AND item.kind <> 'bereavement-support' AND NOT EXISTS (SELECT FROM navigation.person_change
  WHERE person_change.person_id = item.person_id AND lifted_at IS NULL AND care_from <= item.happened_at)"""
}
#: A home check is the beginning of its chain.
_CHAINS = {"home_check": "item.id"}


def _check(context: str) -> Check:
    about_persons = [each for each in waiting_aggregates() if each.context == context and each.name not in _WITHOUT_PERSON]
    return Check(
        "I8",
        f"{context} continues no care of a person whom it knows to have died or moved away",
        f"SELECT count(*) FROM ({_GONE}) AS gone",  # noqa: S608 (a statement of this module)
        " UNION ALL ".join(map(_continued, about_persons)),
        [context],
    )


def _continued(aggregate: Aggregate) -> str:
    chain = _CHAINS.get(aggregate.name, "item.correlation_id")
    unexcused = _UNEXCUSED.format(context=aggregate.context, chain=chain) + _BUT.get(aggregate.name, "")
    return _CONTINUED.format(
        name=aggregate.name,
        column=aggregate.column,
        relation=aggregate.relation,
        gone=_GONE,
        open_states=aggregate.open_states_sql,
        unless=_UNMARKED if aggregate.name == "referral" else unexcused,
    )


AGREEMENT = tuple(_check(context) for context in CONTEXTS)
