"""Access (IG8) to feeds, work lists and commands: the navigator, and coordinators. The policy of all services decides about people.

Scopes: `navigation:work` for one's own feed and tasks, `navigation:coordinate` for those of the organisation.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from services.navigation.domain.policy import Policy
from shared.contracts.codes import Role
from shared.contracts.persons import SharingPreference
from shared.contracts.practices import Practices, gp_id
from shared.kernel.actor import Actor, Professional
from shared.kernel.errors import FeedAccessDenied, OrganisationNotInvolved
from shared.kernel.scope_holders import Holders
from shared.kernel.totality import total

WORK, COORDINATE = "navigation:work", "navigation:coordinate"
#: Information governance staff, who review break-glass and read the audit.
AUDIT = "navigation:audit"

#: The accountable lead professional, of any organisation.
LEAD = "mdt:lead"

_IS_SHARED = total(
    SharingPreference, {SharingPreference.DIRECT_CARE: True, SharingPreference.RESTRICTED: True, SharingPreference.WITHHELD: False}
)


def holders(policy: Policy) -> Holders:
    """The scopes of navigation are those of the listed employers of navigators."""
    return Holders({**dict.fromkeys((WORK, COORDINATE), policy.employers), AUDIT: policy.governance_organisations})


class StaffCodeTaken(OrganisationNotInvolved):
    """Only the employer of a navigator uses their staff code."""

    code = "organisation-not-involved"
    advice = "Check the staff code; register your own navigator under another one, for example with your organisation's code in it."


@dataclass(frozen=True, slots=True)
class Lead:
    """The accountable lead professional, as last published by the meeting."""

    professional_id: str
    role: Role
    organisation: str
    is_fallback: bool


def is_involved(actor: Actor, own: str, employers: Iterable[str | None] = ()) -> bool:
    """Whether the caller's is the organisation of navigation (`own`), or an employer of the tasks' navigators."""
    return actor.organisation in {own, *employers}


def is_own(actor: Actor, navigators: Collection[Professional]) -> bool:
    """Whether the caller is the navigator of the feed or task, or a coordinator."""
    return COORDINATE in actor.scopes or (WORK in actor.scopes and actor.professional in navigators)


def require_involved(actor: Actor, own: str, employers: Iterable[str | None] = ()) -> None:
    """Raises OrganisationNotInvolved."""
    if not is_involved(actor, own, employers):
        raise OrganisationNotInvolved("Your organisation is not involved in this person's care here.")


def require_employer(actor: Actor, employer: str) -> None:
    """`employer` is the navigator's, whom the refusal does not name. Raises StaffCodeTaken."""
    if not is_involved(actor, employer):
        raise StaffCodeTaken("The staff code is taken, and no navigator of your organisation has it.")


def require_own(actor: Actor, navigators: Collection[Professional], subject: str) -> None:
    """`subject` names in the refusal what the caller asked for. Raises FeedAccessDenied."""
    if not is_own(actor, navigators):
        raise FeedAccessDenied(f"{subject} belongs to another professional.")


def contact_of(lead: Lead | None, practice_code: str | None, practices: Practices, today: date) -> Lead | None:
    """The person's contact: the accountable lead professional, else the GP of the practice of today.

    A practice that leads and has closed is no contact. None when the code stands for no practice: the Community Point of Access is asked.
    """
    if lead is not None and not practices.has_closed(lead.professional_id, lead.organisation, today):
        return lead
    practice = practices.first_on([practice_code, lead.organisation if lead else None], today)
    return Lead(gp_id(practice.code), Role.GP, practice.code, is_fallback=True) if practice else None


def is_shared(sharing: SharingPreference) -> bool:
    """Whether the family is kept informed (G12)."""
    return _IS_SHARED[sharing]
