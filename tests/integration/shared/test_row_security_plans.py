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
#: Strangers, whom no read means: copies of a stored row under new ids.
_STRANGERS = """
INSERT INTO {table}
SELECT copy.* FROM generate_series(1, $1::int) AS number, (SELECT stored FROM {table} AS stored LIMIT 1) AS one (stored),
    jsonb_populate_record(stored, jsonb_build_object({changes})) AS copy"""
#: The tables of each context that have strangers, with the columns that are new in a copy.
_COPIED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "referrals": {"person": ("id",), "timeline_event": ("id", "person_id", "correlation_id")},
    **{context: {"person": ("person_id",)} for context in ("rapid_care", "mdt", "navigation")},
}
_SCANS = "SELECT seq_scan FROM pg_stat_user_tables WHERE relid = $1::text::regclass"
#: The reads of each context, by the name of the caller and the scope.
_READS: Mapping[str, Mapping[tuple[str, str], tuple[str, ...]]] = {
    "referrals": {
        ("staff", "referrals:handle"): ("/referrals/work", "/referrals/people/{person_id}", "/referrals/{referral_id}"),
        ("referrer", "referrals:refer"): ("/referrals", "/referrals/{referral_id}"),
        ("practice", "referrals:refer"): ("/referrals?whose=registered", "/referrals/{referral_id}"),
        ("receiver", "referrals:receive"): ("/referrals/incoming", "/referrals/{referral_id}/record", "/referrals/{referral_id}/timeline"),
        ("lead", "mdt:lead"): ("/referrals/people/{person_id}/timeline",),
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
    async with WORLDS[context](own_url, keys) as world:
        for table, columns in _COPIED[context].items():
            changes = ["'nhs_number', NULL", *(f"'{column}', md5('stranger ' || number)" for column in columns)]
            await owner.execute(_STRANGERS.format(table=f"{context}.{table}", changes=", ".join(changes)), _ROWS)
        await owner.execute("ANALYZE")
        for table in _COPIED[context]:
            await owner.execute("SELECT pg_stat_reset_single_table_counters($1::text::regclass)", f"{context}.{table}")
        subject = next(each for each in world.subjects if each.phase == "open")
        for (who, scope), paths in _READS[context].items():
            caller = world.callers[who]
            headers = world.context.token(scope, organisation=caller.organisation, actor=caller.actor)
            for path in paths:
                answer = await world.context.http.get(path.format(**subject.ids), headers=headers)
                assert answer.status_code == 200, f"{path} for {who}: {answer.text}"
    # a connection reports its statistics at its end
    scans = {table: await owner.fetchval(_SCANS, f"{context}.{table}") for table in _COPIED[context]}
    await owner.close()

    assert scans == dict.fromkeys(_COPIED[context], 0)
