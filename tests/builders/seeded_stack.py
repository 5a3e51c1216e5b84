"""The four contexts on one database after some hundred random acts: real ids of every aggregate, in many states.

A path parameter of any operation has a statement here that finds its real values.
"""

import asyncio
import os
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, TypeVar

import asyncpg
import uvloop

from infra.dev_stack.dev_secrets import Keys
from tests.builders import person_acts
from tests.builders.context_app import RunningContext
from tests.builders.database import Databases
from tests.builders.four_contexts import FourContexts, four_contexts
from tests.builders.person_model import Cache, PersonModel, Statistics
from tests.builders.random_bodies import CLINICIANS, NAVIGATORS, PROFESSIONALS
from tests.builders.transition_record import TransitionRecord

T = TypeVar("T")

#: Acts with their weights.
_ACTS = (
    (person_acts.refer, 6),
    (person_acts.act_on_an_item, 24),
    (person_acts.change_staff, 2),
    (person_acts.find_person, 2),
    (person_acts.deliver_all, 8),
    (person_acts.fire, 1),
    (person_acts.pass_time, 2),
)
#: Past ones and the next.
_MEETINGS = """
SELECT id AS meeting_id FROM mdt.meeting
WHERE starts_at < (SELECT min(starts_at) + interval '9 days' FROM mdt.meeting WHERE status IN ('scheduled', 'cut-off'))"""
#: The real values of path parameters that occur together.
_BROKEN_GLASS = """
SELECT id AS break_glass_id FROM referrals.break_glass UNION ALL SELECT id FROM rapid_care.break_glass
UNION ALL SELECT id FROM mdt.break_glass UNION ALL SELECT id FROM navigation.break_glass"""
_STATEMENTS: Mapping[frozenset[str], str] = {
    frozenset({"break_glass_id"}): _BROKEN_GLASS,
    frozenset(): "SELECT 1",
    frozenset({"referral_id"}): "SELECT id AS referral_id FROM referrals.referral",
    frozenset({"person_id"}): "SELECT id AS person_id FROM referrals.person",
    frozenset({"response_id"}): "SELECT id AS response_id FROM rapid_care.response",
    frozenset({"clinician_id"}): "SELECT id AS clinician_id FROM rapid_care.clinician",
    frozenset({"meeting_id"}): _MEETINGS,
    frozenset({"case_id"}): 'SELECT id AS case_id FROM mdt."case"',
    frozenset({"care_plan_id"}): "SELECT id AS care_plan_id FROM mdt.care_plan",
    frozenset({"lead_id"}): "SELECT id AS lead_id FROM mdt.lead",
    frozenset({"notification_id"}): "SELECT id AS notification_id FROM mdt.notification",
    frozenset({"import_id"}): "SELECT id AS import_id FROM mdt.risk_import",
    frozenset({"task_id"}): "SELECT id AS task_id FROM navigation.task",
    frozenset({"navigator_id"}): "SELECT code AS navigator_id FROM navigation.navigator",
    frozenset({"person_id", "check_id"}): "SELECT person_id, id AS check_id FROM navigation.home_check",
    frozenset({"person_id", "proposal_id"}): "SELECT person_id, id AS proposal_id FROM referrals.proposal",
    frozenset({"concern_id"}): "SELECT id AS concern_id FROM referrals.safeguarding_concern",
    frozenset({"proposal_id"}): "SELECT id AS proposal_id FROM referrals.proposal",
}
#: Callers with all scopes: each is of one organisation, so most operations have one who may and one who may not.
CALLERS = (
    ("triager-1", "CLCH"),
    ("gp-W07", "W07"),
    (NAVIGATORS[0], "CLCH"),
    (CLINICIANS[0], "CLCH"),
    ("mdt-coordinator", "BCCG"),
    *((each, "W07" if each.startswith("gp") else "LBB" if each.startswith("lbb") else "CLCH") for each in PROFESSIONALS),
)
#: The callers who are offered commands, by context: a triager, a GP and the council, a coordinator, the professionals, a navigator.
CALLERS_OF = {
    "referrals": (*CALLERS[:2], CALLERS[3], CALLERS[6]),
    "rapid_care": (CALLERS[0], CALLERS[3]),
    "mdt": CALLERS[4:],
    "navigation": (CALLERS[0], CALLERS[2]),
}


@dataclass
class SeededStack:
    """The contexts, and an event loop for them alone, so that a synchronous property can use them."""

    runner: asyncio.Runner
    contexts: FourContexts
    connection: "asyncpg.Connection[asyncpg.Record]"
    keys: Keys
    _tokens: dict[tuple[str, ...], str] = field(default_factory=dict)

    def context(self, name: str) -> RunningContext:
        return self.contexts.contexts[name]

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.runner.run(awaited())

    def token(self, actor: str, organisation: str, scopes: list[str]) -> str:
        """A token, which is signed once."""
        key = (actor, organisation, *scopes)
        if key not in self._tokens:
            self._tokens[key] = self.keys.token(actor, organisation, "clinician", scopes)
        return self._tokens[key]

    async def find_ids(self, names: Sequence[str]) -> list[dict[str, str]]:
        """The real values of the parameters of a path. Raises KeyError for parameters without a statement."""
        rows = await self.connection.fetch(f"{_STATEMENTS[frozenset(names)]} ORDER BY 1 DESC LIMIT 50")
        return [{name: str(row[name]) for name in names} for row in rows]


@contextmanager
def seeded_stack(databases: Databases, keys: Keys, now: datetime, *, acts: int, seed: int = 1) -> Iterator[SeededStack]:
    """Opens the contexts on an own database and plays random acts, the same for the same seed."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        opened = AsyncExitStack()

        async def open_all() -> SeededStack:
            url = await opened.enter_async_context(databases.copy(f"seeded_{os.getpid()}"))
            contexts = await opened.enter_async_context(four_contexts(url, keys, now))
            connection = await asyncpg.connect(url)
            opened.push_async_callback(connection.close)
            await _play(contexts, connection, Random(seed), acts)  # noqa: S311  a seed must repeat its acts
            return SeededStack(runner, contexts, connection, keys)

        try:
            yield runner.run(open_all())
        finally:
            runner.run(opened.aclose())


async def _play(contexts: FourContexts, connection: Any, random: Random, acts: int) -> None:
    model = PersonModel(contexts, connection, TransitionRecord(), Statistics(), Cache())
    functions, weights = zip(*_ACTS, strict=True)
    await person_acts.begin(model, random)
    for act in random.choices(functions, weights, k=acts):
        model.tick()
        await act(model, random)
    await contexts.settle()
