"""Row-level security in its first version: the second wall behind the access policy (docs/adr/0044).

A reader sees the rows about a person with whom they have a relationship now. Without settings on the connection no row is seen. The
relationships are stated here a second time, in SQL, so that a mistake in one statement of them is caught by the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from alembic import op

#: The functions run as their owner, who needs the schema of the tables.
_SCHEMA = "DO $do$ BEGIN EXECUTE format('ALTER FUNCTION {} SET search_path = %I, pg_temp', current_schema()); END $do$"
_IS_SERVICE = "current_setting('care.service', true) = 'on'"
_HAS = "'{}' = ANY (nullif(current_setting('care.bases', true), '')::text[])"
_IS_STAFF = "current_setting('care.is_staff', true) = 'on'"

#: The codes for which the reader's practice stands today: its own while it is open, and those of its predecessors.
_PRACTICES = f"""
CREATE FUNCTION practices_of_reader() RETURNS text[] LANGUAGE plpgsql STABLE SECURITY DEFINER AS $function$
DECLARE
    own text := current_setting('care.organisation', true);
    today date := nullif(current_setting('care.today', true), '')::date;
BEGIN
    IF ({_HAS.format("registered-practice")}) IS NOT TRUE OR EXISTS (SELECT FROM practice WHERE code = own) AND NOT EXISTS (
        SELECT FROM practice WHERE code = own AND valid_from <= today AND (valid_until IS NULL OR valid_until > today))
    THEN
        RETURN '{{}}';
    END IF;
    RETURN ARRAY(
        WITH RECURSIVE joined (code) AS (
            SELECT own UNION SELECT practice.code FROM practice JOIN joined ON successor = joined.code WHERE valid_until <= today)
        SELECT code FROM joined);
END $function$"""  # noqa: S608  names of this module

#: The person's own id comes first; only without a relationship under it are the other ids of a merged person looked up. Its cost keeps the
#: planner from asking for every row of a table where an index finds the few that a query means.
_SEES_PERSON = """
CREATE FUNCTION sees_person(person uuid, practices text[]) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER COST 10000 AS $function$
DECLARE
    own text := current_setting('care.organisation', true);
    professional text := current_setting('care.professional', true);
    is_staff boolean := current_setting('care.is_staff', true) = 'on';
    bases text[] := nullif(current_setting('care.bases', true), '')::text[];
    ended_after timestamptz := nullif(current_setting('care.ended_after', true), '')::timestamptz;
    people uuid[] := ARRAY[person];
BEGIN
    WHILE bases <> '{{}}' AND people <> '{{}}' LOOP
        {facts}
        EXIT WHEN person <> ALL (people);
        people := array_remove(ARRAY({people}), person);
    END LOOP;
    RETURN false;
