"""Random acts on the four contexts: what referrers, services, schedulers and deliveries may do to a few persons, in any order.

Each act takes a `Random`, so that a seed repeats it.
"""

import re
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, TypeAlias

from infra.contexts import CONTEXTS
from shared.clock import LONDON
from shared.contracts.rapid_care import Skill
from tests.builders.mdt import QUORUM
from tests.builders.open_items import MEETING, Caller, Item, item_of, random_item
from tests.builders.person_model import PersonModel
from tests.builders.population import HEADER
from tests.builders.random_bodies import CLINICIANS, NAVIGATORS, BodyMaker
from tests.builders.random_referral import NUMBERS, a_random_referral

Act: TypeAlias = Callable[[PersonModel, Random], Awaitable[None]]

_REFERRERS = [("gp-W07", "W07"), ("gp-B03", "B03"), ("crew-1", "LAS"), ("nurse-CLCH", "CLCH")]
_RAPID_CARE = Caller("rapid-care-1", "CLCH", ("rapid-care:coordinate",))
_NAVIGATION = Caller("navigation-coordinator", "CLCH", ("navigation:coordinate",))
_IMPORTER = Caller("analyst-1", "BCCG", ("mdt:import-risk",))
#: Table 16 allows each of them at some risk level.
_LEAD_ROLES = ("gp", "community-nurse", "social-worker")
_ACTION_IDS = "SELECT t::text FROM mdt.care_plan_version t WHERE care_plan_id::text = $1 ORDER BY 1"
#: People whom navigation knows. A discharge that is recorded after a move shows that the person is here.
_DISCHARGED = """
SELECT person_id FROM navigation.person
WHERE person_id NOT IN (SELECT person_id FROM navigation.person_change WHERE lifted_at IS NULL AND care_from IS NULL)
AND person_id IN (SELECT person_id FROM navigation.task) ORDER BY person_id"""
_FOUND = "SELECT person_id FROM mdt.risk WHERE status IN ('found', 'watched') ORDER BY person_id"
_NEXT_MEETING = "SELECT min(starts_at) FROM mdt.meeting WHERE starts_at > $1"
_NEXT_DEADLINES = " UNION ALL ".join(
    f"SELECT kind, min(due_at) AS due_at FROM {context}.deadline WHERE state = 'pending' AND due_at > $1 GROUP BY kind"  # noqa: S608
    for context in CONTEXTS
)
_MEETING = "SELECT version FROM mdt.meeting WHERE id::text = $1"
_NAVIGATOR = "SELECT version FROM navigation.navigator WHERE code = $1"
_CLINICIAN = "SELECT version FROM rapid_care.clinician WHERE id = $1"
#: Commands that move an item on, by which an example begins.
_FORWARD = {
    *("TriageReferral", "RouteReferral", "AcceptReferral", "AcceptResponse", "AssignClinician", "Depart", "RecordFirstContact"),
    *("RecordAssessment", "AgreePackage", "ScreenCase", "HoldMeeting", "DiscussCase", "AgreePlan", "AcceptLead", "AcknowledgeTask"),
}
#: The steps from a case to the first task of an agreed plan, and their fields.
_TO_A_PLAN = (
    *(("case", "ScreenCase"), ("case", "DiscussCase"), ("lead", "AcceptLead"), ("care_plan", "AgreePlan")),
    *(("task", "AcknowledgeTask"), ("task", "StartTask")),
)
_OF_A_PLAN: dict[str, Sequence[Any]] = {"outcome": ("eligible",), "is_agreed_by_person": (True,)}
#: How often an act on a case or a meeting waits for the meeting, by state: its commands are offered there alone.
_BEFORE_MEETING = {"listed": 0.5, "cut-off": 0.5}
#: Commands that move an item on are often chosen and those that end it or ask back seldom, so that lives are long.
_WEIGHTS = {
    **dict.fromkeys(("TriageReferral", "DiscussCase", "RecordFirstContact", "AgreePlan", "AcceptLead", "AnswerCall", "SeparatePerson"), 3),
    **dict.fromkeys(("RouteReferral", "ScreenCase", "AcceptResponse", "AssignClinician", "Depart", "RecordAssessment", "AgreePackage"), 5),
    **dict.fromkeys(("RequestInformation", "AnswerInformation", "SetCondition", "RaiseUrgency", "DeferCase", "RegisterNavigator"), 0.3),
    **dict.fromkeys(("AmendReferral", "ClaimReferral", "ReleaseClaim", "RescheduleTask", "EscalateTask"), 0.2),
    **dict.fromkeys(("CancelReferral", "CancelMeeting", "CloseCase", "CancelTask", "DeclineResponse", "RecordDeath", "RecordMove"), 0.15),
}
#: Minutes by which the clock moves, with their weights.
_MOVES = [((1, 20), 8), ((20, 180), 6), ((180, 1_500), 4), ((1_500, 10_000), 2), ((20_000, 200_000), 0.2)]


