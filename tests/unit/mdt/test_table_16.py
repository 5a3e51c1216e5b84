"""Table 16, row by row."""

import pytest

from services.mdt.domain.table_16 import LeadNotAllowed, LeadRule, Standing, allocation, require_allowed
from shared.contracts.codes import RiskLevel, Role


@pytest.mark.acceptance("mdt-4")
@pytest.mark.parametrize(
    ("level", "is_high_climber", "care_plan", "joint_assessment", "lead", "gives_information"),
    [
        (3, False, "required", "mdt-decides", "mdt-allocates", False),
        (3, True, "required", "mdt-decides", "mdt-allocates", False),
        (2, True, "offer", "offer", "gp-unless-mdt-decides", False),
        (2, False, "optional", "none", "gp", False),
        (1, True, "not-generally", "none", "gp", False),
        (1, False, "not-generally", "none", "gp", False),
        (0, True, "not-required", "none", "gp", True),
        (0, False, "not-required", "none", "gp", True),
    ],
)
def test_each_row_of_table_16(
    *, level: int, is_high_climber: bool, care_plan: str, joint_assessment: str, lead: str, gives_information: bool
) -> None:
    row = allocation(Standing(RiskLevel(level), is_high_climber))

    assert (row.care_plan, row.joint_assessment, row.lead) == (care_plan, joint_assessment, lead)
    assert row.gives_information is gives_information


@pytest.mark.acceptance("mdt-4")
@pytest.mark.parametrize("standing", [Standing(RiskLevel.HIGH), Standing(RiskLevel.MEDIUM, True), Standing(RiskLevel.LOW)])
def test_gp_only_standings_refuse_other_leads(standing: Standing) -> None:
    require_allowed(Role.GP, standing)

    with pytest.raises(LeadNotAllowed):
        require_allowed(Role.COMMUNITY_NURSE, standing)


@pytest.mark.acceptance("mdt-4")
@pytest.mark.parametrize("standing", [Standing(RiskLevel.VERY_HIGH), Standing(RiskLevel.HIGH, True), Standing()])
def test_meeting_may_appoint_at_very_high_risk(standing: Standing) -> None:
    for role in (Role.GP, Role.COMMUNITY_NURSE, Role.SOCIAL_WORKER, Role.MENTAL_HEALTH, Role.ACUTE_CONSULTANT):
        require_allowed(role, standing)


@pytest.mark.parametrize("role", [Role.AMBULANCE, Role.VOLUNTARY_SECTOR])
def test_some_attending_roles_cannot_lead(role: Role) -> None:
    with pytest.raises(LeadNotAllowed):
        require_allowed(role, Standing(RiskLevel.VERY_HIGH))


def test_every_level_has_a_row() -> None:
    rows = [allocation(Standing(level, climber)) for level in (*RiskLevel, None) for climber in (True, False)]

    assert {row.lead for row in rows} == set(LeadRule)
