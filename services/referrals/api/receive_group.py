"""Group commit of referrals: many acknowledgements in one transaction. Without this module only the throughput changes."""

from collections.abc import Hashable, Sequence

from services.referrals.api.collection import Receipt, acknowledge
from services.referrals.commands import ReceiveReferral
from services.referrals.domain import Policy
from services.referrals.domain.person import valid_nhs_number
from services.referrals.handlers.receive import prefetch_people
from shared.persistence.batching.group_commit import GroupableWork
from shared.persistence.transaction import Transaction


def _person_of(command: ReceiveReferral) -> Sequence[Hashable]:
    """Two referrals of one person never share a transaction: the second must see the first."""
    number = valid_nhs_number(command)
    return [number] if number else []


async def _prefetch(commands: Sequence[ReceiveReferral], tx: Transaction[Policy]) -> None:
    await prefetch_people(commands, tx=tx)


RECEIVE_GROUP: GroupableWork[ReceiveReferral, Receipt] = GroupableWork(acknowledge, conflict_keys=_person_of, prefetch=_prefetch)
