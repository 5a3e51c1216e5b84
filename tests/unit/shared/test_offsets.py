"""What Kafka is told of the places, and when it is told nothing. The client of faust's thread is stood in for by what is read of it."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, IllegalGenerationError, KafkaError, RequestTimedOutError

from shared.messaging.inbound.offsets import OffsetTracker

FIRST, SECOND = TopicPartition("care.referral", 0), TopicPartition("care.referral", 1)


class Thread:
    """The thread of a consumer that has joined its group; `told` is what the broker took, `refusal` what it answers instead."""

    def __init__(self) -> None:
        self.told: list[dict[TopicPartition, int]] = []
        self.refusal: KafkaError | None = None
        self.coordinator = SimpleNamespace(generation=1, coordinator_id=0, _do_commit_offsets=self._take)
        self.subscription = SimpleNamespace(assignment=object(), _reassignment_in_progress=False)
        self._consumer = SimpleNamespace(_coordinator=self.coordinator, _subscription=SimpleNamespace(subscription=self.subscription))

    async def call_thread(self, work: Callable[..., Awaitable[Any]], *given: Any) -> Any:
        return await work(*given)

    async def _take(self, _: Any, places: dict[TopicPartition, Any]) -> None:
        if self.refusal:
            raise self.refusal
        self.told.append({partition: place.offset for partition, place in places.items()})


@pytest.fixture
def thread() -> Thread:
    return Thread()


@pytest.fixture
def places(thread: Thread) -> OffsetTracker:
    begun = OffsetTracker()
    begun.on_assigned(thread)
    return begun


async def test_kafka_is_told_the_place_behind_the_last_that_was_applied_and_only_once(thread: Thread, places: OffsetTracker) -> None:
    places.mark_processed(places.held, FIRST, 6)
    places.mark_processed(places.held, FIRST, 7)
    await places.commit()
    await places.commit()
    places.mark_processed(places.held, SECOND, 0)
    await places.commit()

    assert thread.told == [{FIRST: 8}, {SECOND: 1}]


async def test_what_was_read_before_the_partitions_came_anew_is_not_told(thread: Thread, places: OffsetTracker) -> None:
    before = places.held
    thread.subscription.assignment = object()
    places.on_assigned(thread)
    places.mark_processed(before, FIRST, 7)
    await places.commit()

    assert thread.told == []


async def test_nothing_is_told_of_partitions_that_are_taken_away(thread: Thread, places: OffsetTracker) -> None:
    places.mark_processed(places.held, FIRST, 7)
    places.on_revoked(thread)
    await places.commit()

    assert (thread.told, places.held) == ([], None)


async def test_an_assignment_that_was_taken_away_does_not_begin_again(thread: Thread, places: OffsetTracker) -> None:
    places.on_revoked(thread)
    places.on_assigned(thread)

    assert places.held is None


@pytest.mark.parametrize(
    "moving",
    [
        pytest.param(lambda thread: setattr(thread.subscription, "_reassignment_in_progress", True), id="partitions are given out"),
        pytest.param(lambda thread: setattr(thread.subscription, "assignment", object()), id="others are held already"),
        pytest.param(lambda thread: setattr(thread.coordinator, "generation", -1), id="no member of the group"),
        pytest.param(lambda thread: setattr(thread.coordinator, "coordinator_id", None), id="nobody to tell it"),
    ],
)
async def test_while_things_move_nothing_is_told_and_later_it_is(
    thread: Thread, places: OffsetTracker, moving: Callable[[Thread], None]
) -> None:
    stood = (thread.subscription.assignment, thread.coordinator.generation, thread.coordinator.coordinator_id)
    places.mark_processed(places.held, FIRST, 7)
    moving(thread)
    await places.commit()
    assert thread.told == []

    thread.subscription._reassignment_in_progress = False
    thread.subscription.assignment, thread.coordinator.generation, thread.coordinator.coordinator_id = stood
    await places.commit()
    assert thread.told == [{FIRST: 8}]


@pytest.mark.parametrize("refusal", [RequestTimedOutError(), IllegalGenerationError()])
async def test_what_was_not_taken_is_told_the_next_time(thread: Thread, places: OffsetTracker, refusal: KafkaError) -> None:
    places.mark_processed(places.held, FIRST, 7)
    thread.refusal = refusal
    await places.commit()
    thread.refusal = None
    await places.commit()

    assert thread.told == [{FIRST: 8}]


async def test_what_no_next_time_can_help_is_raised(thread: Thread, places: OffsetTracker) -> None:
    places.mark_processed(places.held, FIRST, 7)
    thread.refusal = GroupAuthorizationFailedError()

    with pytest.raises(GroupAuthorizationFailedError):
        await places.commit()
