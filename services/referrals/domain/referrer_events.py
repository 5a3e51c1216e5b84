"""Which events of a referral its referrer sees: those that staff caused, and those that it caused itself.

What follows from the word of another referrer names the referral with which it was sent (`sent_as`). Marks and calls are followed in the
order of the log: a mark or a call of another is hidden with all that becomes of it. Pure.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.referrals.domain.referral import Referral
from services.referrals.domain.referrer_view import HiddenPart, OwnPart, of_record
from shared.contracts.codes import Condition
from shared.contracts.referral_codes import AmendedPart, Discrepancy
from shared.contracts.referrals import (
    ReferralAcknowledgementOverdue,
    ReferralAmended,
    ReferralCallAnswered,
    ReferralCallRepeated,
    ReferralConditionSet,
    ReferralDiscrepancyFound,
    ReferralDiscrepancyResolved,
    ReferralInformationAnswered,
    ReferralRecalled,
    ReferralReceived,
    ReferralReturned,
    ReferralUrgencyRaised,
)

#: The field of an event with the referral of the one who sent something, and the field with the time.
_SENT_AS = {ReferralCallRepeated.TYPE: "merged_referral_id"}
_SENT_AT = {ReferralAmended.TYPE: "amended_at", ReferralCallRepeated.TYPE: "called_at", ReferralInformationAnswered.TYPE: "answered_at"}
_INFORMING = {AmendedPart.INFORMATION, AmendedPart.TELEPHONE}
_ENDS_CALLS = (ReferralCallAnswered.TYPE, ReferralRecalled.TYPE, ReferralReturned.TYPE)
#: The events that decide what a referrer sees.
TYPES = tuple(
    event.TYPE
    for event in (
        ReferralReceived,
        ReferralAmended,
        ReferralInformationAnswered,
        ReferralConditionSet,
        ReferralUrgencyRaised,
        ReferralDiscrepancyFound,
        ReferralDiscrepancyResolved,
        ReferralCallRepeated,
        ReferralCallAnswered,
        ReferralRecalled,
        ReferralReturned,
        ReferralAcknowledgementOverdue,
    )
)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An event of a referral as the log has it."""

    id: UUID
    kind: str
    data: Mapping[str, Any]


@dataclass(slots=True)
class _Marks:
    """What the referrer knows of the marks. `standing` stand for it, `hidden` are there without its knowledge."""

    never: frozenset[str]
    standing: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    of_event: dict[UUID, frozenset[str]] = field(default_factory=dict)

    def find(self, event: LogEntry, *, is_seen: bool) -> None:
        found = set(event.data.get("discrepancies") or ())
        visible = found - self.never if is_seen else set()
        self.of_event[event.id] = frozenset(found - visible)
        self.hidden = (self.hidden | found) - self.standing - visible
        self.standing |= visible
        self.ended -= visible

    def resolve(self, event: LogEntry, *, is_seen: bool) -> None:
        resolved = set(event.data["discrepancies"])
        self.of_event[event.id] = frozenset(resolved & (self.hidden | self.never) if is_seen else resolved)
        self.ended = self.ended - resolved if is_seen else self.ended | (resolved & self.standing)
        self.standing -= resolved if is_seen else set()
        self.hidden -= resolved


def unseen(
    events: Sequence[LogEntry], own: Referral, sent: Collection[UUID], *, shows_marks: bool, same: Collection[str] = ()
) -> HiddenPart:
    """Of the events of a referral, in the order of the log, to one who sees it by having sent `own`.

    `sent` are the referrals whose sending counts as the viewer's own. `shows_marks`: not for a referral of another organisation that `own`
    has joined. `same` has the codes that stand for the viewer's practice today.
    """
    others = {each.id for each in events if not _is_own(each, sent)}
    marks = _follow_marks(events, others, of_record(own, same), shows_marks=shows_marks)
    called_at, of_calls = _follow_calls(events, others)
    seen = [each for each in events if each.id not in others]
    conditions = [each for each in events if each.kind == ReferralConditionSet.TYPE]
    if any(each.id not in others for each in conditions):
        marks.ended.discard(Discrepancy.CONDITION_MISSING)
    return HiddenPart(
        marks=marks.never | frozenset(marks.hidden),
        ended=frozenset(marks.ended) if shows_marks else frozenset(),
        events=frozenset(others | of_calls | {each.id for each in events if _shows_no_mark(each, marks)}),
        marks_of=marks.of_event,
        sent_at=frozenset(_at(each) for each in events if each.id in others and each.kind in _SENT_AT),
        has_condition=bool(conditions) and conditions[-1].id in others,
        own=OwnPart(_last(seen, _INFORMING), _last(seen, {AmendedPart.URGENCY}), called_at, _condition(seen)),
    )


def _is_own(event: LogEntry, sent: Collection[UUID]) -> bool:
    """Whether the viewer, staff or the product caused the event."""
    cause = event.data.get(_SENT_AS.get(event.kind, "sent_as"))
    return cause is None or UUID(str(cause)) in sent


def _follow_marks(events: Sequence[LogEntry], others: Collection[UUID], never: frozenset[str], *, shows_marks: bool) -> _Marks:
    marks = _Marks(never)
    for event in events:
        is_seen = shows_marks and event.id not in others
        if event.kind in (ReferralReceived.TYPE, ReferralDiscrepancyFound.TYPE):
            marks.find(event, is_seen=is_seen)
        elif event.kind == ReferralDiscrepancyResolved.TYPE:
            marks.resolve(event, is_seen=is_seen)
    return marks


def _shows_no_mark(event: LogEntry, marks: _Marks) -> bool:
    """Whether the event is about marks of which the referrer sees none. It sees no reminder of marks, which names the shared deadline."""
    about = event.data.get("discrepancies")
    is_reminder = event.kind == ReferralAcknowledgementOverdue.TYPE
    return bool(about) and event.kind != ReferralReceived.TYPE and (is_reminder or set(about or ()) <= marks.of_event[event.id])


def _follow_calls(events: Sequence[LogEntry], others: Collection[UUID]) -> tuple[datetime | None, set[UUID]]:
    """The time of the viewer's call that is open, and the answers and reminders of calls of which it knows none."""
    called_at, has_other, hidden = None, False, set[UUID]()
    for event in events:
        if event.kind == ReferralCallRepeated.TYPE:
            called_at, has_other = (called_at, True) if event.id in others else (_at(event), has_other)
        elif event.data.get("is_call") or (event.kind == ReferralCallAnswered.TYPE and has_other):
            hidden |= set() if called_at else {event.id}
        if event.kind in _ENDS_CALLS:
            called_at, has_other = None, False
    return called_at, hidden


def _at(event: LogEntry) -> datetime:
    return datetime.fromisoformat(event.data[_SENT_AT[event.kind]])


def _last(seen: Sequence[LogEntry], parts: Collection[AmendedPart]) -> datetime | None:
    """When the viewer last sent one of these parts; an answer to a question is information."""
    found = [
        each
        for each in seen
        if (each.kind == ReferralAmended.TYPE and set(each.data["parts"]) & set(parts))
        or (each.kind == ReferralInformationAnswered.TYPE and AmendedPart.INFORMATION in parts)
    ]
    return _at(found[-1]) if found else None


def _condition(seen: Sequence[LogEntry]) -> Condition | None:
    """The condition that staff or the viewer stated last. Another sender states one where there is none."""
    stated = [each.data["condition"] for each in seen if each.kind == ReferralConditionSet.TYPE]
    return Condition(stated[-1]) if stated else None
