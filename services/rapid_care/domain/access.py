"""Who sees whom: the organisation that runs Rapid Care sees its people, nobody else does (IG8)."""

from shared.contracts.referrals import SharingPreference
from shared.kernel.errors import OrganisationNotInvolved


def require_involved(organisation: str, ours: str) -> None:
    """Raises OrganisationNotInvolved."""
    if organisation != ours:
        raise OrganisationNotInvolved("Your organisation does not run Rapid Care.")


def may_see_story(sharing: SharingPreference, *, is_in_crisis: bool) -> bool:
    """A story that is withheld is shown to whoever answers the crisis all the same (G12); every look is audited."""
    return is_in_crisis or sharing is not SharingPreference.WITHHELD
