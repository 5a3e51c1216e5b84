"""`care verify` finds each half of each sentence about clocks and open items, in each state.

A defect is a few rows in an empty database. Each is rolled back.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import pytest

from infra.operations.verify.check import Check, run_check
from infra.operations.verify.checks import CHECKS
from infra.operations.verify.checks.agreement import AGREEMENT
from infra.operations.verify.checks.deadlines import DEADLINES
from infra.operations.verify.checks.duties import DUTIES
from infra.operations.verify.checks.owners import OWNERS, Aggregate, waiting_aggregates
from infra.operations.verify.checks.people import PEOPLE
from tests.builders.database import CommonDatabase
from tests.builders.rows import EARLIER, LATER, NOW, Row, an_id, row

ITEM, PARENT, PERSON, OTHER = (an_id(name) for name in ("item", "parent", "person", "other"))
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_CHECKS = {check.sentence: check for check in CHECKS}
_OTHERS = {"identity", "proposal", "safeguarding_concern", "meeting", "navigator"}
_WITH_PERSON = [aggregate for aggregate in waiting_aggregates() if aggregate.name not in _OTHERS]
_WAITING, _IN_CARE = ("requested", "accepted", "assigned", "en-route"), ("contacted", "assessed", "package-agreed", "stepped-down")
_NO_ACCESS = {"status": "contacted", "contact_mode": "no-access", "contacted_at": NOW}
_BREACHED, _AT_RISK = "rapid-care.response.breached.v1", "rapid-care.response.at-risk.v1"


@pytest.fixture(scope="module")
async def connection(common_database: CommonDatabase) -> AsyncIterator[Connection]:
    await common_database.reset()
    connection = await asyncpg.connect(common_database.url)
    yield connection
    await connection.close()


@pytest.fixture
async def owner(connection: Connection) -> AsyncIterator[Connection]:
    """The owner's connection, whose changes are rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SET LOCAL session_replication_role = replica")
    yield connection
    await transaction.rollback()


def _referral(**values: Any) -> Row:
    return row("referrals.referral", id=ITEM, person_id=PERSON, **values)


def _response(**values: Any) -> Row:
    return row("rapid_care.response", **{"id": ITEM, "person_id": PERSON, "referral_id": PARENT, **values})


def _clock_event(kind: str, subject: UUID, **values: Any) -> Row:
    return row("rapid_care.event", type=kind, topic="rapid-care.response", subject=subject, **values)


def _stepped_down(context: str, kind: str) -> tuple[Row, ...]:
    event = row(f"{context}.event", id=PARENT, type=kind, subject=ITEM, data={"destination": "gp"})
    return event, row("referrals.inbox", event_id=PARENT)


def _led(table: str, person_id: UUID, status: str, **values: Any) -> Row:
    return row(f"mdt.{table}", person_id=person_id, status=status, **values)


def _plan(*actions: Mapping[str, Any], status: str = "agreed", **values: Any) -> Row:
    return row("mdt.care_plan", id=ITEM, person_id=PERSON, status=status, in_force={"actions": list(actions)}, **values)


def _action(name: str, days: int, owner_role: str = "gp") -> Mapping[str, Any]:
    return {"action_id": str(an_id(name)), "owner_role": owner_role, "due_on": str(_day(days))}


def _day(days: int) -> Any:
    return (NOW + timedelta(days=days)).date()


def _deadline(context: str, kind: str, subject: UUID = ITEM, *, state: str = "pending", **values: Any) -> Row:
    return row(f"{context}.deadline", subject=subject, kind=kind, state=state, **values)


def _end_of(days: int) -> Row:
    """The deadline of an action at the end of its due day."""
    return _deadline("mdt", "plan-action", due_at=f"{_day(days + 1)} 00:00 Europe/London")


_MERGE = row("mdt.merged_person", person_id=OTHER, survivor_id=PERSON)
_TWO_LED_CASES = (_led("case", PERSON, "active-management"), _led("case", OTHER, "active-management"), _MERGE)

