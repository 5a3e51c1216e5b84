"""The next release of the product, as far as others notice: it writes a second version of one event beside the first.

An older worker cannot read it and parks it; a newer one knows it and does not listen to it.
"""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import wraps
from typing import Any

from shared.contracts import registry
from shared.contracts.codes import Urgency
from shared.contracts.event import Event, Instant
from shared.contracts.referrals import ReferralTriaged
from shared.kernel.decision import Decision, Fact
from shared.persistence.repository import Repository
from shared.persistence.transaction import Transaction
from tests.chaos.kill_points import replace_port


class ReferralTriagedAnew(Event):
    """A clinician decided how urgent it is; whether it is complex became a number."""

    TYPE = "referrals.referral.triaged.v2"
    TOPIC = "referrals.referral"
    PUBLIC = True

    outcome: Urgency
    complexity: int
    triaged_at: Instant


def install() -> None:
    """Makes this process one of the next release."""
    vars(registry)["MODULES"] = (*registry.MODULES, sys.modules[__name__])
    registry.registry.cache_clear()
    save = Repository.save

    @wraps(save)
    async def saving(self: Repository[Any], tx: Transaction[Any], decision: Decision[Any]) -> Any:
        return await save(self, tx, replace(decision, events=_beside(decision.events)))

    replace_port(ExitStack(), Repository, "save", saving)


def _beside(events: Sequence[Fact]) -> list[Fact]:
    written: list[Fact] = []
    for event in events:
        written.append(event)
        if isinstance(event, ReferralTriaged):
            written.append(ReferralTriagedAnew(outcome=event.outcome, complexity=int(event.is_complex), triaged_at=event.triaged_at))
    return written
