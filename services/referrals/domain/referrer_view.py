"""What a referrer without a further relationship sees of its referral: nothing that follows from what others have stored or sent.

Some marks depend on what the record has, or on what other referrers sent. Neither they nor their events are shown to it, and its version
counts the events that it sees. All marks share one deadline, which a hidden one may have brought: neither that nor its reminders are shown.
Status, urgency and deadline are shown, because staff set them too. Staff, and those who act for the person, see everything. Pure.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.referrals.domain import deadlines
from services.referrals.domain.referral import Referral
from shared.contracts.codes import Condition
from shared.contracts.referral_codes import Discrepancy

#: The mark follows what the record of the person has, or lacks.
_OF_RECORD = frozenset({Discrepancy.DETAILS_UNCONFIRMED, Discrepancy.HISTORY_SHORTENED, Discrepancy.PRACTICE_UNCONFIRMED})
_DEADLINE_OF_MARKS = "resolve_by"


@dataclass(frozen=True, slots=True)
class OwnPart:
    """What the referrer sees where others have changed the referral since: the times of what it sent itself, and what staff stated."""

    informed_at: datetime | None = None
    raised_at: datetime | None = None
    called_at: datetime | None = None
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class HiddenPart:
    """What the referrer does not see of its referral.

    `events` are not shown at all, and `marks_of` has the marks that an event does not show. `marks` are those that are hidden now, and
    `ended` those that stand for the referrer still, because it does not see what ended them. `sent_at`: when others sent something.
    """

    marks: frozenset[str] = _OF_RECORD
    ended: frozenset[str] = frozenset()
    events: frozenset[UUID] = frozenset()
    marks_of: Mapping[UUID, frozenset[str]] = field(default_factory=dict)
    sent_at: frozenset[datetime] = frozenset()
    has_condition: bool = False
    own: OwnPart = OwnPart()


def of_record(own: Referral, same: Collection[str] = ()) -> frozenset[str]:
    """The marks that follow from the record. A practice that says that it is the person's knows that no one else has confirmed it.

    `same` has the codes that stand for the referrer's practice today.
    """
    is_own_statement = own.practice_code in {own.referrer_organisation, *same}
    return _OF_RECORD - {Discrepancy.PRACTICE_UNCONFIRMED} if is_own_statement else _OF_RECORD


def needs_practice(own: Referral) -> bool:
    """Whether the receipt has a doubt about a practice with another code than the referrer's, which may stand for the same one today."""
    return own.practice_code != own.referrer_organisation and Discrepancy.PRACTICE_UNCONFIRMED in own.discrepancies


def seen(referral: Referral, hidden: HiddenPart) -> Referral:
    """The referral as its referrer sees it."""
    own = hidden.own
    return replace(
        _with_own_call(referral, hidden),
        discrepancies=_marks(referral, hidden),
        discrepancies_due_at=None,
        person_is_recorded_as=None,
        condition=own.condition if hidden.has_condition else referral.condition,
        informed_at=own.informed_at if referral.informed_at in hidden.sent_at else referral.informed_at,
        raised_at=own.raised_at if referral.raised_at in hidden.sent_at else referral.raised_at,
        version=referral.version - len(hidden.events),
    )


def shown(event_id: UUID, data: Mapping[str, Any], hidden: HiddenPart) -> dict[str, Any]:
    """The data of an event without the marks that are not shown, without their deadline, and without the condition of another."""
    left = {name: each for name, each in data.items() if name != _DEADLINE_OF_MARKS}
    if hidden.has_condition and data.get("condition"):
        left["condition"] = hidden.own.condition
    if marks := data.get("discrepancies"):
        unseen = hidden.marks_of.get(event_id, frozenset())
        left["discrepancies"] = [each for each in marks if each not in unseen]
    return left


def is_of_another(joined: Referral, own: Referral) -> bool:
    """Whether another organisation sent the referral that this one joined."""
    return joined.referrer_organisation != own.referrer_organisation


def joined_as_seen(joined: Referral, own: Referral, hidden: HiddenPart | None = None) -> Referral:
    """What a merged referral shows of the one that it joined. In that of another organisation the clock is that of what its referrer sent.

    A call is shown to the caller alone, who is promised an answer. Without `hidden`, the referral has been merged just now.
    """
    is_other = is_of_another(joined, own)
    if hidden and not is_other:
        return seen(joined, hidden)
    called_at = hidden.own.called_at if hidden else own.received_at
    is_called = called_at is not None if hidden else joined.call_repeated_at == called_at
    called = replace(joined, call_repeated_at=called_at) if is_called else deadlines.without_call(joined)
    return replace(called, clock_starts_at=own.clock_starts_at) if is_other else called


def _with_own_call(referral: Referral, hidden: HiddenPart) -> Referral:
    """The receiver answers all open calls together, by one time."""
    if referral.call_repeated_at not in hidden.sent_at:
        return referral
    return replace(referral, call_repeated_at=hidden.own.called_at) if hidden.own.called_at else deadlines.without_call(referral)


def _marks(referral: Referral, hidden: HiddenPart) -> tuple[Discrepancy, ...]:
    left = tuple(each for each in referral.discrepancies if each not in hidden.marks)
    ended = () if referral.ended_at else tuple(Discrepancy(each) for each in sorted(hidden.ended) if each not in left)
    return (*left, *ended)
