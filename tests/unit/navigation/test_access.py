"""Rules of access to tasks and stories (IG8)."""

import pytest

from services.navigation.domain.access import COORDINATE, WORK, Lead, is_shared, require_involved, require_own, require_reader
from shared.contracts.codes import Role
from shared.contracts.persons import SharingPreference
from shared.kernel.actor import Actor
from shared.kernel.errors import FeedAccessDenied, OrganisationNotInvolved
from tests.builders.navigation import LEAD, NAVIGATOR, OTHER

GP_LEAD = Lead("gp-W07", Role.GP, "W07", is_fallback=True)


def an_actor(code: str = NAVIGATOR, organisation: str = "CLCH", scope: str = WORK) -> Actor:
    return Actor(code, organisation, "care-navigator", frozenset({scope}))


def is_involved(organisation: str) -> bool:
    try:
        require_involved(an_actor(organisation=organisation), "CLCH", ["AGEUK"], GP_LEAD)
    except OrganisationNotInvolved:
        return False
    return True


def test_organisation_of_service_employer_or_lead_is_involved() -> None:
    assert [each for each in ("CLCH", "AGEUK", "W07", "HOUSING21") if is_involved(each)] == ["CLCH", "AGEUK", "W07"]


@pytest.mark.acceptance("navigation-9")
@pytest.mark.parametrize("scope", [WORK, COORDINATE])
def test_other_organisation_is_not_involved_with_any_scope(scope: str) -> None:
    with pytest.raises(OrganisationNotInvolved):
        require_involved(an_actor(organisation="HOUSING21", scope=scope), "CLCH", [None], GP_LEAD)


def test_only_owner_or_coordinator_passes_ownership_check() -> None:
    require_own(an_actor(NAVIGATOR), [NAVIGATOR], "The task")
    require_own(an_actor("coordinator-1", scope=COORDINATE), [NAVIGATOR], "The task")
    with pytest.raises(FeedAccessDenied, match="The task belongs to another professional"):
        require_own(an_actor(OTHER), [NAVIGATOR], "The task")
    with pytest.raises(FeedAccessDenied, match="The list belongs to another professional"):
        require_own(an_actor(OTHER), [None], "The list")


def test_lead_may_read_tasks_of_person() -> None:
    require_reader(an_actor("gp-W07", organisation="W07"), [NAVIGATOR], GP_LEAD, "The task")
    with pytest.raises(FeedAccessDenied):
        require_reader(an_actor(LEAD), [NAVIGATOR], GP_LEAD, "The task")


@pytest.mark.parametrize(("sharing", "expected"), [("direct-care", True), ("restricted", True), ("withheld", False)])
def test_only_withheld_story_is_hidden(sharing: str, expected: bool) -> None:  # noqa: FBT001  a parametrised truth
    assert is_shared(SharingPreference(sharing)) is expected
