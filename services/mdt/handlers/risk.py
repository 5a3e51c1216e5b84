"""Risk scores come in by the population; whom they move is found, published, and kept. Everything of an import, or nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from hashlib import sha256

from services.mdt.domain import risk as domain
from services.mdt.domain import risk_import
from services.mdt.domain.risk import Risk
from services.mdt.domain.risk_file import Columns, RiskFile
from services.mdt.domain.risk_import import RiskImport
from services.mdt.store import risk as store
from services.mdt.store import risk_import as imports
from services.mdt.store.tables import Tx
from shared.kernel.decision import Deadline, Decision
from shared.kernel.ids import new_id, pseudonymiser
from shared.persistence.timers import Timer
from shared.persistence.transaction import Subject


class Step(StrEnum):
    """What an import is doing."""

    READ = "reading scores"
    COMPARE = "comparing with earlier scores"
    PUBLISH = "publishing crossings and climbers"


#: Hears how far a step has come: so much done, of so much.
Tell = Callable[[Step, int, int], None]


def _nobody(step: Step, done: int, total: int) -> None:
    """Nobody listens."""


async def import_scores(content: bytes, *, tx: Tx, tell: Tell = _nobody) -> RiskImport:
    """Takes a whole file. Raises NotARiskFile, ImportRunning."""
    begun = risk_import.begin(new_id(), await imports.take_turn(tx), sha256(content).digest(), now=tx.now, policy=tx.policy)
    earlier = await imports.same_content(tx, begun.digest)
    if earlier:
        return await imports.save(tx, risk_import.repeat(begun, earlier))
    file = RiskFile(content, tx.policy, pseudonymiser(tx.secrets.person_id_secret))
    await store.prepare(tx)
    await store.copy_scores(tx, begun.number, _read(file, len(content), tell))
    moves = await _move(tx, begun.number, tell)
    report = await imports.save(tx, risk_import.conclude(begun, file.tally, moves))
    await _tidy(tx, report)
    return report


async def on_scores_expired(timer: Timer, *, tx: Tx) -> None:  # noqa: ARG001  whichever import asked: all that has expired goes
    newest = await imports.newest_day(tx)
    if newest:
        await store.forget(tx, before=newest - tx.policy.climber_window)


async def _read(file: RiskFile, total: int, tell: Tell) -> AsyncIterator[Columns]:
    for block in file.blocks():
        yield block
        tell(Step.READ, file.bytes_read, total)
        await asyncio.sleep(0)  # whatever else this process serves has its turn
    tell(Step.READ, total, total)


async def _move(tx: Tx, import_number: int, tell: Tell) -> list[Decision[Risk]]:
    tell(Step.COMPARE, 0, 1)
    found = await store.findings(tx, import_number)
    tell(Step.COMPARE, 1, 1)
    assessed = [domain.assess(finding, tx.policy, risk_id=new_id(), case_finding_id=new_id()) for finding in found]
    moves = [decision for decision in assessed if decision]
    tell(Step.PUBLISH, 0, len(moves))
    await store.save_all(tx, moves)
    tell(Step.PUBLISH, len(moves), len(moves))
    return moves


async def _tidy(tx: Tx, report: RiskImport) -> None:
    """Of one day the newest import counts; what no rule looks at any more is removed afterwards, in the background."""
    if await imports.shares_days(tx, report):
        await store.replace_same_day(tx, report.number)
    if await imports.has_expired(tx, tx.policy.climber_window):
        tx.set_deadline(Subject(report.id, report.id, report.id), Deadline(domain.Due.SCORES_EXPIRED, tx.now))
