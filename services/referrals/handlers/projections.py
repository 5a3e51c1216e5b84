"""What is kept of the other contexts: their events for timelines, the lead for the contact, risk and practice of who was never referred."""

from services.referrals.store import leads, risks, timeline
from services.referrals.store.tables import Tx
from shared.contracts.envelope import Envelope
from shared.contracts.event import Event
from shared.contracts.mdt import LeadActivated, LeadEnded, LeadHandedOver, RiskHighClimberFound, RiskLevelCrossed


async def on_any(event: Event, envelope: Envelope, *, tx: Tx) -> None:
    await timeline.note(tx, event, envelope)


async def on_lead_activated(event: LeadActivated, envelope: Envelope, *, tx: Tx) -> None:
    await leads.copy_lead(tx, event, envelope)


async def on_lead_ended(_: LeadEnded | LeadHandedOver, envelope: Envelope, *, tx: Tx) -> None:
    await leads.end_lead(tx, envelope)


async def on_risk_changed(event: RiskLevelCrossed | RiskHighClimberFound, envelope: Envelope, *, tx: Tx) -> None:
    await risks.copy_risk(tx, envelope, event)
