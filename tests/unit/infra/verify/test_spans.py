"""Spans of sealed entries: merged, and their gaps."""

from hypothesis import given
from hypothesis import strategies as st

from infra.operations.verify.spans import Spans

_LAST = 2**63 - 1


def spans_of(*added: tuple[int, int]) -> Spans:
    spans = Spans()
    for each in added:
        spans.add(each)
    return spans


def test_neighbours_are_one_span() -> None:
    assert spans_of((1, 2), (5, 6), (3, 4)).merged == [(1, 6)]


def test_gaps_reach_the_largest_number() -> None:
    assert spans_of((3, 4), (8, 8)).gaps() == [(1, 2), (5, 7), (9, _LAST)]
    assert Spans().gaps() == [(1, _LAST)]


def test_overlap_is_reported() -> None:
    spans = spans_of((3, 6))

    assert [spans.add(each) for each in ((7, 8), (1, 3), (5, 5), (20, 30), (8, 25))] == [True, False, False, True, False]
    assert spans.merged == [(1, 30)]


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 5)), max_size=30))
def test_spans_are_a_set_of_numbers(drawn: list[tuple[int, int]]) -> None:
    spans, numbers = Spans(), set[int]()
    for first, length in drawn:
        added = set(range(first, first + length + 1))
        assert spans.add((first, first + length)) is numbers.isdisjoint(added)
        numbers |= added

    assert {number for first, last in spans.merged for number in range(first, last + 1)} == numbers
    assert all(later[0] > earlier[1] + 1 for earlier, later in zip(spans.merged, spans.merged[1:], strict=False))
