"""The examples of request bodies in the OpenAPI documents, and their use on the real ids of a seeded stack."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import product
from random import Random
from typing import Any, TypeAlias

import httpx
import nhs_number

from infra.dev_stack.scopes import SCOPES
from shared.clock import LONDON
from shared.kernel.ids import new_id
from tests.builders.population import HEADER
from tests.builders.seeded_stack import CALLERS_OF, SeededStack

#: The ids of a path, and a caller.
Try: TypeAlias = tuple[dict[str, str], tuple[str, str]]

_IDS, _TRIES, _NEW_REFERRALS = 8, 30, 8
#: Every so many rounds new referrals arrive, a person moves away and an hour passes; in between, the next meeting begins.
_STEPS = 6
#: The day of the examples; other days of this year are moved with it.
EXAMPLE_DAY = date(2026, 9, 21)
_DAYS = re.compile(r"2026-\d\d-\d\d")
_BROKEN_GLASS = "SELECT id FROM {}.break_glass ORDER BY id DESC LIMIT 50"
_FOUND = "SELECT person_id FROM mdt.risk WHERE status = 'found' ORDER BY id DESC LIMIT 50"
_KNOWN = """
SELECT nhs_number, given_name, family_name, born_on::text, address, practice_code FROM referrals.person
WHERE nhs_number IS NOT NULL AND born_on IS NOT NULL ORDER BY id LIMIT 4"""
_PROPOSALS = "SELECT count(*) FROM referrals.proposal WHERE status = 'undecided'"
_ACTIONS = "SELECT t::text FROM mdt.care_plan_version t WHERE care_plan_id::text = $1"
_FITTING = """
SELECT code FROM navigation.navigator JOIN navigation.task USING (role)
WHERE task.id::text = $1 AND code IS DISTINCT FROM navigator_id AND presence = 'available' ORDER BY code LIMIT 1"""
_WAITING_TASKS = "SELECT count(*) FROM navigation.task WHERE status = 'unassigned' AND locality IS NULL"
_NEXT_MEETING = 'SELECT min(starts_at) FROM mdt.meeting JOIN mdt."case" ON meeting_id = meeting.id WHERE starts_at > $1'
#: Commands on a part of the resource, which has a version of its own, by the last part of their path.
_VERSIONED_BY = {
    **dict.fromkeys(("death", "move", "restoration", "return"), "life"),
    **dict.fromkeys(("verification", "merge", "separation"), "identity"),
}
#: Commands that move an item on; the last one that an item offers leads furthest.
_FORWARD = (
    "AnswerInformation", "TriageReferral", "RouteReferral", "AcceptReferral", "AcceptResponse", "AssignClinician", "Depart",
    "RecordFirstContact", "RecordAssessment", "AgreePackage", "ScreenCase", "HoldMeeting", "DiscussCase", "AgreePlan", "AcceptLead",
    "AssignTask", "AcknowledgeTask", "StartTask", "AcknowledgeConcern",
)  # fmt: skip
#: The examples that come first, in turn: those that lead to a visit of Rapid Care, those that lead to a meeting, any.
_WAYS = (("urgent", "to Rapid Care", "at home"), ("complex", "to the weekly meeting", "eligible"), ())
#: Rounds that lead new referrals to a meeting.
ROUNDS_OF_A_MEETING = range(_STEPS, 2 * _STEPS)
#: Commands whose NHS number must be that of no other person.
_NEW_NUMBER = ("ReceiveReferral", "VerifyIdentity")
NUMBERS = [number for number in (f"99954{ending:05}" for ending in range(900)) if nhs_number.is_valid(number)]


@dataclass(frozen=True)
class Example:
    """A body of an operation, None for a command without one. `answers` are the schemas of its successes by status."""

    context: str
    operation: str
    method: str
    path: str
    name: str
    media_type: str | None
    body: Any
    answers: Mapping[int, Any]

    def __str__(self) -> str:
        return f"{self.operation}, {self.name}"


def examples(context: str, document: Mapping[str, Any]) -> Iterator[Example]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            answers = {
                int(status): {**answer["content"]["application/json"]["schema"], "components": document["components"]}
                for status, answer in described["responses"].items()
                if "application/json" in answer["content"]
            }
            for media_type, content in described.get("requestBody", {}).get("content", {}).items():
                for name, example in content["examples"].items():
                    yield Example(context, described["operationId"], method.upper(), path, name, media_type, example["value"], answers)
            if method == "post" and "requestBody" not in described:
                yield Example(context, described["operationId"], "POST", path, "no body", None, None, answers)


@dataclass
class ExampleRun:
    """`offers` are the resources that offer a command now, each with a caller; `ever` are all commands that were offered."""

    stack: SeededStack
    documents: Mapping[str, Any]
    random: Random
    offers: dict[str, list[Try]] = field(default_factory=dict)
    ever: set[str] = field(default_factory=set)
    _unused: list[str] = field(default_factory=lambda: list(NUMBERS))

    async def read_offers(self) -> None:
        """`GET .../actions` of the newest resources."""
        self.offers = {}
        for context, document in self.documents.items():
            for path in (each for each in document["paths"] if each.endswith("/actions")):
                ids = (await self.stack.find_ids(names(path)))[:_IDS]
                for each, caller in product(ids, CALLERS_OF[context]):
                    answer = await self.stack.context(context).http.get(path.format(**each), headers=self._headers(caller))
                    for action in answer.json() if answer.is_success else ():
                        self.offers.setdefault(action["name"], []).append((each, caller))
        self.ever |= self.offers.keys()

    async def accept(self, example: Example) -> tuple[httpx.Response | None, Counter[str]]:
        """The first success, with the codes of the refusals before it. What no list of actions has is tried on every resource."""
        ids = [] if example.operation in self.ever else (await self._ids(example))[:_IDS]
        tries = self.offers.get(example.operation) or list(product(ids, CALLERS_OF[example.context]))
        refused: Counter[str] = Counter()
        for each, caller in self.random.sample(tries, min(len(tries), _TRIES)):
            answer = await self.send(example, each, caller)
            if answer.is_success:
                await self.stack.contexts.settle()
                return answer, refused
            assert not answer.is_server_error, f"{example}: {answer.text}"
            refused[f"{answer.json()['code']} {[error['field'] for error in answer.json()['errors']] or ''}"] += 1
        return None, refused

    async def _ids(self, example: Example) -> list[dict[str, str]]:
        """Acts of break-glass have ids of their context alone; case finding has few people."""
        if example.operation == "ScreenFinding":
            return [{"person_id": str(row["person_id"])} for row in await self.stack.connection.fetch(_FOUND)]
        if names(example.path) != ["break_glass_id"]:
            return await self.stack.find_ids(names(example.path))
        rows = await self.stack.connection.fetch(_BROKEN_GLASS.format(example.context))
        return [{"break_glass_id": str(row["id"])} for row in rows]

    async def propose(self) -> None:
        """Proposals arise from referrals that contradict a record: one for each command on them."""
        for row in await self.stack.connection.fetch(_KNOWN):
            demographics = {name: value for name, value in dict(row).items() if name != "nhs_number"} | {"address": "9 Other Road"}
            body = {"nhs_number": row["nhs_number"], "demographics": demographics, "source": "gp", "reason": "falls", "urgency": "routine"}
            headers = self._headers(("gp-W07", "W07")) | {"Idempotency-Key": str(new_id())}
            answer = await self.stack.context("referrals").http.post("/referrals", json=body, headers=headers)
            assert answer.is_success, answer.text
        assert await self.stack.connection.fetchval(_PROPOSALS) > 1

    async def find(self) -> None:
        """Case finding finds a person for each example of a screening; more arise by chance alone."""
        day = self.stack.contexts.now.date() - timedelta(days=30)
        content = "\n".join([HEADER, *[f"{self._unused.pop()},W07,27.10,,{day}" for _ in range(4)], ""])
        headers = self._headers(("importer", "BCCG")) | {"Idempotency-Key": str(new_id()), "Content-Type": "text/csv"}
        answer = await self.stack.context("mdt").http.post("/mdt/risk/imports", content=content.encode(), headers=headers)
        assert answer.is_success, answer.text

    async def bereave(self, known: Sequence[Example]) -> None:
        """Tasks for the families of people of no locality, which no navigator is given at once: one for each example that ends one."""
        first = next(each for each in known if str(each) == "ReceiveReferral, a first referral")
        elsewhere = replace(first, body=first.body | {"demographics": first.body["demographics"] | {"practice_code": "E85001"}})
        death = next(each for each in known if each.operation == "RecordDeath")
        for _ in range(4):
            sent = await self.send(elsewhere, {}, CALLERS_OF["referrals"][1])
            answer = await self.send(death, {"person_id": sent.json()["person_id"]}, CALLERS_OF["referrals"][0])
            assert answer.is_success, answer.text
        await self.stack.contexts.settle()
        assert await self.stack.connection.fetchval(_WAITING_TASKS) > 1

    async def move_on(self, known: Sequence[Example], number: int) -> None:
        """One step of every item; sometimes new referrals, and time; deadlines that are due fire."""
        if number % _STEPS == 0:
            referrals = [each for each in known if each.operation == "ReceiveReferral" and each.body["demographics"]]
            for _ in range(_NEW_REFERRALS):
                await self.send(self.random.choice(referrals), {}, ("gp-W07", "W07"))
            await self._move_away(known)
            await self._call_back(known)
            await self._break_glass(known)
        preferred = _WAYS[number // _STEPS % len(_WAYS)]
        for operation, ids, caller in self._next_commands():
            found = [each for each in self.random.sample(known, len(known)) if each.operation == operation]
            await self._send_any(sorted(found, key=lambda each: each.name not in preferred), ids, caller)
        await self.stack.contexts.settle()
        if number % _STEPS == 0:
            await self.stack.contexts.let_pass(timedelta(hours=1))
        if number % _STEPS == _STEPS // 2:
            await self._wait_for_meeting()

    async def _move_away(self, known: Sequence[Example]) -> None:
        """One person moves: a return is recorded only when the move cannot be reversed any more, and another example may reverse it."""
        moves = [each for each in known if each.operation == "RecordMove"]
        for example, offer in product(moves[:1], self.offers.get("RecordMove", [])[:1]):
            await self.send(example, *offer)

    async def _call_back(self, known: Sequence[Example]) -> None:
        """Every navigator is available again, and each role has a second one, to whom a task moves."""
        register = [each for each in known if each.operation == "RegisterNavigator"]
        roles = await self.stack.connection.fetch("SELECT DISTINCT role FROM navigation.task")
        for example, (role,) in product(register[:1], roles):
            second = replace(example, body=example.body | {"role": role})
            await self.send(second, {"navigator_id": f"second-{role}"}, CALLERS_OF["navigation"][0])
        back = [each for each in known if each.operation == "DeclareAvailability" and each.body["is_available"]]
        for example, ids in product(back[:1], await self.stack.find_ids(["navigator_id"])):
            await self.send(example, ids, CALLERS_OF["navigation"][0])

    async def _break_glass(self, known: Sequence[Example]) -> None:
        """By each caller who may, for one person: no one reviews an act of their own."""
        people = (await self.stack.find_ids(["person_id"]))[:_IDS]
        for example in (each for each in known if each.operation == "BreakGlass"):
            for caller in CALLERS_OF[example.context]:
                for ids in people:
                    if (await self.send(example, ids, caller)).is_success:
                        break

    def _next_commands(self) -> list[tuple[str, *Try]]:
        """One for each item."""
        furthest: dict[str, tuple[str, *Try]] = {}
        for operation in _FORWARD:
            for ids, caller in self.offers.get(operation, ()):
                furthest[str(ids)] = operation, ids, caller
        return list(furthest.values())

    async def _send_any(self, known: Sequence[Example], ids: dict[str, str], caller: tuple[str, str]) -> None:
        """The first accepted one."""
        for example in known:
            if (await self.send(example, ids, caller)).is_success:
                return

    async def send(self, example: Example, ids: Mapping[str, str], caller: tuple[str, str]) -> httpx.Response:
        path, headers = (
            example.path.format(**ids),
            self._headers(caller) | ({"Content-Type": example.media_type} if example.media_type else {}),
        )
        http = self.stack.context(example.context).http
        headers |= {"Idempotency-Key": str(new_id())} | (await self._version(http, example, path, headers) if ids else {})
        body = await self._with_real_values(example, ids)
        content = {"json": body} if example.media_type == "application/json" else {"content": body} if body else {}
        return await http.request(example.method, path, headers=headers, **content)

    async def _version(self, http: httpx.AsyncClient, example: Example, path: str, headers: Mapping[str, str]) -> dict[str, str]:
        """From the resource, the part that the command changes, or the list that shows the item."""
        resource, address = path.rpartition("/")[0], versioned(example.method, path)
        answer = await http.get(address, headers=headers)
        if "etag" in answer.headers:
            return {"If-Match": answer.headers["etag"]}
        listing, _, item = resource.rpartition("/")
        answer = await http.get(listing, headers=headers)
        items = answer.json().get("items", []) if answer.is_success else []
        found = [each["version"] for each in items if each.get("id") == item and "version" in each]
        return {"If-Match": f'W/"{found[0]}"'} if found else {}

    async def _with_real_values(self, example: Example, ids: Mapping[str, str]) -> Any:
        """Ids of an example stand for those of a real resource, its days for days of this week, its number for a new one."""
        if not isinstance(example.body, dict):
            return self._moved(example.body) if example.body else None
        changes: dict[str, Any] = {}
        if example.operation in _NEW_NUMBER and example.body["nhs_number"] and example.body.get("demographics", True):
            changes["nhs_number"] = self._unused.pop()
        for name in {"person_id", "into"} & example.body.keys():
            changes[name] = self.random.choice(await self.stack.find_ids(["person_id"]))["person_id"]
        if example.operation in {"AssignTask", "ReassignTask"}:
            fitting = await self.stack.connection.fetchval(_FITTING, ids["task_id"])
            changes["navigator_id"] = fitting or example.body["navigator_id"]
        if example.operation == "FulfilAction":
            versions = await self.stack.connection.fetch(_ACTIONS, ids["care_plan_id"])
            found = re.findall(r'"+action_id"+: *"+([0-9a-f-]{36})', " ".join(row[0] for row in versions))
            changes["action_id"] = self.random.choice(found) if found else example.body["action_id"]
        moved: dict[str, Any] = json.loads(self._moved(json.dumps(example.body | changes)))
        return moved | ({"contacted_at": self.stack.contexts.now.isoformat()} if "contacted_at" in moved else {})

    def _moved(self, text: str) -> str:
        since = self.stack.contexts.now.astimezone(LONDON).date() - EXAMPLE_DAY
        return _DAYS.sub(lambda day: (date.fromisoformat(day[0]) + since).isoformat(), text)

    async def _wait_for_meeting(self) -> None:
        """Until the middle of the next one that has a case, if any."""
        starts_at = await self.stack.connection.fetchval(_NEXT_MEETING, self.stack.contexts.now)
        if starts_at is not None:
            await self.stack.contexts.let_pass(starts_at + timedelta(minutes=30) - self.stack.contexts.now)

    def _headers(self, caller: tuple[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.stack.token(*caller, list(SCOPES))}"}


def versioned(method: str, path: str) -> str:
    """The address of the resource, or of its part, whose version a command needs."""
    resource, _, verb = path.rpartition("/")
    if method != "POST":
        return path
    return f"{resource}/{_VERSIONED_BY[verb]}" if verb in _VERSIONED_BY else resource


def names(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)
