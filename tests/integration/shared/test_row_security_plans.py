"""The second wall asks about the rows that a read means, and not about every person of the borough.

The condition of row-level security is a function that looks for relationships. PostgreSQL asks it for each row of a table unless an index
finds the few rows first, which it may do with a comparison that can leak nothing: one of a column with a value.
"""

from collections.abc import Mapping

import asyncpg
import pytest

from infra.dev_stack.dev_secrets import Keys
from tests.builders.access_worlds import WORLDS

_ROWS = 3_000
#: Strangers, whom no read means: copies of a stored person under new ids.
_STRANGERS = """
INSERT INTO {context}.person
SELECT copy.* FROM {context}.person AS stored, generate_series(1, $1::int) AS number,
    jsonb_populate_record(stored, jsonb_build_object('{key}', md5('stranger ' || number), 'nhs_number', NULL)) AS copy
WHERE stored.{key} = (SELECT {key} FROM {context}.person LIMIT 1)"""
_SCANS = "SELECT seq_scan FROM pg_stat_user_tables WHERE relid = $1::text::regclass"
#: The reads of each context, by the name of the caller and the scope.
_READS: Mapping[str, Mapping[tuple[str, str], tuple[str, ...]]] = {
    "referrals": {
        ("staff", "referrals:handle"): ("/referrals/work", "/referrals/people/{person_id}", "/referrals/{referral_id}"),
        ("referrer", "referrals:refer"): ("/referrals", "/referrals/{referral_id}"),
        ("practice", "referrals:refer"): ("/referrals?whose=registered", "/referrals/{referral_id}"),
        ("receiver", "referrals:receive"): ("/referrals/incoming", "/referrals/{referral_id}/record"),
    },
    "rapid_care": {
        ("staff", "rapid-care:coordinate"): ("/rapid-care/responses", "/rapid-care/responses/{response_id}"),
    },
    "mdt": {
        ("staff", "mdt:coordinate"): ("/mdt/cases", "/mdt/case-finding?practice=W07", "/mdt/people/{person_id}/story"),
        ("practice", "mdt:read"): ("/mdt/cases/{case_id}", "/mdt/case-finding?practice=W07", "/mdt/people/{person_id}/story"),
    },
    "navigation": {
        ("navigator", "navigation:coordinate"): (
            "/navigation/tasks?status=needs-attention",
            "/navigation/people/{person_id}/tasks",
            "/navigation/people/{person_id}/story",
        ),
        ("navigator", "navigation:work"): (
            "/navigation/navigators/clch-navigator-1/tasks",
            "/navigation/tasks/{task_id}",
            "/navigation/people/{person_id}/story",
        ),
    },
}


@pytest.mark.parametrize("context", _READS)
async def test_read_asks_about_the_people_that_it_means(own_url: str, keys: Keys, context: str) -> None:
    owner = await asyncpg.connect(own_url)
    key = "id" if context == "referrals" else "person_id"
    async with WORLDS[context](own_url, keys) as world:
        await owner.execute(_STRANGERS.format(context=context, key=key), _ROWS)
        await owner.execute("ANALYZE")
        await owner.execute("SELECT pg_stat_reset_single_table_counters($1::text::regclass)", f"{context}.person")
        subject = next(each for each in world.subjects if each.phase == "open")
        for (who, scope), paths in _READS[context].items():
            caller = world.callers[who]
            headers = world.context.token(scope, organisation=caller.organisation, actor=caller.actor)
            for path in paths:
                answer = await world.context.http.get(path.format(**subject.ids), headers=headers)
                assert answer.status_code == 200, f"{path} for {who}: {answer.text}"
    scans = await owner.fetchval(_SCANS, f"{context}.person")  # a connection reports its statistics at its end
    await owner.close()

    assert scans == 0
