"""One module for each row of the table; `ALL` is their order."""

from tests.bench.scenario import Scenario
from tests.bench.scenarios import intake

ALL: tuple[Scenario, ...] = (intake.SCENARIO,)
