"""Access to responses."""

import pytest

from services.rapid_care.domain.access import RESPOND, holders
from services.rapid_care.domain.policy import Policy
from shared.kernel.actor import Actor
from shared.web.dependencies import with_held_scopes


@pytest.mark.parametrize(("organisation", "held"), [("CLCH", {RESPOND}), ("RFL", set())])
def test_only_organisation_running_rapid_care_holds_its_scopes(organisation: str, held: set[str]) -> None:
    nurse = Actor("nurse-1", organisation, "clinician", frozenset({RESPOND}))

    assert with_held_scopes(nurse, holders(Policy()).organisations, organisation).scopes == held
