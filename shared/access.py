"""The access policy of all services: who may see which part of what is known about a person, and on what basis (IG8, IG10, G12).

docs/access.md has these tables in words, written by hand; a test compares the two. A relationship is a fact that each service keeps from
events. Without one the answer is that of an unknown person.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from uuid import UUID

from shared.contracts.persons import SharingPreference
from shared.kernel.actor import Actor
from shared.kernel.totality import total


class Part(StrEnum):
    """What is known about a person, the least sensitive first. The name belongs to the existence."""

    EXISTENCE = "existence"
    CONTACT = "contact"
    PLAN = "plan-and-tasks"
    STORY = "stored-story"
    SAFEGUARDING = "safeguarding"


class Basis(StrEnum):
    """The relationship on which a reader relies, in the order in which one is stated when several hold."""

    LEAD = "lead"
    POINT_OF_ACCESS = "point-of-access"
    RECEIVER = "receiver"
    RESPONSE = "response"
    MEETING = "meeting"
    TASK = "task"
    TASK_COORDINATION = "task-coordination"
    REGISTERED_PRACTICE = "registered-practice"
    REFERRER = "referrer"
    PROPOSED_LEAD = "proposed-lead"
    CASE_FINDING = "case-finding"
    REGISTER = "register"
    SAFEGUARDING = "safeguarding"
    BREAK_GLASS = "break-glass"


class Holder(Enum):
    """Whose basis it is: of any organisation, of those that provide the service, or of those that read safeguarding concerns."""

    ANYONE = "anyone"
    SERVICE = "service"
    SAFEGUARDING = "safeguarding"


class BreakGlassReason(StrEnum):
    """Why a caller opened a person beyond their relationship. Rapid Care's running clock is a reason of its own."""

    EMERGENCY = "emergency"
    SAFEGUARDING = "safeguarding"
    ASKED_BY_PERSON = "asked-by-person"
    RUNNING_CLOCK = "running-clock"


#: The preference that shares least has the highest rank.
PREFERENCE_RANK = total(
    SharingPreference, {SharingPreference.DIRECT_CARE: 0, SharingPreference.RESTRICTED: 1, SharingPreference.WITHHELD: 2}
)


def stricter(one: SharingPreference, other: SharingPreference | None) -> SharingPreference:
    """The preference that shares less; `other` is None when nothing was stated."""
    return one if other is None else max(one, other, key=PREFERENCE_RANK.__getitem__)


class Reach(Enum):
    """The preferences under which a basis opens a part."""

    ALWAYS = frozenset(SharingPreference)
    UNLESS_WITHHELD = frozenset({SharingPreference.DIRECT_CARE, SharingPreference.RESTRICTED})
    DIRECT_CARE = frozenset({SharingPreference.DIRECT_CARE})
    NEVER = frozenset[SharingPreference]()


