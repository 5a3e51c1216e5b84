"""Deaths and moves, reported by each service and over HTTP, and their reversal as a mistake."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.authentication import MacKeys
from shared.contracts.care_plans import CarePlanClosed
from shared.contracts.codes import TaskKind
from shared.contracts.envelope import Record
from shared.contracts.event import Event
from shared.contracts.mdt import CaseClosed, CaseCloseReason
from shared.contracts.navigation import TaskAcknowledged, TaskFulfilled, TaskOutcome, TaskSource
from shared.contracts.persons import PersonChange, PersonDeceased, PersonMoved, PersonRestored, PersonReturned
from shared.contracts.rapid_care import ResponseAccepted, ResponseClosed, ResponseOutcome
from shared.contracts.referrals import ReferralCancelled, ReferralClosed, ReferralReopened
from shared.kernel.ids import new_id
from tests.builders.context_app import arrived, repeated, signed
from tests.builders.referrals import MONDAY, ReferralsClient

URGENT: dict[str, Any] = {"urgency": "urgent", "reason": "urgent-deterioration", "condition": "pneumonia"}
HERE_AGAIN = {"reason": "Lives with the daughter in Barnet again."}
MISTAKE = {"reason": "The death is that of a neighbour."}
#: How a service of the product is asked: route, service, and the fields of the referral.
Asked = tuple[str, str, dict[str, Any]]
RAPID_CARE: Asked = ("rapid-care", "rapid-care", URGENT)
MDT: Asked = ("mdt", "mdt", {})
NAVIGATION: Asked = ("navigation", "care-navigation", {})
#: The request of a service, the context that reports, and its event about a referral.
Reported = tuple[Asked, str, Callable[[UUID], Event]]


def a_closed_response(outcome: ResponseOutcome = ResponseOutcome.DIED_IN_PREFERRED_PLACE) -> Callable[[UUID], Event]:
    return lambda referral_id: ResponseClosed(
        referral_id=referral_id, outcome=outcome, is_admission_avoided=False, benefit_pounds=0, routing=1
    )


def a_closed_case(reason: CaseCloseReason = CaseCloseReason.DIED) -> Callable[[UUID], Event]:
    return lambda referral_id: CaseClosed(referral_id=referral_id, reason=reason)


def a_fulfilled_task(outcome: TaskOutcome = TaskOutcome.PERSON_DIED) -> Callable[[UUID], Event]:
    return lambda referral_id: TaskFulfilled(
        kind=TaskKind.CARE_COORDINATION, source=TaskSource.REFERRAL, source_id=referral_id, outcome=outcome
    )


REPORTS: dict[str, Reported] = {
    "rapid care, in the preferred place": (RAPID_CARE, "rapid-care", a_closed_response()),
    "rapid care, elsewhere": (RAPID_CARE, "rapid-care", a_closed_response(ResponseOutcome.DIED_ELSEWHERE)),
    "weekly meeting": (MDT, "mdt", a_closed_case()),
    "care plan": (MDT, "mdt", lambda referral_id: CarePlanClosed(reason="died", referral_ids=(referral_id,))),
    "navigation": (NAVIGATION, "navigation", a_fulfilled_task()),
}
MOVES: dict[str, Reported] = {
    "weekly meeting": (MDT, "mdt", a_closed_case(CaseCloseReason.MOVED_AWAY)),
    "navigation": (NAVIGATION, "navigation", a_fulfilled_task(TaskOutcome.PERSON_MOVED_AWAY)),
}


async def life_of(client: ReferralsClient, person_id: str) -> dict[str, Any]:
    response = await client.get(f"/people/{person_id}/life")
    assert response.status_code == 200, response.text
    assert response.headers["etag"] == f'W/"{response.json()["version"]}"'
    life: dict[str, Any] = response.json()
    return life


async def change(client: ReferralsClient, person_id: str, verb: str, body: Any = None) -> dict[str, Any]:
    """Changes the person's life in its present version."""
    version = (await life_of(client, person_id))["version"]
    response = await client.post(f"/people/{person_id}/{verb}", body or {}, version=version)
    assert response.status_code == 200, response.text
    changed: dict[str, Any] = response.json()
    return changed


