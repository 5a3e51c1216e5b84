"""A refusal for one value of a request names the field, so that a client can show the sentence beside it (D2)."""

from datetime import date
from typing import Any

import pytest

from services.referrals.domain.person import BirthDateInFuture, DemographicsMissing, Identity, StoryMissing, register
from services.referrals.domain.policy import Policy
from services.referrals.domain.receipt import acceptable
from shared.contracts.codes import Locality
from shared.kernel.errors import InvalidField
from shared.kernel.ids import PersonId, new_id
from shared.web.problems import response_to
from tests.builders.referrals import a_request, some_demographics

POLICY, TODAY = Policy(), date(2015, 3, 16)


@pytest.mark.parametrize(
    ("changes", "refusal", "fields"),
    [
        ({"demographics": None}, DemographicsMissing, ["body.demographics"]),
        ({"demographics": some_demographics(born_on=None)}, DemographicsMissing, ["body.demographics.born_on"]),
        ({"story": None}, StoryMissing, ["body.story"]),
        ({"demographics": some_demographics(born_on=date(2015, 3, 17))}, BirthDateInFuture, ["body.demographics.born_on"]),
    ],
)
def test_refusal_of_first_referral_names_fields(changes: dict[str, Any], refusal: type[InvalidField], fields: list[str]) -> None:
    with pytest.raises(refusal) as refused:
        _receive(**changes)

    assert [f"body.{each}" for each in refused.value.fields] == fields
    assert response_to(refused.value).status_code == 422


def test_problem_has_one_entry_for_each_field() -> None:
    refusal = DemographicsMissing("The date of birth and the address are missing.", "demographics.born_on", "demographics.address")

    body = bytes(response_to(refusal).body)

    assert body.count(b'"field":"body.demographics.') == 2


def _receive(**changes: Any) -> None:
    request = acceptable(a_request(**changes), TODAY)
    register(request, Identity(PersonId(new_id()), "9990548609"), referral_id=new_id(), locality=Locality.WEST, policy=POLICY)
