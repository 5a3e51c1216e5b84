"""Repetitions of commands on a referral: a lost response is asked for again (D7)."""

from services.referrals.commands import AmendReferral, AnswerInformation, CloseReferral
from services.referrals.domain import access
from services.referrals.domain.referral import Referral
from services.referrals.domain.repetition import is_repeated
from services.referrals.store.people import get_person
from services.referrals.store.referrals import referrals
from services.referrals.store.tables import Tx
from shared.kernel.errors import NotAllowed
from shared.kernel.target import Target


async def find_repeated(target: Target, command: object, *, tx: Tx) -> Referral | None:
    """The present referral if the caller's command has been carried out; None if it is refused for another reason."""
    referral = await referrals.load(tx, target.id)
    if not (_is_permitted(referral, command, tx) and is_repeated(referral, command, target.version)):
        return None
    if not await _is_recorded(referral, command, tx):
        return None
    tx.audit(referral.id)
    return referral


def _is_permitted(referral: Referral, command: object, tx: Tx) -> bool:
    """As before the command: a receiver that has closed the referral had it."""
    if isinstance(command, CloseReferral) and access.has_closed(referral, tx.actor, tx.now, tx.policy.access_lasts):
        return True
    try:
        access.require_permitted(referral, tx.actor, type(command))
    except NotAllowed:
        return False
    return True


async def _is_recorded(referral: Referral, command: object, tx: Tx) -> bool:
    """Whether the person's record has the text of the command, if there is one. A telephone that differs is a proposal."""
    match command:
        case AnswerInformation(answer=text) | AmendReferral(information=str() as text):
            return text in (await get_person(tx, referral.person_id)).story.history
        case AmendReferral(telephone=str() as telephone):
            return telephone == (await get_person(tx, referral.person_id)).telephone
        case _:
            return True
