"""The scopes of development tokens. A test compares them with the routes: importing the routes takes seconds."""

from collections.abc import Sequence
from difflib import get_close_matches

from infra.errors import StackError

SCOPES = (
    "referrals:receive",
    "referrals:refer",
    "referrals:triage",
    "rapid-care:coordinate",
    "rapid-care:respond",
    "mdt:coordinate",
    "mdt:decide",
    "mdt:import-risk",
    "mdt:lead",
    "mdt:read",
    "navigation:coordinate",
    "navigation:work",
)


def require_known(scopes: Sequence[str]) -> None:
    """Raises StackError for an unknown scope, with the nearest known one, or with all if none is near."""
    for scope in scopes:
        if scope not in SCOPES:
            nearest = get_close_matches(scope, SCOPES, n=1)
            advice = f"the nearest is “{nearest[0]}”" if nearest else f"there are {', '.join(SCOPES)}"
            raise StackError(f"There is no scope “{scope}”; {advice}.")
