"""Access (IG8): organisations involved in a person's care, and in them the task's navigator and coordinators.

Scopes: `navigation:work` for one's own feed and tasks, `navigation:coordinate` for those of the organisation.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from shared.contracts.codes import Role
from shared.contracts.referrals import SharingPreference
from shared.kernel.actor import Actor
from shared.kernel.errors import FeedAccessDenied, OrganisationNotInvolved
from shared.kernel.totality import total

WORK, COORDINATE = "navigation:work", "navigation:coordinate"

_IS_SHARED = total(
    SharingPreference, {SharingPreference.DIRECT_CARE: True, SharingPreference.RESTRICTED: True, SharingPreference.WITHHELD: False}
)


@dataclass(frozen=True, slots=True)
class Lead:
    """The accountable lead professional, as last published by the meeting."""

    professional_id: str
    role: Role
    organisation: str
    is_fallback: bool


def require_involved(actor: Actor, own: str, employers: Iterable[str | None] = (), lead: Lead | None = None) -> None:
    """Requires the organisation of navigation (`own`), an employer of the tasks' navigators, or the lead's organisation.

    Raises OrganisationNotInvolved.
    """
    if actor.organisation not in {own, *employers, lead.organisation if lead else None}:
        raise OrganisationNotInvolved("Your organisation is not involved in this person's care here.")


def require_own(actor: Actor, navigator_ids: Collection[str | None]) -> None:
    """Requires the navigator of the feed or task, or a coordinator. Raises FeedAccessDenied."""
    if COORDINATE not in actor.scopes and actor.id not in navigator_ids:
        raise FeedAccessDenied("The feed belongs to another professional.")


def require_reader(actor: Actor, navigator_ids: Collection[str | None], lead: Lead | None) -> None:
    """Requires the task's navigator, a coordinator, or the accountable lead professional (AC6). Raises FeedAccessDenied."""
    if lead is None or actor.id != lead.professional_id:
        require_own(actor, navigator_ids)


def is_shared(sharing: SharingPreference) -> bool:
    """Whether those involved may read the story (G12). Visit times and communication needs are always visible to them."""
    return _IS_SHARED[sharing]
