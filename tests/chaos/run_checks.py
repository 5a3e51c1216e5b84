"""The checks after a run: `care verify`, and the harness's own comparison of acknowledged commands and meetings with the database.

`care verify` expects exactly the poison records to be parked. Its client's log contains only responses to referrals; this module compares
the other responses.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

import asyncpg
from rich.console import Console

from infra.contexts import CONTEXTS
from infra.dev_stack.product import ProvisionedStack
from infra.operations.replay import list_parked
from infra.operations.verify.report import Options, verify
from infra.operations.verify.verdict import Verdict, print_verdict

_NOT_HELD = """
SELECT count(*) FROM unnest($1::uuid[]) AS acknowledged (id) LEFT JOIN mdt.meeting USING (id) WHERE status IS DISTINCT FROM 'held'"""
_NOT_DISCUSSED = """
SELECT count(*) FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS acknowledged (id, meeting_id, version)
LEFT JOIN mdt."case" AS stored USING (id)
WHERE stored.version IS NULL OR stored.version < acknowledged.version
   OR NOT EXISTS (SELECT FROM mdt.care_plan_version AS agreed
                  WHERE agreed.case_id = acknowledged.id AND agreed.meeting_id = acknowledged.meeting_id)"""
#: The table of each collection's resources.
_TABLES = {"/referrals": "referrals.referral", "/rapid-care/responses": "rapid_care.response", "/mdt/cases": 'mdt."case"'}
_NOT_STORED = """
SELECT count(*) FROM unnest($1::uuid[], $2::int[]) AS acknowledged (id, version) LEFT JOIN {table} AS stored USING (id)
WHERE stored.version IS NULL OR stored.version < acknowledged.version"""


async def missing_commands(owner_url: str, commands: Mapping[str, int]) -> dict[str, int]:
    """Counts, by table, the commands whose acknowledged version is not stored. `commands` has the version by path."""
    owner = await asyncpg.connect(owner_url)
    try:
        found = {}
        for collection, table in _TABLES.items():
            versions = {
                path.removeprefix(f"{collection}/"): version for path, version in commands.items() if path.rpartition("/")[0] == collection
            }
            query = _NOT_STORED.format(table=table)
            found[f"command acknowledged and not in {table}"] = await owner.fetchval(query, list(versions), list(versions.values()))
        return found
    finally:
        await owner.close()


async def missing_meetings(owner_url: str, meetings: Collection[str], discussed: Mapping[str, tuple[str, int]]) -> dict[str, int]:
    """Counts acknowledged meetings that are not held, and acknowledged discussions whose meeting or version is not stored."""
    owner = await asyncpg.connect(owner_url)
    try:
        columns = [meeting for meeting, _ in discussed.values()], [version for _, version in discussed.values()]
        return {
            "meeting acknowledged and not held": await owner.fetchval(_NOT_HELD, list(meetings)),
            "discussion acknowledged and not stored": await owner.fetchval(_NOT_DISCUSSED, list(discussed), *columns),
        }
    finally:
        await owner.close()


async def run_verify(provisioned: ProvisionedStack, log: Path, poison_keys: Collection[bytes], out: Console) -> Verdict:
    parked = 0
    for context in CONTEXTS:
        records, _ = await list_parked(context, provisioned.name)
        poison = sum(each.record.key in poison_keys for each in records)
        out.print(f"Parked in {context}: {len(records)} records, of which {poison} are poison records of the harness.", highlight=False)
        parked += poison
    options = Options(parked=parked, log=log, foreign_keys=frozenset(poison_keys))
    verdict = await verify(
        provisioned.addresses.database_url, provisioned.addresses.kafka_bootstrap, prefix=provisioned.layout.prefix, options=options
    )
    print_verdict(out, verdict)
    return verdict
