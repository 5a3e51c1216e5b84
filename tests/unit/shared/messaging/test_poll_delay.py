"""Poll delays: larger batches on busy cores, short waits on idle ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.inbound.consumer import BATCH, fetch_limits, poll_delay
from shared.messaging.kafka_client import FetchLimits
from shared.messaging.outbound.relay import RelaySettings

SECONDS = st.floats(0, 60)


@given(SECONDS, SECONDS)
def test_relay_continues_at_once_after_full_batch(took: float, before: float) -> None:
    assert RelaySettings().poll_delay(RelaySettings().batch, took, before) == 0


@given(st.integers(1, RelaySettings().batch), SECONDS, SECONDS)
def test_relay_polls_at_once_on_calm_cores(sent: int, took: float, before: float) -> None:
    assert RelaySettings().poll_delay(sent, took, before, pressure=0.0) == 0


@pytest.mark.parametrize(("pressure", "waits"), [(0.5, [0.001, 0.010, 0.0625]), (1.0, [0.002, 0.020, 0.1])])
def test_relay_waits_longer_on_busy_cores(pressure: float, waits: list[float]) -> None:
    settings = RelaySettings(idle=0.025)
    assert [settings.poll_delay(1, took, before=0.025, pressure=pressure) for took in (0.001, 0.010, 3.0)] == pytest.approx(waits)


def test_idle_relay_doubles_its_poll_delay() -> None:
    settings, delays = RelaySettings(shortest=0.002, idle=0.025), [0.0]
    while len(delays) < 7:
        delays.append(settings.poll_delay(0, 0.001, delays[-1]))
    assert delays == [0.0, 0.002, 0.004, 0.008, 0.016, 0.025, 0.025]


@given(SECONDS, SECONDS, st.floats(0, 1))
def test_idle_relay_never_polls_without_a_wait(took: float, before: float, pressure: float) -> None:
    assert RelaySettings().shortest <= RelaySettings().poll_delay(0, took, before, pressure) <= RelaySettings().idle


@given(st.integers(BATCH, 10 * BATCH), SECONDS)
def test_consumer_with_backlog_does_not_wait(records: int, worked: float) -> None:
    assert poll_delay(records, worked) == 0


def test_consumer_waits_as_long_as_it_worked_within_limit() -> None:
    assert [poll_delay(BATCH - 1, worked) for worked in (0.0, 0.004, 0.04, 30.0)] == [0.0, 0.004, 0.04, 0.05]


def test_calm_consumer_fetches_the_first_record_at_once() -> None:
    assert fetch_limits(0.0) == FetchLimits(0.25, 1)


def test_busy_consumer_lets_records_gather_at_the_broker() -> None:
    assert [fetch_limits(pressure).seconds for pressure in (0.5, 1.0)] == pytest.approx([0.1, 0.2])
    assert fetch_limits(0.5).min_bytes == fetch_limits(1.0).min_bytes > 100_000
