"""The distribution of test files among xdist processes, which share PostgreSQL and Kafka.

Invariant: the longest files start first, so that none is left for a single process at the end; files that share a session fixture
run in one process.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

#: These files share one run of the six weeks of the story.
STORY = (
    "tests/journeys/test_demo.py",
    "tests/journeys/test_mr_dale.py",
    "tests/journeys/test_verify.py",
    "tests/journeys/test_left_behind.py",
)
#: Files of ten seconds or more, longest first.
LONGEST = (
    *STORY,
    "tests/journeys/test_owners_and_deadlines.py",
    "tests/integration/shared/test_api_fuzzer.py",
    "tests/integration/shared/test_api_examples.py",
    "tests/integration/shared/test_access_matrix.py",
    "tests/integration/shared/test_hostile_values.py",
    "tests/integration/cli/test_erasure.py",
    "tests/integration/shared/test_audited_reads.py",
    "tests/journeys/test_onward_services.py",
    "tests/journeys/test_onward_referral.py",
    "tests/integration/shared/test_broker_faults.py",
    "tests/chaos/test_defects.py",
    "tests/integration/cli/test_errors.py",
    "tests/integration/cli/test_restore.py",
    "tests/integration/shared/test_membership.py",
    "tests/integration/shared/test_consumer.py",
    "tests/integration/shared/test_static_membership.py",
    "tests/integration/dev_stack/test_crashes.py",
    "tests/architecture/test_gates.py",
    "tests/architecture/test_house.py",
    "tests/integration/shared/test_worker.py",
    "tests/integration/shared/test_kafka_access.py",
    "tests/integration/dev_stack/test_stack.py",
    "tests/integration/cli/test_care_up.py",
    "tests/integration/cli/test_operations.py",
    "tests/chaos/test_poison_check.py",
    "tests/integration/mdt/test_risk_population.py",
    "tests/integration/shared/test_relay.py",
    "tests/journeys/test_referral_path.py",
    "tests/journeys/test_readme.py",
    "tests/integration/cli/test_temporary_resources.py",
    "tests/architecture/test_totality.py",
    "tests/integration/cli/test_shutdown.py",
    "tests/integration/navigation/test_month.py",
    "tests/integration/shared/test_slow_clients.py",
)


class LongestFirstScheduling(LoadFileScheduling):  # type: ignore[misc]  # the package ships no types
    """Assigns whole files to a process, and all files of the story to one."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False  # would start with the files of most tests, not with the longest
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return STORY[0] if file in STORY else file


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Keeps other files in their order."""
    rank = {file: number for number, file in enumerate(LONGEST)}
    return sorted(items, key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))
