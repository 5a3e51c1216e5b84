"""Somebody looks at a person whom case finding pointed out, and says who goes on. Nothing is decided by a level alone (G54)."""

from services.mdt.commands import ReferCase, ScreenFinding
from services.mdt.domain import risk as domain
from services.mdt.domain.risk import LocalityMissing, Risk
from services.mdt.handlers.case import refer_case
from services.mdt.store.person import locality_of
from services.mdt.store.risk import of_person, risks
from services.mdt.store.tables import Tx
from shared.contracts.mdt import FindingDestination
from shared.kernel.at import At


async def screen_finding(at: At, command: ScreenFinding, *, tx: Tx) -> Risk:
    """`at` is the person. Whoever is meant for the meeting comes before it as a case of the same chain.

    Raises RiskNotFound, IllegalTransition, VersionConflict, CaseAlreadyOpen, LocalityMissing.
    """
    risk = await of_person(tx, at.id, if_version=at.version)
    screened = await risks.save(tx, domain.screen(risk, command))
    if command.destination is FindingDestination.MDT:
        await _refer(screened, command, tx)
    return screened


async def _refer(risk: Risk, command: ScreenFinding, tx: Tx) -> None:
    locality = await locality_of(tx, risk.person_id) or command.locality
    if locality is None:
        raise LocalityMissing("It is not known where this person's practice is.")
    await refer_case(ReferCase(risk.person_id, risk.practice_code, locality, case_finding_id=risk.correlation_id), tx=tx)
