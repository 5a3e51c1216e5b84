"""Events that are copied from other contexts: all for timelines, the lead for the contact, and the risk level with its practice."""

from services.referrals.store import leads, risks, timeline
from services.referrals.store.tables import Tx
from shared.contracts.envelope import Envelope
from shared.contracts.event import Event
from shared.contracts.mdt import LeadActivated, LeadEnded, LeadHandedOver, RiskHighClimberFound, RiskLevelCrossed


async def project_event(event: Event, envelope: Envelope, *, tx: Tx) -> None:
    await timeline.project_event(tx, event, envelope)


async def project_lead(event: LeadActivated, envelope: Envelope, *, tx: Tx) -> None:
    await leads.project_lead(tx, event, envelope)


async def drop_lead(_: LeadEnded | LeadHandedOver, envelope: Envelope, *, tx: Tx) -> None:
    await leads.drop_lead(tx, envelope)


async def project_risk(event: RiskLevelCrossed | RiskHighClimberFound, envelope: Envelope, *, tx: Tx) -> None:
    await risks.project_risk(tx, event, envelope)
