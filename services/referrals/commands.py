"""Commands of the Community Point of Access."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from shared.contracts.codes import Condition, Urgency
from shared.contracts.persons import SharingPreference, StatedBy, Story
from shared.contracts.referral_codes import CancelReason, Discrepancy, Outcome, Reason, ReturnReason, Route, Source
from shared.contracts.safeguarding import ConcernOutcome


@dataclass(frozen=True, slots=True)
class Demographics:
    """Identity, address and registration; `residence` is the code of the council where the person lives (G13, G50).

    A field that is None keeps its recorded value, or takes the default of the policy. Only an urgent referral may lack others than
    `telephone` and `residence`. `born_as_typed` is a date of birth that cannot be one.
    """

    given_name: str | None
    family_name: str | None
    born_on: date | None
    address: str | None
    telephone: str | None
    practice_code: str | None
    residence: str | None
    born_as_typed: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiveReferral:
    """A referrer asks for help for a person. Demographics and story are given once: a known person needs neither (AC1).

    `unreadable` has the text of each value of an urgent referral that its field cannot have, after the name of the field.
    `sharing` is the preference that the person has stated, `sharing_stated_by` who stated it to the referrer. The number is compared with
    no record when it `needs_tracing`: its sender has guessed too often.
    """

    nhs_number: str | None
    demographics: Demographics | None
    story: Story | None
    source: Source
    reason: Reason
    urgency: Urgency
    condition: Condition | None = None
    sharing: SharingPreference | None = None
    sharing_stated_by: StatedBy | None = None
    unreadable: tuple[str, ...] = ()
    needs_tracing: bool = False


@dataclass(frozen=True, slots=True)
class ReviseRecord:
    """The Community Point of Access corrects a person's record; an absent part stays as it was."""

    demographics: Demographics | None = None
    story: Story | None = None
    sharing: SharingPreference | None = None
    sharing_stated_by: StatedBy | None = None


@dataclass(frozen=True, slots=True)
class ConfirmProposal:
    """The proposed value is right: it replaces the recorded one."""


@dataclass(frozen=True, slots=True)
class DismissProposal:
    """The recorded value is right, for the stated reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class TriageReferral:
    """A clinician decides the urgency, with a reason.

    `has_red_flag`: life is in danger (G23); None leaves the flag as it was. `is_by_telephone`: a call is enough to assess the
    person, and only then does a call stop the two-hour clock (G05). `condition` is asked for an urgent referral without one; None
    leaves it as it was. `is_practice_confirmed`: whether the practice that referred the person is theirs, although only it says so; None
    confirms it unless a triager doubted it before.
    """

    urgency: Urgency
    is_complex: bool
    reason: str
    has_red_flag: bool | None = None
    is_by_telephone: bool = False
    condition: Condition | None = None
    is_practice_confirmed: bool | None = None


@dataclass(frozen=True, slots=True)
class SetCondition:
    """The condition of the referral is known now, or was wrong."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class ResolveDiscrepancy:
    """The Community Point of Access has settled a fault of an urgent referral, or decided that it does not matter."""

    discrepancy: Discrepancy
    reason: str


@dataclass(frozen=True, slots=True)
class RouteReferral:
    """Asks a receiver to accept the referral. With `override_reason` a clinician overrides an eligibility rule (G10, G34)."""

    route: Route
    service_code: str
    override_reason: str | None = None


@dataclass(frozen=True, slots=True)
class SignpostReferral:
    """The person is signposted to a service of the directory."""

    service_code: str


@dataclass(frozen=True, slots=True)
class RequestInformation:
    """Asks the referrer for information."""

    question: str


@dataclass(frozen=True, slots=True)
class AnswerInformation:
    """The referrer gives information, requested or not."""

    answer: str


@dataclass(frozen=True, slots=True)
class AmendReferral:
    """The referrer adds to what it sent: information, the person's telephone, or that the referral is urgent now."""

    information: str | None = None
    telephone: str | None = None
    is_urgent: bool = False


@dataclass(frozen=True, slots=True)
class AcceptReferral:
    """The receiver accepts the referral."""


@dataclass(frozen=True, slots=True)
class ReturnReferral:
    """The receiver returns the referral, optionally with the code of a better destination."""

    reason: ReturnReason
    suggestion: str | None = None


@dataclass(frozen=True, slots=True)
class RecallReferral:
    """The Community Point of Access takes the referral back from Rapid Care, which has not reached the person."""


@dataclass(frozen=True, slots=True)
class AnswerCall:
    """The receiver has taken note of a repeated urgent call."""


@dataclass(frozen=True, slots=True)
class RaiseUrgency:
    """The referral has become urgent."""

    reason: str


@dataclass(frozen=True, slots=True)
class CloseReferral:
    """The referral ends with an outcome, which the referrer sees."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class CancelReferral:
    """The referral is withdrawn."""

    reason: CancelReason


@dataclass(frozen=True, slots=True)
class ReopenReferral:
    """The referral was closed or cancelled by mistake."""

    reason: str


@dataclass(frozen=True, slots=True)
class ClaimReferral:
    """A member of the Community Point of Access works on the referral now; with `take_over` in place of a colleague."""

    take_over: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseClaim:
    """The member of the Community Point of Access who claimed the referral no longer works on it."""


@dataclass(frozen=True, slots=True)
class RecordDeath:
    """The person has died; `died_on` is None while the day is unknown."""

    died_on: date | None = None


@dataclass(frozen=True, slots=True)
class RecordMove:
    """The person has moved out of the area; `moved_on` is None while the day is unknown."""

    moved_on: date | None = None


@dataclass(frozen=True, slots=True)
class RecordReturn:
    """The person lives in the area: they came back after a move, or their death was recorded by mistake, for the stated reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class RestorePerson:
    """The last recorded death or move of the person was a mistake, or they never left, for the stated reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class VerifyIdentity:
    """The person of this record has this NHS number: the record of the number survives, and this one merges into it."""

    nhs_number: str


@dataclass(frozen=True, slots=True)
class MergePerson:
    """This record and another one are about one person, as a member of staff has decided; the other one survives."""

    into: UUID


@dataclass(frozen=True, slots=True)
class SeparatePerson:
    """The merge was a mistake, for the stated reason: the two records are about two persons."""

    reason: str


@dataclass(frozen=True, slots=True)
class AcknowledgeConcern:
    """The council has the safeguarding concern, with all its accounts."""


@dataclass(frozen=True, slots=True)
class CloseConcern:
    """The council has decided about the safeguarding concern, for the stated reason."""

    outcome: ConcernOutcome
    reason: str
