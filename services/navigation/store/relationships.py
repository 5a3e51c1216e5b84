"""The relationships with a person that navigation keeps: tasks, present, past and taken away; home checks; and the lead."""

from typing import Any

import sqlalchemy as sa

from services.navigation.domain.policy import Policy
from services.navigation.store.feed import FEED_ENTRY, IS_TAKEN_AWAY
from services.navigation.store.home_check import HOME_CHECK
from services.navigation.store.navigator import NAVIGATOR
from services.navigation.store.projections import LEAD, PERSON
from services.navigation.store.tables import MERGED
from services.navigation.store.task import TASK
from shared.access import Basis
from shared.persistence.relationships import OWN_ORGANISATION, Fact, Relationships, of_staff, strictest

_RUNS_NAVIGATION = of_staff("navigation")


def _employer(code: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.select(NAVIGATOR.c.organisation).where(NAVIGATOR.c.code == code).scalar_subquery()


#: The organisation that runs navigation coordinates every task, an employer those of its navigators.
_COORDINATES = sa.case((_employer(TASK.c.navigator_id) == OWN_ORGANISATION, OWN_ORGANISATION), else_=_RUNS_NAVIGATION)
_FORMER, _FORMER_EMPLOYER = FEED_ENTRY.c.navigator_id, _employer(FEED_ENTRY.c.navigator_id)

_FACTS = (
    Fact(Basis.LEAD, LEAD.c.person_id, LEAD.c.organisation, professional_id=LEAD.c.professional_id),
    Fact(
        Basis.TASK,
        TASK.c.person_id,
        _employer(TASK.c.navigator_id),
        professional_id=TASK.c.navigator_id,
        ended_at=TASK.c.ended_at,
    ),
    Fact(Basis.TASK, FEED_ENTRY.c.person_id, _FORMER_EMPLOYER, professional_id=_FORMER, ended_at=FEED_ENTRY.c.at, where=[IS_TAKEN_AWAY]),
    Fact(Basis.TASK_COORDINATION, TASK.c.person_id, _COORDINATES, ended_at=TASK.c.ended_at),
    Fact(Basis.TASK_COORDINATION, FEED_ENTRY.c.person_id, _FORMER_EMPLOYER, ended_at=FEED_ENTRY.c.at, where=[IS_TAKEN_AWAY]),
    Fact(Basis.TASK_COORDINATION, HOME_CHECK.c.person_id, _RUNS_NAVIGATION, ended_at=HOME_CHECK.c.ended_at),
)

RELATIONSHIPS: Relationships[Policy] = Relationships(
    _FACTS,
    is_of_person=MERGED.is_of_group,
    sharing=strictest(PERSON.c.record["sharing"].astext, MERGED.is_of_group(PERSON.c.person_id)),
    organisations={"navigation": "organisation"},
)
