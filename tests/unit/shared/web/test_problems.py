"""Status and code of a refusal follow from its class."""

import pytest

from shared.kernel.errors import Conflict, DomainError, IllegalTransition, NotAllowed, NotFound, RuleBroken, VersionConflict
from shared.persistence.idempotency import IdempotencyKeyReused
from shared.persistence.transaction import EventTooLarge
from shared.web.problems import problems, status_of


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
        (IdempotencyKeyReused, 422),
        (EventTooLarge, 422),
    ],
)
def test_base_class_of_a_refusal_decides_its_status(refusal: type[DomainError], status: int) -> None:
    assert status_of(refusal) == status


def test_route_lists_each_refusal_under_its_status() -> None:
    listed = problems(OwnNotFound, OwnRule, Conflict, VersionConflict)

    assert {status: each["description"] for status, each in listed.items()} == {
        404: "own-not-found",
        409: "own-rule, conflict",
        412: "version-conflict",
    }