#: For each duty the kinds of its deadline, and rows with the duty.
_WITH_DUTY: Mapping[str, tuple[tuple[str, ...], Sequence[Row]]] = {
    "unanswered call about a referral": (("call",), [_referral(answer_by=NOW)]),
    "discrepancy of an open referral": (("discrepancy",), [_referral(discrepancies=["number-missing"])]),
    "report of a death or a move that outlasts its referral": (
        ("discrepancy",),
        [
            _referral(
                status="cancelled", ended_at=NOW, cancel_reason="withdrawn", discrepancies=["death-reported"], discrepancies_due_at=NOW
            )
        ],
    ),
    "question about a referral that its receiver has": (
        ("acknowledgement",),
        [_referral(status="information-requested", asked_in="routed")],
    ),
    "question about a referral at the Community Point of Access": (
        ("triage",),
        [_referral(status="information-requested", asked_in="identified")],
    ),
    "two-hour clock that runs": (("breach",), [_response(status=status) for status in ("held-until-opening", *_WAITING)]),
    "breached response without a contact": (("contact-chase",), [_response(status=status, breached_at=NOW) for status in _WAITING]),
    "accepted response without a clinician": (("assignment",), [_response(status=status) for status in ("accepted", *_IN_CARE)]),
    "response after a visit without access": (
        ("next-attempt",),
        [_response(**_NO_ACCESS), *(_response(status=status, contacted_at=NOW) for status in _WAITING)],
    ),
    "step of care": (("care-step",), [_response(status=status, contact_mode="face-to-face", contacted_at=NOW) for status in _IN_CARE]),
    "unanswered call about a response": (("call",), [_response(answer_by=NOW)]),
    "plan without a due review": (("review",), [_led("care_plan", PERSON, each, id=ITEM) for each in ("offered", "declined", "agreed")]),
    "due time of an open task": (
        ("overdue", "long-overdue"),
        [row("navigation.task", id=ITEM, status=each) for each in ("unassigned", "assigned", "acknowledged", "begun", "blocked")],
    ),
}

