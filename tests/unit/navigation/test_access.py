"""Rules of access to feeds, work lists and commands (IG8)."""

import pytest

from services.navigation.domain.access import COORDINATE, WORK, holders, is_shared, require_involved, require_own
from services.navigation.domain.access import LEAD as LEAD_SCOPE
from services.navigation.domain.policy import Policy
from shared.contracts.persons import SharingPreference
from shared.kernel.actor import Actor, Professional
from shared.kernel.errors import FeedAccessDenied, OrganisationNotInvolved
from shared.web.dependencies import with_held_scopes
from tests.builders.navigation import NAVIGATOR, OTHER


def an_actor(code: str = NAVIGATOR, organisation: str = "CLCH", scope: str = WORK) -> Actor:
    return Actor(code, organisation, "care-navigator", frozenset({scope}))


def is_involved(organisation: str) -> bool:
    try:
        require_involved(an_actor(organisation=organisation), "CLCH", ["AGEUK"])
    except OrganisationNotInvolved:
        return False
    return True


def test_organisation_of_service_or_employer_is_involved() -> None:
    assert [each for each in ("CLCH", "AGEUK", "W07", "HOUSING21") if is_involved(each)] == ["CLCH", "AGEUK"]


def test_only_owner_or_coordinator_passes_ownership_check() -> None:
    owner = [Professional(NAVIGATOR, "CLCH")]

    require_own(an_actor(NAVIGATOR), owner, "The task")
    require_own(an_actor("coordinator-1", scope=COORDINATE), owner, "The task")
    for stranger in (an_actor(OTHER), an_actor(NAVIGATOR, "AGEUK"), an_actor(NAVIGATOR, scope=LEAD_SCOPE)):
        with pytest.raises(FeedAccessDenied, match="The task belongs to another professional"):
            require_own(stranger, owner, "The task")
    with pytest.raises(FeedAccessDenied, match="The list belongs to another professional"):
        require_own(an_actor(OTHER), [], "The list")


@pytest.mark.acceptance("navigation-9")
@pytest.mark.parametrize("scope", [WORK, COORDINATE])
def test_other_organisation_holds_no_scope_of_navigation(scope: str) -> None:
    held = with_held_scopes(an_actor(organisation="HOUSING21", scope=scope), holders(Policy()).organisations, "HOUSING21")

    assert held.scopes == frozenset()


@pytest.mark.parametrize(("sharing", "expected"), [("direct-care", True), ("restricted", True), ("withheld", False)])
def test_family_is_informed_unless_the_story_is_withheld(sharing: str, expected: bool) -> None:  # noqa: FBT001  a parametrised truth
    assert is_shared(SharingPreference(sharing)) is expected
