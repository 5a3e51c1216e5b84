"""The faults are a function of the seed, and every kind of the table occurs."""

from tests.chaos.control import API_POINTS, WORKER_POINTS
from tests.chaos.faults import FAULTS
from tests.chaos.schedule import BY_NAME, KINDS, single_faults, storm


def test_same_seed_plans_the_same_faults() -> None:
    assert single_faults(7) == single_faults(7)
    assert storm(7, 300) == storm(7, 300)
    assert storm(7, 300) != storm(8, 300)


def test_everywhere_plans_every_kind_at_every_server() -> None:
    planned = {(fault.kind, fault.target) for fault in single_faults(1, everywhere=True)}

    assert {kind for kind, _ in planned} == set(BY_NAME) == set(FAULTS)
    assert {(kind.name, target) for kind in KINDS if kind.targets == ("kafka", "postgres") for target in kind.targets} <= planned


def test_short_form_plans_every_kind_and_point_once() -> None:
    planned = single_faults(1)

    assert list(dict.fromkeys(fault.kind for fault in planned)) == list(BY_NAME)
    assert len(planned) == len(BY_NAME) - 1 + len(API_POINTS) + len(WORKER_POINTS)


def test_storm_follows_the_table_of_kinds() -> None:
    faults = storm(3, 600)

    assert [fault.moment for fault in faults] == sorted(fault.moment or 0 for fault in faults)
    for kind in KINDS:
        planned = [fault for fault in faults if fault.kind == kind.name]
        assert abs(len(planned) - kind.per_ten_minutes) <= 1
        assert all(kind.part[0] * 600 <= (fault.moment or 0) <= kind.part[1] * 600 for fault in planned)
        assert all(fault.target in kind.targets and kind.seconds[0] <= fault.seconds <= kind.seconds[1] for fault in planned)
