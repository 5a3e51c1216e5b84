"""Reports of imports, and the people of case finding."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa

from services.mdt.domain.risk import LISTED, OPEN, Risk, RiskNotFound, Status
from services.mdt.domain.risk_import import RiskImport
from services.mdt.store import practices, risk_import
from services.mdt.store.person import PERSON, REGISTERED_PRACTICE
from services.mdt.store.risk import OF_PERSON, RISK, is_imported_by, is_imported_within, risks
from services.mdt.store.tables import Tx
from shared.contracts.codes import RiskLevel
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.persistence.statements import ReadSession, Statement, is_one_of

#: The practices by the code that stands for them today.
acting_practice, codes_of_practice = practices.acting_practice, practices.codes_of_practice


@dataclass(frozen=True, slots=True)
class Rank:
    """A position in the list: not screened before screened, then the highest level, then the highest ratio."""

    is_screened: bool
    level: int
    ratio: Decimal
    id: UUID

    @classmethod
    def of(cls, risk: Risk) -> "Rank":
        return cls(risk.status is not Status.FOUND, risk.level, risk.ratio, risk.id)


@dataclass(frozen=True, slots=True)
class NewestScore:
    """A person's newest score; the score of the last change may be older."""

    level: RiskLevel
    ratio: Decimal
    valid_from: date


_FIRST = Rank(is_screened=False, level=RiskLevel.VERY_HIGH + 1, ratio=Decimal(0), id=UUID(int=0))
_RANK = sa.tuple_(RISK.c.status != Status.FOUND.value, -RISK.c.level, -RISK.c.ratio, RISK.c.id)
_AFTER = sa.tuple_(
    sa.bindparam("is_screened", type_=sa.Boolean),
    -sa.bindparam("level", type_=sa.Integer),
    -sa.bindparam("ratio", type_=sa.Numeric),
    sa.bindparam("id", type_=sa.Uuid),
)
_PRACTICES = sa.bindparam("practices", type_=sa.ARRAY(sa.Text))
#: Of their own scores a caller sees no one.
_FOUND = (
    sa.select(RISK)
    .where(RISK.c.practice_code == sa.any_(_PRACTICES))
    .where(~is_imported_by(sa.bindparam("issuer", type_=sa.Text), sa.bindparam("subject", type_=sa.Text)))
    .where(is_one_of(RISK.c.status, LISTED), _RANK > _AFTER)
    .where(
        sa.or_(
            is_one_of(RISK.c.status, OPEN),
            RISK.c.level >= RiskLevel.HIGH.value,
            RISK.c.climber_until >= sa.bindparam("today", type_=sa.Date),
        )
    )
    .order_by(*_RANK)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
#: Of a practice that is no member, only those whose record names no other one, and whose scores it did not send.
_IS_OF_OTHER_PRACTICE = sa.exists().where(
    PERSON.c.person_id == RISK.c.person_id,
    REGISTERED_PRACTICE != sa.all_(_PRACTICES),
    REGISTERED_PRACTICE != sa.literal_column(f"'{UNKNOWN_PRACTICE}'"),
)
_FOUND_FOR_MEMBERS, _FOUND_FOR_PRACTICE = (
    Statement(_FOUND),
    Statement(_FOUND.where(~_IS_OF_OTHER_PRACTICE, ~is_imported_within(_PRACTICES))),
)
_OF_PERSON = Statement(OF_PERSON)
_NEWEST = """
SELECT DISTINCT ON (person_id) person_id, level, ratio, valid_from FROM risk_score WHERE person_id = ANY($1::uuid[])
ORDER BY person_id, valid_from DESC, import_number DESC"""


async def import_report(reader: ReadSession, import_id: UUID) -> RiskImport:
    """Raises ImportNotFound."""
    return await risk_import.load(reader, import_id)


async def findings(tx: Tx, codes: Collection[str], *, today: date, after: Rank | None, limit: int) -> list[Risk]:
    """The people of practices at level 2 or 3, their high climbers, and those found or watched; those without a review come first."""
    found = _FOUND_FOR_MEMBERS if tx.actor.organisation in tx.policy.member_organisations else _FOUND_FOR_PRACTICE
    last = after or _FIRST
    values = {"is_screened": last.is_screened, "level": last.level, "ratio": last.ratio, "id": last.id}
    who = {"issuer": tx.actor.issuer, "subject": tx.actor.id}
    return [risks.from_row(row) for row in await tx.fetch(found, practices=list(codes), today=today, limit=limit, **who, **values)]


#: The refusal to a stranger is that of an unknown person.
NOT_LISTED = "Case finding has not listed this person."


async def risk_of(reader: ReadSession, person_id: UUID) -> Risk:
    """The entry of this id, else of another id of the person. Raises RiskNotFound."""
    row = await reader.fetch_one(_OF_PERSON, person_id=person_id)
    if row is None:
        raise RiskNotFound(NOT_LISTED)
    return risks.from_row(row)


async def newest_scores(reader: ReadSession, people: Sequence[UUID]) -> Mapping[UUID, NewestScore]:
    rows = await reader.connection.fetch(_NEWEST, people)
    return {row["person_id"]: NewestScore(RiskLevel(row["level"]), row["ratio"], row["valid_from"]) for row in rows}
