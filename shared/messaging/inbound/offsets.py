"""How far each partition was applied, and what Kafka is told of it. Nobody else acknowledges anything.

A place is told only under the assignment in which it was read. Whoever goes on trying until it succeeds may tell it to a broker that has
lost its topics meanwhile, and the group would begin there in the new ones: what is before it would be lost (docs/adr/0005).
"""

from typing import Any

import structlog
from aiokafka import OffsetAndMetadata, TopicPartition
from aiokafka.errors import IllegalGenerationError, KafkaError, RebalanceInProgressError, UnknownMemberIdError

log = structlog.get_logger()

#: The partitions are somebody else's by now, or come anew: what was not told is sent again.
_REBALANCED = (IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)


class OffsetTracker:
    """Holds what was applied since the partitions were given to us."""

    def __init__(self) -> None:
        self.held: Any = None  # the assignment: another object each time that partitions are given to us, None in between
        self._thread: Any = None
        self._ended: Any = None
        self._processed: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}

    def on_assigned(self, thread: Any) -> None:
        """From here on partitions are read, by the client of this thread of faust's; not, though, those that were taken away last."""
        assignment = _subscription(thread).assignment
        self._thread, self.held = thread, None if assignment is self._ended else assignment
        self._processed, self._committed = {}, {}

    def on_revoked(self, thread: Any) -> None:
        """The partitions are taken away. The client holds on to them until it is given others."""
        self._ended, self.held = _subscription(thread).assignment, None
        self._processed, self._committed = {}, {}

    def mark_processed(self, held: Any, partition: TopicPartition, offset: int) -> None:
        """What was read under another assignment than the present one counts for nothing: it is sent again."""
        if held is self.held:
            self._processed[partition] = offset + 1

    async def commit(self) -> None:
        """One try; whatever fails is told the next time, if it then still holds. Raises KafkaError where no next time can help."""
        assignment, told = self.held, self._committed
        new = {partition: place for partition, place in self._processed.items() if told.get(partition) != place}
        try:
            if new and await self._thread.call_thread(self._commit, assignment, new):
                told.update(new)
        except _REBALANCED as problem:
            log.info("consumer.rebalanced", problem=type(problem).__name__)
        except KafkaError as problem:
            if not problem.retriable:
                raise
            log.warning("consumer.offset-commit-failed", problem=type(problem).__name__)

    async def _commit(self, held: Any, places: dict[TopicPartition, int]) -> bool:
        """Nothing may be awaited between the look and the sending. Without a generation Kafka would take a place from anybody."""
        coordinator, subscription = self._thread._consumer._coordinator, _subscription(self._thread)  # noqa: SLF001  shown to nobody
        if subscription.assignment is not held or subscription._reassignment_in_progress:  # noqa: SLF001  as above
            return False
        if coordinator.generation < 0 or coordinator.coordinator_id is None:
            return False
        await coordinator._do_commit_offsets(held, {each: OffsetAndMetadata(place, "") for each, place in places.items()})  # noqa: SLF001  one try
        return True


def _subscription(thread: Any) -> Any:
    return thread._consumer._subscription.subscription  # noqa: SLF001  it is shown to nobody
