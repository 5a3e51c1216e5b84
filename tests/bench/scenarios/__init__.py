"""One module for each scenario, or for two that share their code. `ALL` is their order."""

from tests.bench.scenario import Scenario
from tests.bench.scenarios import (
    batch,
    concern,
    consumer_catch_up,
    deadlines,
    delivery,
    feed,
    footprint,
    growth,
    intake,
    overload,
    reads,
    relay,
    response,
    risk,
    streams,
)

ALL: tuple[Scenario, ...] = (
    intake.SCENARIO,
    overload.SCENARIO,
    batch.SCENARIO,
    delivery.ROWS,
    delivery.INTAKE,
    response.SCENARIO,
    response.AT_100,
    feed.SCENARIO,
    deadlines.SCENARIO,
    relay.SCENARIO,
    consumer_catch_up.SCENARIO,
    risk.SCENARIO,
    streams.SCENARIO,
    reads.SCENARIO,
    concern.SCENARIO,
    growth.SCENARIO,
    footprint.SCENARIO,
)
