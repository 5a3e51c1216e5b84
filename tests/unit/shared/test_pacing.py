"""Background work waits longer on busy cores, within the budget, and does not wait longer on calm ones."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.inbound.consumer import BATCH, poll_delay
from shared.messaging.outbound.relay import RelaySettings
from shared.messaging.pacing import Pacing, pressure_of

SECONDS, SHARES = st.floats(0, 60), st.floats(0, 1)
BUDGETS = st.timedeltas(timedelta(milliseconds=300), timedelta(seconds=5))


def test_calm_cores_stretch_nothing_and_full_cores_everything() -> None:
    assert [pressure_of(busy) for busy in (0.0, 0.8, 0.95, 1.0)] == [0.0, 0.0, 1.0, 1.0]


@given(SHARES, SHARES)
def test_busier_cores_never_stretch_less(one: float, other: float) -> None:
    assert pressure_of(min(one, other)) <= pressure_of(max(one, other))


@given(st.integers(0, BATCH - 1), SECONDS, SHARES, BUDGETS)
def test_waits_stay_within_budget(records: int, worked: float, pressure: float, budget: timedelta) -> None:
    pacing = Pacing(budget)
    relay = RelaySettings(pacing=pacing).poll_delay(1, worked, 0.0, pressure)

    assert poll_delay(records, worked, pressure, pacing) + relay <= 0.7 * budget.total_seconds() + 1e-9


@given(SECONDS)
def test_full_cores_wait_at_least_as_long_as_calm_ones(worked: float) -> None:
    assert poll_delay(1, worked, 1.0) >= poll_delay(1, worked, 0.0)
    assert RelaySettings().poll_delay(1, worked, 0.0, 1.0) >= RelaySettings().poll_delay(1, worked, 0.0, 0.0)


@given(SECONDS, SHARES)
def test_full_batch_is_followed_at_once(worked: float, pressure: float) -> None:
    assert poll_delay(BATCH, worked, pressure) == 0
    assert RelaySettings().poll_delay(RelaySettings().batch, worked, 0.0, pressure) == 0
