"""Status and code of a refusal follow from its class."""

import json

import asyncpg
import pytest

from shared.kernel.date_limits import DateOutOfLimits
from shared.kernel.errors import Conflict, DomainError, IllegalTransition, NotAllowed, NotFound, RuleBroken, VersionConflict
from shared.kernel.nhs_number import InvalidNhsNumber
from shared.persistence.idempotency import IdempotencyKeyReused
from shared.persistence.transaction import EventTooLarge
from shared.web.problems import problems, response_to, status_of


class OwnNotFound(NotFound):
    code = "own-not-found"


class OwnRule(RuleBroken):
    code = "own-rule"


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (NotFound, 404),
        (OwnNotFound, 404),
        (NotAllowed, 403),
        (RuleBroken, 409),
        (OwnRule, 409),
        (IllegalTransition, 409),
        (Conflict, 409),
        (VersionConflict, 412),
        (InvalidNhsNumber, 422),
        (DateOutOfLimits, 422),
        (IdempotencyKeyReused, 422),
        (EventTooLarge, 422),
    ],
)
def test_base_class_of_a_refusal_decides_its_status(refusal: type[DomainError], status: int) -> None:
    assert status_of(refusal) == status


@pytest.mark.parametrize(
    ("refusal", "field"),
    [
        (InvalidNhsNumber("The NHS number does not have ten digits."), "body.nhs_number"),
        (DateOutOfLimits("The value must be from 2015-03-02 to 2016-03-02.", "actions.0.due_on"), "body.actions.0.due_on"),
    ],
)
def test_invalid_field_is_named(refusal: DomainError, field: str) -> None:
    response = response_to(refusal)

    assert (response.status_code, json.loads(bytes(response.body))["code"]) == (422, refusal.code)
    assert json.loads(bytes(response.body))["errors"] == [{"field": field, "problem": refusal.detail}]


def test_route_lists_each_refusal_under_its_status() -> None:
    listed = problems(OwnNotFound, OwnRule, Conflict, VersionConflict)

    assert {status: each["description"] for status, each in listed.items()} == {
        404: "own-not-found",
        409: "own-rule, conflict",
        412: "version-conflict",
    }


def test_value_that_the_database_refuses_is_invalid() -> None:
    answer = response_to(asyncpg.CharacterNotInRepertoireError("invalid byte sequence"))

    assert (answer.status_code, json.loads(bytes(answer.body))["code"]) == (422, "validation-failed")