def stated(record: Record, keys: MacKeys, *, at: datetime | None = None, cause: UUID | None = None) -> Record:
    """The record as stated at another time, or as caused by an event."""
    headers = dict(record.headers)
    if at is not None:
        headers["ce_time"] = at.isoformat().encode()
    if cause is not None:
        headers["ce_causationid"] = str(cause).encode()
    return signed(replace(record, headers=tuple(headers.items())), keys)


async def apply(client: ReferralsClient, referral: dict[str, Any], event: Event, **envelope: Any) -> None:
    """Applies an event of another context with a stated time or cause."""
    key, secrets = UUID(referral["person_id"]), client.context.database.secrets
    record = arrived(event, key=key, subject=new_id(), secrets=secrets, correlation=UUID(referral["id"]))
    await client.context.processor.apply([stated(record, secrets.mac_keys, **envelope)])


async def pending_deadlines(client: ReferralsClient, referral_id: str) -> list[str]:
    rows = await client.context.database.pool.fetch(
        "SELECT kind FROM deadline WHERE subject = $1 AND state = 'pending' ORDER BY kind", UUID(referral_id)
    )
    return [row["kind"] for row in rows]


@pytest.mark.parametrize("reported", REPORTS.values(), ids=REPORTS)
async def test_death_reported_by_a_service_ends_every_referral(client: ReferralsClient, reported: Reported) -> None:
    (route, service, fields), reporter, event = reported
    reporting = await client.refer_and_route(route, service, **fields)
    other, unsent = await client.refer_and_route(reason="palliative"), await client.refer(reason="falls")

    await client.deliver(reporting, event(UUID(reporting["id"])))

    assert [(await client.read(each["id"]))["status"] for each in (reporting, other, unsent)] == ["closed", "cancelled", "cancelled"]
    assert (await client.read(reporting["id"]))["outcome"] == "died"
    assert {(await client.read(each["id"]))["cancel_reason"] for each in (other, unsent)} == {"died"}
    assert [await pending_deadlines(client, each["id"]) for each in (reporting, other, unsent)] == [[], [], []]
    [death] = await client.context.published(PersonDeceased)
    assert (death.died_on, death.reported_by, death.recorded_at) == (None, reporter, MONDAY)
    assert (await life_of(client, reporting["person_id"]))["status"] == "deceased"
    [line] = [line for line in (await client.read(other["id"]))["feedback"] if line["code"] == "cancelled"]
    assert line["text"] == "It has ended, because the person is recorded as having died."


@pytest.mark.parametrize("reported", MOVES.values(), ids=MOVES)
async def test_move_reported_by_a_service_ends_every_referral(client: ReferralsClient, reported: Reported) -> None:
    (route, service, fields), reporter, event = reported
    reporting, other = await client.refer_and_route(route, service, **fields), await client.refer_and_route(reason="palliative")

    await client.deliver(reporting, event(UUID(reporting["id"])))

    assert [(await client.read(each["id"]))["status"] for each in (reporting, other)] == ["closed", "cancelled"]
    assert (await client.read(other["id"]))["cancel_reason"] == "moved-away"
    assert [event.reported_by for event in await client.context.published(PersonMoved)] == [reporter]


async def test_life_events_have_the_chain_of_the_report(client: ReferralsClient) -> None:
    reporting = await client.refer_and_route(*RAPID_CARE[:2], **URGENT)

    await client.deliver(reporting, a_closed_response()(UUID(reporting["id"])))

    [row] = await client.context.database.pool.fetch("SELECT * FROM event WHERE topic = 'referrals.person'")
    assert (row["key"], row["correlation_id"]) == (UUID(reporting["person_id"]), UUID(reporting["id"]))
    timeline = (await client.get(f"/people/{reporting['person_id']}/timeline")).json()["items"]
    [entry] = [entry for entry in timeline if entry["type"] == "referrals.person.deceased.v1"]
    assert entry["data"]["reported_by"] == "rapid-care"


