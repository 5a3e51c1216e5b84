"""The answers of the services that step-downs asked to continue the care."""

from services.mdt.store.tables import ONWARD, Tx
from shared.contracts.envelope import Envelope
from shared.persistence.onward_answers import OnwardEvent


async def project_answer(event: OnwardEvent, envelope: Envelope, *, tx: Tx) -> None:
    await ONWARD.project(tx, event, envelope)
