"""Faults of an urgent referral, which is accepted all the same: each is marked, and the Community Point of Access resolves it.

Care never waits for them (IG2, G11, G34). A correction of the person's record ends those that it mends, and so does a merge; a separation
opens those of the record again. An unknown practice is marked at any urgency, because no referrer can know the table of practices: the
Community Point of Access asks, and signposts a person who is registered elsewhere (E8). So is a practice that only the practice itself has
stated, unless the triage of its own referral confirms it. A death or a move that a referrer without a further relationship reports is
marked too: staff record it, which ends all care, or find that it is wrong.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.referrals.commands import ReceiveReferral, ResolveDiscrepancy, SetCondition
from services.referrals.domain import deadlines, registration
from services.referrals.domain import person as people
from services.referrals.domain.life import ANSWERED_BY, REPORT_OF
from services.referrals.domain.person import Person
from services.referrals.domain.policy import Policy
from services.referrals.domain.referral import (
    UNTRIAGED,
    Occurrence,
    Referral,
    ReferralDeadline,
    Status,
    effective_status,
    has_faults,
    is_with_receiver,
    permit,
)
from shared.contracts.codes import IS_URGENT, Condition
from shared.contracts.event import Event
from shared.contracts.persons import PersonChange
from shared.contracts.referral_codes import AmendedPart, Discrepancy, Route
from shared.contracts.referrals import (
    ReferralAmended,
    ReferralConditionSet,
    ReferralDiscrepancyFound,
    ReferralDiscrepancyResolved,
    ReferralIdentified,
    ReferralIdentityUnverified,
)
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition, RuleBroken
from shared.kernel.totality import total


class DiscrepancyNotOpen(RuleBroken):
    """The referral does not have this discrepancy."""

    code = "discrepancy-not-open"
    advice = "Read the referral: `discrepancies` lists the open ones."


class PracticeInDoubt(RuleBroken):
    """The record leaves the practice in doubt, which no reason ends."""

    code = "practice-in-doubt"
    advice = (
        "Ask the person which practice cares for them. A colleague with the scope referrals:handle records that one (ReviseRecord), "
        "which ends the discrepancy."
    )


#: Whether a fault of the referral or of the person's record is present at receipt.
_IS_PRESENT: Mapping[Discrepancy, Callable[[ReceiveReferral, Person], bool]] = total(
    Discrepancy,
    {
        Discrepancy.NUMBER_MISSING: lambda received, person: person.nhs_number is None and not received.nhs_number,
        Discrepancy.NUMBER_INVALID: lambda received, _: bool(received.nhs_number) and people.valid_nhs_number(received) is None,
        Discrepancy.IDENTITY_DIFFERS: lambda received, person: person.nhs_number is None and people.valid_nhs_number(received) is not None,
        Discrepancy.BIRTHDAY_INVALID: lambda _, person: person.born_on is None and person.born_as_typed is not None,
        Discrepancy.DEMOGRAPHICS_MISSING: lambda _, person: people.lacks_demographics(person),
        Discrepancy.STORY_MISSING: lambda _, person: people.lacks_story(person),
        Discrepancy.TEXT_UNREADABLE: lambda received, _: bool(received.unreadable),
        Discrepancy.HISTORY_SHORTENED: lambda _, person: people.is_shortened(person),
        Discrepancy.CONDITION_MISSING: lambda received, _: received.condition is None,
        Discrepancy.PRACTICE_UNKNOWN: lambda _, person: registration.lacks_practice(person),
        Discrepancy.PRACTICE_UNCONFIRMED: lambda _, person: not person.is_practice_confirmed,
        Discrepancy.DETAILS_UNCONFIRMED: lambda _, __: False,
        Discrepancy.RECEIVER_UNINFORMED: lambda _, __: False,
        Discrepancy.DEATH_REPORTED: lambda _, __: False,
        Discrepancy.MOVE_REPORTED: lambda _, __: False,
    },
)
#: Whether a referral that is not urgent has the mark too, instead of a refusal.
_IS_FOR_ALL: Mapping[Discrepancy, bool] = total(
    Discrepancy,
    {
        Discrepancy.NUMBER_MISSING: False,
        Discrepancy.NUMBER_INVALID: False,
        Discrepancy.IDENTITY_DIFFERS: False,
        Discrepancy.BIRTHDAY_INVALID: False,
        Discrepancy.DEMOGRAPHICS_MISSING: False,
        Discrepancy.STORY_MISSING: False,
        Discrepancy.TEXT_UNREADABLE: False,
        Discrepancy.HISTORY_SHORTENED: False,
        Discrepancy.CONDITION_MISSING: False,
        Discrepancy.PRACTICE_UNKNOWN: True,
        Discrepancy.PRACTICE_UNCONFIRMED: True,
        Discrepancy.DETAILS_UNCONFIRMED: False,
        Discrepancy.RECEIVER_UNINFORMED: False,
        Discrepancy.DEATH_REPORTED: False,
        Discrepancy.MOVE_REPORTED: False,
    },
)
_FOR_ALL = tuple(each for each, is_for_all in _IS_FOR_ALL.items() if is_for_all)
#: Whether a correction of the person's record has mended the fault. The others need a decision.
_IS_MENDED: Mapping[Discrepancy, Callable[[Person], bool]] = total(
    Discrepancy,
    {
        Discrepancy.NUMBER_MISSING: lambda person: person.nhs_number is not None,
        Discrepancy.NUMBER_INVALID: lambda person: person.nhs_number is not None,
        Discrepancy.IDENTITY_DIFFERS: lambda person: person.nhs_number is not None,
        Discrepancy.BIRTHDAY_INVALID: lambda person: person.born_on is not None,
        Discrepancy.DEMOGRAPHICS_MISSING: lambda person: not people.lacks_demographics(person),
        Discrepancy.STORY_MISSING: lambda person: not people.lacks_story(person),
        Discrepancy.TEXT_UNREADABLE: lambda _: False,
        Discrepancy.HISTORY_SHORTENED: lambda _: False,
        Discrepancy.CONDITION_MISSING: lambda _: False,
        Discrepancy.PRACTICE_UNKNOWN: lambda person: not registration.lacks_practice(person),
        Discrepancy.PRACTICE_UNCONFIRMED: lambda person: person.is_practice_confirmed,
        Discrepancy.DETAILS_UNCONFIRMED: lambda _: False,
        Discrepancy.RECEIVER_UNINFORMED: lambda _: False,
        Discrepancy.DEATH_REPORTED: lambda _: False,
        Discrepancy.MOVE_REPORTED: lambda _: False,
    },
)
#: Faults that a merge with another record may have settled.
_OF_RECORD = (
    Discrepancy.NUMBER_MISSING,
    Discrepancy.NUMBER_INVALID,
    Discrepancy.IDENTITY_DIFFERS,
    Discrepancy.BIRTHDAY_INVALID,
    Discrepancy.DEMOGRAPHICS_MISSING,
    Discrepancy.STORY_MISSING,
)
#: Whether the list of the receiver shows that the referrer sent more. The meeting and the navigators have the words in the record alone.
_SHOWS_NEWS: Mapping[Route, bool] = total(Route, {Route.RAPID_CARE: True, Route.MDT: False, Route.NAVIGATION: False, Route.SERVICE: True})


def at_receipt(received: ReceiveReferral, person: Person, same: Collection[str] = ()) -> tuple[Discrepancy, ...]:
    """The faults of a referral. One that is not urgent has few of them: it is refused for the others.

    Its triage judges a practice that it states itself and no triager doubted. `same` has the codes that stand for that one today.
    """
    marked = _IS_PRESENT if IS_URGENT[received.urgency] else _FOR_ALL
    is_judged = people.states(received, person, same) and not registration.is_doubted(person, {person.practice_code, *same})
    awaited = {Discrepancy.PRACTICE_UNCONFIRMED} if is_judged else set()
    return tuple(each for each in marked if each not in awaited and _IS_PRESENT[each](received, person))


def mark_condition(referral: Referral) -> Referral:
    """A referral that becomes urgent needs a condition: Rapid Care chooses a clinician by it. The mark asks for it."""
    present = referral.condition is None and IS_URGENT[referral.urgency]
    marked = [each for each in referral.discrepancies if each is not Discrepancy.CONDITION_MISSING]
    return replace(referral, discrepancies=(*marked, Discrepancy.CONDITION_MISSING) if present else tuple(marked))


def resolve(referral: Referral, command: ResolveDiscrepancy, now: datetime) -> Decision[Referral]:
    """Ends one discrepancy with a reason. Raises IllegalTransition, DiscrepancyNotOpen, PracticeInDoubt."""
    permit(referral, ResolveDiscrepancy)
    if referral.ended_at is not None and not has_faults(referral):
        raise IllegalTransition(ResolveDiscrepancy.__name__, referral.status)
    require_open(referral, {command.discrepancy})
    if not resolvable({command.discrepancy}):
        raise PracticeInDoubt("Only the practice itself says that the person is registered with it.")
    return _without(replace(referral, discrepancy_reason=command.reason), {command.discrepancy}, [], now)


def resolvable(found: Collection[Discrepancy]) -> set[Discrepancy]:
    """Those that a reason ends. The doubt about a practice ends with a confirmed one of the record."""
    return set(found) - {Discrepancy.PRACTICE_UNCONFIRMED}


def set_condition(referral: Referral, command: SetCondition, now: datetime) -> Decision[Referral]:
    """Sets or corrects the condition, which ends its mark. Raises IllegalTransition."""
    permit(referral, SetCondition)
    return with_condition(referral, command.condition, now)


def with_condition(referral: Referral, condition: Condition, now: datetime) -> Decision[Referral]:
    """The referral with this condition; also as a second call about the person names it."""
    known = replace(referral, condition=condition)
    return _without(known, {Discrepancy.CONDITION_MISSING}, [ReferralConditionSet(condition=condition)], now)


def settle(referral: Referral, person: Person, now: datetime) -> Decision[Referral] | None:
    """Ends the discrepancies that the person's record no longer has; None when each of them stands."""
    mended = {each for each in referral.discrepancies if _IS_MENDED[each](person)}
    return _without(referral, mended, [], now) if mended else None