async def test_same_report_again_changes_nothing(client: ReferralsClient) -> None:
    reporting = await client.refer_and_route(*RAPID_CARE[:2], **URGENT)
    record = await client.deliver(reporting, a_closed_response()(UUID(reporting["id"])))
    before = await client.context.log()

    await client.context.processor.apply(repeated(record, 2))
    await client.deliver(reporting, a_closed_response()(UUID(reporting["id"])))
    await client.deliver(reporting, a_fulfilled_task(TaskOutcome.PERSON_MOVED_AWAY)(new_id()))

    assert await client.context.log() == before


async def test_reports_of_one_batch_record_one_death(client: ReferralsClient) -> None:
    urgent, other = await client.refer_and_route(*RAPID_CARE[:2], **URGENT), await client.refer_and_route(*NAVIGATION[:2])
    secrets, person_id = client.context.database.secrets, UUID(urgent["person_id"])
    events: list[tuple[dict[str, Any], Event]] = [
        (urgent, ResponseAccepted(referral_id=UUID(urgent["id"]), accepted_at=MONDAY, due_at=MONDAY, routing=1)),
        (other, TaskAcknowledged(navigator_id="navigator-1", source=TaskSource.REFERRAL, source_id=UUID(other["id"]))),
        (urgent, a_closed_response()(UUID(urgent["id"]))),
        (other, a_fulfilled_task()(UUID(other["id"]))),
    ]
    records = [
        arrived(event, key=person_id, subject=new_id(), secrets=secrets, correlation=UUID(each["id"]), sequence=number)
        for number, (each, event) in enumerate(events, start=1)
    ]

    await client.context.processor.apply(records)

    assert len(await client.context.published(PersonDeceased)) == 1
    assert [(await client.read(each["id"]))["status"] for each in (urgent, other)] == ["closed", "cancelled"]


@pytest.mark.parametrize(("reason", "status"), [("died", "deceased"), ("moved-away", "moved")])
async def test_cancellation_for_a_change_of_life_records_it(client: ReferralsClient, reason: str, status: str) -> None:
    other = await client.refer_and_route(reason="palliative", caller=client.ambulance)
    sent = await client.refer()

    cancelled = await client.command(sent["id"], "cancellation", {"reason": reason}, caller=client.gp())

    assert (cancelled["status"], cancelled["cancel_reason"]) == ("cancelled", reason)
    assert (await client.read(other["id"]))["cancel_reason"] == reason
    life = await life_of(client, sent["person_id"])
    assert (life["status"], [each["reported_by"] for each in life["changes"]]) == (status, ["W07"])


@pytest.mark.parametrize(("outcome", "status"), [("died", "deceased"), ("moved-away", "moved")])
async def test_closure_with_a_change_of_life_records_it(client: ReferralsClient, outcome: str, status: str) -> None:
    routed, other = await client.refer_and_route(), await client.refer(reason="palliative")
    nurse = client.receiver("CLCH")
    await client.command(routed["id"], "acceptance", caller=nurse)

    closed = await client.command(routed["id"], "closure", {"outcome": outcome}, caller=nurse)

    assert (closed["status"], closed["outcome"]) == ("closed", outcome)
    assert ((await client.read(other["id"]))["cancel_reason"], (await life_of(client, other["person_id"]))["status"]) == (outcome, status)


async def test_death_is_recorded_over_http_with_its_day(client: ReferralsClient) -> None:
    sent = await client.refer()

    life = await change(client, sent["person_id"], "death", {"died_on": "2015-03-14"})

    assert (life["status"], life["version"]) == ("deceased", 1)
    [recorded] = life["changes"]
    assert (recorded["kind"], recorded["happened_on"], recorded["reported_by"]) == ("death", "2015-03-14", "CLCH")
    assert (await client.read(sent["id"]))["cancel_reason"] == "died"
    assert (await client.get(f"/people/{sent['person_id']}")).json()["life"] == life


async def test_move_is_recorded_for_a_person_of_case_finding(client: ReferralsClient) -> None:
    person_id = new_id()
    await client.context.deliver(
        CaseClosed(referral_id=None, reason=CaseCloseReason.NEEDS_MET), key=person_id, subject=new_id(), correlation=new_id()
    )

    life = await change(client, str(person_id), "move")

    assert (life["status"], life["person_id"]) == ("moved", str(person_id))
    assert [event.moved_on for event in await client.context.published(PersonMoved)] == [None]


