"""Sequence numbers first appear in order, also after deletion, republication, compaction or added partitions."""

from collections.abc import Sequence

import pytest

from infra.operations.verify.order import Order

_AGGREGATE = (bytes(16), "mdt.case")


def _order(*records: tuple[int, int], is_compacted: bool = False, expired: Sequence[int] = ()) -> Order:
    """Each record is a partition and a sequence number."""
    order = Order()
    for partition, number in records:
        order.add(_AGGREGATE, partition, number, is_expired=number in expired, is_compacted=is_compacted)
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
def test_order_finds_numbers_out_of_order(numbers: Sequence[int], *, is_compacted: bool, holds: bool) -> None:
    """The first numbers may be deleted; a compacted topic may hold the newest alone."""
    order = _order(*((0, number) for number in numbers), is_compacted=is_compacted)
    assert (not list(order.violations)) == holds


def test_expired_number_may_be_republished() -> None:
    assert list(_order((0, 4), (0, 5), (0, 1), expired=[1]).violations) == []


def test_aggregate_in_two_partitions_has_no_gap() -> None:
    assert list(_order((0, 1), (1, 2), (0, 3)).violations) == []


def test_compacted_topic_may_end_older_while_unpublished() -> None:
    order = _order((0, 1), (0, 2), (0, 1), is_compacted=True)
    assert len(list(order.violations)) == 1
    order.mark_unpublished(_AGGREGATE)
    assert list(order.violations) == []
