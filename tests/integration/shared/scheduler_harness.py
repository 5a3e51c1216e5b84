"""A deadline scheduler with short pauses between its attempts."""

from dataclasses import replace
from typing import Any

from shared.messaging.deadline_scheduler import DeadlineScheduler, SchedulerSettings
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.parcel_context import SENDING


def create_scheduler(harness: DeliveryHarness, **changes: Any) -> DeadlineScheduler:
    return DeadlineScheduler(
        harness.sender.database, SENDING, replace(SchedulerSettings(first_pause=0.001, longest_pause=0.001), **changes)
    )
