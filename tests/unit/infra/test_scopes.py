"""The scopes that `care token` accepts."""

import pytest

from infra.codegen.operations import operations
from infra.dev_stack.scopes import ROLES, SCOPES, require_known
from infra.dev_stack.serve import CALLERS
from infra.errors import StackError


def test_known_scopes_are_those_of_the_routes() -> None:
    assert sorted(SCOPES) == sorted({scope for operation in operations() for scope in operation.scopes})


@pytest.mark.parametrize(
    ("scope", "advice"), [("referral:refer", "the nearest is “referrals:refer”."), ("x", "there are referrals:audit, referrals:handle,")]
)
def test_unknown_scope_is_refused_with_the_nearest(scope: str, advice: str) -> None:
    with pytest.raises(StackError) as refusal:
        require_known(["mdt:read", scope])

    assert str(refusal.value).startswith(f"There is no scope “{scope}”; {advice}")


def test_roles_of_the_development_callers_are_known() -> None:
    assert {role for _, role, _ in CALLERS.values()} <= set(ROLES)