def follow_practice(
    referral: Referral, person: Person, now: datetime, policy: Policy, same: Collection[str] = ()
) -> Decision[Referral] | None:
    """Marks an open referral whose person lacks a confirmed practice since its receipt; None without a new mark.

    The triage of the practice's own referral confirms it or not: until then it is no fault, unless a triager doubted it before. `same`
    has the codes that stand for the practice of the record today.
    """
    practice = {person.practice_code, *same}
    is_judged = _is_before_triage(referral, practice) and not registration.is_doubted(person, practice)
    is_doubted = not (person.is_practice_confirmed or is_judged)
    faults = ((Discrepancy.PRACTICE_UNKNOWN, registration.lacks_practice(person)), (Discrepancy.PRACTICE_UNCONFIRMED, is_doubted))
    found = [each for each, is_present in faults if is_present and each not in referral.discrepancies]
    if not found:
        return None
    permit(referral, Occurrence.PRACTICE_IN_DOUBT)
    return _with(referral, found, [], now, policy)


def _is_before_triage(referral: Referral, practice: Collection[str]) -> bool:
    """Of the referral by the practice itself."""
    return effective_status(referral) in UNTRIAGED and referral.referrer_organisation in practice


def open_again(referral: Referral, person: Person, now: datetime, policy: Policy) -> Decision[Referral] | None:
    """Marks the faults of a record that stands alone since a separation, also those that were resolved before; None without any."""
    received = ReceiveReferral(person.number_as_typed, None, None, referral.source, referral.reason, referral.requested_urgency)
    found = [each for each in at_receipt(received, person) if each in _OF_RECORD and each not in referral.discrepancies]
    if not found:
        return None
    permit(referral, Occurrence.IDENTITY_FOLLOWED)
    return _with(referral, found, [], now, policy)


