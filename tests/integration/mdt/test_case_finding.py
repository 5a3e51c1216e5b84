"""Risk files over HTTP, and the people whom they point out (domain.md §5.8, G54)."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.mdt import CaseListed, CaseReferred, RiskLevelCrossed, RiskScreened, RiskWatchEnded
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext
from tests.builders.mdt import a_person_record, act, mdt, read
from tests.builders.population import BAD_LINES, HEADER

DALE = "9990548609"
FIRST = date(2015, 1, 31)
#: Valid synthetic numbers.
OTHERS = ("9000000009", "9434765919", "9990548617", "9990548625")


def _csv(*lines: tuple[str, str, str], day: date = FIRST) -> bytes:
    return "\n".join([HEADER, *(f"{number},{practice},{ratio},,{day}" for number, practice, ratio in lines)]).encode()


async def _upload(context: RunningContext, content: bytes, **headers: str | None) -> httpx.Response:
    """As an importer, with a new key, as CSV; unless `headers` says otherwise."""
    sent = context.token("mdt:import-risk", organisation="BCCG") | {"Idempotency-Key": str(new_id()), "Content-Type": "text/csv"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    left_out = {name.replace("_", "-").lower() for name, value in headers.items() if value is None}
    kept = {name: value for name, value in sent.items() if name.lower() not in left_out}
    return await context.http.post("/mdt/risk/imports", content=content, headers=kept)


async def _found(context: RunningContext, practice: str = "W07", **query: Any) -> dict[str, Any]:
    page: dict[str, Any] = await read(context, str(httpx.URL("/mdt/case-finding", params={"practice": practice, **query})))
    return page


async def _nothing_happened(context: RunningContext) -> bool:
    counts = await context.database.pool.fetchrow("SELECT (SELECT count(*) FROM risk_score), (SELECT count(*) FROM risk_import)")
    return not any(counts or ()) and not [event for event in await context.log() if event.TOPIC == "mdt.risk"]


async def test_an_upload_is_answered_with_its_report_which_can_be_read_again(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        bad, reason = BAD_LINES[2]
        sent = await _upload(context, _csv((DALE, "W07", "27.10"), (OTHERS[0], "W08", "0.5")) + f"\n{bad.format(day=FIRST)}".encode())

        report = sent.json()
        assert sent.status_code == 201, sent.text
        assert (report["rows"], report["accepted"], report["levels"]) == (3, 2, {"0": 1, "1": 0, "2": 0, "3": 1})
        assert (report["events"], report["bad_rows"], report["refused"]) == (1, [{"line": 4, "reason": reason}], {reason: 1})
        assert (report["first_valid_from"], report["repeats"]) == ("2015-01-31", None)
        importer = context.token("mdt:import-risk", organisation="BCCG")
        assert (await context.http.get(sent.headers["location"], headers=importer)).json() == report


async def test_a_request_sent_twice_and_a_file_sent_twice(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        key, content = str(new_id()), _csv((DALE, "W07", "27.10"))
        first = await _upload(context, content, Idempotency_Key=key)

        request_again = await _upload(context, content, Idempotency_Key=key)
        file_again = await _upload(context, content)

        assert (request_again.status_code, request_again.json()) == (201, first.json())
        assert request_again.headers["idempotency-replayed"] == "true"
        assert (file_again.json()["repeats"], file_again.json()["events"]) == (first.json()["id"], 0)
        assert len(await context.published(RiskLevelCrossed)) == 1
        other = await _upload(context, _csv((DALE, "W07", "9.80")), Idempotency_Key=key)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (_csv((DALE, "W07", "9.80")), {"Authorization": None}, 401, "token-missing"),
        (_csv((DALE, "W07", "9.80")), {"Content-Type": "application/json"}, 415, "csv-expected"),
        (_csv((DALE, "W07", "9.80")), {"Content-Type": None}, 415, "csv-expected"),
        (_csv((DALE, "W07", "9.80")), {"Idempotency_Key": None}, 400, "idempotency-key-missing"),
        (b"nhs;practice\n", {}, 409, "not-a-risk-file"),
        (b"", {}, 409, "not-a-risk-file"),
        (b"\xff\xfen\x00h\x00s\x00", {}, 409, "not-a-risk-file"),
        (HEADER.encode() + b"\n" + b"x" * (64 * 1024 * 1024), {}, 413, "body-too-large"),
    ],
)
async def test_what_is_no_upload_is_refused_and_nothing_happens(
    owner_url: str, keys: Keys, content: bytes, headers: dict[str, str | None], status: int, code: str
) -> None:
    async with mdt(owner_url, keys) as context:
        answer = await _upload(context, content, **headers)

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert DALE not in answer.text
        assert await _nothing_happened(context)


async def test_importing_and_screening_need_their_scopes(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        refused = await _upload(context, _csv((DALE, "W07", "9.80")), **context.token("mdt:coordinate", "mdt:read"))
        await _upload(context, _csv((DALE, "W07", "9.80")))
        person = context.database.secrets.pseudonym(DALE)
        reader = context.token("mdt:read") | {"If-Match": 'W/"1"'}
        body = {"destination": "gp", "reason": "known-to-gp"}
        unscreened = await context.http.post(f"/mdt/case-finding/{person}/screening", json=body, headers=reader)

        assert (refused.status_code, refused.json()["code"]) == (403, "scope-missing")
        assert (unscreened.status_code, unscreened.json()["code"]) == (403, "scope-missing")
        assert await context.published(RiskScreened) == []


async def test_a_practice_has_a_list_of_its_high_levels_and_climbers_the_unscreened_first(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        people = (DALE, *OTHERS)
        before = _csv(*((number, "W07", ratio) for number, ratio in zip(people, ("9.80", "1.00", "5.00", "0.30", "30.0"), strict=True)))
        after = _csv(
            *((number, "W07", ratio) for number, ratio in zip(people, ("27.10", "3.50", "5.10", "0.40", "31.0"), strict=True)),
            day=FIRST + timedelta(days=30),
        )
        await _upload(context, before)
        await _upload(context, after)
        person = {number: str(context.database.secrets.pseudonym(number)) for number in people}
        await _screen(context, person[OTHERS[3]], "integrated-locality-team")

        listed = (await _found(context))["items"]

        assert [item["person_id"] for item in listed] == [person[DALE], person[OTHERS[1]], person[OTHERS[0]], person[OTHERS[3]]]
        assert [(item["level"], item["is_high_climber"], item["status"]) for item in listed] == [
            (3, True, "found"),
            (2, False, "found"),
            (1, True, "found"),
            (3, False, "screened"),
        ]
        assert (listed[1]["ratio"], listed[1]["valid_from"], listed[1]["since"]) == (5.1, "2015-03-02", "2015-01-31")
        assert (await _found(context, "W08"))["items"] == []


async def test_the_list_comes_in_pages_and_every_person_seen_is_audited(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        await _upload(context, _csv(*((number, "W07", "9.80") for number in (DALE, *OTHERS))))

        first = await _found(context, limit=2)
        second = await _found(context, limit=2, cursor=first["next"])
        last = await _found(context, limit=2, cursor=second["next"])

        seen = [item["person_id"] for page in (first, second, last) for item in page["items"]]
        assert len(set(seen)) == len(seen) == 5
        assert last["next"] is None
        audited = await context.database.pool.fetch("SELECT subject FROM audit WHERE action = 'list_findings' ORDER BY id")
        assert [str(row["subject"]) for row in audited] == seen
        broken = await context.http.get("/mdt/case-finding?practice=W07&cursor=bm8", headers=context.token("mdt:read"))
        assert (broken.status_code, broken.json()["code"]) == (400, "cursor-malformed")


async def test_a_practice_sees_its_own_list_and_no_other(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        await _upload(context, _csv((DALE, "W07", "9.80")))
        own, other = (context.token("mdt:read", organisation=practice) for practice in ("W07", "W08"))

        assert (await context.http.get("/mdt/case-finding?practice=W07", headers=own)).status_code == 200
        refused = await context.http.get("/mdt/case-finding?practice=W07", headers=other)
        assert (refused.status_code, refused.json()["code"]) == (403, "not-mdt-member")
        person = context.database.secrets.pseudonym(DALE)
        assert (await context.http.get(f"/mdt/case-finding/{person}", headers=other)).status_code == 403


async def test_to_be_found_puts_nobody_on_an_agenda(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        await _upload(context, _csv((DALE, "W07", "40.0")))
        await context.let_pass(timedelta(weeks=3))

        assert await context.published(CaseReferred) == []
        assert await context.published(CaseListed) == []


async def test_somebody_screened_for_the_meeting_has_a_case_of_the_same_chain(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        person = await _dale(context)
        await context.deliver(a_person_record(), key=person, subject=person)

        screened = await _screen(context, person, "mdt")

        chains = await context.database.pool.fetch("SELECT DISTINCT correlation_id FROM event WHERE key = $1", person)
        assert [str(row[0]) for row in chains] == [screened["case_finding_id"]]
        assert len(await context.published(RiskScreened)) == 1
        [referred] = await context.published(CaseReferred)
        assert (referred.risk_level, referred.referral_id) == (2, None)
        again = await act(context, f"/mdt/case-finding/{person}/screening", screened["version"], {"destination": "gp", "reason": "x"})
        assert (again.status_code, again.json()["code"]) == (409, "illegal-transition")


async def test_nobody_goes_to_the_meeting_without_a_locality_or_twice(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        await _upload(context, _csv((DALE, "N07", "9.80")))  # a practice from elsewhere
        person = context.database.secrets.pseudonym(DALE)
        path, body = f"/mdt/case-finding/{person}/screening", {"destination": "mdt", "reason": "complex"}

        unknown = await act(context, path, 1, body)
        assert (unknown.status_code, unknown.json()["code"]) == (409, "locality-missing")
        assert (await act(context, path, 1, body | {"locality": "west"})).status_code == 200
        await _upload(context, _csv((DALE, "N07", "27.10"), day=FIRST + timedelta(days=30)))
        twice = await act(context, path, 4, body | {"locality": "west"})
        assert (twice.status_code, twice.json()["code"]) == (409, "case-already-open")
        assert len(await context.published(RiskScreened)) == 1


@pytest.mark.parametrize("destination", ["integrated-locality-team", "navigation", "gp", "watching-brief"])
async def test_every_other_destination_is_recorded_with_its_reason(owner_url: str, keys: Keys, destination: str) -> None:
    async with mdt(owner_url, keys) as context:
        person = await _dale(context)

        screened = await _screen(context, person, destination)

        assert (screened["status"], screened["destination"], screened["reason"]) == ("screened", destination, "known-to-team")
        assert await context.published(CaseReferred) == []
        assert await read(context, f"/mdt/case-finding/{person}") == screened
        assert await read(context, f"/mdt/case-finding/{person}/actions") == []


async def test_a_screening_needs_the_version_that_it_is_based_on_and_a_person_who_was_found(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        person = await _dale(context)
        body = {"destination": "gp", "reason": "known-to-gp"}

        stale = await act(context, f"/mdt/case-finding/{person}/screening", 7, body)
        nobody = await act(context, f"/mdt/case-finding/{new_id()}/screening", 1, body)
        nowhere = await act(context, f"/mdt/case-finding/{person}/screening", 1, body | {"destination": "nowhere"})

        assert (stale.status_code, stale.json()["code"]) == (412, "version-conflict")
        assert (nobody.status_code, nobody.json()["code"]) == (404, "risk-not-found")
        assert (nowhere.status_code, nowhere.json()["code"]) == (422, "validation-failed")
        assert [action["name"] for action in await read(context, f"/mdt/case-finding/{person}/actions")] == ["ScreenFinding"]
        assert await context.published(RiskScreened) == []


async def _dale(context: RunningContext) -> UUID:
    """Found at level 2."""
    await _upload(context, _csv((DALE, "W07", "9.80")))
    return context.database.secrets.pseudonym(DALE)


async def _screen(context: RunningContext, person: UUID | str, destination: str) -> dict[str, Any]:
    found = await read(context, f"/mdt/case-finding/{person}")
    body = {"destination": destination, "reason": "known-to-team"}
    answer = await act(context, f"/mdt/case-finding/{person}/screening", found["version"], body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize(("destination", "told"), [("gp", 1), ("integrated-locality-team", 1), ("mdt", 0), ("watching-brief", 0)])
async def test_where_somebody_is_sent_their_gp_learns_of_it_and_the_event_says_their_locality(
    owner_url: str, keys: Keys, destination: str, told: int
) -> None:
    async with mdt(owner_url, keys) as context:
        person = await _dale(context)

        await _screen(context, person, destination)

        notifications = (await read(context, "/mdt/leads/notifications?professional_id=gp-W07", actor="gp-W07"))["items"]
        assert [(notification["kind"], notification["person_id"]) for notification in notifications] == [("redirected", str(person))] * told
        assert [event.locality for event in await context.published(RiskScreened)] == ["west"]


async def test_a_watching_brief_comes_back_to_be_looked_at_again(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        person = await _dale(context)
        await _screen(context, person, "watching-brief")

        await context.let_pass(timedelta(weeks=26) - timedelta(minutes=1))
        assert await context.published(RiskWatchEnded) == []
        await context.let_pass(timedelta(minutes=1))

        assert [(event.level, event.practice_code) for event in await context.published(RiskWatchEnded)] == [(2, "W07")]
        found = await read(context, f"/mdt/case-finding/{person}")
        assert (found["status"], found["destination"]) == ("found", None)


async def test_a_watching_brief_that_another_look_ended_does_not_come_back(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        person = await _dale(context)
        await _screen(context, person, "watching-brief")
        await _upload(context, _csv((DALE, "W07", "27.10"), day=FIRST + timedelta(days=30)))
        await _screen(context, person, "gp")

        await context.let_pass(timedelta(weeks=27))

        assert await context.published(RiskWatchEnded) == []
