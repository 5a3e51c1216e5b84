"""The relationships with a person that the meeting keeps: the case, case finding, the active and the proposed leads, and the practice."""

import sqlalchemy as sa

from services.mdt.domain.lead import Status
from services.mdt.domain.policy import Policy
from services.mdt.domain.risk import PRESENT
from services.mdt.store.case import CASE
from services.mdt.store.lead import LEAD
from services.mdt.store.person import PERSON, RECORDED_PRACTICE, REGISTERED_PRACTICE
from services.mdt.store.risk import RISK, is_imported_by, is_imported_within
from services.mdt.store.tables import MERGED
from shared.access import Basis
from shared.persistence.relationships import (
    OWN_ISSUER,
    OWN_PRACTICES,
    OWN_SUBJECT,
    Fact,
    PracticeSource,
    Relationships,
    first_practice,
    is_of_own_practice,
    strictest,
)
from shared.persistence.schema import INSTANT
from shared.persistence.statements import is_one_of

#: The members of the meeting see a case while it is open, and for a time after.
IS_SEEN = sa.or_(CASE.c.closed_at.is_(None), CASE.c.closed_at > sa.bindparam("closed_after", type_=INSTANT))
#: The field of the policy with the member organisations of the meeting.
_MEMBERS = "member_organisations"
#: No one begins a relationship by a score of their own, and no practice by one that it sent.
_IS_OWN = is_imported_by(OWN_ISSUER, OWN_SUBJECT)
_SCORED: sa.ColumnElement[str] = sa.case((~sa.or_(_IS_OWN, is_imported_within(OWN_PRACTICES)), RISK.c.practice_code))
#: Case finding may precede the person's record, which alone counts as soon as it names a practice.
_PRACTICE = first_practice(
    PracticeSource(PERSON.c.person_id, RECORDED_PRACTICE, REGISTERED_PRACTICE),
    PracticeSource(RISK.c.person_id, RISK.c.practice_code, _SCORED),
)


def _lead(basis: Basis, status: Status) -> Fact:
    is_in_status = LEAD.c.status == sa.literal_column(f"'{status}'")
    return Fact(basis, LEAD.c.person_id, LEAD.c.organisation, professional_id=LEAD.c.professional_id, where=[is_in_status])


_FACTS = (
    Fact(Basis.MEETING, CASE.c.person_id, staff=_MEMBERS, ended_at=CASE.c.closed_at),
    Fact(Basis.CASE_FINDING, RISK.c.person_id, staff=_MEMBERS, where=[is_one_of(RISK.c.status, PRESENT), ~_IS_OWN]),
    _lead(Basis.LEAD, Status.ACTIVE),
    _lead(Basis.PROPOSED_LEAD, Status.PROPOSED),
    Fact(Basis.REGISTERED_PRACTICE, None, where=[is_of_own_practice(_PRACTICE)]),
)


RELATIONSHIPS: Relationships[Policy] = Relationships(
    _FACTS,
    person_ids=MERGED.ids_of_group(),
    sharing=strictest(PERSON.c.record["sharing"].astext, PERSON.c.person_id),
)
