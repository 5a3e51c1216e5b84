"""The answers of the services that Rapid Care asked to continue."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from services.rapid_care.store.tables import ONWARD
from shared.persistence.onward_answers import OnwardAnswer
from shared.persistence.statements import ReadSession


async def answers(reader: ReadSession, responses: Iterable[UUID]) -> Mapping[UUID, tuple[OnwardAnswer, ...]]:
    """By response."""
    return await ONWARD.of(reader, responses)
