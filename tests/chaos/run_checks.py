"""`care verify` after a run: every check of it. What the harness itself put on the topics is expected to be parked, and nothing else.

What was answered to commands and about meetings is in no client's log that `care verify` reads; it is held here against what is stored.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

import asyncpg
from rich.console import Console

from infra.dev_stack.product import ProvisionedStack
from infra.operations.replay import list_parked
from infra.operations.verify.report import Options, verify
from infra.operations.verify.verdict import Verdict, print_verdict
from infra.wiring import SUBSCRIPTIONS
from shared.contracts.envelope import Record
from tests.chaos.poison_records import must_park

#: Each holds of what was acknowledged and is not stored.
_UNHELD = "SELECT count(*) FROM unnest($1::uuid[]) AS told (id) LEFT JOIN mdt.meeting USING (id) WHERE status IS DISTINCT FROM 'held'"
_UNDISCUSSED = """
SELECT count(*) FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS told (id, meeting_id, version) LEFT JOIN mdt."case" AS stored USING (id)
WHERE stored.version IS NULL OR stored.version < told.version
   OR NOT EXISTS (SELECT FROM mdt.care_plan_version AS agreed WHERE agreed.case_id = told.id AND agreed.meeting_id = told.meeting_id)"""


#: Where the resources of each collection are stored.
_TABLES = {"/referrals": "referrals.referral", "/rapid-care/responses": "rapid_care.response", "/mdt/cases": 'mdt."case"'}
_UNDONE = """
SELECT count(*) FROM unnest($1::uuid[], $2::int[]) AS told (id, version) LEFT JOIN {table} AS stored USING (id)
WHERE stored.version IS NULL OR stored.version < told.version"""


async def undone(owner_url: str, acted: Mapping[str, int]) -> dict[str, int]:
    """How many commands were acknowledged with a version that is not stored, by the table; `acted` is path to version."""
    owner = await asyncpg.connect(owner_url)
    try:
        found = {}
        for collection, table in _TABLES.items():
            told = {
                path.removeprefix(f"{collection}/"): version for path, version in acted.items() if path.rpartition("/")[0] == collection
            }
            query = _UNDONE.format(table=table)
            found[f"command acknowledged and not in {table}"] = await owner.fetchval(query, list(told), list(told.values()))
        return found
    finally:
        await owner.close()


async def unparked(place: ProvisionedStack, certain: Collection[Record]) -> dict[str, int]:
    """How many records that nobody can apply, and that Kafka holds, were parked by fewer contexts than read them."""
    found = {}
    for context, wiring in SUBSCRIPTIONS.items():
        records, _ = await list_parked(context, place.name)
        keys = {each.record.key for each in records}
        found[f"poison not parked in {context}"] = sum(must_park(wiring, each) and each.key not in keys for each in certain)
    return found


async def unkept(owner_url: str, meetings: Collection[str], discussed: Mapping[str, tuple[str, int]]) -> dict[str, int]:
    """How many meetings were acknowledged as held, and how many cases as discussed at a meeting at a version, and are not stored so."""
    owner = await asyncpg.connect(owner_url)
    try:
        return {
            "meeting acknowledged and not held": await owner.fetchval(_UNHELD, list(meetings)),
            "discussion acknowledged and not stored": await owner.fetchval(_UNDISCUSSED, list(discussed), *_columns(discussed.values())),
        }
    finally:
        await owner.close()


def _columns(told: Collection[tuple[str, int]]) -> tuple[list[str], list[int]]:
    return [meeting for meeting, _ in told], [version for _, version in told]


async def judged(place: ProvisionedStack, log: Path, poisoned: Collection[bytes], out: Console) -> Verdict:
    parked = 0
    for context in SUBSCRIPTIONS:
        records, _ = await list_parked(context, place.name)
        ours = sum(each.record.key in poisoned for each in records)
        out.print(f"Parked in {context}: {len(records)}, of which the harness put {ours} there.", highlight=False)
        parked += ours
    terms = Options(parked=parked, log=log, strangers=frozenset(poisoned))
    verdict = await verify(place.addresses.database_url, place.addresses.kafka_bootstrap, prefix=place.layout.prefix, terms=terms)
    print_verdict(out, verdict)
    return verdict
