"""The scopes and roles of development tokens. A test compares the scopes with the routes: importing the routes takes seconds."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from infra.errors import StackError
from shared.contracts.codes import Role
from shared.contracts.event import CODE_PATTERN

SCOPES = (
    "referrals:audit",
    "referrals:handle",
    "referrals:identity",
    "referrals:receive",
    "referrals:refer",
    "referrals:safeguarding",
    "referrals:triage",
    "rapid-care:audit",
    "rapid-care:coordinate",
    "rapid-care:respond",
    "mdt:audit",
    "mdt:coordinate",
    "mdt:decide",
    "mdt:import-risk",
    "mdt:lead",
    "mdt:read",
    "navigation:audit",
    "navigation:coordinate",
    "navigation:work",
)

#: The professional roles, and those of callers without a part in a meeting or a plan.
ROLES = (
    *Role,
    "clinical-triager",
    "clinician",
    "emergency-nurse-practitioner",
    "information-governance",
    "mdt-coordinator",
    "navigation-coordinator",
    "risk-analyst",
    "safeguarding-lead",
)


def require_known(scopes: Sequence[str]) -> None:
    """Raises StackError for an unknown scope, with the nearest known one, or with all if none is near."""
    for scope in scopes:
        if scope not in SCOPES:
            nearest = get_close_matches(scope, SCOPES, n=1)
            advice = f"the nearest is “{nearest[0]}”" if nearest else f"there are {', '.join(SCOPES)}"
            raise StackError(f"There is no scope “{scope}”; {advice}.")


def require_role(role: str) -> None:
    """Raises StackError for an unknown role."""
    if role not in ROLES:
        raise StackError(f"There is no role “{role}”; there are {', '.join(ROLES)}.")


def require_code(option: str, code: str) -> None:
    """Raises StackError unless `code` is letters, digits, dots, hyphens and underscores, beginning with a letter or digit."""
    if not re.fullmatch(CODE_PATTERN, code):
        raise StackError(f"{option} must be a code of 1 to 64 letters, digits, dots, hyphens or underscores, not “{code}”.")
