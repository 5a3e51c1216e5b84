"""The facts beside a referral that decide about its commands."""

from datetime import datetime

from services.referrals.domain import Policy
from services.referrals.domain.actions import Circumstances
from services.referrals.domain.life import contradiction
from services.referrals.domain.referral import OPEN, Referral
from services.referrals.domain.reversal import is_in_time
from services.referrals.store import claims, directory
from services.referrals.store.life import find_life
from services.referrals.store.people import find_person
from services.referrals.store.referrals import referrals
from services.referrals.store.responses import is_contacted
from shared.persistence.statements import ReadSession


async def circumstances(reader: ReadSession, referral: Referral, *, now: datetime, policy: Policy) -> Circumstances:
    person = await find_person(reader, referral.person_id)
    practice = await directory.practice(reader, person.practice_code, policy.day_of(now)) if person else None
    present = (await claims.live(reader, [referral.id], now)).get(referral.id)
    joined = await referrals.find(reader, referral.merged_into) if referral.merged_into else None
    return Circumstances(
        is_joined_open=joined is not None and joined.status in OPEN,
        is_contacted=await is_contacted(reader, referral.id),
        is_practice_covered=practice is not None,
        is_resident=person is not None and person.residence == policy.residence,
        has_record=person is not None,
        is_reopened_in_time=is_in_time(referral, now, policy),
        is_person_living=contradiction(await find_life(reader, referral.person_id)) is None,
        claimed_by=present.claimed_by if present else None,
    )
