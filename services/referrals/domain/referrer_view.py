"""What a referrer without a further relationship sees of its referral: nothing that follows from what others have stored or sent.

Some marks depend on what the record has, or on what other referrers sent. Neither they nor their events are shown to it, and its version
counts the events that it sees. All marks share one deadline, which a hidden one may have brought: neither that nor its reminders are shown.
Staff, and those who act for the person, see everything. Pure.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.referrals.domain import deadlines
from services.referrals.domain.referral import Referral
from shared.contracts.referral_codes import Discrepancy
from shared.contracts.referrals import (
    ReferralAcknowledgementOverdue,
    ReferralAmended,
    ReferralCallRepeated,
    ReferralDiscrepancyFound,
    ReferralDiscrepancyResolved,
)

#: The mark follows what the record of the person has, or lacks.
_OF_RECORD = frozenset({Discrepancy.DETAILS_UNCONFIRMED, Discrepancy.HISTORY_SHORTENED, Discrepancy.PRACTICE_UNCONFIRMED})
#: A referral that joined this one may have brought the mark.
_OF_SENDERS = frozenset(
    {Discrepancy.RECEIVER_UNINFORMED, Discrepancy.TEXT_UNREADABLE, Discrepancy.DEATH_REPORTED, Discrepancy.MOVE_REPORTED}
)
#: The fields of an event with the referral of the one who sent something, and with the time.
_SENT_AS = {ReferralAmended.TYPE: "sent_as", ReferralCallRepeated.TYPE: "merged_referral_id"}
_SENT_AT = {ReferralAmended.TYPE: "amended_at", ReferralCallRepeated.TYPE: "called_at"}
_ABOUT_MARKS = (ReferralDiscrepancyFound.TYPE, ReferralDiscrepancyResolved.TYPE, ReferralAcknowledgementOverdue.TYPE)
_DEADLINE_OF_MARKS = "resolve_by"
#: The events of which some are not shown.
TYPES = (*_SENT_AS, *_ABOUT_MARKS)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An event of a referral as the log has it; `organisation` is that of its cause."""

    id: UUID
    kind: str
    organisation: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HiddenPart:
    """The events and the marks of a referral that its referrer does not see, and the times at which others sent something."""

    events: frozenset[UUID] = frozenset()
    marks: frozenset[str] = _OF_RECORD
    sent_at: frozenset[datetime] = frozenset()


def unseen(events: Collection[LogEntry], own: Referral, point_of_access: str, *, is_joined: bool, same: Collection[str] = ()) -> HiddenPart:
    """Of the events of a referral, to the referrer of `own`: the same referral, or one that was merged into it (`is_joined`).

    `same` has the codes that stand for the referrer's practice today.
    """
    known = set() if is_joined else {own.referrer_organisation, point_of_access}
    brought = _marks(each for each in events if each.organisation not in known)
    hidden = of_record(own, same) | ((brought - _marks(each for each in events if each.organisation in known)) & _OF_SENDERS)
    found = [each for each in events if _is_unseen(each, own.id, hidden)]
    sent_at = (datetime.fromisoformat(each.data[_SENT_AT[each.kind]]) for each in found if each.kind in _SENT_AT)
    return HiddenPart(frozenset(each.id for each in found), hidden, frozenset(sent_at))


def of_record(own: Referral, same: Collection[str] = ()) -> frozenset[str]:
    """The marks that follow from the record. A practice that says that it is the person's knows that no one else has confirmed it.

    `same` as in `unseen`.
    """
    is_own_statement = own.practice_code in {own.referrer_organisation, *same}
    return _OF_RECORD - {Discrepancy.PRACTICE_UNCONFIRMED} if is_own_statement else _OF_RECORD


def needs_practice(own: Referral, events: Iterable[LogEntry] = ()) -> bool:
    """Whether the view has a doubt about a practice with another code than the referrer's, which may stand for the same one today."""
    marks = {*own.discrepancies, *(mark for each in events for mark in each.data.get("discrepancies") or ())}
    return own.practice_code != own.referrer_organisation and Discrepancy.PRACTICE_UNCONFIRMED in marks


def seen(referral: Referral, hidden: HiddenPart) -> Referral:
    """The referral as its referrer sees it."""
    left = tuple(each for each in referral.discrepancies if each not in hidden.marks)
    known = deadlines.without_call(referral) if referral.call_repeated_at in hidden.sent_at else referral
    informed_at = None if referral.informed_at in hidden.sent_at else referral.informed_at
    version = referral.version - len(hidden.events)
    known = replace(known, discrepancies_due_at=None, person_is_recorded_as=None)
    return replace(known, discrepancies=left, informed_at=informed_at, version=version)


def shown(data: Mapping[str, Any], hidden: HiddenPart) -> dict[str, Any]:
    """The data of an event without the marks that are not shown, and without their deadline."""
    marks = data.get("discrepancies")
    left = {name: each for name, each in data.items() if name != _DEADLINE_OF_MARKS}
    return left if marks is None else left | {"discrepancies": [each for each in marks if each not in hidden.marks]}


def is_of_another(joined: Referral, own: Referral) -> bool:
    """Whether another organisation sent the referral that this one joined."""
    return joined.referrer_organisation != own.referrer_organisation


def joined_as_seen(joined: Referral, own: Referral) -> Referral:
    """What a merged referral shows of the one that it joined: the clock is that of what its referrer sent.

    A call is shown to the caller alone, who is promised an answer.
    """
    if not is_of_another(joined, own):
        return joined
    shown_clock = replace(joined, clock_starts_at=own.clock_starts_at)
    return shown_clock if joined.call_repeated_at == own.received_at else deadlines.without_call(shown_clock)


def _marks(events: Iterable[LogEntry]) -> frozenset[str]:
    return frozenset(mark for each in events if each.kind == ReferralDiscrepancyFound.TYPE for mark in each.data["discrepancies"])


def _is_unseen(event: LogEntry, own: UUID, hidden: Collection[str]) -> bool:
    if event.kind in _SENT_AS:
        return bool(event.data[_SENT_AS[event.kind]] != str(own))
    marks = event.data.get("discrepancies") or ()
    is_reminder = event.kind == ReferralAcknowledgementOverdue.TYPE
    return event.kind in _ABOUT_MARKS and bool(marks) and (is_reminder or all(mark in hidden for mark in marks))
