"""First occurrences come in the order of their numbers, whatever Kafka has dropped, repeated, compacted or spread over more partitions."""

from collections.abc import Sequence

import pytest

from infra.operations.verify.order import Order

_AGGREGATE = (bytes(16), "mdt.case")


def _order(*records: tuple[int, int], is_compacted: bool = False, expired: Sequence[int] = ()) -> Order:
    """Records are partition and number."""
    order = Order()
    for partition, number in records:
        order.take(_AGGREGATE, partition, number, is_expired=number in expired, is_compacted=is_compacted)
    return order


@pytest.mark.parametrize(
    ("numbers", "is_compacted", "holds"),
    [
        ((1, 2, 3), False, True),
        ((4, 5), False, True),
        ((1, 2, 1, 2), False, True),
        ((1, 3), False, False),
        ((2, 1), False, False),
        ((1, 3), True, True),
        ((2, 1, 2), True, True),
        ((2, 1), True, False),
    ],
)
def test_first_occurrences_follow_the_numbers(numbers: Sequence[int], *, is_compacted: bool, holds: bool) -> None:
    """What Kafka has dropped at the beginning does not matter; of a compacted topic anything but the newest may be gone."""
    order = _order(*((0, number) for number in numbers), is_compacted=is_compacted)
    assert (not list(order.wrong)) == holds


def test_what_the_topic_kept_once_may_be_sent_again() -> None:
    assert list(_order((0, 4), (0, 5), (0, 1), expired=[1]).wrong) == []


def test_an_aggregate_that_went_on_in_another_partition_has_no_gap() -> None:
    assert list(_order((0, 1), (1, 2), (0, 3)).wrong) == []


def test_a_compacted_topic_may_end_with_an_older_one_while_the_newest_is_to_be_sent_again() -> None:
    order = _order((0, 1), (0, 2), (0, 1), is_compacted=True)
    assert len(list(order.wrong)) == 1
    order.is_unsent(_AGGREGATE)
    assert list(order.wrong) == []
