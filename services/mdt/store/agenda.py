"""Risk and last crisis of listed cases, by which an agenda is ordered and capped."""

from collections.abc import Sequence

import sqlalchemy as sa

from services.mdt.domain.agenda import AgendaItem
from services.mdt.domain.case import Case
from services.mdt.domain.table_16 import Standing
from services.mdt.store.crisis import CRISIS
from services.mdt.store.risk_standing import standings
from services.mdt.store.tables import Tx
from shared.persistence.statements import Statement

_CRISES = Statement(sa.select(CRISIS).where(CRISIS.c.person_id == sa.any_(sa.bindparam("person_ids", type_=sa.ARRAY(sa.Uuid)))))


async def items_of(tx: Tx, listed: Sequence[Case]) -> list[AgendaItem]:
    person_ids = [case.person_id for case in listed]
    levels = await standings(tx, person_ids, tx.policy.day_of(tx.now))
    crises = {row["person_id"]: row["last_at"] for row in await tx.fetch(_CRISES, person_ids=person_ids)}
    return [AgendaItem(case, levels.get(case.person_id, Standing()), crises.get(case.person_id)) for case in listed]
