"""What strikes is a function of the seed, and nothing is left out."""

from tests.chaos.control import API_POINTS, WORKER_POINTS
from tests.chaos.faults import FAULTS
from tests.chaos.schedule import BY_NAME, KINDS, one_of_each, storm


def test_the_same_seed_strikes_alike_and_another_does_not() -> None:
    assert one_of_each(7) == one_of_each(7)
    assert storm(7, 300) == storm(7, 300)
    assert storm(7, 300) != storm(8, 300)


def test_every_kind_strikes_alone_at_every_server_that_it_may_strike() -> None:
    struck = {(strike.kind, strike.target) for strike in one_of_each(1, everywhere=True)}

    assert {kind for kind, _ in struck} == set(BY_NAME) == set(FAULTS)
    assert {(kind.name, target) for kind in KINDS if kind.targets == ("kafka", "postgres") for target in kind.targets} <= struck


def test_in_the_short_form_every_kind_strikes_alone_once_and_each_point() -> None:
    struck = one_of_each(1)

    assert list(dict.fromkeys(strike.kind for strike in struck)) == list(BY_NAME)
    assert len(struck) == len(BY_NAME) - 1 + len(API_POINTS) + len(WORKER_POINTS)


def test_the_storm_keeps_to_its_table() -> None:
    strikes = storm(3, 600)

    assert [strike.moment for strike in strikes] == sorted(strike.moment or 0 for strike in strikes)
    for kind in KINDS:
        mine = [strike for strike in strikes if strike.kind == kind.name]
        assert abs(len(mine) - kind.per_ten_minutes) <= 1
        assert all(kind.part[0] * 600 <= (strike.moment or 0) <= kind.part[1] * 600 for strike in mine)
        assert all(strike.target in kind.targets and kind.seconds[0] <= strike.seconds <= kind.seconds[1] for strike in mine)
