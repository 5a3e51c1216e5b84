"""Events that Rapid Care copies: the person's record, the care plan and the lead, and the answers of services asked to continue."""

from uuid import UUID

from services.rapid_care.store import projections
from services.rapid_care.store.tables import ONWARD, Tx
from shared.contracts.care_plans import CarePlanClosed, CarePlanRecorded, CarePlanReopened
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import LeadActivated, LeadEnded, LeadHandedOver
from shared.contracts.persons import PersonRecordRecorded
from shared.contracts.referral_codes import AmendedPart
from shared.contracts.referrals import ReferralAmended, ReferralInformationAnswered
from shared.persistence.onward_answers import OnwardEvent


async def project_person(event: PersonRecordRecorded, envelope: Envelope, *, tx: Tx) -> None:
    await projections.project_person(tx, event, envelope)


async def project_information(event: ReferralAmended | ReferralInformationAnswered, envelope: Envelope, *, tx: Tx) -> None:
    """A raised urgency alone is no information: it arrives as a call."""
    if isinstance(event, ReferralInformationAnswered) or set(event.parts) - {AmendedPart.URGENCY}:
        await projections.project_information(tx, UUID(envelope.subject), envelope.time)


async def project_plan(event: CarePlanRecorded, envelope: Envelope, *, tx: Tx) -> None:
    await projections.project_plan(tx, event, envelope)


async def drop_plan(_: CarePlanClosed, envelope: Envelope, *, tx: Tx) -> None:
    await projections.mark_plan(tx, envelope, is_closed=True)


async def reopen_plan(_: CarePlanReopened, envelope: Envelope, *, tx: Tx) -> None:
    await projections.mark_plan(tx, envelope, is_closed=False)


async def project_lead(event: LeadActivated, envelope: Envelope, *, tx: Tx) -> None:
    await projections.project_lead(tx, event, envelope)


async def drop_lead(_: LeadEnded | LeadHandedOver, envelope: Envelope, *, tx: Tx) -> None:
    await projections.drop_lead(tx, envelope)


async def project_onward_answer(event: OnwardEvent, envelope: Envelope, *, tx: Tx) -> None:
    """The answer to a step-down; every other referral has no `onward_of`."""
    if event.onward_of is not None:
        await ONWARD.project(tx, event, envelope)
