"""Faults of an urgent referral, which is accepted all the same: each is marked, and the Community Point of Access resolves it.

Care never waits for them (IG2, G11, G34). A correction of the person's record ends those that it mends.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime

from services.referrals.commands import ReceiveReferral, ResolveDiscrepancy, SetCondition
from services.referrals.domain import person as people
from services.referrals.domain.person import Person
from services.referrals.domain.referral import Referral, ReferralDeadline, permit
from shared.contracts.codes import IS_URGENT, Condition
from shared.contracts.event import Event
from shared.contracts.referrals import Discrepancy, ReferralConditionSet, ReferralDiscrepancyResolved
from shared.kernel.decision import Decision
from shared.kernel.errors import RuleBroken
from shared.kernel.totality import total


class DiscrepancyNotOpen(RuleBroken):
    """The referral does not have this discrepancy."""

    code = "discrepancy-not-open"
    advice = "Read the referral: `discrepancies` lists the open ones."


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
        Discrepancy.HISTORY_SHORTENED: lambda _, person: people.is_shortened(person),
        Discrepancy.CONDITION_MISSING: lambda received, _: received.condition is None,
    },
)
#: Whether a correction of the person's record has mended the fault. The others need a decision.
_IS_MENDED: Mapping[Discrepancy, Callable[[Person], bool]] = total(
    Discrepancy,
    {
        Discrepancy.NUMBER_MISSING: lambda _: False,
        Discrepancy.NUMBER_INVALID: lambda _: False,
        Discrepancy.IDENTITY_DIFFERS: lambda _: False,
        Discrepancy.BIRTHDAY_INVALID: lambda person: person.born_on is not None,
        Discrepancy.DEMOGRAPHICS_MISSING: lambda person: not people.lacks_demographics(person),
        Discrepancy.STORY_MISSING: lambda person: not people.lacks_story(person),
        Discrepancy.HISTORY_SHORTENED: lambda _: False,
        Discrepancy.CONDITION_MISSING: lambda _: False,
    },
)


def at_receipt(received: ReceiveReferral, person: Person) -> tuple[Discrepancy, ...]:
    """The faults of an urgent referral. A referral that is not urgent has none: it is refused for them."""
    if not IS_URGENT[received.urgency]:
        return ()
    return tuple(each for each, is_present in _IS_PRESENT.items() if is_present(received, person))


def mark_condition(referral: Referral) -> Referral:
    """A referral that becomes urgent needs a condition: Rapid Care chooses a clinician by it. The mark asks for it."""
    present = referral.condition is None and IS_URGENT[referral.urgency]
    marked = [each for each in referral.discrepancies if each is not Discrepancy.CONDITION_MISSING]
    return replace(referral, discrepancies=(*marked, Discrepancy.CONDITION_MISSING) if present else tuple(marked))


def resolve(referral: Referral, command: ResolveDiscrepancy, now: datetime) -> Decision[Referral]:
    """Ends one discrepancy with a reason. Raises IllegalTransition, DiscrepancyNotOpen."""
    permit(referral, ResolveDiscrepancy)
    require_open(referral, {command.discrepancy})
    return _without(replace(referral, discrepancy_reason=command.reason), {command.discrepancy}, [], now)


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


def require_open(referral: Referral, wanted: Collection[Discrepancy]) -> None:
    """Raises DiscrepancyNotOpen when the referral has none of these discrepancies."""
    if not set(wanted) & set(referral.discrepancies):
        raise DiscrepancyNotOpen("The referral does not have this discrepancy.")


def _without(referral: Referral, ended: Collection[Discrepancy], events: list[Event], now: datetime) -> Decision[Referral]:
    left = tuple(each for each in referral.discrepancies if each not in ended)
    resolved = tuple(each for each in referral.discrepancies if each in ended)
    after = replace(referral, discrepancies=left, discrepancies_due_at=referral.discrepancies_due_at if left else None)
    facts: list[Event] = [ReferralDiscrepancyResolved(discrepancies=resolved, resolved_at=now)] if resolved else []
    return Decision(after, [*events, *facts], cancels=[] if left else [ReferralDeadline.DISCREPANCY])
