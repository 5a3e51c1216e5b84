"""The roster."""

from services.navigation.domain.assignment import Candidate
from services.navigation.domain.navigator import Navigator, id_of
from services.navigation.store import navigator as store
from services.navigation.store.navigator import navigators
from services.navigation.store.tables import Tx
from shared.persistence.statements import ReadSession


async def find_navigator(reader: ReadSession, code: str) -> Navigator | None:
    return await navigators.find(reader, id_of(code))


async def caseload(tx: Tx, code: str) -> Candidate:
    """A navigator with their caseload. Raises NavigatorNotFound."""
    return await store.candidate(tx, code)


async def roster(tx: Tx, organisation: str) -> list[Candidate]:
    """The navigators of an organisation, by locality."""
    return await store.roster(tx, organisation)
