"""The whole registered population, as Table 14 counts it (001:9876-9931, S07)."""

from datetime import date
from pathlib import Path

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.mdt.handlers.risk import import_scores
from shared.persistence.transaction import Cause
from tests.builders.mdt import mdt
from tests.builders.population import TABLE_14, population, write

_COUNTS = "SELECT level, count(*) AS people FROM risk_score GROUP BY level"
_PUBLISHED = "SELECT count(*) FROM event JOIN outbox USING (seq) WHERE type = 'mdt.risk.level-crossed.v1'"


@pytest.mark.timeout(600)
async def test_the_population_has_the_counts_of_table_14_and_the_same_file_again_publishes_nothing(
    owner_url: str, keys: Keys, tmp_path: Path
) -> None:
    write(tmp_path / "december.csv", population(), date(2014, 12, 1))
    content = (tmp_path / "december.csv").read_bytes()
    async with mdt(owner_url, keys) as context:
        async with context.database.transaction(cause=Cause("import-risk")) as tx:
            first = await import_scores(content, tx=tx)

        async with context.database.transaction(cause=Cause("import-risk")) as tx:
            again = await import_scores(content, tx=tx)

        stored = {row["level"]: row["people"] for row in await context.database.pool.fetch(_COUNTS)}
        assert stored == TABLE_14
        assert (first.rows, first.accepted, dict(enumerate(first.levels))) == (394_127, 394_127, TABLE_14)
        assert first.events == TABLE_14[3] + TABLE_14[2] == await context.database.pool.fetchval(_PUBLISHED)
        assert (again.repeats, again.events) == (first.id, 0)