END $function$"""
_FACT = """
        IF '{basis}' = ANY (bases) THEN
            IF EXISTS (SELECT FROM {rows}) THEN
                RETURN true;
            END IF;
        END IF;"""
#: The practice of the person is that of the record which is not merged into another one; where that one names none, that of another
#: record, first of one without doubt: asked once, under all ids of the person.
_REGISTERED = """(
                SELECT coalesce(
                    (SELECT CASE WHEN {confirmed} THEN {code} END FROM person WHERE {person} = ANY (ids) AND {code} <> 'unknown'
                        ORDER BY EXISTS (SELECT FROM {merged} = {person}), {confirmed} IS NOT TRUE, {person} LIMIT 1){scored}) AS code
                FROM (SELECT ARRAY({people}) AS ids) AS known) AS registered
            WHERE person = ANY (people) AND code = ANY (practices)"""
#: A setting is a subquery, which a statement asks once, and not for each row.
OWN, PROFESSIONAL = "(SELECT current_setting('care.organisation', true))", "(SELECT current_setting('care.professional', true))"
#: Whether an entry of case finding follows a score that the reader imported, for any organisation.
_IS_IMPORTED = f"""imported_by @> jsonb_build_object('callers', jsonb_build_array(
    jsonb_build_object('issuer', (SELECT current_setting('care.issuer', true)), 'subject', {PROFESSIONAL})))"""
#: An entry of case finding that another caller imported: no one begins a relationship by a score of their own.
IS_OF_ANOTHER = f"NOT ({_IS_IMPORTED})"
#: Case finding names it in place of a practice in doubt, in the context that knows who imported a score. No practice is named by its own.
_SCORED = f""",
                    (SELECT CASE WHEN {IS_OF_ANOTHER}
                            AND NOT jsonb_path_query_array(imported_by, '$.callers[*].organisation') ?| practices THEN practice_code END
                        FROM risk WHERE risk.person_id = ANY (ids)
                        ORDER BY EXISTS (SELECT FROM {{merged}} = risk.person_id), risk.person_id LIMIT 1)"""  # noqa: S608  names of this module
_BREAK_GLASS = (
    "break-glass",
    """break_glass WHERE person_id = ANY (people) AND organisation = own AND actor_id = professional
            AND issuer = current_setting('care.issuer', true) AND ends_at > current_setting('care.now', true)::timestamptz""",
)
#: The ids of the person in a context with the table `merged_person`: of the surviving record, and of those merged into it.
MERGED = """
        WITH survivor AS (
            SELECT coalesce((SELECT survivor_id FROM merged_person WHERE person_id = person AND separated_at IS NULL), person) AS id)
        SELECT id FROM survivor
        UNION ALL SELECT merged.person_id FROM merged_person AS merged, survivor
            WHERE merged.survivor_id = survivor.id AND merged.separated_at IS NULL"""

_IS_SEEN = "(SELECT sees_everyone()) OR {}sees_person({}, (SELECT practices_of_reader()))"
#: Conditions of rows that are themselves the reader's relationship: most rows of a list need no look at another table.
LASTS = "coalesce({}, 'infinity') > (SELECT nullif(current_setting('care.ended_after', true), '')::timestamptz)"


def registered(*, person: str, code: str, confirmed: str, merged: str, people: str = MERGED, is_scored: bool = False) -> tuple[str, str]:
    """The fact of the registered practice: the columns of the record with the id and the code, and the merged record of an id.

    `confirmed` is whether not only the practice itself has stated it; `is_scored`, whether a score may name it.
    """
    scored = _SCORED.format(merged=merged) if is_scored else ""
    rows = _REGISTERED.format(person=person, code=code, confirmed=confirmed, merged=merged, people=people, scored=scored)
    return "registered-practice", rows


def has(basis: str, *, is_staff: bool = False) -> str:
    """Whether the reader's scopes suffice for the basis, and whether they belong to the service's own staff."""
    return f"(SELECT {_HAS.format(basis)}{f' AND {_IS_STAFF}' if is_staff else ''})"


def seen_in(table: str, person: str) -> str:
    """Whether the reader sees a row of this table about the same person: a cheaper question than for every relationship."""
    return f"EXISTS (SELECT FROM {table} AS shared WHERE shared.person_id = {person})"


@dataclass(frozen=True, slots=True)
class ProtectedTable:
    """A table, the column of its rows' person, and a condition under which a row is the reader's own."""

    table: str
    person: str = "person_id"
    is_own: str | None = None


@dataclass(frozen=True, slots=True)
class DependentTable:
    """A table whose rows are seen with the row of another protected table."""

    table: str
    of: str


@dataclass(frozen=True, slots=True)
class RestrictedTable:
    """A table for the readers with one basis alone, whatever else they may see of the person."""

    table: str
    basis: str


Protected: TypeAlias = ProtectedTable | DependentTable | RestrictedTable


def create(
    protected: Sequence[Protected],
    facts: Sequence[tuple[str, str]],
    *,
    people: str = MERGED,
    everyone: str | None = None,
) -> None:
    """Protects the tables. A fact is a basis of `shared.access` with its rows; `people` selects the ids of the person `person`.

    Staff with the basis `everyone` see all rows.
    """
    of_staff = f" OR {_IS_STAFF} AND {_HAS.format(everyone)}" if everyone else ""
    op.execute(f"CREATE FUNCTION sees_everyone() RETURNS boolean LANGUAGE sql STABLE RETURN coalesce({_IS_SERVICE}{of_staff}, false)")
    op.execute(_PRACTICES)
    text = "".join(_FACT.format(basis=basis, rows=rows) for basis, rows in (*facts, _BREAK_GLASS))
    op.execute(_SEES_PERSON.format(people=people, facts=text))
    for function in ("practices_of_reader()", "sees_person(uuid, text[])"):
        op.execute(_SCHEMA.format(function))
    for each in protected:
        _protect(each.table, _is_seen(each))


def _is_seen(each: Protected) -> str:
    if isinstance(each, RestrictedTable):
        return f"{_IS_SERVICE} OR {has(each.basis)}"
    if isinstance(each, DependentTable):
        return f"EXISTS (SELECT FROM {each.of})"
    return _IS_SEEN.format(f"{each.is_own} OR " if each.is_own else "", each.person)


def _protect(table: str, is_seen: str) -> None:
    """Readers see the rows of `is_seen`; only the service changes rows."""
    op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'CREATE POLICY reads ON "{table}" FOR SELECT USING ({is_seen})')
    op.execute(f'CREATE POLICY inserts ON "{table}" FOR INSERT WITH CHECK ({_IS_SERVICE})')
    op.execute(f'CREATE POLICY updates ON "{table}" FOR UPDATE USING ({_IS_SERVICE})')
    op.execute(f'CREATE POLICY deletes ON "{table}" FOR DELETE USING ({_IS_SERVICE})')
