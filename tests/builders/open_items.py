"""The items of all contexts that a caller may act on: their rows, the addresses of their commands, and suitable callers."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import asyncpg
import orjson

from infra.operations.verify.checks.owners import Aggregate, aggregates
from tests.builders.random_bodies import NAVIGATORS, PROFESSIONALS

_ROWS = """
SELECT to_jsonb(t) FROM {relation} t WHERE t.{column} = ANY($1)
ORDER BY (SELECT min(seq) FROM {context}.event WHERE subject = t.id), t.version, t.id"""
_LIVES = """
SELECT coalesce(to_jsonb(t), '{{}}') || jsonb_build_object('person_id', person_id, 'version', coalesce(version, 0))
FROM (SELECT person_id, min(received_at) AS since FROM referrals.referral GROUP BY person_id) p LEFT JOIN referrals.life t USING (person_id)
WHERE coalesce(status, 'living') = ANY($1) ORDER BY since, person_id"""
_ADDRESSES = {
    "referral": "/referrals/{id}",
    "life": "/referrals/people/{person_id}/life",
    "proposal": "/referrals/proposals/{id}",
    "safeguarding_concern": "/referrals/safeguarding-concerns/{id}",
    "identity": "/referrals/people/{person_id}/identity",
    "response": "/rapid-care/responses/{id}",
    "care_plan": "/mdt/care-plans/{id}",
    "case": "/mdt/cases/{id}",
    "lead": "/mdt/leads/{id}",
    "meeting": "/mdt/meetings/{id}",
    "risk": "/mdt/case-finding/{person_id}",
    "home_check": "/navigation/people/{person_id}/home-checks/{id}",
    "navigator": "/navigation/navigators/{code}",
    "task": "/navigation/tasks/{id}",
}
_AGGREGATES = {aggregate.name: aggregate for aggregate in aggregates()}
#: How often an item of an aggregate is taken, of all.
_WEIGHTS = {
    "referral": 5, "response": 8, "care_plan": 4, "case": 4, "lead": 3, "meeting": 0.5,
    "risk": 1.5, "home_check": 1, "navigator": 0.4, "task": 5, "life": 0.4, "identity": 1, "proposal": 0.7,
    "safeguarding_concern": 0.7,
}  # fmt: skip


@dataclass(frozen=True)
class Caller:
    actor: str
    organisation: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """An aggregate with its row, and the address of its resource."""

    aggregate: Aggregate
    row: dict[str, Any]

    @property
    def address(self) -> str:
        return _ADDRESSES[self.aggregate.name].format(**self.row)

    @property
    def state(self) -> str:
        return str(self.row.get(self.aggregate.column) or "living")

    def callers(self) -> Sequence[Caller]:
        """Those who may act on it, and some who may not in this state."""
        return _CALLERS[self.aggregate.name](self.row)


async def random_item(connection: "asyncpg.Connection[asyncpg.Record]", random: Random, *, is_open: bool | None = None) -> Item | None:
    """An item of a random aggregate, mostly an open one."""
    names = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=6)
    is_open = random.random() < 0.9 if is_open is None else is_open
    for name in dict.fromkeys((*names, "referral")):
        if rows := await _rows(connection, _AGGREGATES[name], is_open=is_open):
            return Item(_AGGREGATES[name], random.choice(rows))
    return None


async def open_rows(connection: "asyncpg.Connection[asyncpg.Record]", aggregate: Aggregate) -> list[dict[str, Any]]:
    """The rows of an aggregate whose states have an owner."""
    return await _fetch(connection, aggregate, aggregate.open_states) if aggregate.open_states else []


async def item_of(connection: "asyncpg.Connection[asyncpg.Record]", random: Random, name: str, person_id: str) -> Item | None:
    """An open item of one aggregate and person."""
    rows = [row for row in await _rows(connection, _AGGREGATES[name], is_open=True) if row["person_id"] == person_id]
    return Item(_AGGREGATES[name], random.choice(rows)) if rows else None


async def _rows(connection: "asyncpg.Connection[asyncpg.Record]", aggregate: Aggregate, *, is_open: bool) -> list[dict[str, Any]]:
    has_open = any(aggregate.owners.values())
    states = [state.value for state, owner in aggregate.owners.items() if (owner is not None) == is_open or not has_open]
    if aggregate.name in {"navigator", "identity"}:
        states = [state.value for state in aggregate.owners]
    rows = await _fetch(connection, aggregate, states)
    return sorted(rows, key=lambda row: row["starts_at"])[:1] if aggregate.name == "meeting" else rows


async def _fetch(connection: "asyncpg.Connection[asyncpg.Record]", aggregate: Aggregate, states: Sequence[str]) -> list[dict[str, Any]]:
    statement = _LIVES if aggregate.name == "life" else _ROWS
    found = statement.format(relation=aggregate.relation, column=aggregate.column, context=aggregate.context)
    return [orjson.loads(row[0]) for row in await connection.fetch(found, list(states))]


def _of_referral(row: dict[str, Any]) -> list[Caller]:
    triager = Caller("triager-1", "CLCH", ("referrals:handle", "referrals:triage"))
    referrer = Caller(f"gp-{row['referrer_organisation']}", row["referrer_organisation"], ("referrals:refer",))
    receiver = row["receiver_organisation"]
    answers = [Caller(f"nurse-{receiver}", receiver, ("referrals:receive",))] * 2 if receiver else []
    return [*[triager] * 6, referrer, *answers]


def _of_task(row: dict[str, Any]) -> list[Caller]:
    navigator = row.get("navigator_id") or NAVIGATORS[0]
    return [_NAVIGATION, Caller(navigator, "CLCH", ("navigation:work",))]


def _of_lead(row: dict[str, Any]) -> list[Caller]:
    return [Caller(row["professional_id"], row["organisation"], ("mdt:lead",)), *MEETING]


_NAVIGATION = Caller("navigation-coordinator", "CLCH", ("navigation:coordinate", "navigation:work"))
MEETING = [Caller("mdt-coordinator", "BCCG", ("mdt:coordinate", "mdt:decide", "mdt:lead", "mdt:read"))]
_RAPID_CARE = [Caller("rapid-care-1", "CLCH", ("rapid-care:coordinate", "rapid-care:respond"))]
_CALLERS = {
    "referral": _of_referral,
    **dict.fromkeys(("life", "proposal"), lambda _: [Caller("triager-1", "CLCH", ("referrals:handle", "referrals:triage"))]),
    "safeguarding_concern": lambda _: [
        Caller("council-1", "LBB", ("referrals:safeguarding",)),
        Caller("lead-1", "CLCH", ("referrals:safeguarding",)),
    ],
    "identity": lambda _: [Caller("triager-1", "CLCH", ("referrals:handle", "referrals:identity", "referrals:triage"))],
    "response": lambda _: _RAPID_CARE,
    **dict.fromkeys(("case", "meeting", "risk"), lambda _: MEETING),
    "care_plan": lambda _: [*MEETING * 3, *(Caller(each, "CLCH", ("mdt:lead",)) for each in PROFESSIONALS)],
    "lead": _of_lead,
    "home_check": _of_task,
    "navigator": lambda row: [_NAVIGATION, Caller(row["code"], "CLCH", ("navigation:work",))],
    "task": _of_task,
}
