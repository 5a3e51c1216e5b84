"""Bodies of requests, and the commands that they become."""

from datetime import date
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ModelWrapValidatorHandler, PrivateAttr, StringConstraints, ValidationError, model_validator

from services.referrals import commands
from services.referrals.api import urgent
from shared.contracts.codes import Condition, Urgency
from shared.contracts.event import Code
from shared.contracts.referrals import CancelReason, Discrepancy, Outcome, Reason, ReturnReason, Route, SharingPreference, Source, Story
from shared.web.requests import CommandModel, RequestModel

#: No living person was born earlier.
Birthday = Annotated[date, Field(ge=date(1890, 1, 1), le=date(2100, 1, 1))]


def _printable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("the string must not contain the character NUL")
    return text


#: A short text such as a name, an address or a reason; and a long text.
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_printable)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000), AfterValidator(_printable)]


def _validated(story: Story) -> Story:
    if not story.narrative.strip():
        raise ValueError("the narrative of a story cannot be blank")
    texts = [story.narrative, *story.history, *story.communication_needs, story.what_matters or "", story.preferred_visit_times or ""]
    for each in story.contacts:
        texts += (each.name, each.relationship, each.telephone or "", each.lives_in or "")
    if "\x00" in "".join(texts):
        field = next((name for name, value in story if name != "contacts" and "\x00" in "".join(value or ())), "contacts")
        raise ValueError(f"a string must not contain the character NUL, but {field} does")
    return story


ValidatedStory = Annotated[Story, AfterValidator(_validated)]


class Demographics(CommandModel[commands.Demographics]):
    """`residence` is the code of the council where the person lives; health care goes by practice, social care by residence.

    An omitted field keeps its recorded value; a new person's residence is the borough by default.
    """

    given_name: Line
    family_name: Line
    born_on: Birthday
    address: Line
    telephone: Line | None = None
    practice_code: Code
    residence: Code | None = None


class NewReferral(RequestModel):
    """Demographics and story are needed once: for a known person the NHS number is enough.

    An urgent referral is never refused for a number, a date of birth, demographics, a story or a condition that is wrong or missing:
    it is accepted, and `discrepancies` of the acknowledgement names each fault.
    """

    nhs_number: Annotated[str, Field(max_length=20)] | None = None
    demographics: Demographics | None = None
    story: ValidatedStory | None = None
    source: Source
    reason: Reason
    urgency: Urgency
    condition: Condition | None = None

    _readable: commands.Demographics | None = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _accept_urgent(cls, body: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return validate(body)
        except ValidationError:
            if not urgent.is_urgent(body):
                raise
            return cls._of_readable(body, validate)

    @classmethod
    def _of_readable(cls, body: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        sent = body.get("demographics")
        demographics = urgent.demographics(sent, Demographics)
        readable = urgent.readable(body, cls)
        is_set_aside = demographics is not None or not isinstance(sent, dict)
        received = validate(readable | {"demographics": None} if is_set_aside else readable)
        received._readable = demographics  # noqa: SLF001  a private attribute of its own class
        return received

    def command(self) -> commands.ReceiveReferral:
        return commands.ReceiveReferral(
            nhs_number=self.nhs_number,
            demographics=self.demographics.command() if self.demographics else self._readable,
            story=self.story,
            source=self.source,
            reason=self.reason,
            urgency=self.urgency,
            condition=self.condition,
        )


class NewReferrals(RequestModel):
    referrals: Annotated[tuple[NewReferral, ...], Field(min_length=1, max_length=100)]


class Search(RequestModel):
    nhs_number: Annotated[str, Field(max_length=20)]


class Revision(RequestModel):
    """Named parts replace the recorded ones; the others stay."""

    demographics: Demographics | None = None
    story: ValidatedStory | None = None
    sharing: SharingPreference | None = None

    def command(self) -> commands.ReviseRecord:
        demographics = self.demographics.command() if self.demographics else None
        return commands.ReviseRecord(demographics, self.story, self.sharing)


class Triage(CommandModel[commands.TriageReferral]):
    """A red flag stays until `has_red_flag` is false. `is_by_telephone`: a call is enough to assess the person (G05).

    An urgent referral without a condition should have one here; without it, it is marked.
    """

    urgency: Urgency
    is_complex: bool = False
    reason: LongText
    has_red_flag: bool | None = None
    is_by_telephone: bool = False
    condition: Condition | None = None


class NewCondition(CommandModel[commands.SetCondition]):
    condition: Condition


class Resolution(CommandModel[commands.ResolveDiscrepancy]):
    """The reason says how the fault was settled, or why it does not matter."""

    discrepancy: Discrepancy
    reason: LongText


class Routing(CommandModel[commands.RouteReferral]):
    route: Route
    service_code: Code
    override_reason: LongText | None = None


class Signpost(CommandModel[commands.SignpostReferral]):
    service_code: Code


class Question(CommandModel[commands.RequestInformation]):
    question: LongText


class InformationAnswer(CommandModel[commands.AnswerInformation]):
    answer: LongText


class Raise(CommandModel[commands.RaiseUrgency]):
    reason: LongText


class Return(CommandModel[commands.ReturnReferral]):
    reason: ReturnReason
    suggestion: Code | None = None


class Closure(CommandModel[commands.CloseReferral]):
    outcome: Outcome


class Cancellation(CommandModel[commands.CancelReferral]):
    reason: CancelReason
