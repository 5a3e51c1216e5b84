"""Access (IG8): organisations involved in a person's care, and in them the task's navigator and coordinators.

Scopes: `navigation:work` for one's own feed and tasks, `navigation:coordinate` for those of the organisation.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from shared.contracts.codes import Role
from shared.contracts.persons import SharingPreference
from shared.contracts.practices import Practices, gp_id
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


def is_involved(actor: Actor, own: str, employers: Iterable[str | None] = (), lead: Lead | None = None) -> bool:
    """Whether the caller's is the organisation of navigation (`own`), an employer of the tasks' navigators, or the lead's organisation."""
    return actor.organisation in {own, *employers, lead.organisation if lead else None}


def is_own(actor: Actor, navigator_ids: Collection[str | None]) -> bool:
    """Whether the caller is the navigator of the feed or task, or a coordinator."""
    return COORDINATE in actor.scopes or actor.id in navigator_ids


def require_involved(actor: Actor, own: str, employers: Iterable[str | None] = (), lead: Lead | None = None) -> None:
    """Raises OrganisationNotInvolved."""
    if not is_involved(actor, own, employers, lead):
        raise OrganisationNotInvolved("Your organisation is not involved in this person's care here.")


def require_own(actor: Actor, navigator_ids: Collection[str | None], subject: str) -> None:
    """`subject` names in the refusal what the caller asked for. Raises FeedAccessDenied."""
    if not is_own(actor, navigator_ids):
        raise FeedAccessDenied(f"{subject} belongs to another professional.")


def require_reader(actor: Actor, navigator_ids: Collection[str | None], lead: Lead | None, subject: str) -> None:
    """Requires the task's navigator, a coordinator, or the accountable lead professional (AC6). Raises FeedAccessDenied."""
    if lead is None or actor.id != lead.professional_id:
        require_own(actor, navigator_ids, subject)


def contact_of(lead: Lead | None, practice_code: str | None, practices: Practices, today: date) -> Lead | None:
    """The person's contact: the accountable lead professional, else the GP of the practice of today.

    A practice that leads and has closed is no contact. None when the code stands for no practice: the Community Point of Access is asked.
    """
    if lead is not None and not practices.has_closed(lead.professional_id, lead.organisation, today):
        return lead
    practice = practices.first_on([practice_code, lead.organisation if lead else None], today)
    return Lead(gp_id(practice.code), Role.GP, practice.code, is_fallback=True) if practice else None


def is_shared(sharing: SharingPreference) -> bool:
    """Whether those involved may read the story (G12). Visit times and communication needs are always visible to them."""
    return _IS_SHARED[sharing]
