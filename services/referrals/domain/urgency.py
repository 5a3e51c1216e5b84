"""A referral that becomes urgent: its clock, and the mark for its condition. Sources: G02, G41."""

from dataclasses import replace
from datetime import datetime

from services.referrals.domain.discrepancies import mark_condition
from services.referrals.domain.referral import Referral
from shared.contracts.codes import Urgency


def clock_start(referral: Referral, now: datetime) -> datetime:
    """The start of an urgent referral's clock: unchanged if it was urgent before or is not yet triaged, else now (G02, G41)."""
    return referral.clock_starts_at if referral.was_urgent or referral.triaged_at is None else now


def clock_of_raise(referral: Referral, now: datetime) -> datetime:
    """The start of the clock of a referral whose referrer states that it has become urgent: now, unless it was urgent before (G41)."""
    return referral.clock_starts_at if referral.was_urgent else now


def made_urgent(referral: Referral, now: datetime, *, starts_at: datetime | None = None) -> Referral:
    """The referral as urgent from now on; one without a condition is marked. `starts_at` replaces the start by `clock_start`."""
    urgent = replace(referral, urgency=Urgency.URGENT, was_urgent=True, clock_starts_at=starts_at or clock_start(referral, now))
    return mark_condition(urgent)