#: For each other sentence all of its defects: rows that contradict it.
_DEFECTS: Mapping[str, Mapping[str, Sequence[Row]]] = {
    "no deadline fired before it was due": {
        "early": [_deadline("rapid_care", "breach", state="fired", due_at=NOW, resolved_at=EARLIER)],
    },
    "no deadline fired twice, or without being marked as fired": {
        "not marked": [_deadline("mdt", "review", due_at=EARLIER), row("mdt.audit", subject=ITEM, action="deadline review", at=NOW)],
        "twice": [
            _deadline("mdt", "review", state="fired", due_at=EARLIER, resolved_at=EARLIER),
            *(row("mdt.audit", subject=ITEM, action="deadline review", at=at) for at in (EARLIER, NOW)),
        ],
    },
    "no breach was published before the two hours had passed, or twice for a referral": {
        "early": [_response(), _clock_event(_BREACHED, ITEM, data={"due_at": str(LATER)})],
        "twice": [
            *(_response(id=each) for each in (ITEM, OTHER)),
            *(_clock_event(_BREACHED, each, data={"due_at": str(EARLIER)}) for each in (ITEM, OTHER)),
        ],
    },
    "no warning of a two-hour clock was published early, or twice for a referral": {
        "early": [_response(clock_starts_at=NOW), _clock_event(_AT_RISK, ITEM, data={"minutes_elapsed": 60})],
        "twice": [
            *(_response(id=each, clock_starts_at=EARLIER) for each in (ITEM, OTHER)),
            *(_clock_event(_AT_RISK, each, data={"minutes_elapsed": 60}) for each in (ITEM, OTHER)),
        ],
    },
    "every ended two-hour clock was met, breached or released, and only one of these": {
        "met and breached": [_response(contacted_at=EARLIER, due_at=NOW, breached_at=NOW)],
        "neither met nor breached": [_response(contacted_at=NOW, due_at=EARLIER)],
        "released after the breach": [_response(ended_at=NOW, due_at=EARLIER)],
    },
    "every two-hour clock past its deadline is breached or has a breach deadline": {
        "no breach": [_response(due_at=EARLIER)],
        "fired without a breach": [_response(due_at=EARLIER), _deadline("rapid_care", "breach", state="fired", resolved_at=NOW)],
    },
    "every open action of a care plan in force has a pending deadline": {
        **{f"none, {status}": [_plan(_action("a", 3), status=status)] for status in ("agreed", "offered", "review-due")},
        "none for a navigator": [_plan(_action("a", 3, "care-navigator"))],
        "only that of the review": [_plan(_action("a", 3)), _deadline("mdt", "review")],
        "only that of another action": [_plan(_action("a", 3), _action("b", 9)), _end_of(9)],
        "only an earlier one": [_plan(_action("a", 3), _action("b", 9)), _end_of(3)],
        "cancelled": [_plan(_action("a", 3)), _deadline("mdt", "plan-action", state="cancelled", due_at=LATER)],
        "returned to the lead": [
            _plan(_action("a", 30, "care-navigator"), returned=[{"action_id": str(an_id("a")), "due_on": str(_day(3))}]),
            _end_of(37),
        ],
    },
    "every open referral has a due time, and an accepted one a service": {
        "no due time": [_referral(status="identified")],
        "an end": [_referral(status="identified", due_at=NOW, ended_at=NOW)],
        "no service": [_referral(status="accepted", due_at=NOW)],
    },
    "every ended referral has an outcome, a reason for cancellation, or the referral that it was merged into": {
        "no outcome": [_referral(status="closed", ended_at=NOW)],
        "no reason": [_referral(status="cancelled", ended_at=NOW)],
        "no other referral": [_referral(status="merged", ended_at=NOW)],
        "an absent referral": [_referral(status="merged", ended_at=NOW, merged_into=OTHER)],
        "no end": [_referral(status="closed", outcome="need-met")],
    },
    "every person without a verified NHS number is traced, or merged into another record": {
        "no identity": [row("referrals.person", id=PERSON)],
        "verified": [row("referrals.person", id=PERSON), row("referrals.identity", person_id=PERSON, status="verified")],
    },
    "every step-down that referrals applied is an onward referral, or a navigator's task": {
        "of a response": _stepped_down("rapid_care", "rapid-care.response.stepped-down.v1"),
        "of a case": _stepped_down("mdt", "mdt.case.stepped-down.v1"),
    },
    "every open response answers a referral, and a dispatched one names its clinician": {
        "no referral": [_response(status="requested")],
        **{each: [_response(status=each), row("referrals.referral", id=PARENT)] for each in ("assigned", "en-route")},
    },
    "no open response is with a clinician who is off duty": {
        "off duty": [_response(clinician_id="nurse"), row("rapid_care.clinician", id="nurse", is_on_duty=False)],
    },
    "no open task is with a navigator who is away": {
        "away": [row("navigation.task", navigator_id="navigator"), row("navigation.navigator", code="navigator", presence="away")],
    },
    "every discussed case has a lead": {
        **{f"none, {each}": [_led("case", PERSON, each)] for each in ("active-management", "stepped-down")},
        "an ended one": [_led("case", PERSON, "active-management"), _led("lead", PERSON, "ended")],
        "another person's": [_led("case", PERSON, "active-management"), _led("lead", OTHER, "active")],
        "none after a merge": [*_TWO_LED_CASES, _led("lead", OTHER, "ended")],
        "none after a separation": [
            *_TWO_LED_CASES[:2],
            row("mdt.merged_person", person_id=OTHER, survivor_id=PERSON, separated_at=NOW),
            _led("lead", PERSON, "active"),
        ],
        "none, and the person died": [
            _led("case", PERSON, "active-management"),
            row("mdt.person_change", person_id=PERSON, change="death"),
        ],
    },
    "each person has at most one active lead": {
        "one under each id": [_MERGE, _led("lead", PERSON, "active"), _led("lead", OTHER, "active")],
    },
    "every notification that waits for an answer has a deadline by which the chair is notified": {
        "no deadline": [row("mdt.notification", thread_id=ITEM)],
        "a fired one": [
            row("mdt.notification", thread_id=ITEM),
            _deadline("mdt", "notification-acknowledgement", state="fired", resolved_at=NOW),
        ],
    },
    "every home check that fell due is a task": {"no task": [row("navigation.home_check", id=ITEM, status="due")]},
    "every task that a navigator has names the navigator": {
        each: [row("navigation.task", id=ITEM, status=each)] for each in ("assigned", "acknowledged", "begun", "blocked")
    },
}

