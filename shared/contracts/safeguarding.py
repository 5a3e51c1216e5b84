"""Safeguarding: the account that staff of any service give, and the concern that the council receives (S22, IG13).

All topics are restricted. The key is the account or the concern, never the person: a key is not encrypted, and a parked record would hold
up the other events of its key.
"""

from enum import StrEnum
from uuid import UUID

from shared.contracts.event import Code, Event, Instant, Value
from shared.contracts.input_types import Line, LongText, OrAbsent, Telephone

#: The action of an audit entry that a concern was raised, in every context: by the caller, and by the product that adds it to the concern.
RAISING = "RaiseConcern"


class ConcernKind(StrEnum):
    """The categories of abuse and neglect of the statutory guidance to the Care Act 2014, and pressure ulcers (001:1268-1269)."""

    PHYSICAL = "physical"
    DOMESTIC = "domestic"
    SEXUAL = "sexual"
    PSYCHOLOGICAL = "psychological"
    FINANCIAL = "financial"
    MODERN_SLAVERY = "modern-slavery"
    DISCRIMINATORY = "discriminatory"
    ORGANISATIONAL = "organisational"
    NEGLECT = "neglect"
    SELF_NEGLECT = "self-neglect"
    PRESSURE_ULCER = "pressure-ulcer"


class ConcernOutcome(StrEnum):
    """The council's decision. An enquiry is the council's own work and does not return here (IG13)."""

    ENQUIRY_OPENED = "enquiry-opened"
    ADVICE_GIVEN = "advice-given"
    NO_FURTHER_ACTION = "no-further-action"


class Raiser(Value):
    """The member of staff who raised the concern: the caller of the form, with the name and telephone number that they gave."""

    organisation: Code
    professional_id: Code
    role: Code
    name: OrAbsent[Line] = None
    telephone: OrAbsent[Telephone] = None


class AccountGiven(Event):
    """What each service publishes when a member of staff raises a concern. `is_raiser_limited`: the council alone learns who it was."""

    RESTRICTED = True

    person_id: UUID
    kind: ConcernKind
    is_urgent: bool
    account: LongText
    raiser: Raiser
    is_raiser_limited: bool
    raised_at: Instant


class RapidCareConcernRaised(AccountGiven):
    """A member of staff of Rapid Care raised a safeguarding concern. Restricted: its data is encrypted."""

    TYPE = "rapid-care.safeguarding.raised.v1"
    TOPIC = "rapid-care.safeguarding"


class MdtConcernRaised(AccountGiven):
    """A member of staff of the meeting, a practice or a lead raised a safeguarding concern. Restricted: its data is encrypted."""

    TYPE = "mdt.safeguarding.raised.v1"
    TOPIC = "mdt.safeguarding"


class NavigationConcernRaised(AccountGiven):
    """A member of staff of care navigation or a lead raised a safeguarding concern. Restricted: its data is encrypted."""

    TYPE = "navigation.safeguarding.raised.v1"
    TOPIC = "navigation.safeguarding"


class ConcernEvent(Event):
    """The state of a concern after each change: a compacted topic keeps the last one. `due_at`: the council acts by then."""

    TOPIC = "referrals.safeguarding"
    RESTRICTED = True
    PUBLIC = True

    person_id: UUID
    kind: ConcernKind
    is_urgent: bool
    raised_at: Instant
    due_at: Instant | None


class ConcernRaised(ConcernEvent):
    """A concern about the person is with the council, which acknowledges it by `due_at`."""

    TYPE = "referrals.safeguarding.raised.v1"


class ConcernAccountAdded(ConcernEvent):
    """Another member of staff raised the same concern. The council acknowledges this account too."""

    TYPE = "referrals.safeguarding.account-added.v1"


class ConcernAcknowledged(ConcernEvent):
    """The council has the concern, and decides by `due_at`."""

    TYPE = "referrals.safeguarding.acknowledged.v1"


class ConcernEscalated(ConcernEvent):
    """The council has not acknowledged the concern in time; the safeguarding lead follows it up. Repeated until it is acknowledged."""

    TYPE = "referrals.safeguarding.escalated.v1"


class ConcernDecisionOverdue(ConcernEvent):
    """The council has not decided in time, and is reminded."""

    TYPE = "referrals.safeguarding.decision-overdue.v1"


class ConcernClosed(ConcernEvent):
    """The council has decided."""

    TYPE = "referrals.safeguarding.closed.v1"

    outcome: ConcernOutcome
