"""Access to responses and stories."""

import pytest

from services.rapid_care.domain.access import may_see_story, require_involved
from services.rapid_care.domain.policy import Policy
from shared.contracts.persons import SharingPreference
from shared.kernel.errors import OrganisationNotInvolved


def test_only_organisation_running_rapid_care_is_involved() -> None:
    require_involved("CLCH", Policy().organisation)
    with pytest.raises(OrganisationNotInvolved):
        require_involved("RFL", Policy().organisation)


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
