"""The level at which an unknown lag is logged."""

import pytest
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaConnectionError
from structlog.testing import capture_logs

from shared.messaging.inbound.lag import log_unknown


@pytest.mark.parametrize(
    ("problem", "has_measured", "level"),
    [
        (GroupCoordinatorNotAvailableError(), False, "info"),
        (GroupCoordinatorNotAvailableError(), True, "warning"),
        (KafkaConnectionError(), False, "warning"),
    ],
)
def test_missing_coordinator_is_no_warning_at_start(problem: Exception, level: str, *, has_measured: bool) -> None:
    with capture_logs() as logged:
        log_unknown("referrals", problem, has_measured=has_measured)

    assert [(each["log_level"], each["context_name"], each["problem"]) for each in logged] == [(level, "referrals", type(problem).__name__)]
