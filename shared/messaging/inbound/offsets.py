"""The processed offset of each partition, and its commits.

An offset is committed only under the assignment in which its record was read. A client that retries without limit could commit an old
offset to recreated topics and so skip records (docs/adr/0017).
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import IllegalGenerationError, KafkaError, RebalanceInProgressError, UnknownMemberIdError

log = structlog.get_logger()

#: Another member has the partitions, or a rebalance is in progress: the records are read again.
_REBALANCED = (IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)

#: Commits once under an assignment; False when the client no longer has it.
Commit = Callable[[Any, Mapping[TopicPartition, int]], Awaitable[bool]]


class OffsetTracker:
    """`assignment` is None while no partitions are assigned."""

    def __init__(self, context: str, commit: Commit) -> None:
        self._context = context
        self.assignment: Any = None
        self._commit_once = commit
        self._revoked: Any = None
        self._processed: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}

    def on_assigned(self, assignment: Any) -> None:
        """Begins a new assignment; the assignment that was revoked last cannot begin again."""
        self.assignment = None if assignment is self._revoked else assignment
        self._processed, self._committed = {}, {}

    def on_revoked(self, assignment: Any) -> None:
        """Ends the assignment, which the client keeps until it receives another."""
        self._revoked, self.assignment = assignment, None
        self._processed, self._committed = {}, {}

    def mark_processed(self, assignment: Any, partition: TopicPartition, offset: int) -> None:
        """Ignores a record that was read under another assignment: it is read again."""
        if assignment is self.assignment:
            self._processed[partition] = offset + 1

    async def commit(self) -> None:
        """Commits once. The next call retries a failure; raises a KafkaError that no later call can resolve."""
        assignment, committed = self.assignment, self._committed
        new = {partition: offset for partition, offset in self._processed.items() if committed.get(partition) != offset}
        try:
            if new and await self._commit_once(assignment, new):
                committed.update(new)
        except _REBALANCED as problem:
            log.info("consumer.rebalanced", context_name=self._context, problem=type(problem).__name__)
        except KafkaError as problem:
            if not problem.retriable:
                raise
            log.warning("consumer.offset-commit-failed", context_name=self._context, problem=type(problem).__name__)
