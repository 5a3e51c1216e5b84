"""The order of the agenda."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.mdt.domain.agenda import AgendaItem, cap, in_order
from services.mdt.domain.table_16 import Standing
from shared.contracts.codes import RiskLevel
from tests.builders.mdt_states import POLICY, STARTS_AT, a_case

RECENT = timedelta(days=30)
LONG_AGO = STARTS_AT - timedelta(days=60)


def ordered(items: list[AgendaItem]) -> list[AgendaItem]:
    return in_order(items, now=STARTS_AT, recent=RECENT)


def an_item(*, level: int | None = None, climber: bool = False, crisis_at: datetime | None = None, **case: Any) -> AgendaItem:
    return AgendaItem(a_case(**case), Standing(None if level is None else RiskLevel(level), climber), crisis_at)


ITEMS = st.builds(
    an_item,
    level=st.sampled_from([None, 0, 1, 2, 3]),
    climber=st.booleans(),
    crisis_at=st.sampled_from([None, LONG_AGO, STARTS_AT - timedelta(days=2)]),
    is_urgent=st.booleans(),
    is_deferred=st.booleans(),
    referred_at=st.sampled_from([STARTS_AT - timedelta(days=days) for days in (3, 4)]),
)


def test_agenda_ranks_deferred_urgent_level_climber_crisis_age() -> None:
    expected = [
        an_item(is_deferred=True, is_urgent=True, level=0),
        an_item(level=3, climber=True),
        an_item(level=3, crisis_at=STARTS_AT - timedelta(days=2)),
        an_item(level=3, referred_at=LONG_AGO),
        an_item(level=None, referred_at=LONG_AGO + timedelta(days=1)),  # no score: ranked as at very high risk
        an_item(level=3, crisis_at=LONG_AGO),
        an_item(level=2, climber=True),
        an_item(level=2, is_deferred=True),
        an_item(level=0, is_urgent=True),
    ]

    assert ordered(expected[::-1]) == expected


@given(st.lists(ITEMS, max_size=12).flatmap(lambda items: st.tuples(st.just(items), st.permutations(items))))
def test_agenda_order_is_total_and_stable(drawn: tuple[list[AgendaItem], list[AgendaItem]]) -> None:
    items, shuffled = drawn

    assert ordered(items) == ordered(shuffled)
    assert ordered(ordered(items)) == ordered(items)
    assert sorted(map(id, ordered(items))) == sorted(map(id, items))


def test_cap_ranks_cases_after_those_of_last_week() -> None:
    waited, low, high = an_item(level=0, is_deferred=True), an_item(level=1), [an_item(level=3) for _ in range(POLICY.capacity)]
    urgent = [an_item(level=0, is_urgent=True) for _ in range(3)]

    capped = cap([low, *urgent, waited, *high], now=STARTS_AT, policy=POLICY)

    assert [case.id for case in capped.ordinary] == [item.case.id for item in [waited, *ordered(high)[:-1]]]
    assert {case.id for case in capped.urgent} == {item.case.id for item in ordered(urgent)[:2]}
    assert {case.id for case in capped.outranked} == {item.case.id for item in (low, ordered(high)[-1], ordered(urgent)[-1])}


@given(st.lists(ITEMS, max_size=30))
def test_cap_loses_no_case_and_leaves_no_slot_empty(items: list[AgendaItem]) -> None:
    capped = cap(items, now=STARTS_AT, policy=POLICY)

    assert sorted(case.id for group in (capped.ordinary, capped.urgent, capped.outranked) for case in group) == sorted(
        item.case.id for item in items
    )
    assert len(capped.ordinary) == min(len(items), POLICY.capacity)
    assert len(capped.urgent) <= POLICY.urgent_slots