#: States that contradict nothing.
_SOUND: Mapping[str, tuple[str, Sequence[Row]]] = {
    "lead of a merged person": ("every discussed case has a lead", [*_TWO_LED_CASES, _led("lead", PERSON, "active")]),
    "lead under the merged id": ("every discussed case has a lead", [*_TWO_LED_CASES, _led("lead", OTHER, "active")]),
    "death of a merged person, known under one id": (
        "every discussed case has a lead",
        [*_TWO_LED_CASES[1:], row("mdt.person_change", person_id=PERSON, change="death")],
    ),
    "leads of separated persons": (
        "each person has at most one active lead",
        [
            row("mdt.merged_person", person_id=OTHER, survivor_id=PERSON, separated_at=NOW),
            *(_led("lead", each, "active") for each in (PERSON, OTHER)),
        ],
    ),
    **{
        name: ("every open action of a care plan in force has a pending deadline", rows)
        for name, rows in {
            "action that is done": [_plan(_action("a", 3), fulfilled=[str(an_id("a"))])],
            "actions of a closed plan": [_plan(_action("a", 3), status="closed")],
            "action with its deadline": [_plan(_action("a", 3)), _end_of(3)],
            "overdue action with a reminder": [_plan(_action("a", -3)), _end_of(4)],
            "navigator's action, noticed after its day": [_plan(_action("a", 3, "care-navigator")), _end_of(10)],
            "actions with one day": [_plan(_action("a", 3), _action("b", 3)), _end_of(3)],
        }.items()
    },
}


def test_every_sentence_about_clocks_and_open_items_has_defects() -> None:
    tested = {*_DEFECTS, *map(_of_duty, _WITH_DUTY)}
    assert {check.sentence for check in (*DEADLINES, *DUTIES, *PEOPLE)} == tested
    assert {check.sentence for check in CHECKS if check.invariant in {"I7", "I8"}} == tested | {
        check.sentence for check in (*OWNERS, *AGREEMENT)
    }


@pytest.mark.parametrize(
    ("sentence", "rows"),
    [pytest.param(sentence, rows, id=f"{sentence}: {name}") for sentence, halves in _DEFECTS.items() for name, rows in halves.items()],
)
async def test_defect_contradicts_its_sentence(owner: Connection, sentence: str, rows: Sequence[Row]) -> None:
    assert await _contradictions(owner, _CHECKS[sentence]) == []
    assert await _contradictions(owner, _CHECKS[sentence], *rows)


@pytest.mark.parametrize(("sentence", "rows"), list(_SOUND.values()), ids=_SOUND)
async def test_sound_state_contradicts_nothing(owner: Connection, sentence: str, rows: Sequence[Row]) -> None:
    assert await _contradictions(owner, _CHECKS[sentence], *rows) == []


