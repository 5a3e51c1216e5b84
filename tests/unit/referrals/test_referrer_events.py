"""A referrer sees its referral as if no other one had sent anything: marks, calls and times follow from the events that it sees."""

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.referrals.domain.referral import Referral
from services.referrals.domain.referrer_events import LogEntry, unseen
from services.referrals.domain.referrer_view import of_record, seen
from shared.contracts.codes import Condition
from shared.contracts.referral_codes import Discrepancy
from shared.contracts.referrals import (
    ReferralAcknowledgementOverdue,
    ReferralAmended,
    ReferralCallAnswered,
    ReferralCallRepeated,
    ReferralConditionSet,
    ReferralDiscrepancyFound,
    ReferralDiscrepancyResolved,
)
from shared.kernel.ids import new_id
from tests.builders.referrals import MONDAY, a_referral

NOW = MONDAY.astimezone(UTC)
OWN = a_referral()
_OTHER = new_id()
_MARKS = [Discrepancy.RECEIVER_UNINFORMED, Discrepancy.DEATH_REPORTED, Discrepancy.STORY_MISSING, Discrepancy.DETAILS_UNCONFIRMED]
_WHO = st.sampled_from(["own", "other", "staff"])
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("find"), _WHO, st.sets(st.sampled_from(_MARKS), min_size=1)),
        st.tuples(st.just("resolve"), _WHO, st.sets(st.sampled_from(_MARKS), min_size=1)),
        st.tuples(st.just("call"), st.sampled_from(["own", "other"]), st.none()),
        st.tuples(st.just("answer"), st.just("staff"), st.none()),
        st.tuples(st.just("remind"), st.just("staff"), st.none()),
        st.tuples(st.just("inform"), st.sampled_from(["own", "other"]), st.none()),
        st.tuples(st.just("condition"), st.sampled_from(["other", "staff"]), st.none()),
    ),
    max_size=12,
)


class World:
    """The referral with its log. `is_alone`: the other referrer sends nothing."""

    def __init__(self, *, is_alone: bool) -> None:
        self.is_alone = is_alone
        self.referral: Referral = replace(OWN, discrepancies=(), condition=None, version=1)
        self.log: list[LogEntry] = []
        self.now = NOW

    def take(self, kind: str, who: str, marks: set[Discrepancy] | None) -> None:
        self.now += timedelta(minutes=1)
        if not (self.is_alone and who == "other"):
            getattr(self, f"_{kind}")(None if who == "staff" else OWN.id if who == "own" else _OTHER, marks)

    def view(self) -> tuple[Any, ...]:
        hidden = unseen(self.log, OWN, {OWN.id}, shows_marks=True)
        shown = seen(self.referral, hidden)
        call = (shown.call_repeated_at, shown.answer_by is None)
        return set(shown.discrepancies), call, shown.informed_at, shown.condition, shown.version

    def _find(self, sent_as: UUID | None, marks: set[Discrepancy]) -> None:
        self._marked(set(self.referral.discrepancies) | marks)
        self._append(ReferralDiscrepancyFound.TYPE, discrepancies=sorted(marks), sent_as=sent_as, resolve_by=self.now.isoformat())

    def _resolve(self, sent_as: UUID | None, marks: set[Discrepancy]) -> None:
        """Only marks that stand are resolved."""
        standing = set(self.referral.discrepancies) & marks
        if standing:
            self._marked(set(self.referral.discrepancies) - standing)
            self._append(ReferralDiscrepancyResolved.TYPE, discrepancies=sorted(standing), sent_as=sent_as)

    def _call(self, sent_as: UUID | None, _: object) -> None:
        self.referral = replace(self.referral, call_repeated_at=self.now, answer_by=self.referral.answer_by or self.now)
        self._append(ReferralCallRepeated.TYPE, merged_referral_id=sent_as, called_at=self.now.isoformat())

    def _answer(self, _: UUID | None, __: object) -> None:
        if self.referral.answer_by:
            self.referral = replace(self.referral, call_repeated_at=None, answer_by=None)
            self._append(ReferralCallAnswered.TYPE, answered_at=self.now.isoformat())

    def _remind(self, _: UUID | None, __: object) -> None:
        if self.referral.answer_by:
            self._append(ReferralAcknowledgementOverdue.TYPE, discrepancies=[], is_call=True)

    def _inform(self, sent_as: UUID | None, _: object) -> None:
        self.referral = replace(self.referral, informed_at=self.now)
        self._append(ReferralAmended.TYPE, sent_as=sent_as, amended_at=self.now.isoformat(), parts=["information"])

    def _condition(self, sent_as: UUID | None, _: object) -> None:
        """Another referrer states a condition only where there is none."""
        if sent_as is None or self.referral.condition is None:
            condition = Condition.PNEUMONIA if sent_as else Condition.FALL
            self.referral = replace(self.referral, condition=condition)
            self._append(ReferralConditionSet.TYPE, sent_as=sent_as, condition=condition)

    def _marked(self, marks: set[Discrepancy]) -> None:
        self.referral = replace(self.referral, discrepancies=tuple(sorted(marks)))

    def _append(self, kind: str, **data: Any) -> None:
        self.log.append(LogEntry(new_id(), kind, {name: str(each) if isinstance(each, UUID) else each for name, each in data.items()}))
        self.referral = replace(self.referral, version=self.referral.version + 1)


@settings(deadline=None)
@given(_STEPS)
def test_referrer_sees_what_it_would_see_alone(steps: list[tuple[str, str, set[Discrepancy] | None]]) -> None:
    world, alone = World(is_alone=False), World(is_alone=True)

    for kind, who, marks in steps:
        stood = marks and marks & set(world.referral.discrepancies)  # staff resolve what there is
        world.take(kind, who, marks)
        alone.take(kind, who, stood if kind == "resolve" else marks)

    assert world.view() == alone.view()


def test_marks_of_the_record_are_never_shown() -> None:
    world = World(is_alone=False)

    world.take("find", "staff", {Discrepancy.DETAILS_UNCONFIRMED, Discrepancy.STORY_MISSING})

    assert world.view()[0] == {Discrepancy.STORY_MISSING}
    assert Discrepancy.DETAILS_UNCONFIRMED in of_record(OWN)
