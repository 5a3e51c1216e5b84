"""What callers send, and the commands that it becomes."""

from datetime import date
from typing import Annotated

from pydantic import Field

from services.referrals import commands
from services.referrals.api.auth import Line, ValidatedStory, Words
from shared.contracts.codes import Condition, Urgency
from shared.contracts.event import Code
from shared.contracts.referrals import CancelReason, Outcome, Reason, ReturnReason, Route, SharingPreference, Source
from shared.web.responses import RequestModel

#: Nobody alive was born before.
Birthday = Annotated[date, Field(ge=date(1890, 1, 1), le=date(2100, 1, 1))]


class Demographics(RequestModel):
    """`residence` is the code of the council where the person lives; health care goes by practice, social care by residence.

    What is left out stays as it is recorded; of somebody new, the residence is taken to be here.
    """

    given_name: Line
    family_name: Line
    born_on: Birthday
    address: Line
    telephone: Line | None = None
    practice_code: Code
    residence: Code | None = None

    def command(self) -> commands.Demographics:
        return commands.Demographics(**dict(self))


class NewReferral(RequestModel):
    """Demographics and story are needed once: for a known person the NHS number is enough."""

    nhs_number: Annotated[str, Field(max_length=20)] | None = None
    demographics: Demographics | None = None
    story: ValidatedStory | None = None
    source: Source
    reason: Reason
    urgency: Urgency
    condition: Condition | None = None

    def command(self) -> commands.ReceiveReferral:
        return commands.ReceiveReferral(
            nhs_number=self.nhs_number,
            demographics=self.demographics.command() if self.demographics else None,
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
    """What is named replaces what was recorded; the rest stays."""

    demographics: Demographics | None = None
    story: ValidatedStory | None = None
    sharing: SharingPreference | None = None

    def command(self) -> commands.ReviseRecord:
        demographics = self.demographics.command() if self.demographics else None
        return commands.ReviseRecord(demographics, self.story, self.sharing)


class Triage(RequestModel):
    """A red flag stays until `has_red_flag` is false; `is_by_telephone` says that a call is enough to assess the person (G05)."""

    urgency: Urgency
    is_complex: bool = False
    reason: Words
    has_red_flag: bool | None = None
    is_by_telephone: bool = False

    def command(self) -> commands.TriageReferral:
        return commands.TriageReferral(self.urgency, self.is_complex, self.reason, self.has_red_flag, self.is_by_telephone)


class Routing(RequestModel):
    route: Route
    service_code: Code
    override_reason: Words | None = None

    def command(self) -> commands.RouteReferral:
        return commands.RouteReferral(self.route, self.service_code, self.override_reason)


class Signpost(RequestModel):
    service_code: Code

    def command(self) -> commands.SignpostReferral:
        return commands.SignpostReferral(self.service_code)


class Question(RequestModel):
    question: Words

    def command(self) -> commands.RequestInformation:
        return commands.RequestInformation(self.question)


class InformationAnswer(RequestModel):
    answer: Words

    def command(self) -> commands.AnswerInformation:
        return commands.AnswerInformation(self.answer)


class Raise(RequestModel):
    reason: Words

    def command(self) -> commands.RaiseUrgency:
        return commands.RaiseUrgency(self.reason)


class Return(RequestModel):
    reason: ReturnReason
    suggestion: Code | None = None

    def command(self) -> commands.ReturnReferral:
        return commands.ReturnReferral(self.reason, self.suggestion)


class Closure(RequestModel):
    outcome: Outcome

    def command(self) -> commands.CloseReferral:
        return commands.CloseReferral(self.outcome)


class Cancellation(RequestModel):
    reason: CancelReason

    def command(self) -> commands.CancelReferral:
        return commands.CancelReferral(self.reason)
