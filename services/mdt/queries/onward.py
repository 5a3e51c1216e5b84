"""The answers of the services that the meeting asked to continue."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from services.mdt.store.tables import ONWARD
from shared.persistence.onward_answers import OnwardAnswer
from shared.persistence.statements import ReadSession


async def answers(reader: ReadSession, cases: Iterable[UUID]) -> Mapping[UUID, tuple[OnwardAnswer, ...]]:
    """By case."""
    return await ONWARD.of(reader, cases)
