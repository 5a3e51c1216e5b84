"""The statistics of the database keep no word of a person, so that none outlasts an erasure."""

import asyncpg
import pytest

from infra.contexts import CONTEXTS
from infra.operations.erasure.words import WORDS
from tests.builders.referrals import ReferralsClient, a_demographics_body

_SAMPLES = """
SELECT tablename, attname FROM pg_stats
WHERE schemaname = 'referrals' AND concat(most_common_vals::text, histogram_bounds::text) LIKE '%' || $1 || '%'"""
_WITH_STATISTICS = r"""
SELECT format('%s.%I', attrelid::regclass, attname) FROM pg_attribute
WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attstattarget IS DISTINCT FROM 0
AND (atttypid = 'jsonb'::regtype OR $2 ~ ('\m' || attname || ' = CASE WHEN'))"""


async def test_sample_of_the_database_has_no_name(client: ReferralsClient, owner_url: str) -> None:
    """Finding: the names and stories of people stood in pg_statistic, also after their erasure."""
    for number in (None, "9990548609"):
        demographics = a_demographics_body(family_name="Zachariasz", address="Nether Street")
        await client.refer(urgency="urgent", condition="fall", nhs_number=number, demographics=demographics)

    owner = await asyncpg.connect(owner_url)
    await owner.execute("ANALYZE")
    found = [await owner.fetch(_SAMPLES, word) for word in ("Zachariasz", "Nether Street", "dog")]
    analysed = await owner.fetchval("SELECT count(*) FROM pg_stats WHERE schemaname = 'referrals' AND tablename = 'person'")
    await owner.close()

    assert found == [[], [], []]
    assert analysed > 0


@pytest.mark.parametrize("context", CONTEXTS)
async def test_no_column_with_words_has_statistics(owner_url: str, context: str) -> None:
    owner = await asyncpg.connect(owner_url)
    found = [row for table, words, _ in WORDS[context] for row in await owner.fetch(_WITH_STATISTICS, f"{context}.{table}", words)]
    await owner.close()

    assert found == []
