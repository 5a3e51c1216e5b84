"""Access to responses and stories."""

import pytest

from services.rapid_care.domain.access import RESPOND, holders, may_see_story
from services.rapid_care.domain.policy import Policy
from shared.contracts.persons import SharingPreference
from shared.kernel.actor import Actor
from shared.web.dependencies import with_held_scopes


@pytest.mark.parametrize(("organisation", "held"), [("CLCH", {RESPOND}), ("RFL", set())])
def test_only_organisation_running_rapid_care_holds_its_scopes(organisation: str, held: set[str]) -> None:
    nurse = Actor("nurse-1", organisation, "clinician", frozenset({RESPOND}))

    assert with_held_scopes(nurse, holders(Policy())).scopes == held


@pytest.mark.parametrize(
    ("sharing", "is_in_crisis", "is_shown"),
    [
        (SharingPreference.DIRECT_CARE, False, True),
        (SharingPreference.RESTRICTED, False, True),
        (SharingPreference.WITHHELD, False, False),
        (SharingPreference.WITHHELD, True, True),
    ],
)
def test_withheld_story_is_shown_in_crisis_only(sharing: SharingPreference, *, is_in_crisis: bool, is_shown: bool) -> None:
    assert may_see_story(sharing, is_in_crisis=is_in_crisis) is is_shown