async def test_life_of_an_unknown_person_is_not_found(client: ReferralsClient) -> None:
    person_id = new_id()

    responses = [
        await client.get(f"/people/{person_id}/life"),
        await client.post(f"/people/{person_id}/death", {}, version=0),
    ]

    assert [(each.status_code, each.json()["code"]) for each in responses] == [(404, "person-not-found")] * 2


async def test_life_is_for_the_point_of_access_only(client: ReferralsClient) -> None:
    sent = await client.refer()

    response = await client.post(f"/people/{sent['person_id']}/death", {}, caller=client.gp(), version=0)

    assert (response.status_code, response.json()["code"]) == (403, "scope-missing")


async def test_change_of_life_requires_its_current_version(client: ReferralsClient) -> None:
    sent = await client.refer()

    without = await client.post(f"/people/{sent['person_id']}/death", {})
    responses = await asyncio.gather(*(client.post(f"/people/{sent['person_id']}/{verb}", {}, version=0) for verb in ("death", "move")))

    assert (without.status_code, without.json()["code"]) == (428, "if-match-missing")
    assert sorted(each.status_code for each in responses) == [200, 412]


async def test_death_in_future_is_refused_at_its_field(client: ReferralsClient) -> None:
    sent = await client.refer()

    response = await client.post(f"/people/{sent['person_id']}/death", {"died_on": "2015-03-17"}, version=0)

    assert (response.status_code, response.json()["code"]) == (422, "date-out-of-limits")


async def test_restoration_reopens_every_referral_that_the_death_ended(client: ReferralsClient) -> None:
    reporting = await client.refer_and_route(*RAPID_CARE[:2], **URGENT)
    await client.deliver(reporting, ResponseAccepted(referral_id=UUID(reporting["id"]), accepted_at=MONDAY, due_at=MONDAY, routing=1))
    routed, unsent = await client.refer_and_route(reason="palliative"), await client.refer(reason="falls")
    withdrawn = await client.refer(reason="dementia")
    await client.command(withdrawn["id"], "cancellation", {"reason": "withdrawn"})
    await client.deliver(reporting, a_closed_response()(UUID(reporting["id"])))
    await client.context.let_pass(timedelta(hours=3))

    life = await change(client, reporting["person_id"], "restoration", MISTAKE)

    assert (life["status"], life["changes"], life["restoration"]["reason"]) == ("living", [], MISTAKE["reason"])
    seen = [await client.read(each["id"]) for each in (reporting, routed, unsent, withdrawn)]
    assert [each["status"] for each in seen] == ["returned", "routed", "identified", "cancelled"]
    assert [each["owner"] and each["owner"]["service_code"] for each in seen] == [
        "community-point-of-access",
        "community-point-of-access",
        "community-point-of-access",
        None,
    ]
    kinds = [await pending_deadlines(client, each["id"]) for each in (reporting, routed, unsent, withdrawn)]
    assert kinds == [["triage"], ["acknowledgement"], ["triage"], []]
    assert seen[0]["deadline"]["due_at"] == "2015-03-16T13:20:00Z"
    assert (seen[0]["received_at"], seen[0]["clock_starts_at"]) == (reporting["received_at"], reporting["clock_starts_at"])
    [restored] = await client.context.published(PersonRestored)
    assert (restored.mistaken, restored.recorded_at, restored.restored_at) == (PersonChange.DEATH, MONDAY, MONDAY + timedelta(hours=3))
    assert len(await client.context.published(ReferralReopened)) == 3
    assert "It has ended, because the person is recorded as having died." in [line["text"] for line in seen[1]["feedback"]]
    assert seen[1]["feedback"][-1]["code"] == "reopened"


