"""Risk and last crisis of listed cases, by which an agenda is ordered and capped."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from services.mdt.domain.agenda import AgendaItem
from services.mdt.domain.case import Case
from services.mdt.domain.table_16 import Standing
from services.mdt.store.case import other_open_cases
from services.mdt.store.crisis import CRISIS
from services.mdt.store.risk_standing import standings
from services.mdt.store.tables import MERGED, Tx
from shared.persistence.statements import Statement, any_of

_CRISES = Statement(sa.select(CRISIS).where(CRISIS.c.person_id == any_of("person_ids")))


async def items_of(tx: Tx, listed: Sequence[Case]) -> list[AgendaItem]:
    person_ids = [case.person_id for case in listed]
    levels = await standings(tx, person_ids, tx.policy.day_of(tx.now))
    crises, others = await _crises(tx, person_ids), await other_open_cases(tx, [case.id for case in listed])
    return [
        AgendaItem(case, levels.get(case.person_id, Standing()), crises.get(case.person_id), others.get(case.id, ())) for case in listed
    ]


async def _crises(tx: Tx, person_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """The last crisis of each person under any of their ids."""
    groups = await MERGED.groups_of(tx, person_ids)
    everyone = {member for group in groups.values() for member in group}
    found = {row["person_id"]: row["last_at"] for row in await tx.fetch(_CRISES, person_ids=list(everyone))}
    last = {person_id: [found[member] for member in group if member in found] for person_id, group in groups.items()}
    return {person_id: max(times) for person_id, times in last.items() if times}
