"""What is kept of the other contexts: their events for timelines, the lead for the contact, the risk for the person's page."""

from uuid import UUID

from services.referrals.store import leads, risks, timeline
from services.referrals.store.tables import Tx
from shared.contracts.envelope import Envelope
from shared.contracts.event import Event
from shared.contracts.mdt import LeadActivated, LeadEnded, LeadHandedOver, RiskHighClimberFound, RiskLevelCrossed


async def on_any(event: Event, envelope: Envelope, *, tx: Tx) -> None:
    await timeline.note(tx, event, envelope)


async def on_lead_activated(event: LeadActivated, envelope: Envelope, *, tx: Tx) -> None:
    await leads.copy_lead(tx, event, envelope)


async def on_lead_gone(_: LeadEnded | LeadHandedOver, envelope: Envelope, *, tx: Tx) -> None:
    await leads.end_lead(tx, envelope)


async def on_risk_level_crossed(event: RiskLevelCrossed, envelope: Envelope, *, tx: Tx) -> None:
    person_id, sequence = UUID(envelope.key), envelope.sequence
    await risks.copy_risk(tx, person_id, level=event.to_level, valid_from=event.valid_from, climbed_on=None, sequence=sequence)


async def on_high_climber_found(event: RiskHighClimberFound, envelope: Envelope, *, tx: Tx) -> None:
    person_id, sequence, day = UUID(envelope.key), envelope.sequence, event.valid_from
    await risks.copy_risk(tx, person_id, level=event.level, valid_from=day, climbed_on=day, sequence=sequence)
