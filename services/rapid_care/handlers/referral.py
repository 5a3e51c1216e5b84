"""Events of the referrals that Rapid Care responds to."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.rapid_care.domain import capacity, clock, dispatch, person_change, second_call
from services.rapid_care.domain.opening import month_of
from services.rapid_care.domain.response import Response
from services.rapid_care.store.capacity import capacities, capacity_of, count_referral
from services.rapid_care.store.responses import LATEST, responses, unfinished_of
from services.rapid_care.store.tables import CHANGES, Tx
from shared.contracts.envelope import Envelope
from shared.contracts.referral_codes import CancelReason, Route
from shared.contracts.referrals import (
    ReferralCallRepeated,
    ReferralCancelled,
    ReferralConditionSet,
    ReferralRecalled,
    ReferralReturned,
    ReferralRouted,
)
from shared.kernel.ids import PersonId, new_id
from shared.kernel.totality import total

#: Reasons to cancel a response whose referral Rapid Care no longer has, or has by a later routing.
TAKEN_BACK, ROUTED_ELSEWHERE, ROUTED_AGAIN = "taken-back", "routed-elsewhere", "routed-again"

_PERSON_IS_GONE = total(
    CancelReason,
    {
        CancelReason.WITHDRAWN: False,
        CancelReason.SENT_IN_ERROR: False,
        CancelReason.DECLINED_BY_PERSON: False,
        CancelReason.MOVED_AWAY: True,
        CancelReason.DIED: True,
    },
)
#: The reasons as codes of the event. A reason of a later release ends only a response that was not accepted.
_GONE = frozenset(reason.value for reason, is_gone in _PERSON_IS_GONE.items() if is_gone)


async def prefetch_routed_referrals(routed: Sequence[tuple[ReferralRouted, Envelope]], *, tx: Tx) -> None:
    """Locks the responses to a batch of referrals by one statement, and reads the deaths and moves of their people by another one."""
    await LATEST.prefetch(tx, [UUID(envelope.subject) for _, envelope in routed])
    await CHANGES.standing.prefetch(tx, [UUID(envelope.key) for _, envelope in routed])


async def on_referral_routed(event: ReferralRouted, envelope: Envelope, *, tx: Tx) -> None:
    """Routed here again, an accepted response is accepted again, and one that waits for an answer gives way to a new one."""
    latest = await LATEST.find(tx, UUID(envelope.subject))
    unfinished = latest if latest and latest.ended_at is None else None
    if event.route is not Route.RAPID_CARE:
        await _cancel(unfinished, event.TYPE, ROUTED_ELSEWHERE, tx=tx)
    elif unfinished and not clock.may_cancel(unfinished, event.TYPE):
        await responses.save(tx, clock.reconfirm_acceptance(unfinished, event, tx.now))
    else:
        await _request(event, envelope, await _cancel(unfinished, event.TYPE, ROUTED_AGAIN, tx=tx) or latest, tx)


async def on_referral_cancelled(event: ReferralCancelled, envelope: Envelope, *, tx: Tx) -> None:
    """A death or a move ends the response by the event about the person, which a reversal can match."""
    if event.reason not in _GONE:
        await _cancel(await unfinished_of(tx, UUID(envelope.subject)), event.TYPE, event.reason, tx=tx)


async def on_referral_returned(event: ReferralReturned, envelope: Envelope, *, tx: Tx) -> None:
    """The Community Point of Access took it back unanswered. After a decline by Rapid Care there is no response left to end."""
    await _cancel(await unfinished_of(tx, UUID(envelope.subject)), event.TYPE, TAKEN_BACK, tx=tx)


async def on_referral_recalled(event: ReferralRecalled, envelope: Envelope, *, tx: Tx) -> None:
    """A response that has ended, or that answers a later routing, stays as it is."""
    response = await unfinished_of(tx, UUID(envelope.subject))
    if response and event.routing >= response.routing:
        await responses.save(tx, clock.recall(response, event, tx.now))


async def on_call_repeated(event: ReferralCallRepeated, envelope: Envelope, *, tx: Tx) -> None:
    """After the end of the response the Community Point of Access has the call."""
    response = await unfinished_of(tx, UUID(envelope.subject))
    if response:
        await responses.save(tx, second_call.take_call(response, event, tx.policy, tx.now))


async def on_condition_set(event: ReferralConditionSet, envelope: Envelope, *, tx: Tx) -> None:
    """The condition of a response that ended stays as it was."""
    response = await unfinished_of(tx, UUID(envelope.subject))
    if response and response.condition is not event.condition:
        await responses.save(tx, dispatch.set_condition(response, event.condition))


async def _request(event: ReferralRouted, envelope: Envelope, previous: Response | None, tx: Tx) -> None:
    ids = clock.ResponseIds(new_id(), PersonId(UUID(envelope.key)), UUID(envelope.subject), envelope.correlation_id)
    response = await responses.save(tx, clock.request(event, ids, previous=previous, policy=tx.policy, now=tx.now))
    await end_if_gone(response, tx)
    if previous is None:
        await _count(event.received_at, tx)


async def end_if_gone(response: Response, tx: Tx) -> Response:
    """The response crossed a death or a move that was recorded after the receipt of the referral."""
    changes = await CHANGES.standing.get(tx, response.person_id)
    if changes and person_change.is_before(response, changes[-1]):
        return await responses.save(tx, person_change.end(response, changes[-1], tx.now))
    return response


async def _cancel(unfinished: Response | None, trigger: str, reason: str, *, tx: Tx) -> Response | None:
    """The cancelled response. An accepted one continues: the Community Point of Access decides when it receives the acceptance."""
    if unfinished is None or not clock.may_cancel(unfinished, trigger):
        return None
    return await responses.save(tx, clock.cancel(unfinished, trigger=trigger, reason=reason, now=tx.now))


async def _count(received_at: datetime, tx: Tx) -> None:
    month = month_of(received_at, tx.policy)
    referrals = await count_referral(tx, month)
    if capacity.level_of(referrals, tx.policy) is None:
        return
    decision = capacity.warn(await capacity_of(tx, month), referrals, tx.policy)
    if decision:
        await capacities.save(tx, decision)
