"""Row-level security, the second wall behind the access policy: which rows about people a transaction sees (docs/adr/0044).

The settings are those of one transaction: a pooled connection keeps nothing of its last caller. They travel with the statement that reads
the clock, so that they cost no round trip. The policies of the tables are in `infra/deploy/migrations/row_security_v1.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import asyncpg

from shared.access import HOLDER, SCOPES, Basis, Holder
from shared.clock import Clock
from shared.contracts.care_policy import CarePolicy
from shared.kernel.actor import Actor
from shared.persistence.statements import Connection

#: The setting of a session that acts on events and deadlines, which concern no caller.
SERVICE_SESSION: Mapping[str, str] = {"care.service": "on"}

_EVERYONE = "SELECT {} AS instant, set_config('care.service', 'on', true)"
_READER = """
SELECT instant, set_config('care.service', 'off', true), set_config('care.organisation', $1, true),
       set_config('care.professional', $2, true), set_config('care.issuer', $3, true), set_config('care.bases', $4, true),
       set_config('care.is_staff', $5, true), set_config('care.now', instant::text, true),
       set_config('care.ended_after', (instant - $6::interval)::text, true),
       set_config('care.today', (instant AT TIME ZONE $7)::date::text, true)%s
FROM (SELECT {} AS instant) AS clock"""
#: The entries of the caller's practice, without which the policy does not know whose they are.
_PRACTICES = ", (SELECT coalesce(jsonb_agg(practice), '[]') FROM practice WHERE code = (SELECT $1) OR successor = (SELECT $1)) AS practices"


@dataclass(frozen=True, slots=True)
class RowSettings:
    """A statement that makes rows visible until the transaction ends. Its place is for the clock's instant, which it returns.

    For a caller who may hold the basis of a practice it returns the entries of their practice too: another statement would cost each
    request a round trip.
    """

    sql: str
    arguments: tuple[Any, ...] = ()

    async def begin(self, connection: Connection, clock: Clock) -> asyncpg.Record:
        """The row of the statement: `instant`, and perhaps `practices`."""
        [row] = await connection.fetch(self.sql.format(clock.sql), *self.arguments)
        return row


#: For counts of all people, and for the audit.
ACROSS_PEOPLE = RowSettings(f"{_EVERYONE}, set_config('plan_cache_mode', 'auto', true)")
#: Most statements of a command find rows by keys, for which one plan serves all values: a new connection plans them once, and not for each
#: of the first five runs.
_AS_SERVICE = f"{_EVERYONE}, set_config('plan_cache_mode', 'force_generic_plan', true)"


def as_service(actor: Actor) -> RowSettings:
    """For a command, whose handler asks the policy and then changes rows that the caller may not read."""
    return RowSettings(_AS_SERVICE + _PRACTICES, (actor.organisation,)) if _may_be_practice(actor) else RowSettings(_AS_SERVICE)


def as_reader(actor: Actor, policy: CarePolicy) -> RowSettings:
    """For a read: the caller, and the bases of the policy for which their scopes suffice and which their organisation may hold."""
    is_staff, is_of_safeguarding = (actor.organisation in each for each in (policy.own_organisations, policy.safeguarding_staff))
    who = (actor.organisation, actor.id, actor.issuer, _bases(actor.scopes, is_staff=is_staff, is_of_safeguarding=is_of_safeguarding))
    sql = _READER % (_PRACTICES if _may_be_practice(actor) else "")
    return RowSettings(sql, (*who, "on" if is_staff else "off", policy.access_lasts, policy.timezone))


def _may_be_practice(actor: Actor) -> bool:
    return not actor.scopes.isdisjoint(SCOPES[Basis.REGISTERED_PRACTICE])


@lru_cache(maxsize=256)
def _bases(scopes: frozenset[str], *, is_staff: bool, is_of_safeguarding: bool) -> str:
    """As an array of PostgreSQL."""
    is_held = ((Holder.ANYONE, True), (Holder.SERVICE, is_staff), (Holder.SAFEGUARDING, is_of_safeguarding))
    holders = {holder for holder, is_one in is_held if is_one}
    held = (basis for basis, needed in SCOPES.items() if HOLDER[basis] in holders and not scopes.isdisjoint(needed))
    return "{" + ",".join(held) + "}"
