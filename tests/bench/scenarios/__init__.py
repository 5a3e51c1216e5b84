"""One module for each row of the table, or two rows where they share their work; `ALL` is their order."""

from tests.bench.scenario import Scenario
from tests.bench.scenarios import (
    batch,
    consumer_catch_up,
    delivery,
    feed,
    growth,
    idle,
    intake,
    reads,
    relay,
    response,
    risk,
    streams,
    timers,
)

ALL: tuple[Scenario, ...] = (
    intake.SCENARIO,
    batch.SCENARIO,
    delivery.ROWS,
    delivery.INTAKE,
    response.SCENARIO,
    feed.SCENARIO,
    timers.SCENARIO,
    relay.SCENARIO,
    consumer_catch_up.SCENARIO,
    risk.SCENARIO,
    streams.SCENARIO,
    reads.SCENARIO,
    growth.SCENARIO,
    idle.SCENARIO,
)