def follow_identity(referral: Referral, person: Person) -> Decision[Referral] | None:
    """The open referral is identified as the person's one record is; None without a change."""
    is_identified = person.nhs_number is not None
    if referral.is_identified is is_identified:
        return None
    permit(referral, Occurrence.IDENTITY_FOLLOWED)
    asked_in = referral.asked_in and _named(referral.asked_in, is_identified=is_identified)
    status = _named(referral.status, is_identified=is_identified)
    followed = replace(referral, status=status, asked_in=asked_in, is_identified=is_identified)
    return Decision(followed, [ReferralIdentified() if is_identified else ReferralIdentityUnverified()])


def _named(status: Status, *, is_identified: bool) -> Status:
    """The status of an untriaged referral whose person is identified now, or is not any more; any other status stays."""
    before, after = (Status.UNVERIFIED, Status.IDENTIFIED) if is_identified else (Status.IDENTIFIED, Status.UNVERIFIED)
    return after if status is before else status


def join(referral: Referral, merged_id: UUID, now: datetime, policy: Policy) -> Decision[Referral]:
    """Another referral with new words joined this one, which a receiver has: the Community Point of Access passes them on by a deadline."""
    permit(referral, Occurrence.REFERRAL_JOINED)
    amended = ReferralAmended(amended_at=now, sent_as=merged_id, parts=(AmendedPart.INFORMATION,))
    return _with(replace(referral, informed_at=now), [Discrepancy.RECEIVER_UNINFORMED], [amended], now, policy)


