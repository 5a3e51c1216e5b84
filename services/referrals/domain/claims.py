"""Claims of referrals at the Community Point of Access: who works on one now, so that two colleagues do not do the same.

A claim is a courtesy. It refuses no other command, lapses, and a colleague may take it over explicitly.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.referrals.commands import ClaimReferral, ReleaseClaim
from services.referrals.domain.policy import Policy
from services.referrals.domain.referral import OPEN, Referral
from shared.kernel.errors import Conflict, IllegalTransition
from shared.kernel.state_table import Transitions, transition

#: The commands of a claim, which change no state of the referral and emit no event.
COMMANDS: tuple[type, ...] = (ClaimReferral, ReleaseClaim)


@dataclass(frozen=True, slots=True)
class Claim:
    """Of an actor, until `lapses_at`."""

    referral_id: UUID
    claimed_by: str
    claimed_at: datetime
    lapses_at: datetime


class ClaimedByColleague(Conflict):
    """A colleague has claimed the referral; the detail has their id."""

    code = "claimed-by-colleague"
    advice = "Ask the colleague, or claim it with take_over: true."


def claim(referral: Referral, present: Claim | None, command: ClaimReferral, *, claimed_by: str, now: datetime, policy: Policy) -> Claim:
    """The claim from now; a repetition renews it. Raises IllegalTransition, ClaimedByColleague."""
    _require_open(referral, ClaimReferral)
    is_others = present is not None and is_live(present, now) and present.claimed_by != claimed_by
    if present and is_others and not command.take_over:
        raise ClaimedByColleague(f"{present.claimed_by} has claimed the referral.")
    return Claim(referral.id, claimed_by, now, now + policy.claim_lapses_after)


def require_releasable(referral: Referral, holder: str | None, *, actor_id: str) -> None:
    """`holder` has the live claim. Raises IllegalTransition, also without one, and ClaimedByColleague."""
    _require_open(referral, ReleaseClaim)
    if holder is None:
        raise IllegalTransition(ReleaseClaim.__name__, "not claimed")
    if holder != actor_id:
        raise ClaimedByColleague(f"{holder} has claimed the referral.")


def claimable(referral: Referral) -> Transitions:
    """The commands of a claim that the referral permits, beside those of its state table."""
    return {command: transition(OPEN, ()) for command in COMMANDS if referral.status in OPEN}


def _require_open(referral: Referral, command: type) -> None:
    if referral.status not in OPEN:
        raise IllegalTransition(command.__name__, referral.status)


def is_live(present: Claim, now: datetime) -> bool:
    return now < present.lapses_at
