"""Relationships with a person, read from the tables in which a context keeps them, for the access policy (shared/access.py)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa

from shared.access import PREFERENCE_RANK, SCOPES, Answer, Basis, Part, Relationship, Verdict, decide, may_break_glass
from shared.contracts.care_policy import CarePolicy
from shared.contracts.persons import SharingPreference
from shared.kernel.errors import NotFound, PartNotShared, StoryWithheld
from shared.persistence.practices import practices_of
from shared.persistence.schema import INSTANT, break_glass_table
from shared.persistence.statements import Statement
from shared.persistence.transaction import Transaction

P = TypeVar("P", bound=CarePolicy)

#: The organisation of the caller.
OWN_ORGANISATION = sa.bindparam("organisation", type_=sa.Text)
_NOTHING, _NO_ID, _NEVER = sa.null().cast(sa.Text), sa.null().cast(sa.Uuid), sa.null().cast(INSTANT)


def _opaque(name: str) -> sa.ColumnElement[Any]:
    """A parameter that the planner does not see: a plan for its value would be made again at each read."""
    return sa.cast(sa.select(sa.bindparam(name, type_=sa.ARRAY(sa.Text))).scalar_subquery(), sa.ARRAY(sa.Text))


#: Codes of the practices for which the caller's practice stands today.
PRACTICE_CODES = _opaque("practice_codes")
#: Nothing is known of a stranger's preference.
_UNKNOWN = SharingPreference.WITHHELD


def of_staff(name: str) -> sa.ColumnElement[str]:
    """The organisation of a fact about the service itself: the caller's, when it is one of the organisations `name` of the policy."""
    return sa.case((OWN_ORGANISATION == sa.any_(_opaque(name)), OWN_ORGANISATION))


def strictest(preference: sa.ColumnElement[str], is_of_person: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The preference of the person's record that shares least: a merged person has several records."""
    rank = sa.case(*((preference == sa.literal_column(f"'{each}'"), rank) for each, rank in PREFERENCE_RANK.items()))
    return sa.select(preference).where(is_of_person).order_by(rank.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Fact:
    """Rows of a table that are relationships; `person` is the column of the person's id. Of `is_same` rows one is enough."""

    basis: Basis
    person: sa.ColumnElement[Any]
    organisation: sa.ColumnElement[Any]
    professional_id: sa.ColumnElement[Any] = _NOTHING
    subject: sa.ColumnElement[Any] = _NO_ID
    ended_at: sa.ColumnElement[Any] = _NEVER
    where: Sequence[sa.ColumnElement[bool]] = ()
    is_same: bool = False

    def select(self, is_of_person: Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]]) -> sa.Select[Any]:
        columns = {name: getattr(self, name) for name in ("organisation", "professional_id", "subject", "ended_at")}
        labelled = [column.label(name) for name, column in columns.items()]
        basis: sa.ColumnElement[str] = sa.literal_column(f"'{self.basis}'")
        rows = sa.select(basis.label("basis"), *labelled).where(is_of_person(self.person), *self.where)
        return rows.where(self.organisation == OWN_ORGANISATION).limit(1 if self.is_same else None)


_ACTS = break_glass_table(sa.MetaData())
#: The acts of break-glass, which every context has.
_BROKEN = Fact(
    Basis.BREAK_GLASS,
    _ACTS.c.person_id,
    _ACTS.c.organisation,
    professional_id=_ACTS.c.actor_id,
    ended_at=_ACTS.c.ends_at,
    where=[_ACTS.c.issuer == sa.bindparam("issuer", type_=sa.Text)],
)


@dataclass(frozen=True, slots=True)
class PersonAccess:
    """What a caller may see of one person: their relationships, and the person's preference. `rely_on` learns what allowed a part."""

    held: Sequence[Relationship]
    sharing: SharingPreference
    rely_on: Callable[[Basis], None]

    def verdict(self, part: Part, subject: UUID | None = None) -> Verdict:
        found = decide(self.held, self.sharing, part, subject)
        if found.answer is Answer.ALLOWED and found.basis is not None:
            self.rely_on(found.basis)
        return found

    def opens(self, part: Part, subject: UUID | None = None) -> bool:
        return self.verdict(part, subject).answer is Answer.ALLOWED

    def require(self, part: Part, unknown: NotFound, subject: UUID | None = None) -> Basis:
        """The basis on which the caller sees the part. Raises `unknown` without a relationship, PartNotShared, StoryWithheld."""
        verdict = self.verdict(part, subject)
        if verdict.answer is Answer.UNKNOWN or verdict.basis is None:
            raise unknown
        if verdict.answer is Answer.CLOSED:
            raise PartNotShared(f"A {verdict.basis} does not see the {part} of a person.")
        if verdict.answer is Answer.WITHHELD:
            raise StoryWithheld(f"The person does not share the {part} with a {verdict.basis}.")
        return verdict.basis

    def require_breakable(self, unknown: NotFound) -> None:
        """Raises `unknown` for a stranger, PartNotShared for a relationship that is no reason to break the glass."""
        basis = self.require(Part.EXISTENCE, unknown)
        if not may_break_glass(self.held):
            raise PartNotShared(f"A {basis} may not break the glass.")


class Relationships(Generic[P]):
    """The facts of one context. `organisations` names the fields of its policy with the organisations of `of_staff`.

    `sharing` selects the strictest preference of the person's records; a person without a record has the default one.
    """

    def __init__(
        self,
        facts: Sequence[Fact],
        *,
        is_of_person: Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]],
        sharing: sa.Select[Any],
        organisations: Mapping[str, str],
    ) -> None:
        self._organisations = organisations
        found = sa.union_all(*(fact.select(is_of_person) for fact in (*facts, _BROKEN))).subquery()
        self._held = Statement(sa.select(found, sharing.scalar_subquery().label("sharing")))

    async def access(self, tx: Transaction[P], person_id: UUID) -> PersonAccess:
        """What the caller of the transaction may see of the person now."""
        caller = {"organisation": tx.actor.organisation, "issuer": tx.actor.issuer}
        own = {name: _listed(getattr(tx.policy, field)) for name, field in self._organisations.items()}
        values = {"person_id": person_id, **caller, **own}
        rows = await tx.fetch(self._held, **values, practice_codes=await _practice_codes(tx))
        found = [_relationship(row) for row in rows]
        held = [each for each in found if each.is_of(tx.actor) and each.holds(tx.now, tx.policy.access_lasts)]
        sharing = SharingPreference(rows[0]["sharing"] or SharingPreference.DIRECT_CARE) if rows else _UNKNOWN
        return PersonAccess(held, sharing, tx.rely_on)


def _listed(organisations: str | Sequence[str]) -> list[str]:
    return [organisations] if isinstance(organisations, str) else list(organisations)


async def _practice_codes(tx: Transaction[P]) -> list[str]:
    """The codes for which the caller's practice stands today; none for a caller of another kind."""
    if tx.actor.scopes.isdisjoint(SCOPES[Basis.REGISTERED_PRACTICE]):
        return []
    practices = await practices_of(tx, [tx.actor.organisation])
    return list(practices.codes_of(tx.actor.organisation, tx.policy.day_of(tx.now)))


def _relationship(row: Any) -> Relationship:
    return Relationship(Basis(row["basis"]), row["organisation"], row["professional_id"], row["subject"], row["ended_at"])
