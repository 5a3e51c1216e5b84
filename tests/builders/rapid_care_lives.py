"""The life of one response: the commands, events and deadlines that act on it, on what the database would hold."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.rapid_care.commands import (
    AcceptResponse,
    AgreePackage,
    AnswerCall,
    AssignClinician,
    CloseResponse,
    DeclineResponse,
    Depart,
    HandBackResponse,
    RecordAssessment,
    RecordFirstContact,
    StepDownResponse,
)
from services.rapid_care.domain import care, clock, contact, dispatch, duties, person_change, second_call
from services.rapid_care.domain.clock import ResponseIds
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import Response, ResponseDeadline
from shared.contracts.codes import StepDown
from shared.contracts.persons import PersonChange, RecordedChange
from shared.contracts.rapid_care import ContactMode, DeclineReason, Need, PackageItem, PackageItemKind, ResponseOutcome
from shared.contracts.referrals import ReferralRecalled
from shared.kernel.decision import Deadline, Decision, Fact
from shared.kernel.errors import DomainError
from shared.kernel.ids import PersonId, new_id
from tests.builders.rapid_care import a_clinician, a_repeated_call, a_routed_referral

POLICY = Policy()
_NEEDS = RecordAssessment((Need.INFECTION,), (Need.NONE,))

Act = Callable[[Response, datetime], Decision[Response]]


def _visit(mode: ContactMode, ago: timedelta = timedelta()) -> Act:
    return lambda response, now: contact.record_first_contact(response, RecordFirstContact(now - ago, mode), POLICY, now)


def _package(starts_at: datetime) -> AgreePackage:
    return AgreePackage((PackageItem(kind=PackageItemKind.NURSING, service_code="district-nursing", starts_at=starts_at),))


#: For each command class one call of its rule, which succeeds wherever the response permits the command.
COMMANDS: dict[type, Act] = {
    AcceptResponse: lambda response, now: clock.accept(response, POLICY, now),
    DeclineResponse: lambda response, now: clock.decline(response, DeclineResponse(DeclineReason.CAPACITY), now),
    AssignClinician: lambda response, now: dispatch.assign(response, a_clinician(), None, POLICY, now),
    HandBackResponse: lambda response, now: dispatch.hand_back(response, POLICY, now),
    Depart: lambda response, now: dispatch.depart(response, Depart(), now),
    RecordFirstContact: _visit(ContactMode.FACE_TO_FACE),
    RecordAssessment: lambda response, now: care.assess(response, _NEEDS, POLICY, now),
    AgreePackage: lambda response, now: care.agree_package(response, _package(now), POLICY, now),
    StepDownResponse: lambda response, now: care.step_down(response, StepDownResponse(StepDown.GP), POLICY, now),
    CloseResponse: lambda response, now: care.close(response, CloseResponse(ResponseOutcome.DECLINED_BY_PERSON), POLICY, now),
    AnswerCall: lambda response, now: second_call.answer_call(response, POLICY, now),
}
_CLOSED_DOOR, _AN_HOUR_AGO = _visit(ContactMode.NO_ACCESS), _visit(ContactMode.FACE_TO_FACE, timedelta(hours=1))


def die(response: Response, now: datetime) -> Decision[Response]:
    return person_change.end(response, RecordedChange(PersonChange.DEATH, now), now)


def _off_duty(response: Response, now: datetime) -> Decision[Response]:
    """Only a response with a clinician is found by the handler."""
    return dispatch.go_off_duty(response, POLICY, now) if response.clinician_id else dispatch.hand_back(response, POLICY, now)


def _restored(response: Response, now: datetime) -> Decision[Response]:
    """Only a response that a change has ended is found by the handler."""
    return person_change.restore(response, POLICY, now) if response.ended_from else die(response, now)


#: What happens to a response: commands by the name of their class, other visits and events by a word.
ACTS: dict[str, Act] = {
    **{command.__name__: act for command, act in COMMANDS.items()},
    "closed door": _CLOSED_DOOR,
    "visit an hour ago": _AN_HOUR_AGO,
    "off duty": _off_duty,
    "death": die,
    "restored": _restored,
    "recalled": lambda response, now: clock.recall(response, ReferralRecalled(service_code="rapid-care", routing=response.routing), now),
    "routed again": lambda response, now: clock.reconfirm_acceptance(response, a_routed_referral(response.received_at), now),
    "call": lambda response, now: second_call.take_call(
        response, a_repeated_call(called_at=now, answer_by=now + timedelta(minutes=15)), POLICY, now
    ),
}


def _remind(kind: str) -> Act:
    return lambda response, now: duties.remind(response, duties.STEP_OF[kind], now, POLICY, now)


DEADLINES: dict[str, Act] = {
    ResponseDeadline.OPENING: lambda response, now: clock.open_held_response(response, POLICY, now),
    ResponseDeadline.AT_RISK: clock.warn,
    ResponseDeadline.BREACH: lambda response, now: clock.judge_deadline(response, now, POLICY),
    **{kind: _remind(kind) for kind in duties.STEP_OF},
    ResponseDeadline.AVOIDANCE: lambda response, now: care.confirm_avoidance(response, is_admitted_since=False, now=now),
}


@dataclass
class Life:
    """A response with the deadlines and events that the database would hold."""

    response: Response
    pending: list[Deadline] = field(default_factory=list)
    published: list[Fact] = field(default_factory=list)

    @classmethod
    def of_referral(cls, received_at: datetime) -> "Life":
        """A response to a referral that is routed at its receipt."""
        ids = ResponseIds(new_id(), PersonId(new_id()), new_id(), new_id())
        began = clock.request(a_routed_referral(received_at), ids, previous=None, policy=POLICY, now=received_at)
        return cls(began.state, list(began.deadlines), list(began.events))

    def run(self, act: Act, now: datetime) -> bool:
        """Runs a command, event or deadline; a refused one changes nothing and returns False."""
        try:
            decision = act(self.response, now)
        except DomainError:
            return False
        self.response = replace(decision.state, version=self.response.version + len(decision.events))
        self.pending = [each for each in self.pending if each.kind not in decision.cancels] + list(decision.deadlines)
        self.published += decision.events
        return True

    def fire_due(self, now: datetime) -> list[str]:
        """Fires every deadline up to `now`, each at its own time; returns the kinds of those that were refused."""
        refused = []
        while due := sorted((each for each in self.pending if each.due_at <= now), key=lambda each: each.due_at):
            first = due[0]
            self.pending.remove(first)
            if not self.run(DEADLINES[first.kind], first.due_at):
                refused.append(first.kind)
        return refused

    def events(self, kind: type[Fact]) -> list[Fact]:
        return [event for event in self.published if isinstance(event, kind)]
