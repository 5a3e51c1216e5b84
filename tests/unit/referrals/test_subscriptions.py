"""The subscriptions of the context and the configuration of its policy."""

from datetime import time, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.referrals import subscriptions
from services.referrals.domain import Policy
from services.referrals.domain.identity import IdentityDeadline
from services.referrals.domain.proposals import ProposalDeadline
from services.referrals.domain.referral import ReferralDeadline
from services.referrals.domain.safeguarding import ConcernDeadline
from services.referrals.handlers import projections
from shared.contracts.practices import PracticesDeadline
from shared.contracts.registry import registry
from shared.persistence.break_glass import BreakGlassDeadline


def test_every_foreign_event_enters_timeline_first() -> None:
    expected = {event for event in registry().values() if event.TOPIC in subscriptions.TIMELINE_TOPICS}

    assert set(subscriptions.SUBSCRIPTIONS.on_event) == expected | set(subscriptions.ACCOUNTS)
    assert set(subscriptions.REACTIONS) <= expected
    assert all(subscriptions.SUBSCRIPTIONS.on_event[event][0] is projections.project_event for event in expected)


def test_restricted_and_own_events_are_not_subscribed() -> None:
    """The accounts of safeguarding concerns alone are restricted, and enter no timeline."""
    for event, handlers in subscriptions.SUBSCRIPTIONS.on_event.items():
        assert event.RESTRICTED is (event in subscriptions.ACCOUNTS)
        assert not event.TOPIC.startswith("referrals.")
        assert not event.RESTRICTED or projections.project_event not in handlers


def test_every_deadline_has_a_handler() -> None:
    assert set(subscriptions.SUBSCRIPTIONS.on_deadline) == {
        *ReferralDeadline,
        *ProposalDeadline,
        *PracticesDeadline,
        *IdentityDeadline,
        *ConcernDeadline,
        *BreakGlassDeadline,
    }


def test_policy_reads_configured_numbers() -> None:
    policy = TypeAdapter(Policy).validate_python({"opens": "08:00", "acknowledge_urgent": "PT30M", "triage_routine_working_days": 2})

    assert policy == Policy(opens=time(8), acknowledge_urgent=timedelta(minutes=30), triage_routine_working_days=2)


@pytest.mark.parametrize(
    "numbers",
    [{"timezone": "Europe/Barnet"}, {"opens": "22:00"}, {"merge_window": "PT0S"}, {"acknowledge_routine_working_days": 0}],
    ids=lambda numbers: next(iter(numbers)),
)
def test_contradictory_policy_is_refused(numbers: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Policy).validate_python(numbers)
