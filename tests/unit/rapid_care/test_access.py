"""Access to responses."""

import pytest

from services.rapid_care.domain.access import RESPOND, holders
from services.rapid_care.domain.policy import Policy
from shared.kernel.actor import Actor
from shared.web.dependencies import with_scopes_of_organisation


@pytest.mark.parametrize(("organisation", "held"), [("CLCH", {RESPOND}), ("RFL", set())])
def test_only_organisation_running_rapid_care_holds_its_scopes(organisation: str, held: set[str]) -> None:
    nurse = Actor("nurse-1", organisation, "clinician", frozenset({RESPOND}))

    assert with_scopes_of_organisation(nurse, holders(Policy())).scopes == held