_PLAN: Mapping[Basis, Reach] = total(
    Basis,
    {
        Basis.LEAD: Reach.ALWAYS,
        Basis.POINT_OF_ACCESS: Reach.UNLESS_WITHHELD,
        Basis.RECEIVER: Reach.UNLESS_WITHHELD,
        Basis.RESPONSE: Reach.ALWAYS,
        Basis.MEETING: Reach.ALWAYS,
        Basis.TASK: Reach.ALWAYS,
        Basis.TASK_COORDINATION: Reach.ALWAYS,
        Basis.REGISTERED_PRACTICE: Reach.UNLESS_WITHHELD,
        Basis.REFERRER: Reach.NEVER,
        Basis.PROPOSED_LEAD: Reach.NEVER,
        Basis.CASE_FINDING: Reach.NEVER,
        Basis.REGISTER: Reach.NEVER,
        Basis.SAFEGUARDING: Reach.NEVER,
        Basis.BREAK_GLASS: Reach.ALWAYS,
    },
)
#: `restricted` leaves the story to those who act for the person now, `withheld` to no one.
_STORY: Mapping[Basis, Reach] = total(
    Basis,
    {
        Basis.LEAD: Reach.UNLESS_WITHHELD,
        Basis.POINT_OF_ACCESS: Reach.UNLESS_WITHHELD,
        Basis.RECEIVER: Reach.UNLESS_WITHHELD,
        Basis.RESPONSE: Reach.UNLESS_WITHHELD,
        Basis.MEETING: Reach.UNLESS_WITHHELD,
        Basis.TASK: Reach.UNLESS_WITHHELD,
        Basis.TASK_COORDINATION: Reach.DIRECT_CARE,
        Basis.REGISTERED_PRACTICE: Reach.DIRECT_CARE,
        Basis.REFERRER: Reach.NEVER,
        Basis.PROPOSED_LEAD: Reach.NEVER,
        Basis.CASE_FINDING: Reach.NEVER,
        Basis.REGISTER: Reach.NEVER,
        Basis.SAFEGUARDING: Reach.NEVER,
        Basis.BREAK_GLASS: Reach.ALWAYS,
    },
)
_ALWAYS = dict.fromkeys(Basis, Reach.ALWAYS)
#: No other relationship opens a safeguarding concern, and no act does (IG13).
_SAFEGUARDING: Mapping[Basis, Reach] = total(
    Basis,
    {
        Basis.LEAD: Reach.NEVER,
        Basis.POINT_OF_ACCESS: Reach.NEVER,
        Basis.RECEIVER: Reach.NEVER,
        Basis.RESPONSE: Reach.NEVER,
        Basis.MEETING: Reach.NEVER,
        Basis.TASK: Reach.NEVER,
        Basis.TASK_COORDINATION: Reach.NEVER,
        Basis.REGISTERED_PRACTICE: Reach.NEVER,
        Basis.REFERRER: Reach.NEVER,
        Basis.PROPOSED_LEAD: Reach.NEVER,
        Basis.CASE_FINDING: Reach.NEVER,
        Basis.REGISTER: Reach.NEVER,
        Basis.SAFEGUARDING: Reach.ALWAYS,
        Basis.BREAK_GLASS: Reach.NEVER,
    },
)
REACH: Mapping[Part, Mapping[Basis, Reach]] = total(
    Part,
    {Part.EXISTENCE: _ALWAYS, Part.CONTACT: _ALWAYS, Part.PLAN: _PLAN, Part.STORY: _STORY, Part.SAFEGUARDING: _SAFEGUARDING},
)

#: The scopes of the staff who act on a basis.
_MEETING = frozenset({"mdt:read", "mdt:coordinate", "mdt:decide"})
_POINT_OF_ACCESS = frozenset({"referrals:handle", "referrals:triage", "referrals:identity"})
_RAPID_CARE = frozenset({"rapid-care:coordinate", "rapid-care:respond"})
_NAVIGATION = frozenset({"navigation:work", "navigation:coordinate"})
SCOPES: Mapping[Basis, Collection[str]] = total(
    Basis,
    {
        Basis.LEAD: {"mdt:lead"},
        Basis.POINT_OF_ACCESS: _POINT_OF_ACCESS,
        Basis.RECEIVER: {"referrals:receive"} | _RAPID_CARE | _MEETING | _NAVIGATION,
        Basis.RESPONSE: _RAPID_CARE,
        Basis.MEETING: _MEETING,
        Basis.TASK: {"navigation:work"},
        Basis.TASK_COORDINATION: {"navigation:coordinate"},
        Basis.REGISTERED_PRACTICE: {"referrals:refer", "mdt:read"},
        Basis.REFERRER: {"referrals:refer"},
        Basis.PROPOSED_LEAD: {"mdt:lead"},
        Basis.CASE_FINDING: _MEETING,
        Basis.REGISTER: _POINT_OF_ACCESS,
        Basis.SAFEGUARDING: {"referrals:safeguarding"},
        Basis.BREAK_GLASS: {"mdt:lead", "referrals:receive", "referrals:refer"} | _POINT_OF_ACCESS | _RAPID_CARE | _MEETING | _NAVIGATION,
    },
)
#: The organisations that may hold the basis at all; a scope of another one is worth nothing for it.
HOLDER: Mapping[Basis, Holder] = total(
    Basis,
    {
        Basis.LEAD: Holder.ANYONE,
        Basis.POINT_OF_ACCESS: Holder.SERVICE,
        Basis.RECEIVER: Holder.ANYONE,
        Basis.RESPONSE: Holder.SERVICE,
        Basis.MEETING: Holder.SERVICE,
        Basis.TASK: Holder.ANYONE,
        Basis.TASK_COORDINATION: Holder.ANYONE,
        Basis.REGISTERED_PRACTICE: Holder.ANYONE,
        Basis.REFERRER: Holder.ANYONE,
        Basis.PROPOSED_LEAD: Holder.ANYONE,
        Basis.CASE_FINDING: Holder.SERVICE,
        Basis.REGISTER: Holder.SERVICE,
        Basis.SAFEGUARDING: Holder.SAFEGUARDING,
        Basis.BREAK_GLASS: Holder.ANYONE,
    },
)
#: Whether who has the basis takes part in the person's care. A referral that anyone may send, an unanswered proposal, a list of risk
#: scores, a concern and an act of break-glass are no reason to see a story, and no knowledge that the person has died or moved away.
_IS_OF_CARE: Mapping[Basis, bool] = total(
    Basis,
    {
        Basis.LEAD: True,
        Basis.POINT_OF_ACCESS: True,
        Basis.RECEIVER: True,
        Basis.RESPONSE: True,
        Basis.MEETING: True,
        Basis.TASK: True,
        Basis.TASK_COORDINATION: True,
        Basis.REGISTERED_PRACTICE: True,
        Basis.REFERRER: False,
        Basis.PROPOSED_LEAD: False,
        Basis.CASE_FINDING: False,
        Basis.REGISTER: True,
        Basis.SAFEGUARDING: False,
        Basis.BREAK_GLASS: False,
    },
)
#: Whether a basis lasts for a configured time after its end, so that a service can answer for what it did.
_LASTS: Mapping[Basis, bool] = total(
    Basis,
    {
        Basis.LEAD: False,
        Basis.POINT_OF_ACCESS: True,
        Basis.RECEIVER: False,
        Basis.RESPONSE: True,
        Basis.MEETING: True,
        Basis.TASK: True,
        Basis.TASK_COORDINATION: True,
        Basis.REGISTERED_PRACTICE: False,
        Basis.REFERRER: True,
        Basis.PROPOSED_LEAD: False,
        Basis.CASE_FINDING: False,
        Basis.REGISTER: False,
        Basis.SAFEGUARDING: False,
        Basis.BREAK_GLASS: False,
    },
)


