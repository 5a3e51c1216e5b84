"""Runs a command on a referral, and presents referrals with their feedback and merged referrals."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from fastapi import Response as HttpResponse

from services.referrals.api.responses import AdvisedReferralView, FollowedReferralView, NamedReferralView, ReferralView
from services.referrals.commands import CloseReferral
from services.referrals.domain.directory import Service
from services.referrals.domain.receipt import emergency_alternative
from services.referrals.domain.referral import Referral, ReferralNotFound
from services.referrals.handlers.repetition import find_repeated
from services.referrals.queries import directory, people, referrals
from services.referrals.queries.amendments import amendments
from services.referrals.queries.feedback import feedback
from services.referrals.queries.referrals import require_referral
from shared.access import Basis
from shared.kernel.actor import Actor
from shared.kernel.errors import RuleBroken, VersionConflict
from shared.kernel.target import Target
from shared.persistence.transaction import Transaction
from shared.web.dependencies import UnitOfWork
from shared.web.responses import json_response, named


async def run_command(
    unit: UnitOfWork, caller: Actor, handler: Callable[..., Awaitable[Referral]], target: Target, command: object, *, is_bare: bool = False
) -> HttpResponse:
    """Runs the command in one transaction; presents the referral after the commit. `is_bare`: the handler takes no command.

    To a caller without a relationship the referral does not exist, before anything else is asked. A command that is refused because it
    has been carried out is a repetition: the response is the present referral (D7). So is a closure, with which the relationship ended.
    """
    try:
        return await _run(unit, caller, partial(_as_related, handler), target, *([] if is_bare else [command]))
    except (VersionConflict, RuleBroken, ReferralNotFound) as refusal:
        repeated = partial(find_repeated, target, command)
        may_repeat = isinstance(command, CloseReferral) or not isinstance(refusal, ReferralNotFound)
        if not may_repeat or await unit.command(caller, repeated) is None:
            raise refusal from None
        return await _run(unit, caller, repeated)


async def _as_related(handler: Callable[..., Awaitable[Referral]], target: Target, *command: object, tx: Transaction[Any]) -> Referral:
    await require_referral(tx, await referrals.referral(tx, target.id))
    return await handler(target, *command, tx=tx)


async def _run(unit: UnitOfWork, caller: Actor, handler: Callable[..., Awaitable[Any]], *arguments: Any) -> HttpResponse:
    async with unit.transaction(caller) as tx:
        referral = await handler(*arguments, tx=tx)
        alternative = await alternative_service(tx, referral)
        progress = await referrals.progress(tx, [referral.id])
        policy, now = tx.policy, tx.now
    view = AdvisedReferralView.advising(referral, alternative=alternative, policy=policy, now=now, progress=progress.get(referral.id))
    return json_response(view)


async def alternative_service(tx: Transaction[Any], referral: Referral) -> Service | None:
    """The directory's entry of the service for a person who cannot wait; for a merged referral, pass the one that it joined."""
    code = emergency_alternative(referral, tx.now, tx.policy)
    return await directory.service(tx, code, tx.policy.day_of(tx.now)) if code else None


async def views(tx: Transaction[Any], page: Sequence[Referral]) -> list[ReferralView]:
    """The referrals of a list, with Rapid Care's progress."""
    progress = await referrals.progress(tx, [each.id for each in page])
    return [ReferralView.of(each, tx.policy, tx.now, progress.get(each.id)) for each in page]


async def named_views(tx: Transaction[Any], page: Sequence[Referral]) -> list[NamedReferralView]:
    """The same with the names of the people, each of whom is audited as read."""
    tx.audit_all(each.person_id for each in page)
    names = await people.names(tx, [each.person_id for each in page])
    return [named(NamedReferralView, view, names.get(view.person_id)) for view in await views(tx, page)]


async def followed(tx: Transaction[Any], referral: Referral, basis: Basis) -> FollowedReferralView:
    """The referral with its feedback. A referrer sees neither the notes of staff nor that others have sent referrals for the person."""
    is_referrer = basis is Basis.REFERRER
    target = await referrals.referral(tx, referral.merged_into) if referral.merged_into else None
    joined = [] if is_referrer else await referrals.merged_into(tx, referral.id)
    acting = target or referral
    return FollowedReferralView.following(
        referral,
        lines=await feedback(tx, referral, tx.policy),
        target=target,
        amendments=await amendments(tx, referral, joined, tx.actor),
        joined=joined,
        onward=await referrals.onward_from(tx, referral),
        contact=await people.contact(
            tx, referral.person_id, on=tx.policy.day_of(tx.now), policy=tx.policy, otherwise=referral.practice_code
        ),
        alternative=await alternative_service(tx, acting),
        progress=(await referrals.progress(tx, [acting.id])).get(acting.id),
        has_notes=not is_referrer,
        policy=tx.policy,
        now=tx.now,
    )
