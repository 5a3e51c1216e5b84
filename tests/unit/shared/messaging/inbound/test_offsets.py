"""The committed offsets, and the conditions under which none is committed."""

from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, IllegalGenerationError, KafkaError, RequestTimedOutError
from structlog.testing import capture_logs

from shared.messaging.inbound.offsets import OffsetTracker

FIRST, SECOND = TopicPartition("care.referral", 0), TopicPartition("care.referral", 1)


class Broker:
    """Records the commits that it accepts. `refusal` is raised instead; `is_moved` says that the assignment has changed."""

    def __init__(self) -> None:
        self.commits: list[dict[TopicPartition, int]] = []
        self.refusal: KafkaError | None = None
        self.is_moved = False

    async def commit(self, _: Any, offsets: Mapping[TopicPartition, int]) -> bool:
        if self.refusal:
            raise self.refusal
        if not self.is_moved:
            self.commits.append(dict(offsets))
        return not self.is_moved


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def offsets(broker: Broker) -> OffsetTracker:
    begun = OffsetTracker("referrals", broker.commit)
    begun.on_assigned(object())
    return begun


async def test_offset_after_last_processed_is_committed_once(broker: Broker, offsets: OffsetTracker) -> None:
    offsets.mark_processed(offsets.assignment, FIRST, 6)
    offsets.mark_processed(offsets.assignment, FIRST, 7)
    await offsets.commit()
    await offsets.commit()
    offsets.mark_processed(offsets.assignment, SECOND, 0)
    await offsets.commit()

    assert broker.commits == [{FIRST: 8}, {SECOND: 1}]


async def test_record_of_earlier_assignment_is_not_committed(broker: Broker, offsets: OffsetTracker) -> None:
    before = offsets.assignment
    offsets.on_assigned(object())
    offsets.mark_processed(before, FIRST, 7)
    await offsets.commit()

    assert broker.commits == []


async def test_revoked_partitions_are_not_committed(broker: Broker, offsets: OffsetTracker) -> None:
    offsets.mark_processed(offsets.assignment, FIRST, 7)
    offsets.on_revoked(offsets.assignment)
    await offsets.commit()

    assert (broker.commits, offsets.assignment) == ([], None)


async def test_revoked_assignment_does_not_start_again(offsets: OffsetTracker) -> None:
    revoked = offsets.assignment
    offsets.on_revoked(revoked)
    offsets.on_assigned(revoked)

    assert offsets.assignment is None


async def test_offset_is_committed_once_rebalance_is_over(broker: Broker, offsets: OffsetTracker) -> None:
    offsets.mark_processed(offsets.assignment, FIRST, 7)
    broker.is_moved = True
    await offsets.commit()
    broker.is_moved = False
    await offsets.commit()

    assert broker.commits == [{FIRST: 8}]


@pytest.mark.parametrize("refusal", [RequestTimedOutError(), IllegalGenerationError()])
async def test_failed_commit_is_retried_by_next_call(broker: Broker, offsets: OffsetTracker, refusal: KafkaError) -> None:
    offsets.mark_processed(offsets.assignment, FIRST, 7)
    broker.refusal = refusal
    await offsets.commit()
    broker.refusal = None
    await offsets.commit()

    assert broker.commits == [{FIRST: 8}]


async def test_permanent_commit_error_is_raised(broker: Broker, offsets: OffsetTracker) -> None:
    offsets.mark_processed(offsets.assignment, FIRST, 7)
    broker.refusal = GroupAuthorizationFailedError()

    with pytest.raises(GroupAuthorizationFailedError):
        await offsets.commit()


@pytest.mark.parametrize(
    ("refusal", "event"), [(RequestTimedOutError(), "consumer.offset-commit-failed"), (IllegalGenerationError(), "consumer.rebalanced")]
)
async def test_failed_commit_is_logged_with_its_context(broker: Broker, offsets: OffsetTracker, refusal: KafkaError, event: str) -> None:
    offsets.mark_processed(offsets.assignment, FIRST, 7)
    broker.refusal = refusal

    with capture_logs() as logged:
        await offsets.commit()

    assert [(each["event"], each["context_name"]) for each in logged] == [(event, "referrals")]
