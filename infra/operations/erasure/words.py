"""Erases the words of a person in one context: the data keys of the sealed events, the stored responses, parked records, and the tables.

Those of a safeguarding concern go once the council has closed it. Their number would show that there was one, so they are not counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from infra.database_owner import Owner, change
from services.referrals.domain.safeguarding import ConcernStatus
from services.referrals.domain.story import NOT_GIVEN
from shared.contracts.registry import registry
from shared.kernel.ids import PersonId

RESTRICTED = sorted({event.TOPIC for event in registry().values() if event.RESTRICTED})
_OF_PERSON = "person_id = ANY($1::uuid[])"
_CONTACT = f"""contact = CASE WHEN contact IS NOT NULL THEN '{{"name": "{NOT_GIVEN}", "relationship": "{NOT_GIVEN}"}}'::jsonb END"""
_WORDLESS_PLAN = f'{{"what_matters": "{NOT_GIVEN}", "problems": [], "crisis": null, "carer": null}}'


def _words(*columns: str) -> str:
    """Sets each of these text columns that has words to the sign for absent words."""
    return ", ".join(f"{column} = CASE WHEN {column} IS NOT NULL THEN '{NOT_GIVEN}' END" for column in columns)


def _reasons(column: str) -> str:
    """Sets the field `reason` of a JSON object."""
    return f"{column} = CASE WHEN {column} ? 'reason' THEN {column} || '{{\"reason\": \"{NOT_GIVEN}\"}}' ELSE {column} END"


def _plan(*columns: str) -> str:
    """Removes the words of a version of a care plan."""
    return ", ".join(f"{each} = jsonb_set({each}, '{{joint_plan}}', ({each} -> 'joint_plan') || '{_WORDLESS_PLAN}')" for each in columns)


_EXPLANATION = ("break_glass", _words("explanation"), _OF_PERSON)
#: The words in the tables of each context: table, assignments and condition. Copies of the person's record receive the one without words.
WORDS: Mapping[str, Sequence[tuple[str, str, str]]] = {
    "referrals": (
        ("referral", _words("triage_reason", "override_reason", "question", "discrepancy_reason", "reopen_reason"), _OF_PERSON),
        (
            "amendment",
            _words("information", "telephone"),
            "referral_id IN (SELECT id FROM referrals.referral WHERE person_id = ANY($1::uuid[]))",
        ),
        _EXPLANATION,
        ("proposal", f"{_words('present_value', 'proposed_value', 'reason')}, {_CONTACT}", _OF_PERSON),
        ("identity", _reasons("merge") + ", separations = '[]'", _OF_PERSON),
        ("life", f"{_reasons('restoration')}, {_reasons('returned')}", _OF_PERSON),
    ),
    "rapid_care": (("care_plan", f'record = record || \'{{"what_matters": "{NOT_GIVEN}", "crisis": null}}\'', _OF_PERSON), _EXPLANATION),
    "mdt": (
        ("care_plan", _plan("offered", "in_force"), _OF_PERSON),
        ("care_plan_version", _plan("content"), "care_plan_id IN (SELECT id FROM mdt.care_plan WHERE person_id = ANY($1::uuid[]))"),
        _EXPLANATION,
    ),
    "navigation": (_EXPLANATION,),
}
_CLOSED = f"SELECT id FROM referrals.safeguarding_concern WHERE person_id = ANY($1::uuid[]) AND status = '{ConcernStatus.CLOSED}'"  # noqa: S608
#: As WORDS, of a closed safeguarding concern. Who raised it and who decided stays, by organisation and subject.
WORDS_OF_CONCERNS = (
    ("safeguarding_concern", _words("reason"), "id = ANY($1::uuid[])"),
    ("safeguarding_account", _words("account") + """, raiser = raiser || '{"name": null, "telephone": null}'""", "id = ANY($1::uuid[])"),
)
#: The keys of their events: the concern's own, and those of its accounts, which other contexts published.
_CONCERNS = f"{_CLOSED} UNION ALL SELECT id FROM referrals.safeguarding_account WHERE concern_id IN ({_CLOSED})"  # noqa: S608
_KEYS_OF_CONCERNS = "UPDATE {context}.event SET data_key = NULL WHERE partition_day = 'infinity' AND key = ANY($1::uuid[])"
_UPDATE = "UPDATE {context}.{table} SET {assignments} WHERE {condition}"
#: The records of a person stay from the one without words on.
_KEYS = """
UPDATE {context}.event SET data_key = NULL FROM unnest($1::uuid[], $2::int[]) AS kept (person, sequence)
WHERE partition_day = 'infinity' AND data_key IS NOT NULL AND key = kept.person
AND (topic <> 'referrals.person-record' OR event.sequence < kept.sequence)"""
#: A response without events names no person; one that a client repeats is then 409.
_RESPONSES = "UPDATE {context}.idempotency SET body = NULL WHERE body IS NOT NULL AND (event_keys && $1::uuid[] OR event_keys = '{{}}')"
_PARKED = "DELETE FROM {context}.parked WHERE key = ANY($2::bytea[]) AND topic = ANY($1::text[])"
#: A record without a value follows, so that Kafka removes the earlier records of the key; a newer event of the key makes it superfluous.
_TOMBSTONES = """
INSERT INTO {context}.outbox (seq)
SELECT max(seq) FROM {context}.event WHERE partition_day = 'infinity' AND key = ANY($1::uuid[])
GROUP BY topic, key HAVING bool_and(data_key IS NULL) ON CONFLICT DO NOTHING"""


async def closed_concerns(owner: Owner, people: Sequence[PersonId]) -> list[UUID]:
    """The ids of the closed safeguarding concerns about a person, and of their accounts."""
    return [row["id"] for row in await owner.fetch(_CONCERNS, people)]


async def erase_in(owner: Owner, context: str, people: Mapping[PersonId, int], concerns: Sequence[UUID] = ()) -> Mapping[str, int]:
    """`people` has the sequence of the record without words by person, `concerns` the ids of `closed_concerns`.

    Returns the number of rows by kind.
    """
    keys = _kafka_keys(people)
    async with owner.transaction():
        erased = {
            "data keys": await change(owner, _KEYS.format(context=context), list(people), list(people.values())),
            "stored responses": await change(owner, _RESPONSES.format(context=context), list(people)),
            "parked records": await change(owner, _PARKED.format(context=context), RESTRICTED, keys),
        }
        for table, assignments, condition in WORDS[context]:
            update = _UPDATE.format(context=context, table=table, assignments=assignments, condition=condition)
            erased[table] = await change(owner, update, list(people))
        await _erase_concerns(owner, context, concerns)
        await owner.execute(_TOMBSTONES.format(context=context), [*people, *concerns])
    return erased


async def _erase_concerns(owner: Owner, context: str, concerns: Sequence[UUID]) -> None:
    await owner.execute(_KEYS_OF_CONCERNS.format(context=context), concerns)
    await owner.execute(_PARKED.format(context=context), RESTRICTED, _kafka_keys(concerns))
    for table, assignments, condition in WORDS_OF_CONCERNS if context == "referrals" else ():
        await owner.execute(_UPDATE.format(context=context, table=table, assignments=assignments, condition=condition), concerns)


def _kafka_keys(ids: Iterable[UUID]) -> list[bytes]:
    return [str(each).encode() for each in ids]
