"""Death and move of a person: they end care here, and a mistaken one restores what ended with it (G39)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.mdt import CaseCloseReason
from shared.contracts.persons import PersonChange
from shared.kernel.totality import total

#: The reason of closure for each change, and the change for each reason; None: care ended for another reason.
REASON_OF: Mapping[PersonChange, CaseCloseReason] = total(
    PersonChange, {PersonChange.DEATH: CaseCloseReason.DIED, PersonChange.MOVE: CaseCloseReason.MOVED_AWAY}
)
CHANGE_OF: Mapping[CaseCloseReason, PersonChange | None] = total(
    CaseCloseReason,
    {
        CaseCloseReason.DIED: PersonChange.DEATH,
        CaseCloseReason.MOVED_AWAY: PersonChange.MOVE,
        CaseCloseReason.DECLINED_BY_PERSON: None,
        CaseCloseReason.NEEDS_MET: None,
        CaseCloseReason.REFERRAL_WITHDRAWN: None,
        CaseCloseReason.DUPLICATE: None,
    },
)


@dataclass(frozen=True, slots=True)
class EndOfCare:
    """A case, plan, lead or finding ended by a death or a move: `status` is the one before, which a mistake restores."""

    by: PersonChange
    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Mistake:
    """A recorded change that was a mistake. `since` is the time from which it ended care."""

    change: PersonChange
    since: datetime


def ended(status: str, reason: CaseCloseReason, at: datetime) -> EndOfCare | None:
    """None for a reason that is no change of the person's life."""
    change = CHANGE_OF[reason]
    return None if change is None else EndOfCare(change, status, at)


def mistake(change: PersonChange, recorded_at: datetime, *, recorded_within: timedelta) -> Mistake:
    """The mistaken change. A service may have ended care shortly before the change was recorded for all."""
    return Mistake(change, recorded_at - recorded_within)


def is_restored(end: EndOfCare | None, mistaken: Mistake) -> bool:
    """Whether the mistaken change, and no other, ended the care."""
    return end is not None and end.by is mistaken.change and end.at >= mistaken.since
