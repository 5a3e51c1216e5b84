"""The reads of one running context: every caller asks about every person, and the audit is asked whether it has the read.

An answer shows a person whose id, or the id of something of theirs, is in its path or its body.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from infra.contexts import prefix
from infra.dev_stack.scopes import SCOPES
from shared.contracts.persons import SharingPreference
from shared.kernel.ids import derived_id, new_id
from tests.builders import mdt as meeting
from tests.builders.access_worlds import Caller, Subject, World
from tests.builders.navigation import a_step_down
from tests.builders.operations import Operation, operations
from tests.builders.referrals import ReferralsClient

Ids = Mapping[str, str]
#: A search is a read although it is a POST: its body states whom it looks for.
_SEARCHES: Mapping[str, Mapping[str, str]] = {"search_people": {"family_name": "Dale", "born_on": "1932-05-02"}}
_NEWEST = "SELECT coalesce(max(id), 0) FROM audit"
_READ = "SELECT subject FROM audit WHERE id > $1 AND actor_id = $2 AND action = $3 AND refusal IS NULL"
_MEETINGS = 'SELECT meeting_id FROM "case" WHERE meeting_id IS NOT NULL UNION SELECT meeting_id FROM care_plan_version'
_OF_CONCERNS = ("safeguarding_concerns", "read_concern", "concern_actions")


@dataclass
class ReadOutcome:
    """What the answers of one operation have shown: `shown` people, and `silent` answers that the audit lacks."""

    shown: set[str] = field(default_factory=set)
    silent: list[str] = field(default_factory=list)


@dataclass
class PersonReads:
    """`places` are the ids for paths and queries, of which some belong to no one person: a meeting, the actor of audit entries."""

    world: World
    places: list[Ids]
    _headers: dict[Caller, dict[str, str]] = field(default_factory=dict)

    @classmethod
    async def of(cls, world: World) -> "PersonReads":
        """Adds people to the world, so that each list has someone."""
        added, places = await _MORE[world.name](world)
        world.subjects.extend(added)
        chosen = [each.ids for each in world.subjects if each.sharing is SharingPreference.DIRECT_CARE]
        reader = next(iter(world.callers.values()))
        actor = {"organisation": reader.organisation, "actor_id": reader.actor}
        return cls(world, [{**world.ids, **actor, **each} for each in (*chosen, *places)])

    async def operations(self) -> list[Operation]:
        document = (await self.world.context.http.get(f"{prefix(self.world.name)}/openapi.json")).json()
        return [each for each in operations(document) if each.method == "GET" or each.name in _SEARCHES]

    async def send(self, operation: Operation) -> ReadOutcome:
        """By every caller of the world, at every place."""
        outcome = ReadOutcome()
        for caller in self.world.callers.values():
            refused: set[str] = set()
            for path, query in self._addresses(operation):
                before = await self._newest()
                answer = await self._request(operation, caller, path, query)
                if answer.status_code == httpx.codes.OK:
                    await self._check(operation, caller, f"{path} {answer.text}", before, outcome)
                elif path not in refused:
                    assert answer.status_code in {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}, (operation.name, answer.text)
                    outcome.silent += [f"{answer.status_code} {path} by {caller}"] if await self._newest() == before else []
                    refused.add(path)
        return outcome

    def _addresses(self, operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each once; a place without an id of the path has none."""
        seen: list[object] = []
        for ids in self.places:
            if all(name in ids for name in operation.names_in_path()):
                address = operation.path.format(**ids), {name: ids.get(name, value) for name, value in operation.query().items()}
                if address not in seen:
                    seen.append(address)
                    yield address

    async def _request(self, operation: Operation, caller: Caller, path: str, query: dict[str, Any]) -> httpx.Response:
        context = self.world.context
        if caller not in self._headers:
            self._headers[caller] = context.token(*SCOPES, organisation=caller.organisation, actor=caller.actor)
        body = _SEARCHES.get(operation.name)
        return await context.http.request(operation.method, path, params=query, json=body, headers=self._headers[caller])

    async def _check(self, operation: Operation, caller: Caller, answer: str, before: int, outcome: ReadOutcome) -> None:
        for subject in self.world.subjects:
            if any(each in answer for each in subject.ids.values()):
                outcome.shown.add(subject.ids["person_id"])
                if not await self._has_entry(operation, caller, subject, before):
                    outcome.silent.append(f"{subject.phase}, {subject.sharing} by {caller}")

    async def _has_entry(self, operation: Operation, caller: Caller, subject: Subject, before: int) -> bool:
        """Whether those who govern information learn of the read from the audit of the person.

        The audit of a person must not show that there is a concern (docs/adr/0045); the reading of what an actor did, which has ids and
        codes alone, is that of the actor (docs/adr/0034).
        """
        if operation.name in _OF_CONCERNS:
            return UUID(subject.ids["concern_id"]) in await self._entries(operation, caller, before)
        if operation.name == "read_audit_of_actor":
            reader = next(iter(self.world.callers.values()))
            return derived_id("actor", reader.organisation, reader.actor) in await self._entries(operation, caller, before)
        entries = await self._audit_of(subject.ids["person_id"])
        new = [each for each in entries if each["id"] > before and each["refusal"] is None]
        return (caller.actor, operation.name) in [(each["actor_id"], each["action"]) for each in new]

    async def _audit_of(self, person_id: str) -> list[dict[str, Any]]:
        own, governor = prefix(self.world.name), Caller("CLCH", "governor-1")
        if governor not in self._headers:
            self._headers[governor] = self.world.context.token(f"{own.strip('/')}:audit", organisation="CLCH", actor="governor-1")
        answer = await self.world.context.http.get(f"{own}/audit/people/{person_id}", params={"limit": 5}, headers=self._headers[governor])
        assert answer.status_code == httpx.codes.OK, answer.text
        return list(answer.json()["items"])

    async def _entries(self, operation: Operation, caller: Caller, before: int) -> list[UUID]:
        rows = await self.world.context.database.pool.fetch(_READ, before, caller.actor, operation.name)
        return [row["subject"] for row in rows]

    async def _newest(self) -> int:
        newest: int = await self.world.context.database.pool.fetchval(_NEWEST)
        return newest


