"""The commands that a referral permits to a caller now: exactly those that are not refused.

A command is offered by the rules that guard it. One whose reason decides is offered while a reason is accepted: a death or a move cancels
a referral that cannot be withdrawn, or marks it when its referrer may only report it. A claim is offered also while a colleague has one,
because it may be taken over.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.referrals import commands
from services.referrals.domain import access, amendment, claims, closure, discrepancies, reversal, routing, triage
from services.referrals.domain.referral import Referral, Status, available_transitions
from shared.kernel.actor import Actor
from shared.kernel.errors import DomainError
from shared.kernel.state_table import Transitions, Trigger


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Facts beside the referral that decide about its commands.

    `is_joined_open`: the referral that a merged one joined is open. `is_contacted`: Rapid Care has seen the person.
    `is_practice_covered`, `is_resident`: the person of today is entitled to the borough's health services, and to its social care.
    `is_reopened_in_time`: the referral ended within the time of a reopening; `is_person_living`: no death or move of the person is
    recorded now.
    `has_record`: false for an onward referral of a person whom case finding alone knows. `claimed_by`: who has claimed it.
    """

    is_joined_open: bool = False
    is_contacted: bool = False
    is_practice_covered: bool = True
    is_resident: bool = True
    has_record: bool = True
    is_reopened_in_time: bool = True
    is_person_living: bool = True
    claimed_by: str | None = None


def _cancellation(referral: Referral, _: Actor, facts: Circumstances) -> None:
    """A merged referral is withdrawn alone; any other one may also end by a death or a move."""
    if referral.status is Status.MERGED:
        closure.require_withdrawable(referral, has_merged=False, is_joined_open=facts.is_joined_open)


def _recall(referral: Referral, _: Actor, facts: Circumstances) -> None:
    routing.require_recallable(referral, is_contacted=facts.is_contacted)


#: The refusals that depend on more than the state and the caller.
_GUARDS: Mapping[Trigger, Callable[[Referral, Actor, Circumstances], None]] = {
    commands.CancelReferral: _cancellation,
    commands.RecallReferral: _recall,
    commands.ReleaseClaim: lambda referral, actor, facts: claims.require_releasable(referral, facts.claimed_by, actor_id=actor.id),
    commands.ReopenReferral: lambda referral, _, facts: reversal.require_reopenable(
        referral, is_person_living=facts.is_person_living, is_in_time=facts.is_reopened_in_time
    ),
    commands.ResolveDiscrepancy: lambda referral, actor, _: access.require_settling(
        discrepancies.resolvable(referral.discrepancies), actor
    ),
    commands.AnswerInformation: lambda referral, _, facts: triage.require_informable(referral, is_joined_open=facts.is_joined_open),
    commands.AmendReferral: lambda referral, _, facts: amendment.require_amendable(referral, is_joined_open=facts.is_joined_open),
    commands.RouteReferral: lambda referral, _, facts: routing.require_routable(referral, is_practice_covered=facts.is_practice_covered),
    commands.SignpostReferral: lambda referral, _, facts: routing.require_signpostable(
        referral, is_entitled=facts.is_practice_covered and facts.is_resident
    ),
}


#: The commands that need the person's record, which a referral of the person makes.
_ON_RECORD = frozenset({commands.RouteReferral, commands.SignpostReferral, commands.AnswerInformation, commands.AmendReferral})


def offered(referral: Referral, actor: Actor, facts: Circumstances) -> Transitions:
    """The part of the state table whose commands this caller may give now."""
    permitted = {**available_transitions(referral), **claims.claimable(referral)}
    open_to = {trigger: row for trigger, row in permitted.items() if isinstance(trigger, type)}
    return {command: row for command, row in open_to.items() if _is_offered(command, referral, actor, facts)}


def _is_offered(command: type, referral: Referral, actor: Actor, facts: Circumstances) -> bool:
    if command in _ON_RECORD and not facts.has_record:
        return False
    try:
        access.require_permitted(referral, actor, command)
        if command in _GUARDS:
            _GUARDS[command](referral, actor, facts)
    except DomainError:
        return False
    return True
