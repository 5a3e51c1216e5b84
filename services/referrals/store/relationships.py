"""The relationships with a person that the Community Point of Access keeps: whose the record and the referrals are, and the lead."""

from typing import Any

import sqlalchemy as sa

from services.referrals.domain import Policy
from services.referrals.store.identity import MERGED_RECORD
from services.referrals.store.leads import LEAD
from services.referrals.store.people import PERSON, REGISTERED_PRACTICE
from services.referrals.store.referrals import REFERRAL
from services.referrals.store.risks import RISK
from services.referrals.store.timeline import TIMELINE_EVENT
from shared.access import Basis
from shared.persistence.relationships import Fact, PracticeSource, Relationships, first_practice, is_of_own_practice, strictest

_PERSON_ID = sa.bindparam("person_id", type_=sa.Uuid)
_OWN, _OTHER = MERGED_RECORD.alias("own_record"), MERGED_RECORD.alias("other_record")
_SURVIVOR = sa.func.coalesce(sa.select(_OWN.c.merged_into).where(_OWN.c.person_id == _PERSON_ID).scalar_subquery(), _PERSON_ID)
_OTHERS = sa.select(_OTHER.c.person_id).where(_OTHER.c.merged_into == _SURVIVOR).order_by(_OTHER.c.person_id)
_MERGED = sa.func.array(_OTHERS.scalar_subquery(), type_=sa.ARRAY(sa.Uuid))
#: Of the surviving record, and of those merged into it.
_PERSON_IDS: sa.ColumnElement[Any] = sa.func.array_prepend(_SURVIVOR, _MERGED, type_=sa.ARRAY(sa.Uuid))

#: The field of the policy with the organisation that runs the Community Point of Access.
_POINT_OF_ACCESS = "organisation"
_TARGET = REFERRAL.alias("target")
#: A merged referral goes on as long as the one that it joined.
_ENDED_AT = sa.case(
    (REFERRAL.c.merged_into.is_(None), REFERRAL.c.ended_at),
    else_=sa.select(_TARGET.c.ended_at).where(_TARGET.c.id == REFERRAL.c.merged_into).scalar_subquery(),
)
#: A person was referred, or another service has published an event about them.
_KNOWN = (PERSON.c.id, REFERRAL.c.person_id, TIMELINE_EVENT.c.person_id, RISK.c.person_id)
#: A score names no practice here: who imported it may belong to that practice (docs/access.md).
_PRACTICE = first_practice(PracticeSource(PERSON.c.id, PERSON.c.practice_code, REGISTERED_PRACTICE))

_FACTS = (
    *(Fact(Basis.REGISTER, person, staff=_POINT_OF_ACCESS, is_same=True) for person in _KNOWN),
    Fact(Basis.POINT_OF_ACCESS, REFERRAL.c.person_id, staff=_POINT_OF_ACCESS, ended_at=_ENDED_AT),
    Fact(
        Basis.RECEIVER,
        REFERRAL.c.person_id,
        REFERRAL.c.receiver_organisation,
        subject=REFERRAL.c.id,
        where=[REFERRAL.c.ended_at.is_(None)],
    ),
    Fact(Basis.REFERRER, REFERRAL.c.person_id, REFERRAL.c.referrer_organisation, subject=REFERRAL.c.id, ended_at=_ENDED_AT),
    Fact(Basis.REGISTERED_PRACTICE, None, where=[is_of_own_practice(_PRACTICE)]),
    Fact(Basis.LEAD, LEAD.c.person_id, LEAD.c.organisation, professional_id=LEAD.c.professional_id, where=[LEAD.c.is_ended.is_(False)]),
)


RELATIONSHIPS: Relationships[Policy] = Relationships(
    _FACTS,
    person_ids=_PERSON_IDS,
    sharing=strictest(PERSON.c.sharing, PERSON.c.id),
)
