"""What a consumer tells Kafka about its place holds only under the assignment in which it read.

A client tries to tell until it succeeds. Where the broker has lost its topics meanwhile, what succeeds in the end would name a place in
topics that are gone, and the group would begin there in the new ones: what is before it would be lost (docs/adr/0035).
"""

from typing import Any

from aiokafka.errors import UnknownMemberIdError


def tell_only_as_member(coordinator: Any) -> None:
    """From now on each try to commit is refused, as Kafka refuses a stranger, when the assignment is gone or the group knows us no more."""
    if "_do_commit_offsets" in vars(coordinator):
        return
    commit = coordinator._do_commit_offsets  # noqa: SLF001  within its retrying there is no other door

    async def commit_as_member(assignment: Any, offsets: Any) -> None:
        if coordinator.generation < 0 or not assignment.active:  # without a generation Kafka takes it from anybody
            raise UnknownMemberIdError
        await commit(assignment, offsets)

    coordinator._do_commit_offsets = commit_as_member  # noqa: SLF001  as above
