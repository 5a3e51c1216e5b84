"""Where people stand in risk stratification: the newest score of each, and whether they count as a high climber today."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from services.mdt.domain.table_16 import Standing
from services.mdt.store.tables import Tx
from shared.contracts.codes import RiskLevel
from shared.persistence.statements import ReadSession

_NEWEST = """
SELECT DISTINCT ON (person_id) person_id, score.level, coalesce(climber_until >= $2, FALSE) AS is_high_climber
FROM risk_score AS score LEFT JOIN risk USING (person_id) WHERE person_id = ANY($1::uuid[])
ORDER BY person_id, score.valid_from DESC, import_number DESC"""

_OF_PERSON = "the standing of a person"


async def standings(reader: ReadSession, person_ids: Sequence[UUID], today: date) -> dict[UUID, Standing]:
    """A person who was never scored is absent."""
    rows = await reader.connection.fetch(_NEWEST, person_ids, today)
    return {row["person_id"]: Standing(RiskLevel(row["level"]), row["is_high_climber"]) for row in rows}


async def standing_of(tx: Tx, person_id: UUID) -> Standing:
    ahead = tx.prefetched(_OF_PERSON)  # right as often as it is asked: no event changes where somebody stands
    found = ahead if person_id in ahead else await standings(tx, [person_id], tx.policy.day_of(tx.now))
    return found.get(person_id, Standing())


async def read_standings_ahead(tx: Tx, person_ids: Sequence[UUID]) -> None:
    """Before a batch about these people: what `standing_of` will ask for."""
    found = await standings(tx, person_ids, tx.policy.day_of(tx.now))
    tx.prefetched(_OF_PERSON).update({person_id: found.get(person_id, Standing()) for person_id in person_ids})
