"""Runs a command on a referral, and presents referrals with their feedback and merged referrals."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from fastapi import Response as HttpResponse

from services.referrals.api.responses import AdvisedReferralView, FollowedReferralView, NamedReferralView, ReferralView
from services.referrals.commands import CloseReferral
from services.referrals.domain.access import is_referrer
from services.referrals.domain.directory import Service
from services.referrals.domain.receipt import emergency_alternative
from services.referrals.domain.referral import Referral, ReferralNotFound
from services.referrals.domain.referrer_view import is_of_another, joined_as_seen, seen
from services.referrals.handlers.repetition import find_repeated
from services.referrals.queries import directory, people, referrals
from services.referrals.queries.amendments import amendments
from services.referrals.queries.feedback import feedback
from services.referrals.queries.referrals import as_seen, basis_of, require_referral, stored_target, unseen_by, unseen_of
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
    """Runs the command and presents the referral in one transaction; it responds after the commit. `is_bare`: the handler takes no command.

    To a caller without a relationship the referral does not exist, before anything else is asked. A command that is refused because it
    has been carried out is a repetition: the response is the present referral (D7). So is a closure, with which the relationship ended.
    """
    try:
        return await _run(unit, caller, partial(_as_related, handler), target, *([] if is_bare else [command]))
    except (VersionConflict, RuleBroken, ReferralNotFound) as refusal:
        repeated = partial(_as_repeated, target, command)
        may_repeat = isinstance(command, CloseReferral) or not isinstance(refusal, ReferralNotFound)
        if not may_repeat or await unit.command(caller, repeated) is None:
            raise refusal from None
        return await _run(unit, caller, repeated)


async def _as_related(handler: Callable[..., Awaitable[Referral]], target: Target, *command: object, tx: Transaction[Any]) -> Referral:
    referral = await referrals.referral(tx, target.id)
    basis, _ = await require_referral(tx, referral)
    return await handler(await stored_target(tx, target, referral, basis), *command, tx=tx)


async def _as_repeated(target: Target, command: object, *, tx: Transaction[Any]) -> Referral | None:
    referral = await referrals.referral(tx, target.id)
    hidden = await unseen_by(tx, referral, await basis_of(tx, referral))
    return await find_repeated(Target(target.id, target.version + len(hidden.events)) if hidden else target, command, tx=tx)


async def _run(unit: UnitOfWork, caller: Actor, handler: Callable[..., Awaitable[Any]], *arguments: Any) -> HttpResponse:
    async with unit.transaction(caller) as tx:
        return json_response(await _advised(tx, await _changed(tx, await handler(*arguments, tx=tx))))


async def _changed(tx: Transaction[Any], referral: Referral) -> Referral:
    """The referral after the command; a referrer gets it as it sees it, which also the events decide that the command adds to the log."""
    if not is_referrer(referral, tx.actor):
        return referral
    present = await referrals.referral(tx, referral.id)
    return await as_seen(tx, present, await basis_of(tx, present))


async def _advised(tx: Transaction[Any], referral: Referral) -> AdvisedReferralView:
    alternative = await alternative_service(tx, referral)
    progress = await referrals.progress(tx, [referral.id])
    return AdvisedReferralView.advising(referral, alternative=alternative, policy=tx.policy, now=tx.now, progress=progress.get(referral.id))


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


async def _contact(tx: Transaction[Any], referral: Referral) -> people.Contact:
    today = tx.policy.day_of(tx.now)
    return await people.contact(tx, referral.person_id, on=today, policy=tx.policy, otherwise=referral.practice_code)


async def followed(tx: Transaction[Any], stored: Referral, basis: Basis) -> FollowedReferralView:
    """The referral with its feedback. A referrer sees neither the notes of staff nor that others have sent referrals for the person.

    Of the referral of another organisation, which its own joined, it sees the reference, and the feedback without the name of a service.
    """
    is_mere = basis is Basis.REFERRER
    target = await referrals.referral(tx, stored.merged_into) if stored.merged_into else None
    hidden = await unseen_of(tx, [(each, stored) for each in (stored, target) if each]) if is_mere else {}
    referral = seen(stored, hidden[stored.id]) if is_mere else stored
    joined = [] if is_mere else await referrals.merged_into(tx, referral.id)
    is_joined_shown = not (is_mere and target and is_of_another(target, referral))
    target = joined_as_seen(target, referral, hidden[target.id]) if target and is_mere else target
    acting = target or referral
    return FollowedReferralView.following(
        referral,
        lines=await feedback(tx, referral, tx.policy, hidden=hidden, is_service_named=is_joined_shown),
        target=target,
        amendments=await amendments(tx, referral, joined, tx.actor),
        joined=joined,
        onward=await referrals.onward_from(tx, referral) if is_joined_shown else [],
        contact=(await _contact(tx, referral)).seen_on(basis),
        alternative=await alternative_service(tx, acting),
        progress=(await referrals.progress(tx, [acting.id])).get(acting.id) if is_joined_shown else None,
        has_notes=not is_mere,
        is_joined_shown=is_joined_shown,
        policy=tx.policy,
        now=tx.now,
    )