@pytest.mark.parametrize(
    ("sentence", "kinds", "item"),
    [
        pytest.param(name, kinds, item, id=f"{name}: {item.values.get('status', '')}")
        for name, (kinds, items) in _WITH_DUTY.items()
        for item in items
    ],
)
async def test_duty_needs_its_deadline(owner: Connection, sentence: str, kinds: Sequence[str], item: Row) -> None:
    check, (context, _, _) = _CHECKS[_of_duty(sentence)], item.table.partition(".")
    assert len(await _contradictions(owner, check, item)) == 1
    assert len(await _contradictions(owner, check, item, _deadline(context, "any"), _deadline(context, kinds[0], OTHER))) == 1
    for kind in kinds:
        assert len(await _contradictions(owner, check, item, _deadline(context, kind, state="cancelled"))) == 1
        assert await _contradictions(owner, check, item, _deadline(context, kind)) == []


def _states(*, is_open: bool) -> Iterator[Any]:
    for aggregate in waiting_aggregates():
        for state, ownership in aggregate.owners.items():
            if (ownership is not None) == is_open:
                yield pytest.param(aggregate, state.value, id=f"{aggregate.context} {aggregate.name} {state}")


@pytest.mark.parametrize(("aggregate", "state"), [*_states(is_open=True)])
async def test_open_state_needs_a_deadline_of_it(owner: Connection, aggregate: Aggregate, state: str) -> None:
    check, ownership = _CHECKS[aggregate.sentence], aggregate.owners[type(next(iter(aggregate.owners)))(state)]
    assert ownership is not None
    rows, subject = _owned(aggregate, state, ownership.subject)
    assert len(await _contradictions(owner, check, *rows)) == 1
    assert len(await _contradictions(owner, check, *rows, _deadline(aggregate.context, "any", subject))) == 1
    for kind in ownership.deadlines:
        assert len(await _contradictions(owner, check, *rows, _deadline(aggregate.context, kind, OTHER))) == 1
        assert len(await _contradictions(owner, check, *rows, _deadline(aggregate.context, kind, subject, state="fired"))) == 1
        assert await _contradictions(owner, check, *rows, _deadline(aggregate.context, kind, subject)) == []


@pytest.mark.parametrize(("aggregate", "state"), [*_states(is_open=False)])
async def test_ended_state_has_no_deadline_of_an_open_one(owner: Connection, aggregate: Aggregate, state: str) -> None:
    check, (item, *_), table = _CHECKS[aggregate.sentence], _owned(aggregate, state, "id")[0], aggregate.table.items()
    kinds = [kind for kind, each in table if type(kind).__name__.endswith("Deadline") and state not in each.sources]
    assert await _contradictions(owner, check, item) == []
    for kind in kinds:
        assert len(await _contradictions(owner, check, item, _deadline(aggregate.context, str(kind)))) == 1
        assert await _contradictions(owner, check, item, _deadline(aggregate.context, str(kind), state="cancelled")) == []


def _continued() -> Iterator[Any]:
    for aggregate in _WITH_PERSON:
        for state in aggregate.open_states:
            for status in ("deceased", "moved"):
                yield pytest.param(aggregate, state, status, id=f"{aggregate.context} {aggregate.name} {state} of a {status} person")


@pytest.mark.parametrize(("aggregate", "state", "status"), [*_continued()])
async def test_care_of_a_person_who_is_gone_is_found(owner: Connection, aggregate: Aggregate, state: str, status: str) -> None:
    (check,) = [each for each in AGREEMENT if each.contexts == [aggregate.context]]
    item = row(
        f"{aggregate.context}.{aggregate.name}", **{"id": ITEM, "person_id": PERSON, "correlation_id": None, aggregate.column: state}
    )
    begun = {"id": ITEM, "person_id": PERSON, aggregate.column: state}
    if aggregate.name != "home_check":
        begun["correlation_id"] = PARENT
    item = row(f"{aggregate.context}.{aggregate.name}", **begun)
    gone, known = _gone(status), row(f"{aggregate.context}.inbox", event_id=OTHER)
    assert len(await _contradictions(owner, check, item, *gone, known)) == 1
    marked = row("referrals.referral", id=PARENT, correlation_id=PARENT, person_id=PERSON, person_is_recorded_as="moved", ended_at=EARLIER)
    if aggregate.name == "referral":
        return
    assert len(await _contradictions(owner, check, item, *gone, known, marked)) == 1, "a referral that ended before excuses nothing"
    assert await _contradictions(owner, check, item, *gone) == [], "the context does not know"
    before, after = (row("mdt.audit", subject=_chain(aggregate), at=at) for at in (EARLIER, LATER))
    assert len(await _contradictions(owner, check, item, *gone, known, before, after)) == 1
    assert await _contradictions(owner, check, item, *gone, known, after) == [], "begun after the change"


