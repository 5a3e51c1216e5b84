"""A doubt about a practice in any sequence of receipts, judgements, merges and separations of three records."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.referrals.domain import registration
from services.referrals.domain.person import Person, update_from_referral
from services.referrals.domain.practice_doubt import PracticeDoubt
from services.referrals.domain.record import Group, compose
from shared.contracts.codes import Locality
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.kernel.decision import Decision
from shared.kernel.ids import new_id
from tests.builders.referrals import MONDAY, a_person, a_request, some_demographics

_W08 = frozenset({"W08"})
_DOUBT = PracticeDoubt("W08", MONDAY, "triager-1")
_RECORDS = st.integers(0, 2)
_STEPS = st.one_of(
    st.tuples(st.sampled_from(["stated-by-itself", "stated-by-others", "doubted", "confirmed", "triaged", "separated"]), _RECORDS),
    st.tuples(st.just("merged"), _RECORDS, _RECORDS),
)


@dataclass
class _Records:
    """The records, each with its survivor, and those that a doubt has reached: they may name no confirmed practice W08."""

    stored: list[Person] = field(default_factory=lambda: [a_person(practice_code=UNKNOWN_PRACTICE) for _ in range(3)])
    survivors: list[int] = field(default_factory=lambda: [0, 1, 2])
    in_doubt: set[int] = field(default_factory=set)

    def take(self, kind: str, each: int, into: int = 0) -> None:
        {
            "stated-by-itself": partial(self._state, each, "W08"),
            "stated-by-others": partial(self._state, each, "LAS"),
            "doubted": partial(self._doubt, each),
            "confirmed": partial(self._confirm, each),
            "triaged": partial(self._triage, each),
            "separated": partial(self._move, each, each),
            "merged": partial(self._merge, each, into),
        }[kind]()

    def _group(self, each: int) -> list[int]:
        return [other for other, survivor in enumerate(self.survivors) if survivor == self.survivors[each]]

    def _one(self, each: int) -> Person:
        ids = [self.stored[other].id for other in self._group(each)]
        survivor = self.stored[self.survivors[each]].id
        return compose(self.stored[each], Group(survivor, tuple(other for other in ids if other != survivor)), self.stored)

    def _state(self, each: int, referrer: str) -> None:
        request = a_request(demographics=some_demographics(practice_code="W08"))
        is_confirmed = registration.is_confirmed_by(referrer, self._one(each), _W08)
        self._change([each], lambda it: update_from_referral(it, request, **_arrival(), is_confirmed=is_confirmed, same=_W08))

    def _doubt(self, each: int) -> None:
        if self.stored[each].practice_code in _W08:
            self._change(self._group(each), lambda it: registration.doubt_practice(it, _DOUBT, _W08))
            self.in_doubt.update(self._group(each))

    def _confirm(self, each: int) -> None:
        self._change(self._group(each), lambda it: registration.confirm_practice(it, _W08))
        self.in_doubt.difference_update(self._group(each))

    def _triage(self, each: int) -> None:
        """By default, which confirms no practice in doubt."""
        if not registration.is_doubted(self._one(each), _W08):
            self._confirm(each)

    def _merge(self, each: int, into: int) -> None:
        self._move(each, self.survivors[into])
        if self.in_doubt.intersection(self._group(each)):
            self._change(self._group(each), lambda it: registration.doubt_practice(it, _DOUBT, _W08))
            self.in_doubt.update(self._group(each))

    def _move(self, each: int, survivor: int) -> None:
        """A record that others were merged into stays."""
        if self._group(each) == [each] or self.survivors[each] != each:
            self.survivors[each] = survivor

    def _change(self, changed: list[int], judge: Callable[[Person], Decision[Person] | None]) -> None:
        for each in changed:
            decision = judge(self.stored[each])
            self.stored[each] = decision.state if decision else self.stored[each]


def _arrival() -> dict[str, Any]:
    return {"referral_id": new_id(), "locality": Locality.WEST}


@given(st.lists(_STEPS, max_size=12))
def test_no_record_loses_the_doubt_about_its_practice(steps: list[tuple[Any, ...]]) -> None:
    records = _Records()
    for step in steps:
        records.take(*step)

        found = [(each in records.in_doubt, registration.is_doubted(it, _W08)) for each, it in enumerate(records.stored)]
        confirmed = [each for each, it in enumerate(records.stored) if it.practice_code in _W08 and it.is_practice_confirmed]
        assert all(expected is actual for expected, actual in found)
        assert not records.in_doubt.intersection(confirmed)
