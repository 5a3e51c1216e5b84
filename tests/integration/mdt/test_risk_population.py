"""The whole registered population of Table 14 (001:9876-9931, S07)."""

from random import Random

import pytest

from services.mdt.handlers.risk import import_scores
from shared.persistence.transaction import RequestContext
from tests.builders.context_app import RunningContext
from tests.builders.population import HEADER, PRACTICES, TABLE_14, nhs_numbers, population

_COUNTS = "SELECT level, count(*) AS people FROM risk_score GROUP BY level"
_PUBLISHED = "SELECT count(*) FROM event JOIN outbox USING (seq) WHERE type = 'mdt.risk.level-crossed.v1'"
_SIZE = sum(TABLE_14.values())
#: Residents of each level, whose ratios are reused: drawing one for each person would take longer than the import.
_SAMPLES = 500


def _risk_file() -> bytes:
    """A line for each registered person, with the number of people at each level as in Table 14."""
    sample = {level: [f"{each.thousandths / 1000:.3f}" for each in population(counts={level: _SAMPLES})] for level in TABLE_14}
    ratios = [sample[level][number % _SAMPLES] for level, count in TABLE_14.items() for number in range(count)]
    practices = PRACTICES * (_SIZE // len(PRACTICES) + 1)
    lines = zip(nhs_numbers(Random(14), _SIZE), practices, ratios, strict=False)  # noqa: S311  synthetic people need no secrecy
    return "\n".join([HEADER, *(f"{number},{practice},{ratio},,2014-12-01" for number, practice, ratio in lines)]).encode()


@pytest.mark.timeout(600)
async def test_population_matches_table_14_and_repeat_publishes_nothing(context: RunningContext) -> None:
    content = _risk_file()
    async with context.database.transaction(RequestContext.of_system("import-risk")) as tx:
        first = await import_scores(content, tx=tx)

    async with context.database.transaction(RequestContext.of_system("import-risk")) as tx:
        again = await import_scores(content, tx=tx)

    stored = {row["level"]: row["people"] for row in await context.database.pool.fetch(_COUNTS)}
    assert stored == TABLE_14
    assert (first.rows, first.accepted, dict(enumerate(first.levels))) == (394_127, 394_127, TABLE_14)
    assert first.events == TABLE_14[3] + TABLE_14[2] == await context.database.pool.fetchval(_PUBLISHED)
    assert (again.repeats, again.events) == (first.id, 0)
