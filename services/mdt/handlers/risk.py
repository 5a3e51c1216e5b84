"""Imports the risk scores of the population and publishes who crossed a level or climbed, in one transaction."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from hashlib import sha256

from services.mdt.domain import risk as domain
from services.mdt.domain import risk_import
from services.mdt.domain.risk import Risk, ScoredPerson
from services.mdt.domain.risk_file import Columns, RiskFile
from services.mdt.domain.risk_import import RiskImport
from services.mdt.domain.risk_importer import Importer
from services.mdt.store import risk as store
from services.mdt.store import risk_import as imports
from services.mdt.store.tables import Tx
from shared.contracts.persons import PersonChange
from shared.kernel.decision import Deadline, Decision
from shared.kernel.ids import new_id
from shared.persistence.deadlines import DueDeadline
from shared.persistence.transaction import EventSubject


class Step(StrEnum):
    """A step of an import."""

    READ = "reading scores"
    FIND = "finding crossed levels and high climbers"


#: Receives the step, the amount done and the total; a total of 0 is unknown.
Progress = Callable[[Step, int, int], None]


def _no_progress(step: Step, done: int, total: int) -> None:
    """Discards the progress."""


async def import_scores(content: bytes, *, tx: Tx, progress: Progress = _no_progress) -> RiskImport:
    """Imports a whole file. Raises NotARiskFile, ImportRunning."""
    number, digest, by = await imports.lock_import(tx), sha256(content).digest(), Importer.of(tx.actor)
    begun = risk_import.begin(new_id(), number, digest, by=by, now=tx.now, policy=tx.policy)
    earlier = await imports.same_content(tx, begun)
    if earlier:
        return await imports.save(tx, risk_import.repeat(begun, earlier))
    file = RiskFile(content, tx.policy, tx.secrets.pseudonymiser(), tx.policy.day_of(tx.now))
    await store.prepare(tx)
    await store.copy_scores(tx, begun.number, _read(file, len(content), progress))
    moved = await _publish_moves(tx, begun, progress)
    report = await imports.save(tx, risk_import.conclude(begun, file.tally, moved))
    await _tidy(tx, report)
    return report


async def on_scores_expired(deadline: DueDeadline, *, tx: Tx) -> None:  # noqa: ARG001  one deadline deletes all expired scores
    newest = await imports.newest_day(tx)
    if newest:
        await store.delete_expired(tx, before=newest - tx.policy.climber_window)


async def on_deaths_during_import(deadline: DueDeadline, *, tx: Tx) -> None:  # noqa: ARG001  one deadline concerns every person
    """Ends the entries of people whose death was recorded before the import that listed them was committed."""
    for risk in await store.present_but_dead(tx):
        await store.risks.save(tx, domain.end(risk, PersonChange.DEATH, tx.now))


async def _read(file: RiskFile, total: int, progress: Progress) -> AsyncIterator[Columns]:
    for block in file.blocks():
        yield block
        progress(Step.READ, file.bytes_read, total)
        await asyncio.sleep(0)  # lets other requests of this process run
    progress(Step.READ, total, total)


async def _publish_moves(tx: Tx, begun: RiskImport, progress: Progress) -> Counter[str]:
    """Publishes crossings and climbs. Returns the number of events by type."""
    moved: Counter[str] = Counter()
    progress(Step.FIND, 0, 0)
    importers = {**await imports.importers(tx), begun.number: begun.imported_by}
    async for people in store.scored_people(tx, begun.number, importers):
        decisions = [decision for decision in (_assess(person, tx, begun) for person in people) if decision]
        await store.save_all(tx, decisions)
        moved.update(event.TYPE for decision in decisions for event in decision.events)
        progress(Step.FIND, moved.total(), 0)
    progress(Step.FIND, moved.total(), moved.total())
    return moved


def _assess(person: ScoredPerson, tx: Tx, begun: RiskImport) -> Decision[Risk] | None:
    return domain.assess(person, tx.policy, rule=begun.rule_version, risk_id=new_id(), case_finding_id=new_id())


async def _tidy(tx: Tx, report: RiskImport) -> None:
    """Replaces earlier scores of the same days. Sets the deadlines that delete expired scores, and that end entries of the dead."""
    if await imports.shares_days(tx, report):
        await store.replace_same_day(tx, report.number)
    about = EventSubject(report.id, report.id, report.id)
    if report.events:
        tx.set_deadline(about, Deadline(domain.RiskDeadline.DEATHS_DURING_IMPORT, tx.now))
    if await imports.has_expired(tx, report, tx.policy.climber_window):
        tx.set_deadline(about, Deadline(domain.RiskDeadline.SCORES_EXPIRED, tx.now))