async def refer(model: PersonModel, random: Random) -> None:
    """A referrer sends a referral of one of a few persons."""
    caller = Caller(*random.choice(_REFERRERS), ("referrals:refer",))
    await model.command("referrals", "ReceiveReferral", "/referrals", caller, a_random_referral(random))


async def begin(model: PersonModel, random: Random) -> None:
    """A day begins with staff on duty, a few referrals, and work in progress."""
    for clinician in CLINICIANS:
        entry = {"skills": random.sample(list(Skill), 4), "is_on_duty": True}
        await model.command("rapid_care", "RosterClinician", f"/rapid-care/clinicians/{clinician}", _RAPID_CARE, entry)
    for navigator in NAVIGATORS:
        body = {"locality": "west", "role": "care-navigator"}
        await model.command("navigation", "RegisterNavigator", f"/navigation/navigators/{navigator}", _NAVIGATION, body)
    for _ in range(4):
        await refer(model, random)
    await find_person(model, random)
    for _ in range(random.choice((0, 8, 16, 24))):
        await _advance(model, random)
    if random.random() < 0.5:
        await _plan(model, random)


async def _plan(model: PersonModel, random: Random) -> None:
    """A person of case finding becomes a case, which the meeting mostly discusses: a plan begins, and its tasks."""
    await _score(model, random.choice(NUMBERS), "27.10", model.contexts.now.astimezone(LONDON).date())
    await model.contexts.settle()
    if not (found := await model.connection.fetch(_FOUND)):
        return
    person_id = str(random.choice(found)["person_id"])
    body = {"person_id": person_id, "practice_code": "W07", "locality": "west"}
    await model.command("mdt", "ReferCase", "/mdt/cases", MEETING[0], body)
    for name, command in _TO_A_PLAN:
        if item := await item_of(model.connection, random, name, person_id):
            await _act_on(model, random, item, {command}, _OF_A_PLAN)
            await model.contexts.settle()


async def act_on_an_item(model: PersonModel, random: Random) -> None:
    """A suitable caller sends one of the commands that an item offers."""
    if item := await random_item(model.connection, random):
        await _act_on(model, random, item)


async def try_what_is_not_offered(model: PersonModel, random: Random) -> None:
    """A caller sends a command that the item does not offer."""
    if item := await random_item(model.connection, random):
        caller = random.choice(item.callers())
        offers = {action["name"] for action in await _offers(model, item, caller) or ()}
        names = [name for name in await model.commands_of(item.aggregate.context, item.address) if name not in offers]
        if names:
            name = random.choice(names)
            body = await _body(model, random, item, name, {})
            context, stored = item.aggregate.context, item.row["version"]
            version = await model.seen_version(context, item.address, caller, stored)
            await model.command_not_offered(context, name, item.address, caller, body, version=version)


async def _advance(model: PersonModel, random: Random) -> None:
    """An item takes a step forward, at its meeting when it waits for that, and everything arrives."""
    if item := await random_item(model.connection, random, is_open=True):
        await _act_on(model, random, item, _FORWARD)
        await model.contexts.settle()


