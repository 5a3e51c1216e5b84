"""Repetitions of commands on a referral: a lost response is asked for again (D7)."""

from services.referrals.commands import AmendReferral, AnswerInformation, CloseReferral
from services.referrals.domain import access
from services.referrals.domain.referral import Referral
from services.referrals.domain.repetition import is_repeated
from services.referrals.store import amendments
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
    """Whether the words of the command, if it has any, were sent before with this referral."""
    match command:
        case AnswerInformation(answer=text):
            return await _is_sent(referral, text, None, tx) or await _is_known_to_staff(referral, text, tx)
        case AmendReferral(information=information, telephone=telephone) if information or telephone:
            return await _is_sent(referral, information, telephone, tx)
        case _:
            return True


async def _is_sent(referral: Referral, information: str | None, telephone: str | None, tx: Tx) -> bool:
    """Never compares with the person's record: a referrer would learn what others have stored."""
    sent = await amendments.of_referrals(tx, [referral.id])
    return any((each.information, each.telephone) == (information, telephone) for each in sent)


async def _is_known_to_staff(referral: Referral, text: str, tx: Tx) -> bool:
    """An answer that the Community Point of Access recorded is in the story, which it may read."""
    return access.is_point_of_access(tx.actor) and text in (await get_person(tx, referral.person_id)).story.history
