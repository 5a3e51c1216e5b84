"""Where people stand in risk stratification, as the last import left it."""

from collections.abc import Sequence
from uuid import UUID

from services.mdt.domain.table_16 import Standing
from shared.contracts.codes import RiskLevel
from shared.persistence.statements import Reader

_NEWEST = """
SELECT DISTINCT ON (person_id) person_id, score.level, coalesce(climber_until >= score.valid_from, FALSE) AS is_high_climber
FROM risk_score AS score LEFT JOIN risk USING (person_id) WHERE person_id = ANY($1::uuid[])
ORDER BY person_id, score.valid_from DESC, import_number DESC"""


async def standings(reader: Reader, person_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """A person who was never scored is absent."""
    rows = await reader.connection.fetch(_NEWEST, person_ids)
    return {row["person_id"]: Standing(RiskLevel(row["level"]), row["is_high_climber"]) for row in rows}


async def standing_of(reader: Reader, person_id: UUID) -> Standing:
    found = await standings(reader, [person_id])
    return found.get(person_id, Standing())
