"""Access: only the organisation that runs Rapid Care sees its responses (IG8)."""

from typing import assert_never

from shared.contracts.persons import SharingPreference
from shared.kernel.errors import OrganisationNotInvolved

#: Scopes of the routes.
COORDINATE, RESPOND = "rapid-care:coordinate", "rapid-care:respond"


def require_involved(organisation: str, ours: str) -> None:
    """Raises OrganisationNotInvolved."""
    if organisation != ours:
        raise OrganisationNotInvolved("Your organisation does not run Rapid Care.")


def may_see_story(sharing: SharingPreference, *, is_in_crisis: bool) -> bool:
    """A crisis response shows a withheld story as well (G12); every read is audited."""
    match sharing:
        case SharingPreference.DIRECT_CARE | SharingPreference.RESTRICTED:
            return True
        case SharingPreference.WITHHELD:
            return is_in_crisis
        case _:
            assert_never(sharing)
