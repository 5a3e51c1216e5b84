"""Opening hours in London time."""

from datetime import time

import pytest

from shared.clock import LONDON
from shared.kernel.opening_hours import next_opening
from tests.builders.london import london

DAY, NIGHT = (time(7), time(22)), (time(20), time(6))


@pytest.mark.parametrize(
    ("hours", "at", "opening"),
    [
        (DAY, "2015-03-14T07:00", "2015-03-14T07:00"),
        (DAY, "2015-03-14T22:00", "2015-03-15T07:00"),
        (DAY, "2015-03-14T06:59", "2015-03-14T07:00"),
        (DAY, "2015-03-28T23:00", "2015-03-29T07:00"),  # the clocks go forward that night
        (NIGHT, "2015-03-14T20:00", "2015-03-14T20:00"),
        (NIGHT, "2015-03-14T23:59", "2015-03-14T23:59"),
        (NIGHT, "2015-03-15T05:59", "2015-03-15T05:59"),
        (NIGHT, "2015-03-15T06:00", "2015-03-15T20:00"),
        (NIGHT, "2015-03-15T12:00", "2015-03-15T20:00"),
    ],
)
def test_opening_is_now_or_the_next(hours: tuple[time, time], at: str, opening: str) -> None:
    assert next_opening(london(at), *hours, LONDON) == london(opening)
