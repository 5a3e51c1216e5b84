"""The next release of the product, as other processes see it: it publishes a second version of one event together with the first.

A worker of the earlier release cannot decode the second version and parks it. A worker of the next release knows it and does not subscribe.
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


class ReferralTriagedV2(Event):
    """A clinician triaged the referral; its complexity is a number."""

    TYPE = "referrals.referral.triaged.v2"
    TOPIC = "referrals.referral"
    PUBLIC = True

    outcome: Urgency
    complexity: int
    triaged_at: Instant


def install() -> None:
    """Turns this process into one of the next release."""
    vars(registry)["MODULES"] = (*registry.MODULES, sys.modules[__name__])
    registry.registry.cache_clear()
    save = Repository.save

    @wraps(save)
    async def save_both(self: Repository[Any], tx: Transaction[Any], decision: Decision[Any]) -> Any:
        return await save(self, tx, replace(decision, events=_with_second_version(decision.events)))

    replace_port(ExitStack(), Repository, "save", save_both)


def _with_second_version(events: Sequence[Fact]) -> list[Fact]:
    written: list[Fact] = []
    for event in events:
        written.append(event)
        if isinstance(event, ReferralTriaged):
            written.append(ReferralTriagedV2(outcome=event.outcome, complexity=int(event.is_complex), triaged_at=event.triaged_at))
    return written
