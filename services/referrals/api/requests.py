"""Bodies of requests, and the commands that they become."""

from typing import Annotated, Any, Self

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator

from services.referrals import commands
from services.referrals.api import urgent_body
from services.referrals.api.story_bounds import require_bounded
from services.referrals.queries.candidates import Criterion
from shared.contracts.codes import IS_URGENT, Condition, Urgency
from shared.contracts.input_types import (
    Address,
    Day,
    Flag,
    Line,
    LongText,
    OdsCode,
    OrAbsent,
    PracticeCode,
    ServiceCode,
    Telephone,
    TypedNhsNumber,
)
from shared.contracts.persons import SharingPreference, StatedBy, Story
from shared.contracts.referral_codes import CancelReason, Discrepancy, Outcome, Reason, ReturnReason, Route, Source
from shared.contracts.safeguarding import ConcernOutcome
from shared.web.batch_items import BatchItem
from shared.web.requests import CommandModel, RequestModel


class Demographics(CommandModel[commands.Demographics]):
    """`residence` is the code of the council where the person lives; health care goes by practice, social care by residence.

    An omitted field keeps its recorded value; a new person's residence is the borough by default.
    """

    given_name: Line
    family_name: Line
    born_on: Day
    address: Address
    telephone: OrAbsent[Telephone] = None
    practice_code: PracticeCode
    residence: OrAbsent[OdsCode] = None


class NewReferral(RequestModel):
    """Demographics and story are needed once: for a known person the NHS number is enough.

    An urgent referral is never refused for a number, a date of birth, demographics, a story or a condition that is wrong or missing:
    it is accepted, and `discrepancies` of the acknowledgement names each fault. Their text is kept. A preference that cannot be read
    counts as `withheld`. Of a stated and a stored preference the one that shares less holds.
    """

    nhs_number: OrAbsent[TypedNhsNumber] = None
    demographics: Demographics | None = None
    story: Story | None = None
    source: Source
    reason: Reason
    urgency: Urgency
    condition: Condition | None = None
    sharing: SharingPreference | None = None
    sharing_stated_by: StatedBy | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _accept_urgent(cls, body: Any, validate: ModelWrapValidatorHandler["NewReferral"]) -> "NewReferral":
        try:
            received = validate(body)
        except ValidationError as refusal:
            if not urgent_body.is_readable(body, refusal):
                raise
            return PartlyReadReferral.of(urgent_body.read(body, NewReferral, Demographics))
        if not IS_URGENT[received.urgency]:
            require_bounded(received.story)
        return received

    def command(self) -> commands.ReceiveReferral:
        return commands.ReceiveReferral(
            nhs_number=self.nhs_number,
            demographics=self.demographics.command() if self.demographics else None,
            story=self.story,
            source=self.source,
            reason=self.reason,
            urgency=self.urgency,
            condition=self.condition,
            sharing=self.sharing,
            sharing_stated_by=self.sharing_stated_by,
        )


class PartlyReadReferral(NewReferral):
    """An urgent referral with unreadable values. It is made without validation: its values were read one by one."""

    received: commands.ReceiveReferral

    @staticmethod
    def of(read: commands.ReceiveReferral) -> "PartlyReadReferral":
        return PartlyReadReferral.model_construct(source=read.source, reason=read.reason, urgency=read.urgency, received=read)

    def command(self) -> commands.ReceiveReferral:
        return self.received


class NewReferrals(RequestModel):
    """An invalid referral is refused alone."""

    referrals: Annotated[tuple[BatchItem[NewReferral], ...], Field(min_length=1, max_length=100)]


class Search(RequestModel):
    """One of: an NHS number, a family name with the date of birth, a postcode, an address, a telephone number."""

    nhs_number: OrAbsent[TypedNhsNumber] = None
    family_name: OrAbsent[Line] = None
    born_on: OrAbsent[Day] = None
    postcode: OrAbsent[Line] = None
    address: OrAbsent[Address] = None
    telephone: OrAbsent[Telephone] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if given != {"family_name", "born_on"} and (len(given) != 1 or given & {"family_name", "born_on"}):
            raise ValueError("a search has one of NHS number, family name with birthday, postcode, address, telephone")
        return self

    def criterion(self) -> Criterion:
        return Criterion(**{name: getattr(self, name) for name in type(self).model_fields})


class Revision(RequestModel):
    """Named parts replace the recorded ones; the others stay."""

    demographics: Demographics | None = None
    story: Story | None = None
    sharing: SharingPreference | None = None
    sharing_stated_by: StatedBy | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        require_bounded(self.story)
        return self

    def command(self) -> commands.ReviseRecord:
        demographics = self.demographics.command() if self.demographics else None
        return commands.ReviseRecord(demographics, self.story, self.sharing, self.sharing_stated_by)


class Dismissal(CommandModel[commands.DismissProposal]):
    reason: LongText


class ConcernClosure(CommandModel[commands.CloseConcern]):
    outcome: ConcernOutcome
    reason: LongText


class Triage(CommandModel[commands.TriageReferral]):
    """A red flag stays until `has_red_flag` is false. `is_by_telephone`: a call is enough to assess the person (G05).

    An urgent referral without a condition should have one here; without it, it is marked. Where only the referring practice says that the
    person is registered with it, the triage confirms this: `is_practice_confirmed` false doubts it, marked `practice-unconfirmed`. A doubt
    stays with each later triage, until `is_practice_confirmed` is true or a correction of the record names the practice.
    """

    urgency: Urgency
    is_complex: Flag = False
    reason: LongText
    has_red_flag: Flag | None = None
    is_by_telephone: Flag = False
    condition: Condition | None = None
    is_practice_confirmed: Flag | None = None


class NewCondition(CommandModel[commands.SetCondition]):
    condition: Condition


class Resolution(CommandModel[commands.ResolveDiscrepancy]):
    """The reason says how the fault was settled, or why it does not matter."""

    discrepancy: Discrepancy
    reason: LongText


class Routing(CommandModel[commands.RouteReferral]):
    route: Route
    service_code: ServiceCode
    override_reason: OrAbsent[LongText] = None


class Signpost(CommandModel[commands.SignpostReferral]):
    service_code: ServiceCode


class Question(CommandModel[commands.RequestInformation]):
    question: LongText


class InformationAnswer(CommandModel[commands.AnswerInformation]):
    answer: LongText


class Amendment(CommandModel[commands.AmendReferral]):
    """At least one part. `is_urgent`: the referral has become urgent."""

    information: OrAbsent[LongText] = None
    telephone: OrAbsent[Telephone] = None
    is_urgent: Flag = False

    @model_validator(mode="after")
    def _has_a_part(self) -> Self:
        if not (self.information or self.telephone or self.is_urgent):
            raise ValueError("an amendment has information, a telephone or a raised urgency")
        return self


class Raise(CommandModel[commands.RaiseUrgency]):
    reason: LongText


class Return(CommandModel[commands.ReturnReferral]):
    reason: ReturnReason
    suggestion: OrAbsent[ServiceCode] = None


class Closure(CommandModel[commands.CloseReferral]):
    outcome: Outcome


class NewClaim(CommandModel[commands.ClaimReferral]):
    take_over: Flag = False


class MistakenEnd(CommandModel[commands.ReopenReferral]):
    reason: LongText


class Cancellation(CommandModel[commands.CancelReferral]):
    reason: CancelReason
