"""The relationships with a person that the Community Point of Access keeps: whose the record and the referrals are, and the lead."""

from typing import Any

import sqlalchemy as sa

from services.referrals.domain import Policy
from services.referrals.store.identity import IDENTITY
from services.referrals.store.leads import LEAD
from services.referrals.store.people import PERSON
from services.referrals.store.referrals import REFERRAL
from services.referrals.store.risks import RISK
from services.referrals.store.timeline import TIMELINE_EVENT
from shared.access import Basis
from shared.persistence.relationships import OWN_ORGANISATION, PRACTICE_CODES, Fact, Relationships, of_staff, strictest

_PERSON_ID = sa.bindparam("person_id", type_=sa.Uuid)
_OWN, _OTHER = IDENTITY.alias("own_identity"), IDENTITY.alias("other_identity")
_SURVIVOR = sa.func.coalesce(sa.select(_OWN.c.merged_into).where(_OWN.c.person_id == _PERSON_ID).scalar_subquery(), _PERSON_ID)


def _is_of_person(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether the column is an id of the person `person_id`: of the surviving record, or of one merged into it.

    The ids are a value of their own: in one expression with `coalesce` PostgreSQL uses no index on a table with row-level security.
    """
    merged = sa.select(_OTHER.c.person_id).where(_OTHER.c.merged_into == _SURVIVOR)
    ids = sa.func.array(merged.scalar_subquery(), type_=sa.ARRAY(sa.Uuid))
    appended: sa.ColumnElement[Any] = sa.func.array_append(ids, _SURVIVOR, type_=sa.ARRAY(sa.Uuid))
    return column == sa.any_(sa.cast(sa.select(appended).scalar_subquery(), sa.ARRAY(sa.Uuid)))


_POINT_OF_ACCESS = of_staff("point_of_access")
_TARGET = REFERRAL.alias("target")
#: A merged referral goes on as long as the one that it joined.
_ENDED_AT = sa.case(
    (REFERRAL.c.merged_into.is_(None), REFERRAL.c.ended_at),
    else_=sa.select(_TARGET.c.ended_at).where(_TARGET.c.id == REFERRAL.c.merged_into).scalar_subquery(),
)
#: A person was referred, or another service has published an event about them.
_KNOWN = (PERSON.c.id, REFERRAL.c.person_id, TIMELINE_EVENT.c.person_id, RISK.c.person_id)
#: Case finding and an onward referral may precede the person's record.
_PRACTICES = ((PERSON.c.id, PERSON.c.practice_code), (RISK.c.person_id, RISK.c.practice_code))

_FACTS = (
    *(Fact(Basis.REGISTER, person, _POINT_OF_ACCESS, is_same=True) for person in _KNOWN),
    Fact(Basis.POINT_OF_ACCESS, REFERRAL.c.person_id, _POINT_OF_ACCESS, ended_at=_ENDED_AT),
    Fact(
        Basis.RECEIVER,
        REFERRAL.c.person_id,
        REFERRAL.c.receiver_organisation,
        subject=REFERRAL.c.id,
        where=[REFERRAL.c.ended_at.is_(None)],
    ),
    Fact(Basis.REFERRER, REFERRAL.c.person_id, REFERRAL.c.referrer_organisation, subject=REFERRAL.c.id, ended_at=_ENDED_AT),
    *(
        Fact(Basis.REGISTERED_PRACTICE, person, OWN_ORGANISATION, where=[code == sa.any_(PRACTICE_CODES)], is_same=True)
        for person, code in _PRACTICES
    ),
    Fact(Basis.LEAD, LEAD.c.person_id, LEAD.c.organisation, professional_id=LEAD.c.professional_id, where=[LEAD.c.is_ended.is_(False)]),
)


RELATIONSHIPS: Relationships[Policy] = Relationships(
    _FACTS,
    is_of_person=_is_of_person,
    sharing=strictest(PERSON.c.sharing, _is_of_person(PERSON.c.id)),
    organisations={"point_of_access": "organisation"},
)