async def _untraced(world: World) -> tuple[list[Subject], list[Ids]]:
    """Two records of one untraced person, who may be the same, and whose referrals wait for triage."""
    client = ReferralsClient(world.context)
    sent = [await client.refer(nhs_number=None, urgency="urgent") for _ in range(2)]
    return [_added({"person_id": each["person_id"], "referral_id": each["id"]}) for each in sent], []


async def _nothing(_: World) -> tuple[list[Subject], list[Ids]]:
    return [], []


async def _on_the_agenda(world: World) -> tuple[list[Subject], list[Ids]]:
    """A case that waits for screening, of which the chair is notified, one on the agenda, and all meetings with cases."""
    late = await meeting.Patient.referred(world.context)
    await world.context.let_pass(timedelta(days=3))
    listed = await meeting.Patient.listed(world.context)
    added = [_added({"person_id": str(each.person_id), "case_id": (await each.case())["id"]}) for each in (late, listed)]
    meetings = [str(row["meeting_id"]) for row in await world.context.database.pool.fetch(_MEETINGS)]
    return added, [{"professional_id": "mdt-chair"}, *({"meeting_id": each} for each in meetings)]


async def _unassigned(world: World) -> tuple[list[Subject], list[Ids]]:
    """A task without a navigator, and an act of break-glass of its coordinator."""
    person_id, context = new_id(), world.context
    await context.deliver(a_step_down(locality=None), key=person_id, subject=new_id())
    task_id = await context.database.pool.fetchval("SELECT id FROM task WHERE person_id = $1", person_id)
    headers = context.token("navigation:coordinate", actor="clinician-2") | {"Idempotency-Key": str(new_id())}
    act = {"reason": "emergency", "explanation": "He is unconscious."}
    broken = await context.http.post(f"/navigation/people/{person_id}/break-glass", json=act, headers=headers)
    assert broken.status_code == httpx.codes.CREATED, broken.text
    return [_added({"person_id": str(person_id), "task_id": str(task_id)})], []


def _added(ids: Ids) -> Subject:
    return Subject("added", SharingPreference.DIRECT_CARE, ids, {})


_MORE: Mapping[str, Callable[[World], Awaitable[tuple[list[Subject], list[Ids]]]]] = {
    "referrals": _untraced,
    "rapid_care": _nothing,
    "mdt": _on_the_agenda,
    "navigation": _unassigned,
}