def join_faults(referral: Referral, found: Collection[Discrepancy], now: datetime, policy: Policy) -> Decision[Referral]:
    """Marks the referral with the faults of one that joined it."""
    permit(referral, Occurrence.FAULT_JOINED)
    return _with(referral, found, [], now, policy)


def is_reported(referral: Referral, change: PersonChange) -> bool:
    """Whether the report of a death or a move stands already."""
    return REPORT_OF[change] in referral.discrepancies


def report_end(referral: Referral, change: PersonChange, now: datetime, policy: Policy) -> Decision[Referral]:
    """A referrer without a further relationship says that the person has died or moved away. Nothing ends: the mark asks staff."""
    permit(referral, Occurrence.END_REPORTED)
    return _with(referral, [REPORT_OF[change]], [], now, policy)


def confirm_report(referral: Referral, change: PersonChange, now: datetime) -> Decision[Referral] | None:
    """The death or the move is recorded: the reports by a withdrawn referral that it answers end; None without such a report."""
    answered = ANSWERED_BY[change].intersection(referral.discrepancies)
    if not answered:
        return None
    permit(referral, ResolveDiscrepancy)
    return _without(referral, answered, [], now)


def require_open(referral: Referral, wanted: Collection[Discrepancy]) -> None:
    """Raises DiscrepancyNotOpen when the referral has none of these discrepancies."""
    if not set(wanted) & set(referral.discrepancies):
        raise DiscrepancyNotOpen("The referral does not have this discrepancy.")


def pass_on(informed: Decision[Referral], now: datetime, policy: Policy) -> Decision[Referral]:
    """The referrer sent more to a referral that a receiver has: as `join`, unless the receiver's own list shows that there is news."""
    referral = informed.state
    if not is_with_receiver(referral) or referral.route is None or _SHOWS_NEWS[referral.route]:
        return informed
    marked = _with(referral, [Discrepancy.RECEIVER_UNINFORMED], [], now, policy)
    return replace(marked, events=[*informed.events, *marked.events])


def _with(referral: Referral, found: Collection[Discrepancy], events: list[Event], now: datetime, policy: Policy) -> Decision[Referral]:
    resolve_by = deadlines.resolve_by(referral, deadlines.triage_by(referral, now, policy))
    others = (each for each in referral.discrepancies if each not in found)
    marked = replace(referral, discrepancies=(*others, *found), discrepancies_due_at=resolve_by)
    fact = ReferralDiscrepancyFound(discrepancies=tuple(found), resolve_by=resolve_by)
    rows = deadlines.rows_of(marked, ReferralDeadline.DISCREPANCY)
    return Decision(marked, [*events, fact], rows, cancels=[ReferralDeadline.DISCREPANCY])


def _without(referral: Referral, ended: Collection[Discrepancy], events: list[Event], now: datetime) -> Decision[Referral]:
    left = tuple(each for each in referral.discrepancies if each not in ended)
    resolved = tuple(each for each in referral.discrepancies if each in ended)
    after = replace(referral, discrepancies=left, discrepancies_due_at=referral.discrepancies_due_at if left else None)
    facts: list[Event] = [ReferralDiscrepancyResolved(discrepancies=resolved, resolved_at=now)] if resolved else []
    return Decision(after, [*events, *facts], cancels=[] if left else [ReferralDeadline.DISCREPANCY])
