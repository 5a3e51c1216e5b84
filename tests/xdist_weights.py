"""How files of tests are shared out among processes that run side by side, each on servers of its own.

Invariant: the files that take longest are begun first, so that no process is left alone with one at the end; and what was made once
for several files is used by one process.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

#: The six weeks of the story are lived once for these.
STORY = ("tests/journeys/test_demo.py", "tests/journeys/test_mr_dale.py", "tests/journeys/test_verify.py")
#: Whatever takes a quarter of a minute or more; the longest first.
LONGEST = (
    *STORY,
    "tests/integration/shared/test_broker_faults.py",
    "tests/journeys/test_disasters.py",
    "tests/integration/cli/test_errors.py",
    "tests/integration/dev_stack/test_crashes.py",
    "tests/integration/cli/test_restore.py",
    "tests/integration/cli/test_operations.py",
    "tests/chaos/test_defects.py",
    "tests/integration/shared/test_membership.py",
    "tests/integration/cli/test_up.py",
    "tests/architecture/test_gates.py",
    "tests/integration/shared/test_worker.py",
    "tests/integration/shared/test_consumer.py",
    "tests/integration/navigation/test_month.py",
    "tests/journeys/test_readme.py",
    "tests/integration/cli/test_shutdown.py",
    "tests/integration/cli/test_ephemeral.py",
    "tests/integration/mdt/test_risk_population.py",
    "tests/integration/mdt/test_year.py",
    "tests/integration/dev_stack/test_stack.py",
    "tests/integration/shared/test_relay.py",
    "tests/integration/shared/test_deadline_scheduler.py",
)


class LongestFirst(LoadFileScheduling):  # type: ignore[misc]  # the package ships no types
    """A file goes to one process as a whole, and so does all that shares the story."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False  # which would begin with the files of many tests, and end with the long ones
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return STORY[0] if file in STORY else file


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Short files stay in the order in which they were found."""
    rank = {file: number for number, file in enumerate(LONGEST)}
    return sorted(items, key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))
