"""Relationships with a person, read from the tables in which a context keeps them, for the access policy (shared/access.py)."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeAlias, TypeVar, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from shared.access import PREFERENCE_RANK, SCOPES, Answer, Basis, Part, Relationship, Verdict, decide, may_break_glass
from shared.contracts.care_policy import CarePolicy
from shared.contracts.persons import SharingPreference
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.kernel.actor import Actor
from shared.kernel.errors import NotFound, PartNotShared, StoryWithheld
from shared.persistence.practices import practices_of
from shared.persistence.schema import INSTANT, break_glass_table
from shared.persistence.statements import Statement
from shared.persistence.transaction import Transaction

P = TypeVar("P", bound=CarePolicy)

_NOTHING, _NO_ID, _NEVER = sa.null().cast(sa.Text), sa.null().cast(sa.Uuid), sa.null().cast(INSTANT)
_ONE: sa.ColumnElement[int] = sa.literal_column("1")
#: Nothing is known of a stranger's preference.
_UNKNOWN = SharingPreference.WITHHELD


def _asked(name: str, kind: Any = sa.Text) -> Any:
    """A value of the question, which a common table expression computes once. The planner sees none: it would plan again at each read."""
    column: sa.ColumnClause[Any] = sa.column(name, kind)
    return sa.cast(sa.select(column).select_from(sa.table("asked", column)).scalar_subquery(), kind)


#: All ids of the person, the surviving record's first.
_PERSON_IDS = _asked("person_ids", sa.ARRAY(sa.Uuid))
#: The organisation of the caller, the issuer of their token and its subject; the codes for which their practice stands today.
OWN_ORGANISATION: sa.ColumnElement[str] = _asked("organisation")
OWN_ISSUER: sa.ColumnElement[str] = _asked("issuer")
OWN_SUBJECT: sa.ColumnElement[str] = _asked("subject")
OWN_PRACTICES: sa.ColumnElement[Any] = _asked("practice_codes", sa.ARRAY(sa.Text))


def is_of_own_practice(code: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether the caller's practice stands for the practice `code` today."""
    return code == sa.any_(OWN_PRACTICES)


@dataclass(frozen=True, slots=True)
class PracticeSource:
    """The columns with the person's id and the code, and the code again, null for a practice in doubt."""

    person: sa.ColumnElement[Any]
    code: sa.ColumnElement[str]
    registered: sa.ColumnElement[str]


def first_practice(*sources: PracticeSource) -> sa.ColumnElement[str]:
    """The practice of the first source that names one which is not in doubt."""
    return sa.func.coalesce(*(_practice_in(source) for source in sources))


def _practice_in(source: PracticeSource) -> sa.ScalarSelect[str]:
    """The surviving record decides, in doubt or not; the others only where it names no practice, first those without doubt."""
    place = sa.func.array_position(_PERSON_IDS, source.person)
    is_named = source.code != sa.literal_column(f"'{UNKNOWN_PRACTICE}'")
    named = sa.select(source.registered).where(_is_of_person(source.person), is_named)
    return named.order_by(place != _ONE, source.registered.is_(None), place).limit(_ONE).scalar_subquery()


