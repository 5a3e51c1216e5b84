"""People of whom nothing is known but what withdrawn referrals stated. A stranger who refers and withdraws occupies no number."""

import sqlalchemy as sa

from services.referrals.domain.closure import CHANGE_BY_REASON
from services.referrals.domain.person import Person
from services.referrals.domain.referral import Status
from services.referrals.domain.registration import confirmed_practice
from services.referrals.store.life import LIFE
from services.referrals.store.referrals import REFERRAL
from services.referrals.store.tables import Tx
from services.referrals.store.timeline import TIMELINE_EVENT
from shared.persistence.statements import Statement

_WITHDRAWALS: list[sa.ColumnElement[str]] = [
    sa.literal_column(f"'{reason}'") for reason, change in CHANGE_BY_REASON.items() if change is None
]
#: No service was ever asked to take it, and its referrer is none of those who know the person.
_IS_WITHDRAWN = sa.and_(
    REFERRAL.c.status == sa.literal_column(f"'{Status.CANCELLED}'"),
    REFERRAL.c.cancel_reason.in_(_WITHDRAWALS),
    REFERRAL.c.routing == sa.literal_column("0"),
    REFERRAL.c.referrer_organisation != sa.all_(sa.bindparam("acquainted", type_=sa.ARRAY(sa.Text))),
)
_PERSON_ID = sa.bindparam("person_id", type_=sa.Uuid)
_IS_WITHDRAWN_ALONE = Statement(
    sa.select(
        sa.and_(
            sa.func.coalesce(sa.func.bool_and(_IS_WITHDRAWN), sa.false()),
            ~sa.exists().where(TIMELINE_EVENT.c.person_id == _PERSON_ID),
            ~sa.exists().where(LIFE.c.person_id == _PERSON_ID),
        )
    ).where(REFERRAL.c.person_id == _PERSON_ID)
)


async def is_withdrawn_alone(tx: Tx, person: Person) -> bool:
    """Whether only withdrawn referrals state the record of the person, which has never been merged.

    No member of staff has corrected it or recorded a death or a move, no other service has published an event about the person, and
    neither the Community Point of Access nor the confirmed practice has sent one of the referrals.
    """
    if person.former_values:
        return False
    acquainted = [tx.policy.organisation, *confirmed_practice(person)]
    is_alone: bool = await tx.fetch_value(_IS_WITHDRAWN_ALONE, person_id=person.id, acquainted=acquainted)
    return is_alone