async def test_restoration_gives_an_accepted_referral_back_to_its_receiver(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    nurse = client.receiver("CLCH")
    await client.command(routed["id"], "acceptance", caller=nurse)
    await client.command(routed["id"], "closure", {"outcome": "died"}, caller=nurse)

    await change(client, routed["person_id"], "restoration", MISTAKE)

    again = await client.read(routed["id"])
    assert (again["status"], again["outcome"], again["owner"]["service_code"]) == ("accepted", None, "district-nursing")
    assert (again["deadline"]["kind"], again["deadline"]["due_at"]) == ("outcome", "2015-04-13T10:05:00Z")
    assert [each["id"] for each in (await client.get("/incoming", nurse)).json()["items"]] == [routed["id"]]


async def test_answers_after_a_restoration_fit_again(client: ReferralsClient) -> None:
    routed = await client.refer_and_route(*RAPID_CARE[:2], **URGENT)
    await change(client, routed["person_id"], "death")
    await change(client, routed["person_id"], "restoration", MISTAKE)

    await client.deliver(routed, ResponseAccepted(referral_id=UUID(routed["id"]), accepted_at=MONDAY, due_at=MONDAY, routing=1))
    accepted = await client.read(routed["id"])
    await client.deliver(routed, a_closed_response(ResponseOutcome.ADMISSION_AVOIDED)(UUID(routed["id"])))

    assert accepted["status"] == "accepted"
    assert (await client.read(routed["id"]))["outcome"] == "admission-avoided"


async def test_echo_of_a_death_after_its_restoration_changes_nothing(client: ReferralsClient) -> None:
    routed = await client.refer_and_route(*MDT[:2])
    await change(client, routed["person_id"], "death")
    await change(client, routed["person_id"], "restoration", MISTAKE)
    before = await client.context.log()

    await apply(client, routed, a_closed_case()(UUID(routed["id"])), at=MONDAY + timedelta(hours=1), cause=new_id())

    assert await client.context.log() == before
    assert (await client.read(routed["id"]))["status"] == "routed"


async def test_report_from_before_a_restoration_returns_the_referral(client: ReferralsClient) -> None:
    routed = await client.refer_and_route(*NAVIGATION[:2])
    await change(client, routed["person_id"], "death")
    await client.context.let_pass(timedelta(hours=1))
    await change(client, routed["person_id"], "restoration", MISTAKE)

    await apply(client, routed, a_fulfilled_task()(UUID(routed["id"])), at=MONDAY + timedelta(minutes=30))

    assert ((await client.read(routed["id"]))["status"], (await life_of(client, routed["person_id"]))["status"]) == ("returned", "living")


async def test_report_from_after_a_restoration_is_recorded(client: ReferralsClient) -> None:
    routed = await client.refer_and_route(*NAVIGATION[:2])
    await change(client, routed["person_id"], "death")
    await change(client, routed["person_id"], "restoration", MISTAKE)

    await apply(client, routed, a_fulfilled_task()(UUID(routed["id"])), at=MONDAY + timedelta(minutes=30))

    assert ((await client.read(routed["id"]))["outcome"], (await life_of(client, routed["person_id"]))["status"]) == ("died", "deceased")


async def test_restoration_after_a_day_is_refused(client: ReferralsClient) -> None:
    sent = await client.refer()
    await change(client, sent["person_id"], "death")
    await client.context.let_pass(timedelta(days=1))
    offered = (await client.get(f"/people/{sent['person_id']}/life/actions")).json()
    await client.context.let_pass(timedelta(microseconds=1))

    response = await client.post(f"/people/{sent['person_id']}/restoration", MISTAKE, version=1)

    assert [action["name"] for action in offered] == ["RestorePerson"]
    assert (response.status_code, response.json()["code"]) == (409, "restoration-too-late")
    actions = (await client.get(f"/people/{sent['person_id']}/life/actions")).json()
    assert [action["name"] for action in actions] == ["RecordReturn"]
    assert (await client.read(sent["id"]))["status"] == "cancelled"


async def test_person_who_moved_returns_after_any_time(client: ReferralsClient) -> None:
    ended = await client.refer()
    await change(client, ended["person_id"], "move")
    await client.context.let_pass(timedelta(days=400))
    contradicting = await client.refer(reason="palliative")
    recorded_as = (await client.read(contradicting["id"]))["person_is_recorded_as"]

    life = await change(client, ended["person_id"], "return", HERE_AGAIN)

    assert (life["status"], life["changes"]) == ("living", [])
    assert (await client.try_command(ended["id"], "reopening", HERE_AGAIN)).json()["code"] == "reopening-too-late"
    assert (life["returned"]["after"], life["returned"]["reason"]) == ("move", HERE_AGAIN["reason"])
    assert recorded_as == "moved"
    later = await client.refer(reason="falls")
    seen = [await client.read(each["id"]) for each in (ended, contradicting, later)]
    assert [(each["status"], each["person_is_recorded_as"]) for each in seen] == [
        ("cancelled", None),
        ("identified", None),
        ("identified", None),
    ]
    [returned] = await client.context.published(PersonReturned)
    assert (returned.after, returned.recorded_at) == (PersonChange.MOVE, MONDAY + timedelta(days=400))


async def test_mistaken_death_is_undone_by_a_return_later(client: ReferralsClient) -> None:
    ended = await client.refer()
    await change(client, ended["person_id"], "death")
    refused = await client.post(f"/people/{ended['person_id']}/return", HERE_AGAIN, version=1)
    await client.context.let_pass(timedelta(days=1, microseconds=1))
    offered = (await client.get(f"/people/{ended['person_id']}/life/actions")).json()
    without_reason = await client.post(f"/people/{ended['person_id']}/return", {"reason": " "}, version=1)

    life = await change(client, ended["person_id"], "return", HERE_AGAIN)
    await change(client, ended["person_id"], "death")
    again = await change(client, ended["person_id"], "restoration", MISTAKE)

    assert (refused.status_code, refused.json()["code"]) == (409, "death-reversible")
    assert [action["name"] for action in offered] == ["RecordReturn"]
    assert without_reason.status_code == 422
    assert (life["status"], again["status"]) == ("living", "living")
    assert (await client.read(ended["id"]))["status"] == "cancelled"


async def test_mistaken_move_of_today_is_restored_and_not_returned(client: ReferralsClient) -> None:
    ended = await client.refer(urgency="urgent")
    await change(client, ended["person_id"], "move")
    offered = (await client.get(f"/people/{ended['person_id']}/life/actions")).json()

    refused = await client.post(f"/people/{ended['person_id']}/return", HERE_AGAIN, version=1)
    restored = await change(client, ended["person_id"], "restoration", MISTAKE)

    assert [action["name"] for action in offered] == ["RecordDeath", "RestorePerson"]
    assert (refused.status_code, refused.json()["code"]) == (409, "move-reversible")
    assert restored["status"] == "living"
    assert [each["id"] for each in (await client.get("/work")).json()["items"]] == [ended["id"]]


@pytest.mark.parametrize("name", ["move", "death"])
async def test_referral_of_a_person_who_returned_is_opened_again(client: ReferralsClient, name: str) -> None:
    ended = await client.refer(urgency="urgent")
    await change(client, ended["person_id"], name)
    await client.context.let_pass(timedelta(days=2))
    refused = await client.try_command(ended["id"], "reopening", HERE_AGAIN)
    before = (await client.get(f"/{ended['id']}/actions")).json()
    await change(client, ended["person_id"], "return", HERE_AGAIN)
    offered = (await client.get(f"/{ended['id']}/actions")).json()

    opened = await client.command(ended["id"], "reopening", HERE_AGAIN)

    assert (refused.status_code, refused.json()["code"]) == (409, "ended-with-person")
    assert ([each["name"] for each in before], [each["name"] for each in offered]) == ([], ["ReopenReferral"])
    assert (opened["status"], opened["person_is_recorded_as"], opened["deadline"]["kind"]) == ("identified", None, "triage")
    assert opened["owner"]["service_code"] == "community-point-of-access"
    assert [each["id"] for each in (await client.get("/work")).json()["items"]] == [ended["id"]]
    seen = (await client.get(f"/{ended['id']}", client.gp())).json()
    assert seen["feedback"][-1]["text"] == "The person is recorded as living in the area again. Your referral is open again."


async def test_move_reported_before_the_return_is_superseded(client: ReferralsClient) -> None:
    routed = await client.refer_and_route(*NAVIGATION[:2])
    await change(client, routed["person_id"], "move")
    await client.context.let_pass(timedelta(days=2))
    await change(client, routed["person_id"], "return", HERE_AGAIN)
    moved = a_fulfilled_task(TaskOutcome.PERSON_MOVED_AWAY)(UUID(routed["id"]))

    await apply(client, routed, moved, at=MONDAY + timedelta(days=1))

    assert (await life_of(client, routed["person_id"]))["status"] == "living"


async def test_restored_death_leaves_what_an_earlier_move_ended(client: ReferralsClient) -> None:
    moved = await client.refer()
    await change(client, moved["person_id"], "move")
    later = await client.refer(reason="palliative")
    await change(client, moved["person_id"], "death")

    life = await change(client, moved["person_id"], "restoration", MISTAKE)

    assert life["status"] == "moved"
    assert [(await client.read(each["id"]))["status"] for each in (moved, later)] == ["cancelled", "identified"]
    assert (await client.read(later["id"]))["person_is_recorded_as"] == "moved"


async def test_referral_for_a_deceased_person_shows_the_contradiction(client: ReferralsClient) -> None:
    first = await client.refer()
    await change(client, first["person_id"], "death")

    urgent = await client.refer(**URGENT)
    known = await client.refer(reason="palliative")
    seen = [await client.read(each["id"]) for each in (urgent, known, first)]
    [*listed] = (await client.get("/work")).json()["items"]
    await change(client, first["person_id"], "restoration", MISTAKE)

    assert [each["person_is_recorded_as"] for each in seen] == ["deceased", "deceased", None]
    assert {each["id"]: each["person_is_recorded_as"] for each in listed} == {urgent["id"]: "deceased", known["id"]: "deceased"}
    assert [(await client.read(each["id"]))["person_is_recorded_as"] for each in (urgent, known, first)] == [None, None, None]


async def test_accepted_referral_for_a_moved_person_stays_listed(client: ReferralsClient) -> None:
    first = await client.refer()
    await change(client, first["person_id"], "move")
    routed = await client.refer_and_route(reason="palliative")
    await client.command(routed["id"], "acceptance", caller=client.receiver("CLCH"))

    assert [each["id"] for each in (await client.get("/work")).json()["items"]] == [routed["id"]]


async def test_concurrent_deaths_and_referrals_do_not_deadlock(client: ReferralsClient) -> None:
    sent = await client.refer()
    other = await client.refer_and_route(*NAVIGATION[:2], reason="palliative")

    await asyncio.gather(
        client.try_refer(reason="falls"),
        client.try_command(sent["id"], "cancellation", {"reason": "died"}),
        client.deliver(other, a_fulfilled_task()(UUID(other["id"]))),
        client.try_command(other["id"], "cancellation", {"reason": "moved-away"}),
        client.try_refer(reason="stroke"),
    )

    changes = (await life_of(client, sent["person_id"]))["changes"]
    assert changes[-1]["kind"] == "death"
    ended = [*await client.context.published(ReferralCancelled), *await client.context.published(ReferralClosed)]
    assert len(ended) >= 2


async def test_repeated_commands_change_nothing(client: ReferralsClient) -> None:
    person_id = (await client.refer())["person_id"]
    commands = [("move", {}), ("restoration", MISTAKE), ("move", {"moved_on": "2015-03-14"}), ("return", HERE_AGAIN), ("death", {})]

    for version, (verb, body) in enumerate(commands):
        if verb == "return":
            await client.context.let_pass(timedelta(days=2))
        once, again = [await client.post(f"/people/{person_id}/{verb}", body, version=version) for _ in range(2)]
        assert (once.status_code, again.status_code, again.json()) == (200, 200, once.json()), verb
    overtaken = await client.post(f"/people/{person_id}/death", {"died_on": "2015-03-14"}, version=4)

    assert (overtaken.status_code, overtaken.json()["code"]) == (412, "version-conflict")
    assert [len(await client.context.published(kind)) for kind in (PersonMoved, PersonRestored, PersonReturned, PersonDeceased)] == [
        2,
        1,
        1,
        1,
    ]
