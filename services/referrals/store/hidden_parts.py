"""What the referrers do not see of their referrals, by the events of the log."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa

from services.referrals.domain.referral import Referral
from services.referrals.domain.referrer_events import TYPES, LogEntry, unseen
from services.referrals.domain.referrer_view import HiddenPart, is_of_another
from services.referrals.store.directory import SAME_PRACTICE
from services.referrals.store.tables import EVENT, Tx
from shared.persistence.statements import Statement, any_of

_TOPIC = "referrals.referral"
#: The events that decide what a referrer sees, in the order of the log.
_DECISIVE = Statement(
    sa.select(EVENT.c.id, EVENT.c.subject, EVENT.c.type, EVENT.c.data)
    .where(EVENT.c.subject == any_of("subjects"), EVENT.c.topic == sa.literal_column(f"'{_TOPIC}'"))
    .where(EVENT.c.type.in_([sa.literal_column(f"'{each}'") for each in TYPES]))
    .order_by(EVENT.c.id)
)


async def unseen_of(tx: Tx, subjects: Collection[tuple[Referral, Referral]]) -> Mapping[UUID, HiddenPart]:
    """What the viewer does not see of each referral, by its id; each is beside the one that the viewer sent: the same, or a merged one.

    The events of the transaction itself count: a command shows its own effect. The questions are the same whatever there is to hide.
    """
    happened: defaultdict[UUID, list[LogEntry]] = defaultdict(list)
    stored: Sequence[Any] = await tx.fetch(_DECISIVE, subjects=[each.id for each, _ in subjects])
    for row in [*stored, *(each for each in tx.pending(_TOPIC) if each["type"] in TYPES)]:
        happened[row["subject"]].append(LogEntry(row["id"], row["type"], orjson.loads(row["data"])))
    same = await SAME_PRACTICE.get(tx, tx.actor.organisation)
    return {each.id: _unseen(happened[each.id], each, own, same) for each, own in subjects}


def _unseen(events: Sequence[LogEntry], subject: Referral, own: Referral, same: Collection[str]) -> HiddenPart:
    """The colleagues of the viewer sent the referral that the own one joined, unless another organisation did."""
    is_other = is_of_another(subject, own)
    return unseen(events, own, {own.id} if is_other else {own.id, subject.id}, shows_marks=not is_other, same=same)
