"""The order of the agenda."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.mdt.domain.agenda import AgendaItem, in_order
from services.mdt.domain.table_16 import Standing
from shared.contracts.codes import RiskLevel
from tests.builders.mdt_states import STARTS_AT, a_case

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


def test_deferred_urgent_then_level_then_climber_then_recent_crisis_then_age() -> None:
    right = [
        an_item(is_deferred=True, is_urgent=True, level=0),
        an_item(level=3, climber=True),
        an_item(level=3, crisis_at=STARTS_AT - timedelta(days=2)),
        an_item(level=3, referred_at=LONG_AGO),
        an_item(level=3, crisis_at=LONG_AGO),
        an_item(level=2, climber=True),
        an_item(level=2, is_deferred=True),
        an_item(level=0, is_urgent=True),
        an_item(level=None),
    ]

    assert ordered(right[::-1]) == right


@given(st.lists(ITEMS, max_size=12).flatmap(lambda items: st.tuples(st.just(items), st.permutations(items))))
def test_the_order_is_total_and_does_not_depend_on_how_the_items_came(drawn: tuple[list[AgendaItem], list[AgendaItem]]) -> None:
    items, shuffled = drawn

    assert ordered(items) == ordered(shuffled)
    assert ordered(ordered(items)) == ordered(items)
    assert sorted(map(id, ordered(items))) == sorted(map(id, items))
