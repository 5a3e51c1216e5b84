"""Risk scores come in by the population; whom they move is found, published, and kept. Everything of an import, or nothing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from hashlib import sha256

from services.mdt.domain import risk as domain
from services.mdt.domain import risk_import
from services.mdt.domain.risk import Finding, Risk
from services.mdt.domain.risk_file import Columns, RiskFile
from services.mdt.domain.risk_import import RiskImport
from services.mdt.store import risk as store
from services.mdt.store import risk_import as imports
from services.mdt.store.tables import Tx
from shared.kernel.decision import Deadline, Decision
from shared.kernel.ids import new_id, pseudonymiser
from shared.persistence.deadlines import DueDeadline
from shared.persistence.transaction import EventSubject


class Step(StrEnum):
    """What an import is doing."""

    READ = "reading scores"
    FIND = "finding who crossed or climbed"


#: Hears how far a step has come: so much done, of so much; a total of 0 is not known yet.
Tell = Callable[[Step, int, int], None]


def _nobody(step: Step, done: int, total: int) -> None:
    """Nobody listens."""


async def import_scores(content: bytes, *, tx: Tx, tell: Tell = _nobody) -> RiskImport:
    """Takes a whole file. Raises NotARiskFile, ImportRunning."""
    begun = risk_import.begin(new_id(), await imports.lock_import(tx), sha256(content).digest(), now=tx.now, policy=tx.policy)
    earlier = await imports.same_content(tx, begun)
    if earlier:
        return await imports.save(tx, risk_import.repeat(begun, earlier))
    file = RiskFile(content, tx.policy, pseudonymiser(tx.secrets.person_id_secret), tx.policy.day_of(tx.now))
    await store.prepare(tx)
    await store.copy_scores(tx, begun.number, _read(file, len(content), tell))
    moved = await _move(tx, begun, tell)
    report = await imports.save(tx, risk_import.conclude(begun, file.tally, moved))
    await _tidy(tx, report)
    return report


async def on_scores_expired(deadline: DueDeadline, *, tx: Tx) -> None:  # noqa: ARG001  whichever import asked: all that has expired goes
    newest = await imports.newest_day(tx)
    if newest:
        await store.forget(tx, before=newest - tx.policy.climber_window)


async def _read(file: RiskFile, total: int, tell: Tell) -> AsyncIterator[Columns]:
    for block in file.blocks():
        yield block
        tell(Step.READ, file.bytes_read, total)
        await asyncio.sleep(0)  # whatever else this process serves has its turn
    tell(Step.READ, total, total)


async def _move(tx: Tx, begun: RiskImport, tell: Tell) -> Counter[str]:
    """Publishes who crossed and who climbed; how many events of each type that were."""
    moved: Counter[str] = Counter()
    tell(Step.FIND, 0, 0)
    async for found in store.findings(tx, begun.number):
        decisions = [decision for decision in (_assess(finding, tx, begun) for finding in found) if decision]
        await store.save_all(tx, decisions)
        moved.update(event.TYPE for decision in decisions for event in decision.events)
        tell(Step.FIND, moved.total(), 0)
    tell(Step.FIND, moved.total(), moved.total())
    return moved


def _assess(finding: Finding, tx: Tx, begun: RiskImport) -> Decision[Risk] | None:
    return domain.assess(finding, tx.policy, rule=begun.rule_version, risk_id=new_id(), case_finding_id=new_id())


async def _tidy(tx: Tx, report: RiskImport) -> None:
    """Of one day the newest import counts; what no rule looks at any more is removed afterwards, in the background."""
    if await imports.shares_days(tx, report):
        await store.replace_same_day(tx, report.number)
    if await imports.has_expired(tx, report, tx.policy.climber_window):
        tx.set_deadline(EventSubject(report.id, report.id, report.id), Deadline(domain.RiskDeadline.SCORES_EXPIRED, tx.now))
