"""Risk standing of people: the newest score, and whether they count as a high climber today.

The highest level under the ids of a person counts.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from services.mdt.domain.table_16 import Standing, highest
from services.mdt.store.tables import MERGED, Tx
from shared.contracts.codes import RiskLevel
from shared.persistence.batching.prefetch import PrefetchedLookup
from shared.persistence.statements import ReadSession, Sql

_NEWEST = Sql(
    """
SELECT DISTINCT ON (person_id) person_id, score.level, coalesce(climber_until >= $2, FALSE) AS is_high_climber
FROM risk_score AS score LEFT JOIN risk USING (person_id) WHERE person_id = ANY($1::uuid[])
ORDER BY person_id, score.valid_from DESC, import_number DESC""",
    "person_ids",
    "today",
    tables=("risk_score", "risk"),
)


async def standings(reader: ReadSession, person_ids: Sequence[UUID], today: date) -> dict[UUID, Standing]:
    """A person without a score is absent."""
    groups = await MERGED.groups_of(reader, person_ids)
    everyone = {member for group in groups.values() for member in group}
    rows = await reader.fetch(_NEWEST, person_ids=list(everyone), today=today)
    found = {row["person_id"]: Standing(RiskLevel(row["level"]), row["is_high_climber"]) for row in rows}
    joined = {person_id: highest([found[member] for member in group if member in found]) for person_id, group in groups.items()}
    return {person_id: standing for person_id, standing in joined.items() if standing}


async def _load(tx: Tx, person_ids: Sequence[UUID]) -> Mapping[UUID, Standing]:
    return await standings(tx, person_ids, tx.policy.day_of(tx.now))


STANDINGS: PrefetchedLookup[UUID, Standing] = PrefetchedLookup(_load, absent=Standing, tables=("risk_score", "risk", "merged_person"))


async def standing_of(tx: Tx, person_id: UUID) -> Standing:
    return await STANDINGS.get(tx, person_id)
