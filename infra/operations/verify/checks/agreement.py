"""The services agree about a person who died or moved away: none that knows it continues their care (I8)."""

from infra.contexts import CONTEXTS
from infra.operations.verify.check import Check
from infra.operations.verify.checks.owners import Aggregate, waiting_aggregates

#: Aggregates that are not about one person, or are the statement itself.
_WITHOUT_PERSON = {"life", "identity", "proposal", "meeting", "navigator"}
#: Work that a death begins.
_BUT = {"task": " AND item.kind <> 'bereavement-support'"}
#: Persons whose death or move stands, who were not referred again in spite of it, and whom case finding has not found after a move.
_GONE = """
SELECT id, person_id, status, version FROM referrals.life WHERE status IN ('deceased', 'moved')
AND NOT EXISTS (SELECT FROM referrals.referral WHERE referral.person_id = life.person_id AND person_is_recorded_as IS NOT NULL)
AND NOT (status = 'moved' AND EXISTS (SELECT FROM mdt.risk WHERE risk.person_id = life.person_id AND risk.status <> 'ended'))"""
#: A context knows the present status when it has applied the last event of the person's life; `referrals` decides it.
_KNOWS = """EXISTS (SELECT FROM referrals.event JOIN {context}.inbox ON event_id = event.id
WHERE event.subject = gone.id AND event.sequence = gone.version)"""
_CONTINUED = """
SELECT format('{name} %s is %s, the person is %s', item.id, item.{column}, gone.status) AS item
FROM {relation} AS item JOIN ({gone}) AS gone ON gone.person_id = item.person_id
WHERE item.{column} IN ({open_states}){but} AND {knows}"""


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
    return _CONTINUED.format(
        name=aggregate.name,
        column=aggregate.column,
        relation=aggregate.relation,
        gone=_GONE,
        open_states=aggregate.open_states_sql,
        but=_BUT.get(aggregate.name, ""),
        knows="true" if aggregate.context == "referrals" else _KNOWS,
    )


AGREEMENT = tuple(_check(context) for context in CONTEXTS)