@dataclass(frozen=True, slots=True)
class Relationship:
    """A basis of an organisation, or of one professional of it.

    `subject` is the referral or task that alone it opens; None for the whole person. `ended_at` is None while its end is unknown.
    """

    basis: Basis
    organisation: str
    professional_id: str | None = None
    subject: UUID | None = None
    ended_at: datetime | None = None

    def is_of(self, actor: Actor) -> bool:
        is_theirs = self.organisation == actor.organisation and self.professional_id in {None, actor.id}
        return is_theirs and not actor.scopes.isdisjoint(SCOPES[self.basis])

    def holds(self, now: datetime, lasting: timedelta) -> bool:
        """Whether it has not ended, or ended less than `lasting` ago on a basis that lasts."""
        return self.ended_at is None or now < self.ended_at + (lasting if _LASTS[self.basis] else timedelta())


class Answer(Enum):
    """`UNKNOWN`: the caller has no relationship, and does not learn whether the person exists. `CLOSED`: none of them opens the part.

    `WITHHELD`: the person's preference closes it, and only a break-glass opens it.
    """

    ALLOWED = "allowed"
    UNKNOWN = "unknown"
    CLOSED = "closed"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`basis` is the one that allows, or the first of those that do not."""

    answer: Answer
    basis: Basis | None = None


def decide(held: Iterable[Relationship], sharing: SharingPreference, part: Part, subject: UUID | None = None) -> Verdict:
    """Whether relationships that the actor holds open a part. `subject` is the referral or task in question; None for the person."""
    bases = sorted((each.basis for each in held if subject is None or each.subject in {None, subject}), key=_ORDER.__getitem__)
    if not bases:
        return Verdict(Answer.UNKNOWN)
    if (basis := next((each for each in bases if sharing in REACH[part][each].value), None)) is not None:
        return Verdict(Answer.ALLOWED, basis)
    is_ever_open = any(REACH[part][each] is not Reach.NEVER for each in bases)
    return Verdict(Answer.WITHHELD if is_ever_open else Answer.CLOSED, bases[0])


def may_break_glass(held: Iterable[Relationship]) -> bool:
    return any(_IS_OF_CARE[each.basis] for each in held)


def may_record_end(held: Iterable[Relationship]) -> bool:
    """Whether the holder ends all care of the person by saying that they have died or moved away; else it is a report."""
    return any(_IS_OF_CARE[each.basis] for each in held)


_ORDER = {basis: rank for rank, basis in enumerate(Basis)}
