"""Background work waits longer on busy cores, within the budget, and does not wait longer on calm ones."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.inbound.consumer import fetch_limits
from shared.messaging.outbound.relay import RelaySettings
from shared.messaging.pacing import Pacing, pressure_of

SECONDS, SHARES = st.floats(0, 60), st.floats(0, 1)
BUDGETS = st.timedeltas(timedelta(milliseconds=300), timedelta(seconds=5))


def test_calm_cores_stretch_nothing_and_full_cores_everything() -> None:
    assert [pressure_of(busy) for busy in (0.0, 0.9, 0.95, 1.0)] == [0.0, 0.0, 1.0, 1.0]


@given(SHARES, SHARES)
def test_busier_cores_never_stretch_less(one: float, other: float) -> None:
    assert pressure_of(min(one, other)) <= pressure_of(max(one, other))


@given(SECONDS, SHARES, BUDGETS)
def test_waits_stay_within_budget(worked: float, pressure: float, budget: timedelta) -> None:
    pacing = Pacing(budget)
    relay = RelaySettings(pacing=pacing).poll_delay(1, worked, 0.0, pressure)

    fetch = fetch_limits(pressure, pacing)
    gathering = fetch.seconds if fetch.min_bytes > 1 else 0.0
    assert gathering + relay <= 0.6 * budget.total_seconds() + 1e-9


@given(SHARES, BUDGETS)
def test_no_fetch_ends_empty_at_once(pressure: float, budget: timedelta) -> None:
    assert fetch_limits(pressure, Pacing(budget)).seconds >= 0.05


@given(SECONDS)
def test_full_cores_never_shorten_a_wait(worked: float) -> None:
    assert RelaySettings().poll_delay(1, worked, 0.0, 1.0) >= RelaySettings().poll_delay(1, worked, 0.0, 0.0)


@given(SECONDS, SHARES)
def test_full_batch_is_followed_at_once(worked: float, pressure: float) -> None:
    assert RelaySettings().poll_delay(RelaySettings().batch, worked, 0.0, pressure) == 0