async def _act_on(
    model: PersonModel, random: Random, item: Item, names: Container[str] | None = None, values: Mapping[str, Sequence[Any]] | None = None
) -> None:
    if item.state in _BEFORE_MEETING and random.random() < (_BEFORE_MEETING[item.state] if names is None else 1):
        await _go_to_meeting(model, random, item)
    for caller in random.sample(item.callers(), k=len(item.callers())):
        actions = [action for action in await _offers(model, item, caller) or () if names is None or action["name"] in names]
        if actions:
            action = random.choices(actions, [_weight(action["name"], item) for action in actions])[0]
            body = await _body(model, random, item, action["name"], values or {})
            context, stored = item.aggregate.context, item.row["version"]
            version = await model.seen_version(context, item.address, caller, stored)
            await model.offered_command(context, action["name"], action["href"], caller, body, version=version)
            return


def _weight(name: str, item: Item) -> float:
    """A referral is seldom triaged twice."""
    return 0.2 if name == "TriageReferral" and item.state.startswith("triaged") else _WEIGHTS.get(name, 1)


async def _go_to_meeting(model: PersonModel, random: Random, item: Item) -> None:
    """The clocks move to the middle of the meeting that the item waits for; a discussion mostly has its attendance."""
    meeting = datetime.fromisoformat(item.row.get("starts_at") or item.row["meeting_starts_at"]) + timedelta(minutes=30)
    if meeting > model.contexts.now:
        _set_clock(model, meeting)
    if item.aggregate.name == "case" and random.random() < 0.95:
        meeting_id, version = item.row["meeting_id"], await model.connection.fetchval(_MEETING, item.row["meeting_id"])
        body = {"attended": [*QUORUM, "mental-health"]}
        await model.command("mdt", "HoldMeeting", f"/mdt/meetings/{meeting_id}/attendance", MEETING[0], body, version=version)


async def _offers(model: PersonModel, item: Item, caller: Caller) -> Any:
    """The actions that the item offers to the caller; None when the caller may not see it."""
    with model.transitions.paused():
        offers = await model.send(item.aggregate.context, "GET", f"{item.address}/actions", caller)
    return offers.json() if offers.is_success else None


async def change_staff(model: PersonModel, random: Random) -> None:
    """A clinician or a navigator joins, or a clinician comes on or off duty. Navigators declare absences as items."""
    if random.random() < 0.6:
        clinician = random.choice(CLINICIANS)
        version = await model.connection.fetchval(_CLINICIAN, clinician) or 0
        entry = {"skills": random.sample(list(Skill), 3), "is_on_duty": random.random() < 0.8}
        await model.command(
            "rapid_care", "RosterClinician", f"/rapid-care/clinicians/{clinician}", _RAPID_CARE, entry, version=version or None
        )
    else:
        navigator, role = random.choice(NAVIGATORS), random.choice(["care-navigator", "case-manager"])
        body = {"locality": random.choice(["west", "west", "locality-b"]), "role": role}
        version = await model.connection.fetchval(_NAVIGATOR, navigator)
        await model.command("navigation", "RegisterNavigator", f"/navigation/navigators/{navigator}", _NAVIGATION, body, version=version)


async def find_person(model: PersonModel, random: Random) -> None:
    """A hospital discharges a person, or case finding scores one."""
    day = (model.contexts.now.astimezone(LONDON) - timedelta(days=random.randint(0, 1))).date()
    if random.random() < 0.5:
        await _score(model, random.choice(NUMBERS), random.choice(("0.50", "6.20", "27.10")), day)
    elif persons := await model.connection.fetch(_DISCHARGED):
        path = f"/navigation/people/{random.choice(persons)['person_id']}/home-checks"
        await model.command("navigation", "expect_home_check", path, _NAVIGATION, {"discharged_on": day.isoformat()})


async def _score(model: PersonModel, nhs_number: str, ratio: str, day: date) -> None:
    await model.command("mdt", "ImportRisk", "/mdt/risk/imports", _IMPORTER, csv=f"{HEADER}\n{nhs_number},W07,{ratio},,{day}\n")


