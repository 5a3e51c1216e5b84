"""A merge of two records of one person, and its separation when it was a mistake.

Nothing gets another key: cases, plans and findings stay under their id, each with owner and deadline, and the meeting sees the other ones.
A referral that joined a case under another id returns to its own person with the separation. Only the accountable lead is one for the
whole person. Locks are taken in one order: the diary, the cases, the plans, the merged record's leads, the survivor's.
"""

from uuid import UUID

from services.mdt.domain.lead import Lead
from services.mdt.domain.notification import Kind
from services.mdt.handlers.intake import lock_cases, return_referrals
from services.mdt.handlers.lead import ensure_lead, follow_registration, unite_leads
from services.mdt.handlers.notification import notify_lead
from services.mdt.store.case import open_cases_of
from services.mdt.store.lead import active_lead, lock_leads
from services.mdt.store.meeting import lock_diary
from services.mdt.store.notification import notify, settle
from services.mdt.store.tables import MERGED, Tx
from shared.contracts.envelope import Envelope
from shared.contracts.persons import PersonMerged, PersonSeparated
from shared.kernel.ids import PersonId
from shared.persistence.merged_persons import Merge


async def on_person_merged(event: PersonMerged, envelope: Envelope, *, tx: Tx) -> None:
    """The lead of the merged record ends when the other record has one. A stale or repeated merge changes nothing."""
    merge = Merge(UUID(envelope.key), event.into, event.merged_at)
    former = await _lock(tx, merge)
    if await MERGED.merge(tx, merge):
        lead, ended = await unite_leads(merge, tx=tx)
        await _notify_of_merge(tx, merge, lead, ended)
        if former and former != merge.into:  # the separation from that record has not arrived
            await _ensure_leads(tx, former)


async def on_person_separated(event: PersonSeparated, envelope: Envelope, *, tx: Tx) -> None:
    """Referrals are in a case of their own person, and each plan has a lead of its own id. A stale or repeated event changes nothing."""
    merge = Merge(UUID(envelope.key), event.from_person, event.merged_at)
    former = await _lock(tx, merge)
    if await MERGED.separate(tx, merge, event.separated_at) and former == merge.into:
        for person_id in (merge.person_id, merge.into):
            await return_referrals(PersonId(person_id), tx=tx)
        for person_id in (merge.person_id, merge.into):
            await _ensure_leads(tx, person_id)
            await _notify_of_separation(tx, PersonId(person_id))


async def _lock(tx: Tx, merge: Merge) -> UUID | None:
    """Locks the cases, plans and leads of both records. Returns the record that this one is merged into at present."""
    await lock_diary(tx)
    for person_id in (merge.person_id, merge.into):
        await lock_cases(tx, PersonId(person_id))
    await lock_leads(tx, PersonId(merge.person_id))
    await lock_leads(tx, PersonId(merge.into))
    return await MERGED.survivor(tx, merge.person_id)


async def _ensure_leads(tx: Tx, person_id: UUID) -> None:
    for member in await MERGED.group(tx, person_id):
        await ensure_lead(PersonId(member), tx=tx)
    await follow_registration(PersonId(person_id), tx=tx)


async def _notify_of_merge(tx: Tx, merge: Merge, lead: Lead | None, ended: Lead | None) -> None:
    """Notifies the lead of the whole person, and the professional whose lead has ended."""
    person_id = PersonId(merge.person_id)
    if lead:
        await notify_lead(tx, person_id, Kind.PERSON_MERGED, lead.id, tx.now)
    if ended and (lead is None or ended.professional != lead.professional):
        await notify(tx, ended.professional, person_id, Kind.LEAD_MERGED, ended.id, tx.now)


async def _notify_of_separation(tx: Tx, person_id: PersonId) -> None:
    """Notifies the lead; and the chair of each open case, whose discussion may have been about the other person."""
    lead = await active_lead(tx, person_id)
    if lead:
        await settle(tx, [lead.id])
        await notify_lead(tx, person_id, Kind.PERSON_SEPARATED, lead.id, tx.now)
    for case in await open_cases_of(tx, person_id):
        await notify(tx, tx.policy.chair, person_id, Kind.PERSON_SEPARATED, case.id, tx.now)
