"""People whose record does not have the locality of their practice of today."""

from collections.abc import Mapping
from uuid import UUID

from services.referrals.store.tables import Tx
from shared.contracts.codes import Locality
from shared.persistence.statements import Sql

_ELSEWHERE = Sql(
    """
SELECT id FROM person LEFT JOIN unnest($1::text[], $2::text[]) AS today (code, locality) ON today.code = person.practice_code
WHERE person.locality IS DISTINCT FROM today.locality ORDER BY id LIMIT $3""",
    "codes",
    "localities",
    "limit",
    tables=("person",),
)


async def people_elsewhere(tx: Tx, localities: Mapping[str, Locality], limit: int) -> list[UUID]:
    """Their ids, without a lock. `localities` has the locality of each code that stands for a practice; other codes have none."""
    rows = await tx.fetch(_ELSEWHERE, codes=list(localities), localities=list(localities.values()), limit=limit)
    return [row["id"] for row in rows]
