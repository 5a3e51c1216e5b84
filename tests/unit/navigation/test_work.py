"""The work that events of other contexts create, and its kind, due time and destination."""

from datetime import date

import pytest

from services.navigation.domain import work
from services.navigation.domain.home_check import DischargeInFuture, HomeCheckInPast, expect
from services.navigation.domain.work import WorkSource
from shared.contracts.codes import Locality, RiskLevel, Role, TaskKind, Urgency
from shared.contracts.mdt import Destination
from shared.contracts.navigation import TaskSource
from shared.contracts.referral_codes import Reason
from shared.kernel.errors import RuleBroken
from shared.kernel.ids import PersonId, derived_id, new_id
from tests.builders.navigation import POLICY, a_routed_referral, an_action, at, mr_dales_actions

PERSON = PersonId(new_id())


def an_origin(source: TaskSource, occasion: int = 1) -> WorkSource:
    return WorkSource(PERSON, new_id(), source, new_id(), occasion)


@pytest.mark.acceptance("navigation-1")
def test_only_actions_for_navigation_roles_become_tasks() -> None:
    origin = an_origin(TaskSource.CARE_PLAN)
    actions = (*mr_dales_actions(), an_action(owner_role=Role.CASE_MANAGER), an_action(owner_role=Role.GP))

    found = work.of_plan(origin, actions, Locality.WEST, POLICY)

    ours = [action for action in actions if action.owner_role in {Role.CARE_NAVIGATOR, Role.CASE_MANAGER}]
    assert [(each.task_id, each.role, each.action_id) for each in found] == [
        (derived_id(origin.source_id, action.action_id, action.kind, action.owner_role, None), action.owner_role, action.action_id)
        for action in ours
    ]


@pytest.mark.acceptance("navigation-6")
@pytest.mark.parametrize(
    ("reason", "urgency", "kind"),
    [
        (Reason.INFORMATION, Urgency.ROUTINE, TaskKind.PROVIDE_INFORMATION),
        (Reason.OTHER, Urgency.ADVICE, TaskKind.PROVIDE_INFORMATION),
        (Reason.COMPLEX_NEEDS, Urgency.ROUTINE, TaskKind.CARE_COORDINATION),
        (Reason.SOCIAL_CARE, Urgency.URGENT, TaskKind.CARE_COORDINATION),
    ],
)
def test_referral_becomes_coordination_or_information_task(reason: Reason, urgency: Urgency, kind: TaskKind) -> None:
    routed = a_routed_referral(at("10:00"), reason=reason, urgency=urgency, locality=Locality.LOCALITY_B)

    found = work.of_referral(an_origin(TaskSource.REFERRAL), routed, None, at("14:00"), POLICY)

    assert (found.kind, found.locality, found.role) == (kind, Locality.LOCALITY_B, Role.CARE_NAVIGATOR)
    assert found.due_at == POLICY.due_from(at("14:00"))


@pytest.mark.acceptance("navigation-6")
@pytest.mark.parametrize(
    ("level", "urgency", "kind"),
    [
        (RiskLevel.LOW, Urgency.ROUTINE, TaskKind.PROVIDE_INFORMATION),
        (RiskLevel.LOW, Urgency.URGENT, TaskKind.CARE_COORDINATION),
        (RiskLevel.MEDIUM, Urgency.ROUTINE, TaskKind.CARE_COORDINATION),
    ],
)
def test_level_0_gets_information_unless_urgent(level: RiskLevel, urgency: Urgency, kind: TaskKind) -> None:
    routed = a_routed_referral(at("10:00"), reason=Reason.COMPLEX_NEEDS, urgency=urgency)

    assert work.of_referral(an_origin(TaskSource.REFERRAL), routed, level, at("14:00"), POLICY).kind is kind


@pytest.mark.parametrize("destination", Destination)
def test_unreferred_person_gets_task_for_any_destination(destination: Destination) -> None:
    found = work.of_destination(an_origin(TaskSource.MDT), destination, None, at("14:00"), POLICY)

    assert found.service_code == (None if destination is Destination.NAVIGATION else destination.value)
    assert found.due_at == (at("16:00") if destination is Destination.RAPID_CARE else POLICY.due_from(at("14:00")))


def test_returned_referral_becomes_new_task() -> None:
    first, again = an_origin(TaskSource.REFERRAL), an_origin(TaskSource.REFERRAL, occasion=7)
    again = WorkSource(PERSON, first.correlation_id, first.source, first.source_id, 7)
    routed = a_routed_referral(at("10:00"))

    ids = {work.of_referral(origin, routed, None, at("14:00"), POLICY).task_id for origin in (first, again, first)}

    assert len(ids) == 2


@pytest.mark.acceptance("navigation-5")
@pytest.mark.parametrize(
    ("discharged_on", "due_at"),
    [
        (date(2015, 3, 4), at("00:00", date(2015, 6, 3))),
        (date(2014, 12, 4), at("00:00", date(2015, 3, 5))),
    ],
)
def test_home_check_is_91_days_after_discharge(discharged_on: date, due_at: object) -> None:
    check = expect(PERSON, discharged_on, at("14:00"), POLICY).state

    assert check.due_at == due_at
    assert check.id == expect(PERSON, discharged_on, at("15:00"), POLICY).state.id


@pytest.mark.parametrize(("discharged_on", "refusal"), [(date(2015, 3, 5), DischargeInFuture), (date(2014, 12, 3), HomeCheckInPast)])
def test_invalid_home_check_is_refused(discharged_on: date, refusal: type[RuleBroken]) -> None:
    with pytest.raises(refusal):
        expect(PERSON, discharged_on, at("14:00"), POLICY)
