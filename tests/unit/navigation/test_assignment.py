"""The choice of a navigator for a task."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.navigation.domain.assignment import Candidate, CaseloadFull, NavigatorAway, RoleMismatch, choose, require_fit
from services.navigation.domain.navigator import Presence
from services.navigation.domain.policy import Policy
from services.navigation.domain.task import Status, Task
from shared.contracts.codes import Locality, Role, TaskKind
from shared.kernel.errors import RuleBroken
from tests.builders.navigation import NAVIGATOR, OTHER, POLICY, a_candidate, a_navigator, a_task

WAITING = a_task(status=Status.UNASSIGNED)


def chosen(*candidates: Candidate, task: Task = WAITING, policy: Policy = POLICY) -> str | None:
    found = choose(task, candidates, policy)
    return found.navigator.code if found else None


def test_fewest_open_tasks_decide_within_locality() -> None:
    assert chosen(a_candidate("a", 3), a_candidate("b", 2), a_candidate("c", 4)) == "b"


def test_locality_outranks_caseload() -> None:
    assert chosen(a_candidate("near", 40), a_candidate("far", 0, locality=Locality.LOCALITY_C)) == "near"


def test_navigator_elsewhere_is_chosen_without_local_one() -> None:
    assert chosen(a_candidate("near", presence=Presence.AWAY), a_candidate("far", locality=Locality.LOCALITY_C)) == "far"


@pytest.mark.parametrize(
    "unfit",
    [
        a_candidate(presence=Presence.AWAY),
        a_candidate(role=Role.CASE_MANAGER),
        a_candidate(open_tasks=50),
    ],
    ids=["away", "another role", "full"],
)
def test_unfit_navigator_is_not_chosen(unfit: Candidate) -> None:
    assert chosen(unfit) is None


def test_current_navigator_is_not_chosen_again() -> None:
    assert chosen(a_candidate(NAVIGATOR, 0), a_candidate(OTHER, 30), task=a_task(navigator_id=NAVIGATOR)) == OTHER


@pytest.mark.parametrize(
    ("unfit", "refusal"),
    [
        (a_candidate(presence=Presence.AWAY), NavigatorAway),
        (a_candidate(role=Role.CASE_MANAGER), RoleMismatch),
        (a_candidate(open_tasks=50), CaseloadFull),
    ],
)
def test_coordinator_cannot_choose_unfit_navigator(unfit: Candidate, refusal: type[RuleBroken]) -> None:
    with pytest.raises(refusal):
        require_fit(WAITING, unfit, POLICY)


codes = st.lists(st.text("abcdefgh", min_size=1, max_size=3), min_size=1, max_size=6, unique=True)


@given(codes, st.integers(1, 200), st.integers(1, 50))
def test_caseloads_stay_level_and_under_cap(codes: list[str], arrivals: int, cap: int) -> None:
    policy, caseload = Policy(caseload_cap=cap), Counter(dict.fromkeys(codes, 0))
    navigators = [a_navigator(code) for code in codes]

    for _ in range(arrivals):
        code = chosen(*(Candidate(each, caseload[each.code], load=caseload[each.code]) for each in navigators), policy=policy)
        if code is not None:
            caseload[code] += 1

    assert max(caseload.values()) - min(caseload.values()) <= 1
    assert caseload.total() == min(arrivals, cap * len(codes))


@given(st.lists(st.tuples(st.sampled_from(Locality), st.sampled_from(Presence), st.integers(0, 51)), max_size=6))
def test_choice_is_best_available_candidate(roster: list[tuple[Locality, Presence, int]]) -> None:
    candidates = [
        a_candidate(f"n{number}", load, locality=locality, presence=presence) for number, (locality, presence, load) in enumerate(roster)
    ]

    found = choose(WAITING, candidates, POLICY)

    free = [candidate for candidate in candidates if candidate.navigator.presence is Presence.AVAILABLE and candidate.open_tasks < 50]
    near = [candidate for candidate in free if candidate.navigator.locality is WAITING.locality]
    assert (found is None) == (not free)
    if found is not None:
        assert found in (near or free)
        assert found.open_tasks == min(candidate.open_tasks for candidate in (near or free))


def test_task_without_locality_has_no_candidate() -> None:
    assert chosen(a_candidate(), task=a_task(status=Status.UNASSIGNED, locality=None)) is None
    require_fit(a_task(status=Status.UNASSIGNED, locality=None), a_candidate(), POLICY)


def test_heavier_task_needs_more_room() -> None:
    heavy = a_task(status=Status.UNASSIGNED, kind=TaskKind.CARE_COORDINATION)

    assert chosen(a_candidate(open_tasks=49), task=heavy) is None
    assert chosen(a_candidate(open_tasks=48), task=heavy) == NAVIGATOR
    assert chosen(a_candidate(open_tasks=49), task=heavy, policy=Policy(task_weights={})) == NAVIGATOR