async def test_referral_after_the_change_excuses_its_chain_alone(owner: Connection) -> None:
    (check,) = [each for each in AGREEMENT if each.contexts == ["rapid_care"]]
    gone, known = _gone("moved"), row("rapid_care.inbox", event_id=OTHER)
    marked = row("referrals.referral", id=PARENT, person_id=PERSON, person_is_recorded_as="moved")
    own, other = (_response(status="accepted", correlation_id=chain) for chain in (PARENT, OTHER))
    assert await _contradictions(owner, check, own, *gone, known, marked) == []
    assert len(await _contradictions(owner, check, other, *gone, known, marked)) == 1
    (check,) = [each for each in AGREEMENT if each.contexts == ["referrals"]]
    assert await _contradictions(owner, check, _referral(status="accepted", person_is_recorded_as="moved"), *gone) == []


async def test_rise_of_risk_after_move_excuses_its_chain_alone(owner: Connection) -> None:
    (check,) = [each for each in AGREEMENT if each.contexts == ["mdt"]]
    known = row("mdt.inbox", event_id=OTHER)
    found = row("mdt.risk", id=ITEM, person_id=PERSON, status="found", correlation_id=PARENT)
    early, late = (
        row("mdt.event", type="mdt.risk.level-crossed.v1", subject=ITEM, correlation_id=PARENT, occurred_at=at) for at in (EARLIER, LATER)
    )
    assert len(await _contradictions(owner, check, found, early, known, *_gone("moved"))) == 1
    assert await _contradictions(owner, check, found, late, known, *_gone("moved")) == []
    assert len(await _contradictions(owner, check, found, late, known, *_gone("deceased"))) == 1


def _of_duty(name: str) -> str:
    return f"every {name} has a pending deadline"


def _chain(aggregate: Aggregate) -> UUID:
    return ITEM if aggregate.name == "home_check" else PARENT


def _gone(status: str) -> tuple[Row, ...]:
    """The recorded life, with its event."""
    life = row("referrals.life", id=an_id("life"), person_id=PERSON, status=status, version=1)
    return life, row("referrals.event", id=OTHER, subject=an_id("life"), sequence=1, occurred_at=NOW)


def _owned(aggregate: Aggregate, state: str, subject: str) -> tuple[list[Row], UUID]:
    """The aggregate in this state, with the other one that has its deadline, and the id of that one. A lead has its person's plan."""
    values = {"id": ITEM, aggregate.column: state} | ({} if subject == "id" else {subject: PARENT})
    if aggregate.name == "lead":
        values["person_id"] = PERSON
    item = row(f"{aggregate.context}.{aggregate.name}", **values)
    plan = row("mdt.care_plan", id=PARENT, person_id=PERSON, status="closed")
    return [item, *([plan] if aggregate.name == "lead" else [])], ITEM if subject == "id" else PARENT


async def _contradictions(owner: Connection, check: Check, *rows: Row) -> Sequence[str]:
    """The contradictions with these rows alone."""
    savepoint = owner.transaction()
    await savepoint.start()
    for each in rows:
        await each.insert(owner)
    found = await run_check(owner, check)
    await savepoint.rollback()
    assert found.contradictions == len(found.examples)
    return list(found.examples)
