"""What may be asked of the Community Point of Access."""

from dataclasses import dataclass
from datetime import date

from shared.contracts.codes import Condition, Urgency
from shared.contracts.referrals import CancelReason, Outcome, Reason, ReturnReason, Route, SharingPreference, Source, Story


@dataclass(frozen=True, slots=True)
class Demographics:
    """Who the person is and where they are registered; `residence` is the code of the council where they live (G13, G50).

    What is None was not told now: it stays as it was, or is as the policy supposes.
    """

    given_name: str
    family_name: str
    born_on: date
    address: str
    telephone: str | None
    practice_code: str
    residence: str | None


@dataclass(frozen=True, slots=True)
class ReceiveReferral:
    """Somebody asks for help for a person. Demographics and story are told once: a known person needs neither again (AC1)."""

    nhs_number: str | None
    demographics: Demographics | None
    story: Story | None
    source: Source
    reason: Reason
    urgency: Urgency
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class ReviseRecord:
    """The Community Point of Access corrects a person's record; what is absent stays as it was."""

    demographics: Demographics | None = None
    story: Story | None = None
    sharing: SharingPreference | None = None


@dataclass(frozen=True, slots=True)
class TriageReferral:
    """A clinician decides how urgent it is, and says why.

    `has_red_flag` means that life is in danger (G23); None leaves that as it was. `is_by_telephone` means that a call is
    enough to assess the person, and only then does a call stop the two hours (G05).
    """

    urgency: Urgency
    is_complex: bool
    reason: str
    has_red_flag: bool | None = None
    is_by_telephone: bool = False


@dataclass(frozen=True, slots=True)
class RouteReferral:
    """A receiver is asked to take over. With `override_reason` a clinician sets an eligibility rule aside (G10, G34)."""

    route: Route
    service_code: str
    override_reason: str | None = None


@dataclass(frozen=True, slots=True)
class SignpostReferral:
    """The person is told of a service of the directory."""

    service_code: str


@dataclass(frozen=True, slots=True)
class RequestInformation:
    """The referrer is asked for more."""

    question: str


@dataclass(frozen=True, slots=True)
class AnswerInformation:
    """The referrer gives what was asked for."""

    answer: str


@dataclass(frozen=True, slots=True)
class AcceptReferral:
    """The receiver takes it."""


@dataclass(frozen=True, slots=True)
class ReturnReferral:
    """The receiver gives it back, perhaps with a better destination in mind."""

    reason: ReturnReason
    suggestion: str | None = None


@dataclass(frozen=True, slots=True)
class RaiseUrgency:
    """What was not urgent has become so."""

    reason: str


@dataclass(frozen=True, slots=True)
class CloseReferral:
    """It ends with an outcome, and the referrer is told."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class CancelReferral:
    """It is withdrawn."""

    reason: CancelReason
