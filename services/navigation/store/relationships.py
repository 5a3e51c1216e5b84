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
from shared.persistence.relationships import Fact, Relationships, strictest

#: The field of the policy with the organisation that runs navigation.
_NAVIGATION = "organisation"


def _employer(code: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.select(NAVIGATOR.c.organisation).where(NAVIGATOR.c.code == code).scalar_subquery()


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
    # The organisation that runs navigation coordinates every task, an employer those of its navigators.
    Fact(Basis.TASK_COORDINATION, TASK.c.person_id, staff=_NAVIGATION, ended_at=TASK.c.ended_at),
    Fact(Basis.TASK_COORDINATION, TASK.c.person_id, _employer(TASK.c.navigator_id), ended_at=TASK.c.ended_at),
    Fact(Basis.TASK_COORDINATION, FEED_ENTRY.c.person_id, _FORMER_EMPLOYER, ended_at=FEED_ENTRY.c.at, where=[IS_TAKEN_AWAY]),
    Fact(Basis.TASK_COORDINATION, HOME_CHECK.c.person_id, staff=_NAVIGATION, ended_at=HOME_CHECK.c.ended_at),
)

RELATIONSHIPS: Relationships[Policy] = Relationships(
    _FACTS,
    person_ids=MERGED.ids_of_group(),
    sharing=strictest(PERSON.c.record["sharing"].astext, PERSON.c.person_id),
)