def strictest(preference: sa.ColumnElement[str], person: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """The preference of the person's record that shares least: a merged person has several records, of which some may have none."""
    rank = sa.case(
        *((preference == sa.literal_column(f"'{each}'"), sa.literal_column(str(rank))) for each, rank in PREFERENCE_RANK.items())
    )
    return sa.select(preference).where(_is_of_person(person)).order_by(rank.desc().nulls_last()).limit(_ONE)


def _is_of_person(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """The ids are one value: in an expression with `coalesce` PostgreSQL uses no index on a table with row-level security."""
    return column == sa.any_(_PERSON_IDS)


@dataclass(frozen=True, slots=True)
class Fact:
    """Rows of a table that are relationships; `person` is the column of the person's id, or None. Of `is_same` rows one is enough.

    A fact about the service itself concerns its `staff`: the field of the policy with one organisation, or several.
    """

    basis: Basis
    person: sa.ColumnElement[Any] | None
    organisation: sa.ColumnElement[Any] = OWN_ORGANISATION
    staff: str | None = None
    professional_id: sa.ColumnElement[Any] = _NOTHING
    subject: sa.ColumnElement[Any] = _NO_ID
    ended_at: sa.ColumnElement[Any] = _NEVER
    where: Sequence[sa.ColumnElement[bool]] = ()
    is_same: bool = False

    def may_concern(self, actor: Actor, policy: CarePolicy) -> bool:
        """Whether rows can be a relationship of this actor. Other facts would only make the statement dearer."""
        is_staff = self.staff is None or actor.organisation in _listed(getattr(policy, self.staff))
        return is_staff and not actor.scopes.isdisjoint(SCOPES[self.basis])

    def select(self) -> sa.Select[Any]:
        columns = {name: getattr(self, name) for name in ("organisation", "professional_id", "subject", "ended_at")}
        labelled = [column.label(name) for name, column in columns.items()]
        basis: sa.ColumnElement[str] = sa.literal_column(f"'{self.basis}'")
        of_person = [] if self.person is None else [_is_of_person(self.person)]
        rows = sa.select(basis.label("basis"), *labelled).where(*of_person, *self.where)
        return rows.where(self.organisation == OWN_ORGANISATION).limit(_ONE if self.is_same else None)


_ACTS = break_glass_table(sa.MetaData())
#: The acts of break-glass, which every context has.
_BROKEN = Fact(
    Basis.BREAK_GLASS,
    _ACTS.c.person_id,
    _ACTS.c.organisation,
    professional_id=_ACTS.c.actor_id,
    ended_at=_ACTS.c.ends_at,
    where=[_ACTS.c.issuer == OWN_ISSUER],
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

    def basis(self, part: Part, subject: UUID | None = None) -> Basis | None:
        """What would open the part, if anything. The caller does not rely on it, so no audit entry states it."""
        found = decide(self.held, self.sharing, part, subject)
        return found.basis if found.answer is Answer.ALLOWED else None

    def opens(self, part: Part, subject: UUID | None = None) -> bool:
        return self.verdict(part, subject).answer is Answer.ALLOWED

    def holds(self, basis: Basis, subject: UUID) -> bool:
        """Whether one of the relationships is this one with the referral or task itself."""
        return any((each.basis, each.subject) == (basis, subject) for each in self.held)

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

    def require_beyond(self, without: Basis, part: Part, unknown: NotFound, subject: UUID | None = None) -> Basis:
        """As `require`, by another basis than `without`. Raises `unknown` without any relationship, PartNotShared, StoryWithheld."""
        others = replace(self, held=[each for each in self.held if each.basis is not without])
        answers = [decide(each.held, self.sharing, part, subject).answer for each in (self, others)]
        if answers[0] is not Answer.UNKNOWN and answers[1] is Answer.UNKNOWN:
            raise PartNotShared(f"A {without} does not see this part of a person.")
        return others.require(part, unknown, subject)

    def require_breakable(self, unknown: NotFound) -> None:
        """Raises `unknown` for a stranger, PartNotShared for a relationship that is no reason to break the glass."""
        basis = self.require(Part.EXISTENCE, unknown)
        if not may_break_glass(self.held):
            raise PartNotShared(f"A {basis} may not break the glass.")


_Select: TypeAlias = Callable[[Sequence[Fact]], sa.Select[Any]]
#: The people of a page. The subquery hides their number from the planner, as in `any_of`.
_PEOPLE = sa.select(sa.bindparam("people", type_=sa.ARRAY(sa.Uuid))).scalar_subquery()
_PAGE = sa.func.unnest(_PEOPLE, type_=sa.Uuid).table_valued(sa.column("person_id", sa.Uuid)).render_derived(name="page")


class Relationships(Generic[P]):
    """The facts of one context.

    `person_ids` is the array of all ids of the person `person_id`, the surviving record's first. `sharing` selects the strictest preference
    of the person's records; a person without a record has the default one.
    """

    def __init__(self, facts: Sequence[Fact], *, person_ids: sa.ColumnElement[Any], sharing: sa.Select[Any]) -> None:
        self._facts = (*facts, _BROKEN)
        self._sharing = sharing.scalar_subquery().label("sharing")
        self._person_ids = person_ids
        self._statements: dict[tuple[_Select, Sequence[int]], Statement] = {}

    async def access(self, tx: Transaction[P], person_id: UUID) -> PersonAccess:
        """What the caller of the transaction may see of the person now."""
        return _access(tx, await self._rows(tx, self._of_one, person_id=person_id))

    async def access_to_each(self, tx: Transaction[P], people: Collection[UUID]) -> Mapping[UUID, PersonAccess]:
        """The same of each person of a page, by one question."""
        found: defaultdict[UUID, list[Any]] = defaultdict(list)
        for row in await self._rows(tx, self._of_page, people=list(set(people))):
            found[row["person_id"]].append(row)
        return {person_id: _access(tx, found[person_id]) for person_id in people}

    async def _rows(self, tx: Transaction[P], select: _Select, **about: Any) -> Sequence[Any]:
        chosen = tuple(at for at, fact in enumerate(self._facts) if fact.may_concern(tx.actor, tx.policy))
        if not chosen:
            return []
        if (select, chosen) not in self._statements:
            self._statements[select, chosen] = Statement(select([self._facts[at] for at in chosen]))
        caller = {"organisation": tx.actor.organisation, "issuer": tx.actor.issuer, "subject": tx.actor.id}
        return await tx.fetch(self._statements[select, chosen], practice_codes=await _practice_codes(tx), **about, **caller)

    def _of_one(self, facts: Sequence[Fact]) -> sa.Select[Any]:
        found = sa.union_all(*(fact.select() for fact in facts)).subquery()
        return sa.select(found, self._sharing).add_cte(_question(self._person_ids), nest_here=True)

    def _of_page(self, facts: Sequence[Fact]) -> sa.Select[Any]:
        each = cast("sa.Select[Any]", visitors.replacement_traverse(self._of_one(facts), {}, _as_of_page)).lateral()
        return sa.select(_PAGE.c.person_id, each).select_from(_PAGE.join(each, sa.true()))


def _as_of_page(element: Any, **_: Any) -> Any:
    """The question about a person of the page, instead of the one whose id is a parameter."""
    is_id = isinstance(element, sa.BindParameter) and element.key == "person_id"
    return sa.literal_column("page.person_id", sa.Uuid) if is_id else None


def _access(tx: Transaction[Any], rows: Sequence[Any]) -> PersonAccess:
    """`rows`: all that is stored of the caller's relationships with one person."""
    found = [_relationship(row) for row in rows]
    held = [each for each in found if each.is_of(tx.actor) and each.holds(tx.now, tx.policy.access_lasts)]
    sharing = SharingPreference(rows[0]["sharing"] or SharingPreference.DIRECT_CARE) if rows else _UNKNOWN
    return PersonAccess(held, sharing, tx.rely_on)


def _question(person_ids: sa.ColumnElement[Any]) -> sa.CTE:
    texts = [sa.bindparam(name, type_=sa.Text).label(name) for name in ("organisation", "issuer", "subject")]
    codes = sa.bindparam("practice_codes", type_=sa.ARRAY(sa.Text)).label("practice_codes")
    return sa.select(person_ids.label("person_ids"), *texts, codes).cte("asked").prefix_with("MATERIALIZED")


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