async def deliver(model: PersonModel, random: Random) -> None:
    """Some records of one channel arrive, after the repetition of some that arrived before."""
    if channels := await model.contexts.waiting():
        channel, count, repeats = random.choice(channels), random.randint(1, 5), random.choice((0, 0, 0, 1, 2, 3))
        model.trace.append(
            f"{channel.consumer} gets {count} of {channel.waiting} records of {channel.records[0].topic} after {repeats} again"
        )
        await model.contexts.deliver(channel, count, repeats=repeats)


async def deliver_all(model: PersonModel, random: Random) -> None:  # noqa: ARG001  every act has the same form
    """Everything arrives."""
    model.trace.append("everything arrives")
    await model.contexts.settle()


async def fire(model: PersonModel, random: Random) -> None:
    """The scheduler of one context fires what is due, or those of all do."""
    contexts = random.choice([CONTEXTS, [random.choice(CONTEXTS)]])
    model.trace.append(f"{', '.join(contexts)} fire")
    await model.contexts.fire(contexts)


async def pass_time(model: PersonModel, random: Random) -> None:
    """The clocks move by minutes to days, seldom by months, to the middle of the next meeting, or to a deadline, which may fire at once."""
    now, kind = model.contexts.now, random.choices((_by_minutes, _to_meeting, _to_deadline), (5, 1, 4))[0]
    _set_clock(model, await kind(model, random) or now + timedelta(minutes=random.randint(1, 20)))
    if kind is _to_deadline and random.random() < 0.5:
        await model.contexts.fire(CONTEXTS)


async def _by_minutes(model: PersonModel, random: Random) -> datetime:
    ((least, most),) = random.choices([minutes for minutes, _ in _MOVES], [weight for _, weight in _MOVES])
    return model.contexts.now + timedelta(minutes=random.randint(least, most))


async def _to_meeting(model: PersonModel, random: Random) -> datetime | None:  # noqa: ARG001  every move has the same form
    starts_at: datetime | None = await model.connection.fetchval(_NEXT_MEETING, model.contexts.now)
    return starts_at and starts_at + timedelta(minutes=30)


async def _to_deadline(model: PersonModel, random: Random) -> datetime | None:
    """The next deadline of any kind; a near one more often."""
    now = model.contexts.now
    due: list[datetime] = [row["due_at"] for row in await model.connection.fetch(_NEXT_DEADLINES, now)]
    if due:
        return random.choices(due, [(1 + (each - now) / timedelta(hours=8)) ** -0.5 for each in due])[0]
    return None


def _set_clock(model: PersonModel, instant: datetime) -> None:
    model.contexts.set_clock(instant)
    model.trace.append(f"it is {instant}")


async def _body(model: PersonModel, random: Random, item: Item, name: str, values: Mapping[str, Sequence[Any]]) -> Any:
    operation = await model.operation(item.aggregate.context, name)
    return operation.body and BodyMaker(random, model.contexts.now, {**await _pools(model, item), **values}).body(name, operation.body)


async def _pools(model: PersonModel, item: Item) -> dict[str, Sequence[str]]:
    """Values that fit this item."""
    match item.aggregate.name:
        case "referral" if item.state == "merged":
            return {"reason": ["withdrawn"]}  # any other reason is one of the referral that it joined
        case "referral":
            fitting = "rapid-care" if item.row["urgency"] == "urgent" else "mdt" if item.row["is_complex"] else "service"
            fitting = "navigation" if item.row["urgency"] == "advice" else fitting
            return {"route": [fitting] * 4 + ["navigation"], "discrepancy": item.row["discrepancies"]}
        case "identity":
            persons = await model.connection.fetch("SELECT id::text FROM referrals.person ORDER BY given_name, family_name, id")
            return {"nhs_number": NUMBERS, "into": [row["id"] for row in persons]}
        case "care_plan" | "case":
            versions = await model.connection.fetch(_ACTION_IDS, item.row.get("care_plan_id") or item.row["id"])
            action_ids = re.findall(r'"+action_id"+: *"+([0-9a-f-]{36})', " ".join(row[0] for row in versions))
            return {"action_id": action_ids, "role": _LEAD_ROLES}
        case "lead":
            return {"role": _LEAD_ROLES}
        case _:
            return {}
