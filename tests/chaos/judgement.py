"""`care verify` after a run: every check of it. What the harness itself put on the topics is expected to be parked, and nothing else."""

from collections.abc import Collection
from pathlib import Path

from rich.console import Console

from infra.operate import list_parked
from infra.product import Place
from infra.verify.report import Terms, verify
from infra.verify.verdict import Verdict, tell
from infra.wiring import WIRINGS


async def judged(place: Place, log: Path, poisoned: Collection[bytes], out: Console) -> Verdict:
    parked = 0
    for context in WIRINGS:
        records, _ = await list_parked(context, place.name)
        ours = sum(each.record.key in poisoned for each in records)
        out.print(f"Parked in {context}: {len(records)}, of which the harness put {ours} there.", highlight=False)
        parked += ours
    terms = Terms(parked=parked, log=log, strangers=frozenset(poisoned))
    verdict = await verify(place.addresses.database_url, place.addresses.kafka_bootstrap, prefix=place.layout.prefix, terms=terms)
    tell(out, verdict)
    return verdict
