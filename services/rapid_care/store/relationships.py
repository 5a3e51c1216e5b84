"""The relationship that Rapid Care has with a person: its responses, under all ids of the person."""

from services.rapid_care.domain.policy import Policy
from services.rapid_care.store.tables import MERGED, PERSON, RESPONSE
from shared.access import Basis
from shared.persistence.relationships import Fact, Relationships, strictest

RELATIONSHIPS: Relationships[Policy] = Relationships(
    [Fact(Basis.RESPONSE, RESPONSE.c.person_id, staff="organisation", ended_at=RESPONSE.c.ended_at)],
    person_ids=MERGED.ids_of_group(),
    sharing=strictest(PERSON.c.record["sharing"].astext, PERSON.c.person_id),
)
