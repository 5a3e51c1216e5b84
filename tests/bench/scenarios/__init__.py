"""One module for each row of the table, or two rows where they share their work; `ALL` is their order."""

from tests.bench.scenario import Scenario
from tests.bench.scenarios import (
    batch,
    consumer_catch_up,
    deadlines,
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
)

ALL: tuple[Scenario, ...] = (
    intake.SCENARIO,
    batch.SCENARIO,
    delivery.ROWS,
    delivery.INTAKE,
    response.SCENARIO,
    feed.SCENARIO,
    deadlines.SCENARIO,
    relay.SCENARIO,
    consumer_catch_up.SCENARIO,
    risk.SCENARIO,
    streams.SCENARIO,
    reads.SCENARIO,
    growth.SCENARIO,
    idle.SCENARIO,
)
